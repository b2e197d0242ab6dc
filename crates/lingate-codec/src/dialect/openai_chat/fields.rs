//! The known members of a chat request, and what they mean.

use crate::dialect::Field;
use crate::ir::Concept;

const fn field(path: &'static str, concept: Concept) -> Field {
    Field { path, concept }
}

/// Every member that the decoder knows (OpenAI's `completion_create_params`, and vLLM's sampling extensions).
/// Where two rows have one concept, the first names it in reports.
pub(super) static FIELDS: &[Field] = &[
    field("model", Concept::Model),
    field("messages", Concept::Messages),
    field("messages", Concept::System),
    field("messages", Concept::Images),
    field("prompt", Concept::Prompt),
    field("stream", Concept::Stream),
    field("stream_options", Concept::StreamOptions),
    field("tools", Concept::Tools),
    field("tool_choice", Concept::ToolChoice),
    field("parallel_tool_calls", Concept::ParallelToolCalls),
    field("temperature", Concept::Temperature),
    field("top_p", Concept::TopP),
    field("top_k", Concept::TopK),
    field("min_p", Concept::MinP),
    field("seed", Concept::Seed),
    field("frequency_penalty", Concept::FrequencyPenalty),
    field("presence_penalty", Concept::PresencePenalty),
    field("repetition_penalty", Concept::RepetitionPenalty),
    field("logit_bias", Concept::LogitBias),
    field("logprobs", Concept::Logprobs),
    field("top_logprobs", Concept::TopLogprobs),
    field("n", Concept::N),
    field("stop", Concept::Stop),
    field("max_completion_tokens", Concept::MaxTokens),
    field("max_tokens", Concept::MaxTokens),
    field("response_format", Concept::ResponseFormat),
    field("reasoning_effort", Concept::Reasoning),
    field("messages[].reasoning_content", Concept::Thinking),
    field("user", Concept::User),
    field("metadata", Concept::Metadata),
    field("service_tier", Concept::ServiceTier),
    field("store", Concept::Store),
    field("verbosity", Concept::Verbosity),
    field("prediction", Concept::Prediction),
    field("modalities", Concept::Modalities),
    field("audio", Concept::AudioOutput),
    field("web_search_options", Concept::WebSearch),
    field("prompt_cache_key", Concept::PromptCacheKey),
    field("prompt_cache_options", Concept::PromptCacheOptions),
    field("prompt_cache_retention", Concept::PromptCacheOptions),
    field("safety_identifier", Concept::SafetyIdentifier),
    field("moderation", Concept::Moderation),
    field("functions", Concept::Functions),
    field("function_call", Concept::FunctionCall),
];

/// Members that lingate reads; one of them twice would let two readers of one body see two requests.
pub(super) static CONTROL: &[&str] = &[
    "model",
    "messages",
    "prompt",
    "stream",
    "stream_options",
    "tools",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "service_tier",
];

/// What a top-level member means.
pub(super) fn concept(key: &str) -> Option<Concept> {
    FIELDS.iter().find(|field| field.path == key).map(|field| field.concept)
}

/// Names that mean the same as `member`, itself first.
pub(super) fn spellings(member: &str) -> Vec<String> {
    let same: &[&str] = match member {
        "max_tokens" => &["max_tokens", "max_completion_tokens"],
        "max_completion_tokens" => &["max_completion_tokens", "max_tokens"],
        other => return vec![other.to_owned()],
    };
    same.iter().map(|&name| name.to_owned()).collect()
}
