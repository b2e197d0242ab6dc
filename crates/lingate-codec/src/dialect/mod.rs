//! The dialects: one folder each, one line each in [`TABLE`].
//!
//! Every folder has the same files: `mod.rs` (the [`Dialect`] itself), `request.rs` (both ways), `response.rs`
//! (whole answers, both ways), `stream.rs` (decoder and encoder), `error.rs`, `fields.rs` (a row for each member
//! of a request). A large concern may be a folder of that name.
//!
//! # The field ladder (first match wins)
//!
//! 1. Reserved by lingate: consumed. A duplicated control member (`model`, `stream` …): 400.
//! 2. Unknown: same family -> forwarded as raw bytes; other family -> dropped, counted, named in the [`Loss`].
//! 3. Known, the target takes it: forwarded unchanged.
//! 4. Known, the target spells it otherwise: translated.
//! 5. Known, the target cannot, and it is a harmless hint: dropped and reported as in 2.
//! 6. Known, the target cannot, and it changes the answer: [`Unsupported`], a 400 that names field and backend.
//!
//! Nothing is invented: no default temperature; a default `max_tokens` only where the target's dialect needs one.

pub mod anthropic_messages;
mod arguments;
pub mod embeddings;
mod envelope;
mod floats;
mod free_text;
mod halves;
pub mod ollama;
mod openai_answer;
mod openai_around;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_embeddings;
mod openai_error;
mod openai_path;
mod openai_relay;
mod openai_request;
pub mod openai_responses;
mod openai_tap;
mod openai_usage;
mod piece;
mod remembered;

use crate::frame::{Frame, Framing};
use crate::ir::{Answer, ApiError, Concept, Event, Family, Loss, Operation, Request, Tool};
use crate::json::{Edits, Object, Raw};
use std::ops::Range;

pub use embeddings::{EmbeddingsDialect, EmbeddingsId};
pub use envelope::{Envelope, malformed, parse_object};
pub use piece::{Piece, PieceOf};
pub use remembered::{Echo, Remembered, ToolForm};

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DialectId {
    /// OpenAI Chat Completions and all that speak it.
    OpenAiChat,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Ollama's native API.
    Ollama,
    /// OpenAI's older Completions.
    OpenAiCompletions,
    /// OpenAI Responses.
    OpenAiResponses,
}

/// All dialects. A new one is a folder and a line, here and in [`DialectId::dialect`].
static TABLE: [&dyn Dialect; 5] = [
    &openai_chat::OpenAiChat,
    &anthropic_messages::AnthropicMessages,
    &ollama::Ollama,
    &openai_completions::OpenAiCompletions,
    &openai_responses::OpenAiResponses,
];

impl DialectId {
    /// The dialect itself.
    pub fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::OpenAiChat => TABLE[0],
            Self::AnthropicMessages => TABLE[1],
            Self::Ollama => TABLE[2],
            Self::OpenAiCompletions => TABLE[3],
            Self::OpenAiResponses => TABLE[4],
        }
    }

    /// The name in configuration, logs and metrics (`openai_chat`).
    pub fn name(self) -> &'static str {
        self.dialect().name()
    }

    /// From a name.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|dialect| dialect.name() == name).map(|dialect| dialect.id())
    }
}

impl EmbeddingsId {
    /// The dialect itself. A new one is a folder or a file, and a line here.
    pub fn dialect(self) -> &'static dyn EmbeddingsDialect {
        match self {
            Self::OpenAi => &openai_embeddings::OpenAiEmbeddings,
            Self::OllamaEmbed => &ollama::EMBED,
            Self::OllamaEmbeddings => &ollama::EMBEDDINGS,
        }
    }
}

/// A row of a dialect's field table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Where the member stands in a request, as a JSON path.
    pub path: &'static str,
    /// What it means.
    pub concept: Concept,
}

/// What an encoder must know of the upstream that it writes for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'t> {
    /// The backend kind, for error messages.
    pub backend: &'t str,
    /// Whether `top_k`, `min_p` and `repetition_penalty` are taken (vLLM and its kin) in the OpenAI dialect.
    pub sampling_extensions: bool,
    /// Whether the answer's bound is to be spelt `max_completion_tokens` (OpenAI's reasoning models refuse
    /// `max_tokens`; most others know only that) in the OpenAI dialect.
    pub max_completion_tokens: bool,
    /// Whether tools that take free text (`custom` ones) are taken in the OpenAI chat dialect; else a function
    /// stands for each.
    pub custom_tools: bool,
    /// What a dialect that needs `max_tokens` gets when the client gave none.
    pub default_max_tokens: u64,
}

/// A request that this target cannot take without changing its meaning (rung 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// What could not be said; its path is looked up in the client's dialect.
    pub concept: Concept,
    /// Where it stood, where that is known more exactly than by the concept.
    pub path: Option<String>,
    /// Why, in plain words, without the path: "log probabilities are not given by the anthropic backend".
    pub reason: String,
}

/// What the edits of a relayed request are to achieve.
#[derive(Debug, Clone, Default)]
pub struct RelayWants<'w> {
    /// The model's name upstream.
    pub model: &'w str,
    /// Ask for a stream or not, when that differs from what the client asked.
    pub stream: Option<bool>,
    /// Ask for usage in a stream, where the dialect must be asked.
    pub ask_usage: bool,
    /// A system prompt to put before all messages.
    pub system_prompt: &'w str,
    /// Members that the upstream refuses.
    pub strip: &'w [String],
}

/// What the gateway adds to a request, and a dialect must count in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Additions {
    /// Bytes of text.
    pub bytes: u64,
    /// The answer's bound, where the request has none.
    pub max_tokens: Option<u64>,
}

/// What an encoder of answers must know that the answer does not tell.
#[derive(Debug, Clone)]
pub struct AnswerContext {
    /// The model's name, as the client shall see it.
    pub model: String,
    /// A text unique to this answer, of letters and digits, for ids that the upstream did not give.
    pub id: String,
    /// When the answer began, seconds since 1970.
    pub created: u64,
    /// What was asked.
    pub operation: Operation,
    /// Whether an OpenAI client asked for a stream's usage frame.
    pub include_usage: bool,
    /// Tools whose calls the client knows in another form than a function's ([`Dialect::remember`]).
    pub tools: Vec<ToolForm>,
    /// Members of the request that the answer repeats ([`Dialect::remember`]).
    pub echo: Echo,
}

/// A moment, passed in by the caller: this crate has no clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stamp {
    /// Nanoseconds since 1970.
    pub unix_nanos: u64,
    /// Nanoseconds since the request came in.
    pub elapsed_nanos: u64,
}

/// A wire format, as pure functions.
pub trait Dialect: Sync {
    /// Which it is.
    fn id(&self) -> DialectId;
    /// Its name in configuration, logs and metrics.
    fn name(&self) -> &'static str;
    /// Its family.
    fn family(&self) -> Family;
    /// How it cuts streams.
    fn framing(&self) -> Framing;
    /// Whether a request that does not say is answered by a stream.
    fn streams_by_default(&self) -> bool;
    /// The known members of a request.
    fn fields(&self) -> &'static [Field];
    /// Members that lingate itself reads; one of them twice in a request is a 400.
    fn control_members(&self) -> &'static [&'static str];

    /// Cheap checks of a request that will be relayed unread: members that must be there, and their kinds.
    fn check(&self, operation: Operation, object: &Object<'_>) -> Result<(), ApiError>;
    /// Whether a request may be relayed unread to an upstream of this dialect: false for forms that clients send
    /// and lingate takes, but the dialect's own servers, or this one, do not know.
    fn can_relay(&self, operation: Operation, object: &Object<'_>, target: &Target<'_>) -> bool {
        let _ = (operation, target);
        object.given("messages").is_some() || object.given("prompt").is_none()
    }
    /// Whether a request asks for several answers side by side. One that is relayed both ways gets them; where the
    /// answer must change its form (a stream made of a whole one), only the first would be left.
    fn wants_several(&self, object: &Object<'_>) -> bool {
        object.given("n").and_then(Raw::u64).is_some_and(|n| n > 1)
    }
    /// Reads a request.
    ///
    /// # Errors
    /// A 400 whose `param` is the JSON path at fault.
    fn decode_request<'a>(&self, operation: Operation, body: &'a [u8]) -> Result<Request<'a>, ApiError>;
    /// Fits a decoded request to the version of the API that the client named (`anthropic-version`): what that version
    /// does not have is taken out and told. Dialects without versions do nothing.
    ///
    /// # Errors
    /// A 400: there is no such version.
    fn fit_version(&self, version: &str, request: &mut Request<'_>, loss: &mut Loss) -> Result<(), ApiError> {
        let _ = (version, request, loss);
        Ok(())
    }
    /// What of a request its answer must keep to: goes into the [`AnswerContext`].
    fn remember(&self, object: &Object<'_>) -> Remembered {
        let _ = object;
        Remembered::default()
    }
    /// Appends a request to `out` and what could not be said to `loss`.
    fn encode_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        loss: &mut Loss,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsupported>;
    /// Edits to a request of this dialect, so that it fits the target; every other byte stays.
    fn relay_edits(&self, object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits);
    /// Where a configured member (`defaults`, `force` of a virtual model: `num_ctx`, `max_tokens` …) belongs in a
    /// request of this dialect: its parent member (empty: the top level), and the names that mean the same there,
    /// the one to write first.
    fn place(&self, member: &str) -> (&'static str, Vec<String>);

    /// Whether servers of this dialect cut in silence what is longer than the context that they hold by default.
    fn cuts_in_silence(&self) -> bool {
        false
    }
    /// About how many tokens of context a request of this dialect needs, if it would be cut in silence: it is
    /// longer than what servers hold by default, and does not say itself how long a context it wants.
    fn context_needed(&self, object: &Object<'_>, added: Additions) -> Option<u64> {
        let _ = (object, added);
        None
    }

    /// Reads a whole answer (status 2xx) into events, ending with [`Event::End`] or [`Event::Error`].
    fn decode_response(&self, operation: Operation, body: &[u8], out: &mut Vec<Event>);
    /// As [`Dialect::decode_response`], but content may be left out: for answers that are relayed, of which only
    /// usage, error and end matter. Gives back where the model's name stands, as [`Dialect::find_model`] does.
    fn tap_response(&self, operation: Operation, body: &[u8], out: &mut Vec<Event>) -> Option<Range<usize>> {
        self.decode_response(operation, body, out);
        self.find_model(b"", body)
    }
    /// Appends a whole answer. An answer with an error or without a finish is the caller's to refuse.
    fn encode_response(&self, answer: &Answer, context: &AnswerContext, at: Stamp, out: &mut Vec<u8>);
    /// A decoder for one stream.
    fn stream_decoder(&self, operation: Operation) -> Box<dyn StreamDecoder>;
    /// An encoder for one stream.
    fn stream_encoder(&self, context: AnswerContext) -> Box<dyn StreamEncoder>;
    /// Where the model's name stands in a frame's data or a whole answer (its JSON string, quotes included).
    fn find_model(&self, event: &[u8], json: &[u8]) -> Option<Range<usize>>;
    /// Whether a frame holds nothing but the usage that lingate asked for and the client did not.
    fn is_usage_frame(&self, data: &[u8]) -> bool;
    /// Whether a frame of a stream only announces text or a thought that is to come, so that it means nothing to a
    /// client until that comes.
    fn announces(&self, frame: &Frame<'_>) -> bool {
        let _ = frame;
        false
    }
    /// Whether a request wants JSON as the answer's text, so that an object in it is no tool call.
    fn asks_for_json(&self, object: &Object<'_>) -> bool {
        let _ = object;
        false
    }
    /// The tools that a request offers, of all its members this one alone read. A list that cannot be read offers none.
    fn tools<'a>(&self, object: &Object<'a>) -> Vec<Tool<'a>> {
        let _ = object;
        Vec::new()
    }

    /// Reads an error answer (status not 2xx, any content type). The message keeps the upstream's words where it
    /// has any, at most 2,000 characters.
    fn decode_error(&self, status: u16, body: &[u8]) -> ApiError;
    /// Appends an error body.
    fn encode_error(&self, error: &ApiError, request_id: &str, out: &mut Vec<u8>);
    /// Appends an error as the data of a stream's event or line, where that is not its body.
    fn encode_stream_error(&self, error: &ApiError, request_id: &str, out: &mut Vec<u8>) {
        self.encode_error(error, request_id, out);
    }
    /// Where a request asks only that a model be loaded or unloaded, appends the answer of a backend that has
    /// nothing to load, and says so.
    fn answer_load(
        &self,
        operation: Operation,
        object: &Object<'_>,
        model: &str,
        at: Stamp,
        out: &mut Vec<u8>,
    ) -> bool {
        let _ = (operation, object, model, at, out);
        false
    }
    /// Whether a frame's data is an error that a client of this dialect understands; a broken frame is not.
    fn is_error_frame(&self, data: &[u8]) -> bool {
        Object::parse(data).is_ok_and(|object| object.given("error").is_some())
    }
    /// The name of the SSE event that carries an error inside a stream; empty where errors are unnamed.
    fn error_event(&self) -> &'static str {
        ""
    }
    /// The frame that ends a stream without saying more; a relay adds it where the upstream left it out after the
    /// finish. Empty where the finish itself is the end.
    fn ending(&self) -> &'static [u8] {
        b""
    }
    /// The status that this dialect's clients know for an error (Anthropic: 529 for overload).
    fn error_status(&self, error: &ApiError) -> u16 {
        error.status
    }
}

/// Reads a stream.
pub trait StreamDecoder: Send {
    /// Reads the next frame; appends its events. After an [`Event::End`] or [`Event::Error`] nothing is appended.
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>);
    /// As [`StreamDecoder::push`], but content may be left out: for relays, which need only usage, finish, error
    /// and end.
    fn tap(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        self.push(frame, out);
    }
    /// The piece that a frame holds, where a glance tells that it holds nothing else, and that reading it would do no
    /// more than tell of that piece. `None` says nothing about the frame.
    fn glance<'f>(&self, frame: &'f Frame<'_>) -> Option<Piece<'f>> {
        let _ = frame;
        None
    }
    /// Passes over a frame in place of reading it. `piece` is what [`StreamDecoder::glance`] has just told of it.
    fn skip(&mut self, frame: &Frame<'_>, piece: &Piece<'_>) {
        let _ = (frame, piece);
    }
    /// The connection ended in order. Appends [`Event::End`] if the answer counts as complete (its finish was
    /// seen) and no end was appended before; else [`Event::Error`].
    fn finish(&mut self, out: &mut Vec<Event>);
}

/// Writes a stream. A state machine: whatever the order of events, what it writes is a legal stream of its
/// dialect, and after the ending nothing more is written.
pub trait StreamEncoder: Send {
    /// Appends what the event means in this dialect.
    fn push(&mut self, event: &Event, at: Stamp, out: &mut Vec<u8>);
    /// Appends something without meaning that keeps proxies from cutting a silent connection.
    fn keep_alive(&mut self, at: Stamp, out: &mut Vec<u8>);
    /// The client got this frame of the same dialect as it came, and with it these events: what is written from now on
    /// goes on from there. Events of a text may be told with a later frame than the one that holds it.
    fn follow(&mut self, frame: &Frame<'_>, events: &[Event], at: Stamp);
    /// The same for a frame that holds a piece and nothing else, as [`StreamDecoder::glance`] tells it.
    fn follow_piece(&mut self, piece: &Piece<'_>) {
        let _ = piece;
    }
    /// Whether what it writes would be a legal stream together with what the client got until now.
    fn can_go_on(&self) -> bool {
        true
    }
}

/// The client's path of a concept.
pub fn path_of(dialect: &dyn Dialect, concept: Concept) -> &'static str {
    dialect.fields().iter().find(|field| field.concept == concept).map_or("?", |field| field.path)
}
