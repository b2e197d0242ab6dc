//! A worker's outputs, in whatever form, as the bytes of an OpenAI stream.
//!
//! Outputs come one by one (`/stream`), or together (`/status`): then the array of all is given. Known forms: OpenAI
//! chunks and whole answers as objects; the text of an SSE stream, cut anywhere (worker-vllm with raw output); pieces
//! of text; worker-vllm's own `{"choices":[{"tokens":[…]}],"usage":{"input","output"}}`; Ollama's answers.

use super::chunk::{self, Usage};
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::ApiError;
use lingate_codec::json::{Kind, Object, Raw, Writer};
use lingate_codec::relay::in_band_error;

/// How deep arrays may nest in one another.
const MAX_NESTING: usize = 8;
/// How a text begins that is an event stream.
const SSE: [&str; 5] = ["data: {", "data:{", "data: [DONE]", "data:[DONE]", "event:"];
const DONE: &[u8] = b"data: [DONE]\n\n";

/// What stands in every chunk.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// The answer's id.
    pub(crate) id: String,
    /// The model's name upstream.
    pub(crate) model: String,
    /// Seconds since 1970.
    pub(crate) created: u64,
    /// Whether it is a chat; else a text that is continued.
    pub(crate) chat: bool,
}

/// What the texts among the outputs are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Texts {
    /// This began, and may be either.
    Unsure(String),
    /// Pieces of an event stream.
    Sse,
    /// Pieces of the answer's text.
    Plain,
}

/// Makes a stream of outputs.
#[derive(Debug, Clone)]
pub(crate) struct Gather {
    head: Head,
    texts: Texts,
    /// The last bytes of an event stream's text.
    tail: Vec<u8>,
    any: bool,
    role_told: bool,
    finish: Option<String>,
    finish_told: bool,
    usage: Option<Usage>,
    usage_told: bool,
    calls: usize,
    done: bool,
}

impl Gather {
    /// Nothing gathered yet.
    pub(crate) fn new(head: Head) -> Self {
        Self {
            head,
            texts: Texts::Unsure(String::new()),
            tail: Vec::new(),
            any: false,
            role_told: false,
            finish: None,
            finish_told: false,
            usage: None,
            usage_told: false,
            calls: 0,
            done: false,
        }
    }

    /// Whether the stream's ending was seen: nothing more is taken.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether anything was taken.
    pub(crate) fn has_any(&self) -> bool {
        self.any
    }

    /// Takes an output.
    ///
    /// # Errors
    /// A form that is not known.
    pub(crate) fn push(&mut self, output: Raw<'_>, out: &mut Vec<u8>) -> Result<(), ApiError> {
        self.value(output, 0, out)
    }

    /// A piece of reasoning that is not the worker's: what a job waits for.
    pub(crate) fn tell(&mut self, text: &str, out: &mut Vec<u8>) {
        self.delta(0, out, |w| w.string_member("reasoning_content", text));
    }

    /// After the last output.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Texts::Unsure(text) = &mut self.texts {
            let text = std::mem::take(text);
            self.say(0, &text, out);
        }
        // An event stream of the worker's own is judged by its own ending.
        if self.done || self.texts == Texts::Sse {
            return;
        }
        self.done = true;
        if !self.finish_told {
            let calls = if self.calls > 0 { "tool_calls" } else { "stop" };
            let word = self.finish.take().unwrap_or_else(|| calls.to_owned());
            let chat = self.head.chat;
            chunk::write(&self.head, 0, Some(&word), |w| nothing(chat, w), out);
        }
        if let Some(usage) = self.usage.filter(|_| !self.usage_told) {
            chunk::write_usage(&self.head, usage, out);
        }
        out.extend_from_slice(DONE);
    }

    /// An error in the place of all that could follow.
    pub(crate) fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        self.close_frame(out);
        in_band_error(DialectId::OpenAiChat.dialect(), error, "", out);
        self.done = true;
    }

    fn value(&mut self, value: Raw<'_>, nesting: usize, out: &mut Vec<u8>) -> Result<(), ApiError> {
        if self.done {
            return Ok(());
        }
        match value.kind() {
            Kind::Null => Ok(()),
            Kind::String => {
                self.text(&value.string().unwrap_or_default(), out);
                Ok(())
            }
            Kind::Array if nesting < MAX_NESTING => {
                value.array().into_iter().flatten().try_for_each(|element| self.value(element, nesting + 1, out))
            }
            Kind::Object => match value.object() {
                Some(object) => self.object(&object, out),
                None => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.any |= !text.is_empty();
        match &mut self.texts {
            Texts::Plain => self.say(0, text, out),
            Texts::Sse => self.event_text(text, out),
            Texts::Unsure(begun) => {
                begun.push_str(text);
                let begin = begun.trim_start();
                if SSE.iter().any(|mark| begin.starts_with(mark)) {
                    let begun = std::mem::take(begun);
                    self.texts = Texts::Sse;
                    self.event_text(begun.trim_start(), out);
                } else if !SSE.iter().any(|mark| mark.starts_with(begin)) {
                    let begun = std::mem::take(begun);
                    self.texts = Texts::Plain;
                    self.say(0, &begun, out);
                }
            }
        }
    }

    /// A piece of an event stream, passed on as it is.
    fn event_text(&mut self, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(text.as_bytes());
        self.tail.extend_from_slice(text.as_bytes());
        self.done = self.tail.windows(DONE.len() - 2).any(|end| end == &DONE[..DONE.len() - 2])
            || memchr::memmem::find(&self.tail, b"data:[DONE]").is_some();
        self.tail.drain(..self.tail.len().saturating_sub(DONE.len()));
        if self.done {
            self.close_frame(out);
        }
    }

    /// Ends an event of the worker's that has begun.
    fn close_frame(&mut self, out: &mut Vec<u8>) {
        if !self.tail.is_empty() && !self.tail.ends_with(b"\n\n") && !self.tail.ends_with(b"\n\r\n") {
            out.extend_from_slice(b"\n\n");
        }
        self.tail.clear();
    }

    fn object(&mut self, object: &Object<'_>, out: &mut Vec<u8>) -> Result<(), ApiError> {
        self.close_frame(out);
        self.any = true;
        if is_error(object) {
            chunk::write_raw(object.text(), out);
            self.done = true;
            return Ok(());
        }
        if let Some(usage) = object.given("usage").and_then(Usage::of) {
            self.usage = Some(usage);
        }
        if let Some(choices) = object.given("choices").and_then(Raw::array) {
            let choices: Vec<_> = choices.filter_map(Raw::object).collect();
            return self.choices(object, &choices, out);
        }
        self.plain(object, out)
    }

    fn choices(&mut self, object: &Object<'_>, choices: &[Object<'_>], out: &mut Vec<u8>) -> Result<(), ApiError> {
        let own = choices.iter().any(|choice| {
            let content = choice.given("delta").and_then(|delta| delta.object()?.given("content"));
            choice.get("tokens").is_some()
                || choice.get("message").is_some()
                || (self.head.chat && choice.get("text").is_some())
                || content.is_some_and(|content| content.string().is_none())
        });
        if !own {
            // A chunk as it should be; also one of usage alone.
            let finish = choices.iter().find_map(|choice| choice.string("finish_reason"));
            self.finish_told |= finish.is_some();
            self.usage_told |= object.given("usage").is_some();
            chunk::write_raw(object.text(), out);
            return Ok(());
        }
        for (place, choice) in choices.iter().enumerate() {
            let index = choice.given("index").and_then(Raw::u64).and_then(|index| usize::try_from(index).ok());
            self.choice(index.unwrap_or(place), choice, out);
        }
        Ok(())
    }

    fn choice(&mut self, index: usize, choice: &Object<'_>, out: &mut Vec<u8>) {
        if let Some(tokens) = choice.given("tokens").or_else(|| choice.given("text")) {
            self.say(index, &joined(tokens), out);
        }
        if let Some(message) = choice.given("message").or_else(|| choice.given("delta")).and_then(Raw::object) {
            self.message(index, &message, out);
        }
        if let Some(word) = choice.string("finish_reason").filter(|word| !word.is_empty()) {
            self.finish = Some(word.into_owned());
        }
    }

    /// What a whole message or a strange delta holds, as deltas.
    fn message(&mut self, index: usize, message: &Object<'_>, out: &mut Vec<u8>) {
        for key in ["reasoning_content", "reasoning", "thinking"] {
            if let Some(thought) = message.string(key).filter(|thought| !thought.is_empty()) {
                self.delta(index, out, |w| w.string_member("reasoning_content", &thought));
                break;
            }
        }
        if let Some(content) = message.given("content") {
            self.say(index, &joined(content), out);
        }
        for key in ["refusal", "annotations"] {
            if let Some(value) = message.given(key) {
                self.delta(index, out, |w| w.raw_member(key, value));
            }
        }
        for call in message.given("tool_calls").and_then(Raw::array).into_iter().flatten() {
            let Some(call) = call.object() else { continue };
            let number = self.calls;
            self.calls += 1;
            let id = format!("call_{}_{number}", self.head.id);
            self.delta(index, out, |w| write_call(&call, number, &id, w));
        }
    }

    /// Ollama's answers, and other objects that hold their text under a name.
    fn plain(&mut self, object: &Object<'_>, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let text = ["response", "text", "generated_text"].into_iter().find_map(|key| object.given(key));
        let message = object.given("message").and_then(Raw::object);
        if let Some(usage) = Usage::of_ollama(object) {
            self.usage = Some(usage);
        }
        if text.is_none() && message.is_none() {
            return if self.usage.is_some() && object.get("usage").is_some() { Ok(()) } else { Err(unknown()) };
        }
        if let Some(thought) = object.string("thinking").filter(|thought| !thought.is_empty()) {
            self.delta(0, out, |w| w.string_member("reasoning_content", &thought));
        }
        if let Some(message) = message {
            self.message(0, &message, out);
        }
        if let Some(text) = text {
            self.say(0, &joined(text), out);
        }
        if let Some(word) = object.string("done_reason").filter(|word| *word == "length") {
            self.finish = Some(word.into_owned());
        }
        Ok(())
    }

    fn say(&mut self, index: usize, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.head.chat {
            self.delta(index, out, |w| w.string_member("content", text));
        } else {
            chunk::write(&self.head, index, None, |w| w.string_member("text", text), out);
        }
    }

    /// A delta of a chat; a text that is continued has none.
    fn delta(&mut self, index: usize, out: &mut Vec<u8>, members: impl FnOnce(&mut Writer<'_>)) {
        if !self.head.chat {
            return;
        }
        let role = !std::mem::replace(&mut self.role_told, true);
        let write = |w: &mut Writer<'_>| {
            w.key("delta");
            w.begin_object();
            if role {
                w.string_member("role", "assistant");
            }
            members(w);
            w.end_object();
        };
        chunk::write(&self.head, index, None, write, out);
    }
}

/// A choice that says nothing.
fn nothing(chat: bool, w: &mut Writer<'_>) {
    if chat {
        w.key("delta");
        w.begin_object();
        w.end_object();
    } else {
        w.string_member("text", "");
    }
}

/// A call as OpenAI's streams have it: numbered, its arguments a text.
fn write_call(call: &Object<'_>, number: usize, id: &str, w: &mut Writer<'_>) {
    let function = call.given("function").and_then(Raw::object);
    let of = |key: &str| function.as_ref()?.given(key);
    w.key("tool_calls");
    w.begin_array();
    w.begin_object();
    w.integer_member("index", number);
    w.string_member("id", call.string("id").filter(|id| !id.is_empty()).as_deref().unwrap_or(id));
    w.string_member("type", "function");
    w.key("function");
    w.begin_object();
    w.string_member("name", &of("name").and_then(Raw::string).unwrap_or_default());
    let arguments = of("arguments");
    let text = arguments.map(|arguments| arguments.string().unwrap_or_else(|| arguments.text()));
    w.string_member("arguments", &text.unwrap_or("{}".into()));
    w.end_object();
    w.end_object();
    w.end_array();
}

/// Whether an object is an error in the place of an answer: `{"error": …}`, or vLLM's `{"object":"error", …}`.
pub(super) fn is_error(object: &Object<'_>) -> bool {
    let said = object.given("error").is_some_and(|error| !matches!(error.bytes(), b"\"\"" | b"{}" | b"false" | b"[]"));
    (said || object.string("object").as_deref() == Some("error")) && object.get("choices").is_none()
}

/// A text, or a list of texts or of parts with a text, in one.
fn joined(value: Raw<'_>) -> String {
    if let Some(text) = value.string() {
        return text.into_owned();
    }
    let part = |part: Raw<'_>| match part.string() {
        Some(text) => text.into_owned(),
        None => part.object().and_then(|part| part.string("text").map(Into::into)).unwrap_or_default(),
    };
    value.array().into_iter().flatten().map(part).collect()
}

/// The worker said something that no known worker says.
pub(super) fn unknown() -> ApiError {
    let message = "the worker's output has a form that is not known: see `worker` of this endpoint";
    ApiError::new(502, message).with_code("job_unknown_output")
}
