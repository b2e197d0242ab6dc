//! The known members of a Responses request, and what they mean.

use crate::dialect::Field;
use crate::ir::Concept;

const fn field(path: &'static str, concept: Concept) -> Field {
    Field { path, concept }
}

/// Every member that the decoder knows (OpenAI's `response_create_params`, and Codex's `client_metadata`). Where two
/// rows have one concept, the first names it in reports.
pub(super) static FIELDS: &[Field] = &[
    field("model", Concept::Model),
    field("input", Concept::Messages),
    field("input", Concept::Images),
    field("instructions", Concept::System),
    field("stream", Concept::Stream),
    field("stream_options", Concept::StreamOptions),
    field("tools", Concept::Tools),
    field("tool_choice", Concept::ToolChoice),
    field("parallel_tool_calls", Concept::ParallelToolCalls),
    field("max_tool_calls", Concept::MaxToolCalls),
    field("temperature", Concept::Temperature),
    field("top_p", Concept::TopP),
    field("top_logprobs", Concept::TopLogprobs),
    field("include", Concept::Logprobs),
    field("include", Concept::Include),
    field("include", Concept::SealedThoughts),
    field("max_output_tokens", Concept::MaxTokens),
    field("text.format", Concept::ResponseFormat),
    field("text.verbosity", Concept::Verbosity),
    field("reasoning.effort", Concept::Reasoning),
    field("reasoning.summary", Concept::ReasoningSummary),
    field("input", Concept::Thinking),
    field("user", Concept::User),
    field("metadata", Concept::Metadata),
    field("client_metadata", Concept::ClientMetadata),
    field("service_tier", Concept::ServiceTier),
    field("safety_identifier", Concept::SafetyIdentifier),
    field("prompt_cache_key", Concept::PromptCacheKey),
    field("prompt_cache_options", Concept::PromptCacheOptions),
    field("prompt_cache_retention", Concept::PromptCacheOptions),
    field("moderation", Concept::Moderation),
    field("truncation", Concept::Truncation),
    field("context_management", Concept::ContextManagement),
    field("store", Concept::Store),
    field("previous_response_id", Concept::PreviousResponse),
    field("conversation", Concept::Conversation),
    field("background", Concept::Background),
    field("prompt", Concept::PromptTemplate),
];

/// Members that lingate reads; one of them twice would let two readers of one body see two requests.
pub(super) static CONTROL: &[&str] = &[
    "model",
    "input",
    "instructions",
    "stream",
    "stream_options",
    "tools",
    "max_output_tokens",
    "previous_response_id",
    "conversation",
    "store",
    "background",
    "service_tier",
];

/// What a top-level member means.
pub(super) fn concept(key: &str) -> Option<Concept> {
    FIELDS.iter().find(|field| field.path == key).map(|field| field.concept)
}

/// Whether a top-level member, or one inside of it, is known.
pub(super) fn is_known(key: &str) -> bool {
    FIELDS.iter().any(|field| field.path.split('.').next() == Some(key))
}

/// Where a configured member stands: its parent, and its name there.
pub(super) fn place(member: &str) -> (&'static str, &str) {
    match member {
        "max_tokens" | "max_completion_tokens" => ("", "max_output_tokens"),
        "reasoning_effort" => ("reasoning", "effort"),
        "verbosity" => ("text", "verbosity"),
        other => ("", other),
    }
}
