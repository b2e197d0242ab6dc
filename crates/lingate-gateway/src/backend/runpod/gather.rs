//! A worker's outputs, in whatever form, as the bytes of an OpenAI stream.
//!
//! Outputs come one by one (`/stream`), or together (`/status`): then the array of all is given. Known forms: OpenAI
//! chunks and whole answers as objects; the text of an SSE stream, cut anywhere (worker-vllm with raw output); pieces
//! of text; worker-vllm's own `{"choices":[{"tokens":[…]}],"usage":{"input","output"}}`; Ollama's answers.

use super::chunk::{self, Usage};
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::ApiError;
use lingate_codec::json::{Kind, Raw, Writer};
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
    pub(super) head: Head,
    texts: Texts,
    /// The last bytes of an event stream's text.
    tail: Vec<u8>,
    pub(super) any: bool,
    role_told: bool,
    pub(super) finish: Option<String>,
    pub(super) finish_told: bool,
    pub(super) usage: Option<Usage>,
    pub(super) usage_told: bool,
    pub(super) calls: usize,
    pub(super) done: bool,
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
    pub(super) fn close_frame(&mut self, out: &mut Vec<u8>) {
        if !self.tail.is_empty() && !self.tail.ends_with(b"\n\n") && !self.tail.ends_with(b"\n\r\n") {
            out.extend_from_slice(b"\n\n");
        }
        self.tail.clear();
    }

    pub(super) fn say(&mut self, index: usize, text: &str, out: &mut Vec<u8>) {
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
    pub(super) fn delta(&mut self, index: usize, out: &mut Vec<u8>, members: impl FnOnce(&mut Writer<'_>)) {
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

/// The worker said something that no known worker says.
pub(super) fn unknown() -> ApiError {
    let message = "the worker's output has a form that is not known: see `worker` of this endpoint";
    ApiError::new(502, message).with_code("job_unknown_output")
}
