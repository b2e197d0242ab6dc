//! An answer as a sequence of events.
//!
//! The order a decoder keeps: [`Event::Start`] at most once and first; then content; then [`Event::Finish`];
//! [`Event::Usage`] anywhere (cumulative: the last one counts); at the very end [`Event::End`] or
//! [`Event::Error`], exactly one of them, and nothing after it. Only the first choice of an answer is decoded.

use super::ApiError;

/// A step of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The answer's head.
    Start(Start),
    /// More text of the answer.
    Text(String),
    /// A text block ended where the dialect has blocks; the next text begins a new one.
    TextEnd,
    /// More of the model's thought.
    Reasoning(String),
    /// The signature of the thought that ends here (Anthropic).
    ReasoningSignature(String),
    /// A whole encrypted thought (Anthropic).
    RedactedReasoning(String),
    /// More of what the model says in declining.
    Refusal(String),
    /// A call begins. Calls are numbered 0, 1, 2 … by the decoder, without gaps; several may be open at once.
    ToolCallStart {
        /// The call's number.
        call: usize,
        /// Its id; empty where the upstream gave none.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// More of a call's arguments, as JSON text.
    ToolCallArguments {
        /// The call's number.
        call: usize,
        /// The next piece.
        fragment: String,
    },
    /// A call is complete, where the dialect says so.
    ToolCallEnd {
        /// The call's number.
        call: usize,
    },
    /// A source of the text so far.
    Citation(Citation),
    /// Log probabilities of the tokens of the text next to it.
    Logprobs(Vec<Logprob>),
    /// Token counts so far; the last one counts. Members that are `None` leave an earlier value standing.
    Usage(Usage),
    /// The model stopped.
    Finish(Finish),
    /// The upstream ended as its dialect says an answer ends.
    End,
    /// The upstream failed; the answer ends here, and not normally.
    Error(ApiError),
}

/// The answer's head. Members are empty where the upstream has not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// The upstream's id of the answer.
    pub id: String,
    /// The model that answered, in the upstream's words.
    pub model: String,
    /// Seconds since 1970.
    pub created: Option<u64>,
    /// OpenAI's `system_fingerprint`.
    pub system_fingerprint: Option<String>,
    /// `service_tier` of the answer.
    pub service_tier: Option<String>,
}

/// Token counts. `input_tokens` INCLUDES cached ones and cache writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All tokens read.
    pub input_tokens: Option<u64>,
    /// All tokens written, thinking included.
    pub output_tokens: Option<u64>,
    /// Of the input: read from the provider's cache.
    pub cache_read_input_tokens: Option<u64>,
    /// Of the input: written to the provider's cache.
    pub cache_creation_input_tokens: Option<u64>,
    /// Of the output: thinking.
    pub reasoning_output_tokens: Option<u64>,
    /// Of the input: sound (OpenAI).
    pub audio_input_tokens: Option<u64>,
    /// Of the output: sound (OpenAI).
    pub audio_output_tokens: Option<u64>,
}

impl Usage {
    /// Takes over what `later` knows.
    pub fn update(&mut self, later: &Self) {
        fn newer(old: &mut Option<u64>, new: Option<u64>) {
            *old = new.or(*old);
        }
        newer(&mut self.input_tokens, later.input_tokens);
        newer(&mut self.output_tokens, later.output_tokens);
        newer(&mut self.cache_read_input_tokens, later.cache_read_input_tokens);
        newer(&mut self.cache_creation_input_tokens, later.cache_creation_input_tokens);
        newer(&mut self.reasoning_output_tokens, later.reasoning_output_tokens);
        newer(&mut self.audio_input_tokens, later.audio_input_tokens);
        newer(&mut self.audio_output_tokens, later.audio_output_tokens);
    }

    /// Whether the upstream said anything.
    pub fn is_known(&self) -> bool {
        self.input_tokens.is_some() || self.output_tokens.is_some()
    }

    /// Input that is neither a cache read nor a cache write; never below zero, whatever the upstream claims.
    pub fn fresh_input_tokens(&self) -> u64 {
        let cached =
            self.cache_read_input_tokens.unwrap_or(0).saturating_add(self.cache_creation_input_tokens.unwrap_or(0));
        self.input_tokens.unwrap_or(0).saturating_sub(cached)
    }

    /// Input and output together.
    pub fn total_tokens(&self) -> u64 {
        self.input_tokens.unwrap_or(0).saturating_add(self.output_tokens.unwrap_or(0))
    }
}

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// The reason.
    pub reason: FinishReason,
    /// The stop text that was met, where the dialect tells.
    pub stop_sequence: Option<String>,
}

/// Reasons to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// The answer is complete.
    Stop,
    /// A stop text was met.
    StopSequence,
    /// The bound on tokens, or the context, was reached.
    Length,
    /// Tools are to be called.
    ToolCalls,
    /// The provider's filter, or the model's refusal.
    ContentFilter,
    /// Anthropic's `pause_turn`.
    Pause,
    /// Ollama loaded or unloaded a model, nothing was generated.
    Load,
    /// See [`FinishReason::Load`].
    Unload,
}

/// A source of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The source's address; empty when it is not on the web.
    pub url: String,
    /// The source's title.
    pub title: String,
    /// What was cited.
    pub cited_text: String,
    /// Start and end of the cited passage in the answer's text, in characters, where known.
    pub span: Option<(u64, u64)>,
}

/// One token's log probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Logprob {
    /// The token.
    pub token: String,
    /// Its log probability.
    pub logprob: f64,
    /// Its bytes.
    pub bytes: Option<Vec<u8>>,
    /// The alternatives; their `top` is empty.
    pub top: Vec<Logprob>,
}
