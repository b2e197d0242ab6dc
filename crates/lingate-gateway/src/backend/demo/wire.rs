//! Answers as bytes in the `openai_chat` dialect: one JSON text, or server-sent events.

use std::time::Duration;

use bytes::Bytes;
use lingate_codec::json::Writer;

use super::request::Request;
use super::respond::{Call, Reply};
use super::text::words;
use super::{DemoAnswer, Fault, Piece};

/// Between two words of a stream.
const PACE: Duration = Duration::from_millis(15);
/// The same for `demo-slow`.
const SLOW_PACE: Duration = Duration::from_secs(1);
/// A call's arguments are streamed in pieces of so many characters.
const ARGUMENT_PIECE: usize = 16;

/// An answer to `request`.
pub(super) fn answer(request: &Request<'_>, reply: &Reply, seed: &str, created: u64) -> DemoAnswer {
    let head = Head { id: format!("chatcmpl-demo-{seed}"), created, request, reply };
    let slow = request.model == "demo-slow";
    if request.stream {
        let pieces = head.stream(if slow { SLOW_PACE } else { PACE });
        DemoAnswer { status: 200, content_type: "text/event-stream", pieces }
    } else {
        let after = if slow { SLOW_PACE } else { Duration::ZERO };
        let pieces = vec![Piece { after, bytes: head.whole() }];
        DemoAnswer { status: 200, content_type: "application/json", pieces }
    }
}

/// An error in OpenAI's form.
pub(super) fn error(fault: &Fault) -> DemoAnswer {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    let optional = |w: &mut Writer<'_>, key: &str, text: Option<&str>| match text {
        Some(text) => w.string_member(key, text),
        None => w.null_member(key),
    };
    w.begin_object();
    w.key("error");
    w.begin_object();
    w.string_member("message", &fault.message);
    w.string_member("type", if fault.status >= 500 { "server_error" } else { "invalid_request_error" });
    optional(&mut w, "param", fault.param);
    optional(&mut w, "code", fault.code);
    w.end_object();
    w.end_object();
    let pieces = vec![Piece { after: Duration::ZERO, bytes: Bytes::from(out) }];
    DemoAnswer { status: fault.status, content_type: "application/json", pieces }
}

/// What every part of an answer says, and what it is made from.
struct Head<'r> {
    id: String,
    created: u64,
    request: &'r Request<'r>,
    reply: &'r Reply,
}

impl Head<'_> {
    fn members(&self, object: &str, w: &mut Writer<'_>) {
        w.string_member("id", &self.id);
        w.string_member("object", object);
        w.integer_member("created", self.created);
        w.string_member("model", &self.request.model);
    }

    fn whole(&self) -> Bytes {
        let reply = self.reply;
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.begin_object();
        self.members("chat.completion", &mut w);
        w.key("choices");
        w.begin_array();
        w.begin_object();
        w.integer_member("index", 0);
        w.key("message");
        w.begin_object();
        w.string_member("role", "assistant");
        if !reply.reasoning.is_empty() {
            w.string_member("reasoning_content", &reply.reasoning);
        }
        match &reply.call {
            None => w.string_member("content", &reply.content),
            Some(call) => {
                w.null_member("content");
                tool_calls(&mut w, |w| call_members(w, call, &call.arguments));
            }
        }
        w.end_object();
        w.string_member("finish_reason", reply.finish_reason());
        w.end_object();
        w.end_array();
        self.usage(&mut w);
        w.end_object();
        Bytes::from(out)
    }

    fn usage(&self, w: &mut Writer<'_>) {
        let (prompt, completion) = (self.request.words(), self.reply.words());
        w.key("usage");
        w.begin_object();
        w.integer_member("prompt_tokens", prompt);
        w.integer_member("completion_tokens", completion);
        w.integer_member("total_tokens", prompt + completion);
        w.key("prompt_tokens_details");
        w.begin_object();
        w.integer_member("cached_tokens", 0);
        w.end_object();
        w.key("completion_tokens_details");
        w.begin_object();
        w.integer_member("reasoning_tokens", self.reply.reasoning_words());
        w.end_object();
        w.end_object();
    }

    fn stream(&self, pace: Duration) -> Vec<Piece> {
        let reply = self.reply;
        let mut pieces = Vec::new();
        let mut push = |after, bytes| pieces.push(Piece { after, bytes });
        push(Duration::ZERO, self.delta(|w| w.string_member("role", "assistant")));
        for word in words(&reply.reasoning) {
            push(pace, self.delta(|w| w.string_member("reasoning_content", word)));
        }
        for word in words(&reply.content) {
            push(pace, self.delta(|w| w.string_member("content", word)));
        }
        if let Some(call) = &reply.call {
            let first = |w: &mut Writer<'_>| {
                w.integer_member("index", 0);
                call_members(w, call, "");
            };
            push(pace, self.delta(|w| tool_calls(w, first)));
            for part in parts(&call.arguments) {
                let more = |w: &mut Writer<'_>| {
                    w.integer_member("index", 0);
                    w.key("function");
                    w.begin_object();
                    w.string_member("arguments", part);
                    w.end_object();
                };
                push(pace, self.delta(|w| tool_calls(w, more)));
            }
        }
        push(Duration::ZERO, self.chunk(|_| {}, Some(reply.finish_reason())));
        if self.request.include_usage {
            push(Duration::ZERO, self.usage_chunk());
        }
        push(Duration::ZERO, Bytes::from_static(b"data: [DONE]\n\n"));
        pieces
    }

    fn delta(&self, delta: impl FnOnce(&mut Writer<'_>)) -> Bytes {
        self.chunk(delta, None)
    }

    fn chunk(&self, delta: impl FnOnce(&mut Writer<'_>), finish_reason: Option<&str>) -> Bytes {
        self.event(|w| {
            w.key("choices");
            w.begin_array();
            w.begin_object();
            w.integer_member("index", 0);
            w.key("delta");
            w.begin_object();
            delta(w);
            w.end_object();
            match finish_reason {
                Some(reason) => w.string_member("finish_reason", reason),
                None => w.null_member("finish_reason"),
            }
            w.end_object();
            w.end_array();
        })
    }

    fn usage_chunk(&self) -> Bytes {
        self.event(|w| {
            w.key("choices");
            w.begin_array();
            w.end_array();
            self.usage(w);
        })
    }

    fn event(&self, members: impl FnOnce(&mut Writer<'_>)) -> Bytes {
        let mut out = b"data: ".to_vec();
        let mut w = Writer::new(&mut out);
        w.begin_object();
        self.members("chat.completion.chunk", &mut w);
        members(&mut w);
        w.end_object();
        out.extend_from_slice(b"\n\n");
        Bytes::from(out)
    }
}

/// `tool_calls` with one element.
fn tool_calls(w: &mut Writer<'_>, members: impl FnOnce(&mut Writer<'_>)) {
    w.key("tool_calls");
    w.begin_array();
    w.begin_object();
    members(w);
    w.end_object();
    w.end_array();
}

fn call_members(w: &mut Writer<'_>, call: &Call, arguments: &str) {
    w.string_member("id", &call.id);
    w.string_member("type", "function");
    w.key("function");
    w.begin_object();
    w.string_member("name", &call.name);
    w.string_member("arguments", arguments);
    w.end_object();
}

/// A text in pieces of [`ARGUMENT_PIECE`] characters.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(ARGUMENT_PIECE).map_or(rest.len(), |(at, _)| at);
        let (part, tail) = rest.split_at(end);
        rest = tail;
        (!part.is_empty()).then_some(part)
    })
}
