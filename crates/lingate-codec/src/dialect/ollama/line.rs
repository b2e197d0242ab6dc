//! One answer object: a line of a stream, or a whole answer.

use super::timestamp;
use crate::dialect::{AnswerContext, Stamp};
use crate::ir::{FinishReason, Logprob, Operation, Usage};
use crate::json::{Kind, Raw, Writer};
use std::io::Write as _;

/// What all lines of an answer have in common.
#[derive(Debug)]
pub(super) struct LineWriter {
    /// How each begins, up to the time stamp.
    head: Vec<u8>,
    operation: Operation,
}

/// What a line says.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Body<'b> {
    /// Pieces of the text.
    pub(super) content: &'b [&'b str],
    /// Pieces of the thought; empty: none.
    pub(super) thinking: &'b [&'b str],
    /// Whole calls.
    pub(super) calls: &'b [Call<'b>],
    /// Log probabilities.
    pub(super) logprobs: &'b [Logprob],
}

/// A whole call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'b> {
    pub(super) number: usize,
    pub(super) id: &'b str,
    pub(super) name: &'b str,
    /// JSON text, perhaps broken.
    pub(super) arguments: &'b str,
}

/// What the last line says besides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) reason: FinishReason,
    pub(super) usage: Usage,
    /// From the request to the first content and from there to the end, in nanoseconds, where measured.
    pub(super) durations: Option<(u64, u64)>,
}

impl LineWriter {
    pub(super) fn new(context: &AnswerContext) -> Self {
        let mut head = Vec::with_capacity(context.model.len() + 32);
        let mut writer = Writer::new(&mut head);
        writer.begin_object();
        writer.string_member("model", &context.model);
        writer.key("created_at");
        Self { head, operation: context.operation }
    }

    /// Appends one object, without a line feed. Its frame is written as bytes, because every delta passes here.
    pub(super) fn write(&self, body: Body<'_>, ending: Option<&Ending>, at: Stamp, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(&timestamp::quoted(at.unix_nanos));
        let (before, after): (&[u8], &[u8]) = match self.operation {
            Operation::Chat => (b",\"message\":{\"role\":\"assistant\",\"content\":", b"}"),
            Operation::TextCompletion => (b",\"response\":", b""),
        };
        out.extend_from_slice(before);
        Writer::new(out).string_of(body.content);
        if !body.thinking.is_empty() {
            out.extend_from_slice(b",\"thinking\":");
            Writer::new(out).string_of(body.thinking);
        }
        if !body.calls.is_empty() {
            out.extend_from_slice(b",\"tool_calls\":");
            write_calls(&mut Writer::new(out), body.calls);
        }
        out.extend_from_slice(after);
        if !body.logprobs.is_empty() {
            out.extend_from_slice(b",\"logprobs\":");
            write_logprobs(&mut Writer::new(out), body.logprobs);
        }
        match ending {
            None => out.extend_from_slice(b",\"done\":false}"),
            Some(ending) => {
                out.extend_from_slice(b",\"done\":true,");
                ending.write(&mut Writer::new(out), at);
                out.push(b'}');
            }
        }
    }
}

fn write_calls(writer: &mut Writer<'_>, calls: &[Call<'_>]) {
    writer.begin_array();
    for call in calls {
        writer.begin_object();
        writer.string_member("id", call.id);
        writer.key("function");
        writer.begin_object();
        writer.integer_member("index", call.number);
        writer.string_member("name", call.name);
        writer.key("arguments");
        write_arguments(writer, call.arguments);
        writer.end_object();
        writer.end_object();
    }
    writer.end_array();
}

impl Ending {
    /// Writes members; the reason is always one.
    fn write(&self, writer: &mut Writer<'_>, at: Stamp) {
        let reason = match self.reason {
            FinishReason::Length => "length",
            FinishReason::Load => "load",
            FinishReason::Unload => "unload",
            _ => "stop",
        };
        writer.string_member("done_reason", reason);
        if matches!(self.reason, FinishReason::Load | FinishReason::Unload) {
            return;
        }
        writer.integer_member("total_duration", at.elapsed_nanos);
        writer.integer_member("load_duration", 0_u64);
        if let Some(tokens) = self.usage.input_tokens {
            writer.integer_member("prompt_eval_count", tokens);
        }
        if let Some((before, _)) = self.durations {
            writer.integer_member("prompt_eval_duration", before.max(1));
        }
        if let Some(tokens) = self.usage.output_tokens {
            writer.integer_member("eval_count", tokens);
        }
        if let Some((_, after)) = self.durations {
            // Clients divide by it.
            writer.integer_member("eval_duration", after.max(1));
        }
    }
}

/// Writes a call's arguments as an object on one line. Text that is none is kept in the member `raw`.
pub(super) fn write_arguments(writer: &mut Writer<'_>, text: &str) {
    match Raw::parse(text.as_bytes()) {
        Ok(raw) if raw.kind() == Kind::Object => {
            let bytes = raw.bytes();
            if memchr::memchr2(b'\n', b'\r', bytes).is_none() {
                writer.raw(raw);
            } else {
                // Line feeds in valid JSON stand between tokens, and would cut the line.
                let line: Vec<u8> = bytes.iter().copied().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
                writer.json(&line);
            }
        }
        _ if text.trim().is_empty() => writer.json(b"{}"),
        _ => {
            writer.begin_object();
            writer.string_member("raw", text);
            writer.end_object();
        }
    }
}

fn write_logprobs(writer: &mut Writer<'_>, logprobs: &[Logprob]) {
    writer.begin_array();
    for token in logprobs {
        writer.begin_object();
        writer.string_member("token", &token.token);
        writer.key("logprob");
        writer.json(&number(token.logprob));
        if let Some(bytes) = &token.bytes {
            writer.key("bytes");
            writer.begin_array();
            bytes.iter().for_each(|byte| writer.integer(*byte));
            writer.end_array();
        }
        if !token.top.is_empty() {
            writer.key("top_logprobs");
            write_logprobs(writer, &token.top);
        }
        writer.end_object();
    }
    writer.end_array();
}

/// A double as JSON; what JSON cannot say becomes the number that stands for "never".
fn number(value: f64) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    let value = if value.is_finite() { value } else { -9999.0 };
    // Writing to a vector cannot fail.
    let _ = write!(out, "{value:?}");
    out
}
