//! A request, decoded.

use super::{Concept, MaxTokens, Message, Reasoning, ResponseFormat, Sampling, Tool, ToolChoice, ToolForm};
use crate::json::Raw;
use std::borrow::Cow;

/// What is asked of the model (OpenTelemetry GenAI names where there are any).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A conversation.
    Chat,
    /// One prompt, continued or answered: OpenAI's `/v1/completions`, Ollama's `/api/generate`.
    TextCompletion,
}

/// Dialects that understand each other's unknown members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Everything OpenAI-compatible.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Ollama.
    Ollama,
}

/// How turns and tools are written in the dialect that a request came in. Dialects of one family share their
/// top-level members, but what stands inside of turns and tools and is kept raw can be written in its own form only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// A list of messages, as everywhere but:
    #[default]
    Messages,
    /// A list of items (OpenAI Responses).
    Items,
}

/// A member that its decoder does not know, kept as it came.
#[derive(Debug, Clone)]
pub struct Extra<'a> {
    /// Where it stood, as a JSON path (`messages[0].foo`).
    pub path: String,
    /// Its name.
    pub key: Cow<'a, str>,
    /// Its value.
    pub value: Raw<'a>,
}

impl Extra<'_> {
    /// Whether this member, which means `concept`, asks for thoughts in the form in which lingate gives a client all
    /// that a backend shows of them.
    pub fn asks_for_thoughts_as_ever(&self, concept: Concept) -> bool {
        match concept {
            Concept::SealedThoughts => true,
            // How long a summary is, no other dialect can be told.
            Concept::ReasoningSummary => self.value.bytes() == b"\"auto\"",
            _ => false,
        }
    }
}

/// Who asks, in the client's own words.
#[derive(Debug, Clone, Default)]
pub struct Metadata<'a> {
    /// An identifier of the end user (`user`, `metadata.user_id`).
    pub user: Option<Cow<'a, str>>,
    /// OpenAI's free `metadata` object.
    pub pairs: Option<Raw<'a>>,
    /// `service_tier` as written.
    pub service_tier: Option<Cow<'a, str>>,
}

/// A chat or generate request, free of any dialect's spelling.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// What is asked.
    pub operation: Operation,
    /// The family of the dialect that it came in.
    pub family: Family,
    /// The form of what is kept raw inside of messages and tools.
    pub form: Form,
    /// The model asked for; the gateway puts the target's name here before encoding.
    pub model: Cow<'a, str>,
    /// Whether the answer is to be streamed (the dialect's default applied).
    pub stream: bool,
    /// Whether an OpenAI client asked for the usage frame of a stream.
    pub include_usage: bool,
    /// System prompts, turns and tool results, in order. A decoder splits tool results out into messages of
    /// their own ([`super::Role::Tool`]), each with exactly one [`super::Part::ToolResult`].
    pub messages: Vec<Message<'a>>,
    /// Tools that the model may call.
    pub tools: Vec<Tool<'a>>,
    /// Those of the functions among them that the client declared in another form.
    pub tool_forms: Vec<ToolForm<'a>>,
    /// Which of them it must call.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether it may call several at once.
    pub parallel_tool_calls: Option<bool>,
    /// How to sample.
    pub sampling: Sampling<'a>,
    /// How much to write at most.
    pub max_tokens: Option<MaxTokens>,
    /// Texts that end the answer.
    pub stop: Vec<Cow<'a, str>>,
    /// The form of the answer.
    pub response_format: Option<ResponseFormat<'a>>,
    /// How hard to think.
    pub reasoning: Option<Reasoning>,
    /// Whether to give log probabilities, and of how many alternatives.
    pub logprobs: Option<bool>,
    /// `top_logprobs`.
    pub top_logprobs: Option<u64>,
    /// How many answers.
    pub n: Option<u64>,
    /// Who asks.
    pub metadata: Metadata<'a>,
    /// Known members that only some dialects have and that need no meaning here: what they are, where they
    /// stood, and their value (`keep_alive`, `options.num_ctx`, `store`, `verbosity` …).
    pub special: Vec<(Concept, Extra<'a>)>,
    /// Unknown top-level members (and unknown members of `options` for Ollama).
    pub extra: Vec<Extra<'a>>,
}

impl<'a> Request<'a> {
    /// An empty request of that family.
    pub fn new(operation: Operation, family: Family, model: impl Into<Cow<'a, str>>) -> Self {
        Self {
            operation,
            family,
            form: Form::default(),
            model: model.into(),
            stream: false,
            include_usage: false,
            messages: Vec::new(),
            tools: Vec::new(),
            tool_forms: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            sampling: Sampling::default(),
            max_tokens: None,
            stop: Vec::new(),
            response_format: None,
            reasoning: None,
            logprobs: None,
            top_logprobs: None,
            n: None,
            metadata: Metadata::default(),
            special: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// What a backend of another dialect is best asked: a prompt that stands as it is, or has text after it, is to be
    /// continued; one that the model's template may shape is answered as well in a chat.
    pub fn best_asked_as(&self) -> Operation {
        let bare = [Concept::RawPrompt, Concept::Suffix].iter().any(|concept| self.special(*concept).is_some());
        match self.operation {
            Operation::TextCompletion if bare || self.family == Family::OpenAi => Operation::TextCompletion,
            _ => Operation::Chat,
        }
    }

    /// The value of a special member.
    pub fn special(&self, concept: Concept) -> Option<Raw<'a>> {
        self.special.iter().find(|(c, _)| *c == concept).map(|(_, extra)| extra.value)
    }
}
