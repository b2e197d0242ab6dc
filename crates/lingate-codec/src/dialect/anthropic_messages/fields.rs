//! Where each known member of a request stands.

use crate::dialect::Field;
use crate::ir::Concept;

const fn field(concept: Concept, path: &'static str) -> Field {
    Field { path, concept }
}

/// Anthropic SDK 2.11.0, `message_create_params.py`; `temperature`, `top_p` and `top_k` by API version 2023-06-01.
pub(super) static FIELDS: &[Field] = &[
    field(Concept::Model, "model"),
    field(Concept::Messages, "messages"),
    field(Concept::Stream, "stream"),
    field(Concept::System, "system"),
    field(Concept::Tools, "tools"),
    field(Concept::ToolChoice, "tool_choice"),
    field(Concept::ParallelToolCalls, "tool_choice.disable_parallel_tool_use"),
    field(Concept::Temperature, "temperature"),
    field(Concept::TopP, "top_p"),
    field(Concept::TopK, "top_k"),
    field(Concept::Stop, "stop_sequences"),
    field(Concept::MaxTokens, "max_tokens"),
    field(Concept::ResponseFormat, "output_config.format"),
    field(Concept::Reasoning, "thinking"),
    field(Concept::Thinking, "messages[].thinking"),
    field(Concept::User, "metadata.user_id"),
    field(Concept::Metadata, "metadata"),
    field(Concept::ServiceTier, "service_tier"),
    field(Concept::Container, "container"),
    field(Concept::CacheControl, "cache_control"),
    field(Concept::ContextManagement, "context_management"),
    field(Concept::InferenceGeo, "inference_geo"),
    field(Concept::Speed, "speed"),
    field(Concept::McpServers, "mcp_servers"),
    field(Concept::Thread, "thread"),
    field(Concept::Images, "messages"),
    field(Concept::AudioOutput, "messages"),
];

/// Members that have a concept and need no further meaning here.
pub(super) fn special(key: &str) -> Option<Concept> {
    Some(match key {
        "container" => Concept::Container,
        "cache_control" => Concept::CacheControl,
        "context_management" => Concept::ContextManagement,
        "inference_geo" => Concept::InferenceGeo,
        "speed" => Concept::Speed,
        "mcp_servers" => Concept::McpServers,
        "thread" => Concept::Thread,
        _ => return None,
    })
}

/// Members that lingate itself reads.
pub(super) static CONTROL: &[&str] = &["model", "stream", "messages", "system", "max_tokens"];
