//! Whole answers, both ways, and the reader of one answer object, which lines of a stream share.

use super::error;
use super::line::{Body, Call, Ending, LineWriter};
use crate::dialect::halves::Half;
use crate::dialect::{AnswerContext, Stamp};
use crate::ids;
use crate::ir::{Answer, ApiError, Block, Event, Finish, FinishReason, Logprob, Operation, Start, Usage};
use crate::json::{Object, Raw};
use std::collections::HashSet;

/// Reads a whole answer. An upstream that streams although it was not asked to is understood too.
pub(super) fn decode(_operation: Operation, body: &[u8], out: &mut Vec<Event>) {
    let mut reader = Reader::default();
    match Object::parse(body) {
        Ok(object) => {
            reader.read(&object, true, out);
            if !reader.started && !reader.ended {
                reader.ended = true;
                out.push(Event::Error(ApiError::upstream("the upstream's answer has neither message nor response")));
            }
        }
        Err(whole) => {
            let mut lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
            // A single broken object is told by its own fault.
            if lines.next().is_none_or(|first| Object::parse(first).is_err()) {
                out.push(not_json(&whole));
                return;
            }
            for line in body.split(|byte| *byte == b'\n') {
                reader.read_line(line.trim_ascii(), out);
            }
        }
    }
    reader.finish(out);
}

fn not_json(error: &crate::json::JsonError) -> Event {
    Event::Error(ApiError::upstream(format!("the upstream sent what is not valid JSON: {error}")))
}

/// Reads answer objects, one after another.
#[derive(Debug, Default)]
pub(super) struct Reader {
    started: bool,
    ended: bool,
    /// Calls so far.
    calls: usize,
    text: Half,
    thought: Half,
}

impl Reader {
    /// Whether the answer is over; what comes later is not read.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The end of the text so far.
    pub(super) fn half_of_text(&self) -> &Half {
        &self.text
    }

    /// The end of the thought so far.
    pub(super) fn half_of_thought(&self) -> &Half {
        &self.thought
    }

    /// Whether an object was read.
    pub(super) fn started(&self) -> bool {
        self.started
    }

    /// Reads a line; an empty one and SSE's terminator, which some proxies send, mean nothing.
    pub(super) fn read_line(&mut self, line: &[u8], out: &mut Vec<Event>) {
        if self.ended || line.is_empty() || line == b"[DONE]" {
            return;
        }
        match Object::parse(line) {
            Ok(object) => self.read(&object, false, out),
            Err(error) => {
                self.ended = true;
                out.push(not_json(&error));
            }
        }
    }

    /// Reads an object; `whole`: nothing follows, so that a missing `done` counts as true.
    pub(super) fn read(&mut self, object: &Object<'_>, whole: bool, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        if let Some(error) = error::in_band(object) {
            self.ended = true;
            out.push(Event::Error(error));
            return;
        }
        let message = object.given("message").and_then(Raw::object);
        let done = object.get("done").and_then(Raw::bool);
        let response = object.given("response");
        if message.is_none() && response.is_none() && done.is_none() {
            return;
        }
        if !self.started {
            self.started = true;
            let model = object.string("model").unwrap_or_default().into_owned();
            out.push(Event::Start(Start { model, ..Start::default() }));
        }
        let said = message.as_ref().unwrap_or(object);
        let text = message.as_ref().map_or(response, |message| message.given("content"));
        self.read_thought(said.given("thinking"), out);
        self.read_text(text, out);
        if let Some(logprobs) = object.given("logprobs") {
            let logprobs = read_logprobs(logprobs, true);
            if !logprobs.is_empty() {
                out.push(Event::Logprobs(logprobs));
            }
        }
        for call in said.given("tool_calls").and_then(Raw::array).into_iter().flatten() {
            self.read_call(call, out);
        }
        let done = done.unwrap_or(whole);
        read_usage(object, done, out);
        if done {
            self.ended = true;
            out.push(Event::Finish(Finish { reason: reason(object), stop_sequence: None }));
            out.push(Event::End);
        }
    }

    /// A piece of the text.
    pub(super) fn read_text(&mut self, piece: Option<Raw<'_>>, out: &mut Vec<Event>) {
        let text = piece.and_then(|piece| self.text.join(piece)).filter(|text| !text.is_empty());
        out.extend(text.map(|text| Event::Text(text.into_owned())));
    }

    /// A piece of the thought.
    pub(super) fn read_thought(&mut self, piece: Option<Raw<'_>>, out: &mut Vec<Event>) {
        let text = piece.and_then(|piece| self.thought.join(piece)).filter(|text| !text.is_empty());
        out.extend(text.map(|text| Event::Reasoning(text.into_owned())));
    }

    /// A call comes whole.
    fn read_call(&mut self, call: Raw<'_>, out: &mut Vec<Event>) {
        let Some(entry) = call.object() else { return };
        let Some(function) = entry.given("function").and_then(Raw::object) else { return };
        let arguments = match function.given("arguments") {
            None => "{}".to_owned(),
            Some(value) => match value.string() {
                Some(text) => text.into_owned(),
                None => value.text().into_owned(),
            },
        };
        let call = self.calls;
        self.calls += 1;
        out.push(Event::ToolCallStart {
            call,
            id: entry.string("id").unwrap_or_default().into_owned(),
            name: function.string("name").unwrap_or_default().into_owned(),
        });
        out.push(Event::ToolCallArguments { call, fragment: arguments });
        out.push(Event::ToolCallEnd { call });
    }

    /// No more objects will come. A complete answer has said so itself.
    pub(super) fn finish(&mut self, out: &mut Vec<Event>) {
        if !self.ended {
            self.ended = true;
            out.push(Event::Error(ApiError::upstream("the upstream's stream ended before the answer was complete")));
        }
    }
}

/// Counts of zero are left out on the wire, so at the end a missing one is zero.
fn read_usage(object: &Object<'_>, done: bool, out: &mut Vec<Event>) {
    let count = |key: &str| {
        let value = object.given(key);
        value.and_then(|value| value.u64().or_else(|| value.string()?.parse().ok())).or(done.then_some(0))
    };
    let usage =
        Usage { input_tokens: count("prompt_eval_count"), output_tokens: count("eval_count"), ..Usage::default() };
    if usage.is_known() {
        out.push(Event::Usage(usage));
    }
}

/// Ollama itself says `stop`, `length`, `load` and `unload`; proxies in its guise pass on OpenAI's words.
fn reason(object: &Object<'_>) -> FinishReason {
    match object.string("done_reason").as_deref() {
        Some("length") => FinishReason::Length,
        Some("load") => FinishReason::Load,
        Some("unload") => FinishReason::Unload,
        Some("tool_calls") => FinishReason::ToolCalls,
        Some("content_filter") => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}

fn read_logprobs(list: Raw<'_>, with_top: bool) -> Vec<Logprob> {
    let read = |entry: Raw<'_>| {
        let entry = entry.object()?;
        let byte = |byte: Raw<'_>| byte.u64().and_then(|byte| u8::try_from(byte).ok());
        let top = entry.given("top_logprobs").filter(|_| with_top);
        Some(Logprob {
            token: entry.string("token")?.into_owned(),
            logprob: entry.given("logprob")?.f64()?,
            bytes: entry.given("bytes").and_then(Raw::array).and_then(|bytes| bytes.map(byte).collect()),
            top: top.map(|top| read_logprobs(top, false)).unwrap_or_default(),
        })
    };
    list.array().map(|list| list.filter_map(read).collect()).unwrap_or_default()
}

/// The calls' ids, in order: the upstream's, unless it gave none or gave it to an earlier call too.
fn call_ids(answer: &Answer, context: &AnswerContext) -> Vec<String> {
    let mut taken = HashSet::new();
    let calls = answer.blocks.iter().filter_map(|block| match block {
        Block::ToolCall { call, id, .. } => Some((*call, id)),
        _ => None,
    });
    let id = |(number, id): (usize, &String)| {
        let made = id.is_empty() || taken.contains(id);
        let id = if made { ids::free_call_id(&context.id, number, |id| taken.contains(id)) } else { id.clone() };
        taken.insert(id.clone());
        id
    };
    calls.map(id).collect()
}

/// Appends a whole answer.
pub(super) fn encode(answer: &Answer, context: &AnswerContext, at: Stamp, out: &mut Vec<u8>) {
    let (mut content, mut thinking, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    let ids = call_ids(answer, context);
    for block in &answer.blocks {
        match block {
            Block::Text { text, .. } | Block::Refusal { text } => content.push(text.as_str()),
            Block::Reasoning { text, .. } if !text.is_empty() => thinking.push(text.as_str()),
            Block::Reasoning { .. } | Block::RedactedReasoning { .. } => {}
            Block::ToolCall { call, name, arguments, .. } => {
                let id = ids.get(calls.len()).map_or("", String::as_str);
                calls.push(Call { number: *call, id, name, arguments });
            }
        }
    }
    let body = Body { content: &content, thinking: &thinking, calls: &calls, logprobs: &answer.logprobs };
    let reason = answer.finish.as_ref().map_or(FinishReason::Stop, |finish| finish.reason);
    // Nothing is known of when the first token came; the whole time counts as the answer's.
    let ending = Ending { reason, usage: answer.usage, durations: Some((0, at.elapsed_nanos)) };
    LineWriter::new(context).write(body, Some(&ending), at, out);
}
