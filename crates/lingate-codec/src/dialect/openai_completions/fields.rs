//! The known members of a completion request, and what they mean.

use crate::dialect::Field;
use crate::ir::Concept;

const fn field(path: &'static str, concept: Concept) -> Field {
    Field { path, concept }
}

/// Every member that the decoder knows (OpenAI's `completion_create_params`, and vLLM's extensions).
pub(super) static FIELDS: &[Field] = &[
    field("model", Concept::Model),
    field("prompt", Concept::Prompt),
    field("prompt", Concept::PromptList),
    field("prompt", Concept::Messages),
    field("prompt", Concept::System),
    field("prompt", Concept::Images),
    field("suffix", Concept::Suffix),
    field("echo", Concept::Echo),
    field("best_of", Concept::BestOf),
    field("stream", Concept::Stream),
    field("stream_options", Concept::StreamOptions),
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
    field("logprobs", Concept::TopLogprobs),
    field("n", Concept::N),
    field("stop", Concept::Stop),
    field("max_tokens", Concept::MaxTokens),
    field("response_format", Concept::ResponseFormat),
    field("user", Concept::User),
];

/// Members that lingate reads; one of them twice would let two readers of one body see two requests.
pub(super) static CONTROL: &[&str] = &["model", "prompt", "stream", "stream_options", "n", "max_tokens"];

/// What a top-level member means.
pub(super) fn concept(key: &str) -> Option<Concept> {
    FIELDS.iter().find(|field| field.path == key).map(|field| field.concept)
}
