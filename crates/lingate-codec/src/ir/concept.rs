//! Names for what a request can say, whatever a dialect calls it.

/// A thing that a request member means. Each dialect's `fields.rs` says where it stands there, so that a loss
/// is reported by the client's own path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Concept {
    Model,
    Messages,
    Stream,
    StreamOptions,
    System,
    Tools,
    ToolChoice,
    ParallelToolCalls,
    Temperature,
    TopP,
    TopK,
    MinP,
    Seed,
    FrequencyPenalty,
    PresencePenalty,
    RepetitionPenalty,
    LogitBias,
    Logprobs,
    TopLogprobs,
    N,
    Stop,
    MaxTokens,
    ResponseFormat,
    Reasoning,
    Thinking,
    User,
    Metadata,
    ServiceTier,
    Store,
    Verbosity,
    Prediction,
    Modalities,
    AudioOutput,
    WebSearch,
    PromptCacheKey,
    PromptCacheOptions,
    SafetyIdentifier,
    Moderation,
    Functions,
    FunctionCall,
    Prompt,
    Suffix,
    Template,
    Context,
    RawPrompt,
    Images,
    KeepAlive,
    ContextLength,
    RunnerOption,
    Truncate,
    Input,
    Dimensions,
    EncodingFormat,
    Shift,
    Container,
    CacheControl,
    ContextManagement,
    InferenceGeo,
    Speed,
    McpServers,
    Thread,
}

impl Concept {
    /// The stable word with which a client is told that a target cannot take this.
    pub fn refusal_code(self) -> &'static str {
        match self {
            // Anthropic's SDK looks for it, and then sends the whole conversation without a thread (anthropic 2.11.0,
            // `lib/threads/_thread_state.py`).
            Self::Thread => "thread_unsupported_request",
            _ => "unsupported_parameter",
        }
    }
}
