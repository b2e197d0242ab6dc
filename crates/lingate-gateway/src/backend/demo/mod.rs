//! The built-in `demo` backend: models that live in this process, so that the first minute needs no upstream.
//!
//! It speaks the `openai_chat` dialect (and `openai_embeddings`) in bytes and is a function of the request alone: the same body always gets
//! the same answer, down to ids. It counts words where a model would count tokens.

mod embed;
mod request;
mod respond;
mod schema;
mod text;
mod wire;

use std::time::Duration;

use bytes::Bytes;
use lingate_codec::json::Writer;

pub(crate) use embed::answer as embed;
use request::Request;

use super::{Backend, CHAT, OPENAI_COMPATIBLE};

pub(super) const BACKEND: Backend = Backend { name: "demo", routes: &[CHAT], openai_paths: false, ..OPENAI_COMPATIBLE };

/// The models, with a line on each. Any other name is answered as `demo-echo` is.
pub(crate) const MODELS: &[(&str, &str)] = &[
    ("demo-echo", "Says back what you say."),
    ("demo-think", "Thinks first, then says back what you say."),
    ("demo-tool", "Calls the first of your tools, then tells what the tool answered."),
    ("demo-slow", "Says back what you say, one word a second."),
    ("demo-error", "Always fails with a server error."),
];

/// The context length that the models claim, in tokens (here: words).
pub(crate) const MAX_MODEL_LEN: u32 = 8192;

/// An answer, to be sent piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DemoAnswer {
    /// The HTTP status.
    pub status: u16,
    /// `application/json` or `text/event-stream`.
    pub content_type: &'static str,
    /// The body, in order; never empty.
    pub pieces: Vec<Piece>,
}

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// How long to wait after the piece before this one.
    pub after: Duration,
    /// What to send then.
    pub bytes: Bytes,
}

/// Answers a chat completion request. `created` (unix seconds) is the only thing in the answer that is not from
/// `body`. An answer is at most 4096 words long, in fewer than 10,000 pieces; errors have OpenAI's form.
pub(crate) fn answer(body: &[u8], created: u64) -> DemoAnswer {
    let request = match Request::parse(body) {
        Ok(request) => request,
        Err(fault) => return wire::error(&fault),
    };
    let seed = seed(body);
    match respond::respond(&request, &seed) {
        Ok(reply) => wire::answer(&request, &reply, &seed, created),
        Err(fault) => wire::error(&fault),
    }
}

/// The body of `GET /v1/models`: OpenAI's list, with `max_model_len` as vLLM has it.
pub(crate) fn models_body() -> Bytes {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.string_member("object", "list");
    w.key("data");
    w.begin_array();
    for (id, description) in MODELS {
        w.begin_object();
        w.string_member("id", id);
        w.string_member("object", "model");
        w.integer_member("created", 0);
        w.string_member("owned_by", "lingate");
        w.string_member("description", description);
        w.integer_member("max_model_len", MAX_MODEL_LEN);
        w.end_object();
    }
    w.end_array();
    w.end_object();
    Bytes::from(out)
}

/// Sixteen hexadecimal digits of the body's FNV-1a hash, for ids.
fn seed(body: &[u8]) -> String {
    format!("{:016x}", hash(body))
}

/// The FNV-1a hash.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// What `demo-error` says.
fn always_fails() -> Fault {
    Fault {
        status: 500,
        message: "This is demo-error: it always fails, so that you can see what your client does.".to_owned(),
        param: None,
        code: Some("demo_error"),
    }
}

/// Why there is no answer.
#[derive(Debug)]
struct Fault {
    status: u16,
    message: String,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl Fault {
    /// A 400 that names the member at fault.
    fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into(), param: Some(param), code: None }
    }
}

#[cfg(test)]
mod tests;
