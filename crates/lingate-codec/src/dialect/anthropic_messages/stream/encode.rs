//! Writes a stream.

use super::super::usage::{self, Seen};
use super::super::{error, response};

use crate::dialect::arguments::Progress;
use crate::dialect::{AnswerContext, Stamp, StreamEncoder};
use crate::frame::Frame;
use crate::ir::{Event, Finish, Start, Usage};
use crate::json::Writer;
use std::collections::{HashMap, HashSet, VecDeque};

/// The block that is open; it has the index `next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    None,
    Text,
    Thinking,
    /// Which of `calls`.
    Tool(usize),
    /// One that the client got and that is not written here: of the provider's own tools.
    Foreign,
}

/// A tool call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// Arguments that came while another block was open.
    pub(super) pending: String,
    pub(super) progress: Progress,
    /// No more arguments will come.
    pub(super) done: bool,
    /// Its block is closed.
    pub(super) closed: bool,
}

impl Call {
    fn is_complete(&self) -> bool {
        self.done || self.progress.is_whole()
    }
}

/// Content that came while a call was incomplete: blocks do not overlap, so it waits for the call's end.
#[derive(Debug)]
enum Waiting {
    Content(Event),
    /// Which of `calls`.
    Call(usize),
}

/// The state of one stream. The call whose block is open streams live; while it is incomplete, all other content
/// waits. So `waiting` is empty whenever no block of an incomplete call is open.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    context: AnswerContext,
    pub(super) start: Start,
    pub(super) started: bool,
    pub(super) ended: bool,
    pub(super) usage: Usage,
    pub(super) finish: Option<Finish>,
    pub(super) seen: Seen,
    pub(super) open: Open,
    /// Index of the block that is open, else of the one to come.
    pub(super) next: usize,
    pub(super) calls: Vec<Call>,
    /// Places in `calls` by the events' numbers.
    pub(super) numbers: HashMap<usize, usize>,
    pub(super) ids: HashSet<String>,
    waiting: VecDeque<Waiting>,
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, _: Stamp, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            // Held back until the first content: the usage that comes with it belongs into `message_start`.
            Event::Start(start) => {
                if !self.started {
                    self.start = start.clone();
                }
            }
            Event::Usage(usage) => self.usage.update(usage),
            Event::Text(_)
            | Event::TextEnd
            | Event::Reasoning(_)
            | Event::ReasoningSignature(_)
            | Event::RedactedReasoning(_)
            | Event::Refusal(_)
            | Event::Citation(_) => {
                if self.is_busy() {
                    self.waiting.push_back(Waiting::Content(event.clone()));
                } else {
                    self.write(event, out);
                }
            }
            Event::ToolCallStart { call, id, name } => self.call_start(*call, id, name, out),
            Event::ToolCallArguments { call, fragment } => self.call_arguments(*call, fragment, out),
            Event::ToolCallEnd { call } => {
                if let Some(&at) = self.numbers.get(call) {
                    self.calls[at].done = true;
                    self.drain(out);
                }
            }
            // Has no place here.
            Event::Logprobs(_) => {}
            Event::Finish(finish) => {
                self.finish.get_or_insert_with(|| finish.clone());
                self.complete_calls(out);
            }
            Event::End => self.end(out),
            Event::Error(error) => {
                self.ended = true;
                out.extend_from_slice(b"event: error\ndata: ");
                error::encode(error, "", out);
                out.extend_from_slice(b"\n\n");
            }
        }
    }

    fn keep_alive(&mut self, _: Stamp, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        if self.start != Start::default() {
            self.ensure_started(out);
        }
        out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
    }

    fn follow(&mut self, frame: &Frame<'_>, events: &[Event], _: Stamp) {
        events.iter().for_each(|event| self.followed(event));
        self.followed_frame(frame);
    }

    fn can_go_on(&self) -> bool {
        // The finish of a frame is read at once, and stands at the end.
        self.finish.is_none() && !self.ended
    }
}

impl Encoder {
    pub(in super::super) fn new(context: AnswerContext) -> Self {
        Self {
            context,
            start: Start::default(),
            started: false,
            ended: false,
            usage: Usage::default(),
            finish: None,
            seen: Seen::default(),
            open: Open::None,
            next: 0,
            calls: Vec::new(),
            numbers: HashMap::new(),
            ids: HashSet::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Whether the open block is that of a call of which more may come.
    fn is_busy(&self) -> bool {
        matches!(self.open, Open::Tool(at) if !self.calls[at].is_complete())
    }

    /// Writes content; no incomplete call is open.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Text(text) | Event::Refusal(text) if !text.is_empty() => {
                self.seen.refusal |= matches!(event, Event::Refusal(_));
                self.ensure_open(Open::Text, out);
                self.delta("text_delta", "text", text, out);
            }
            Event::TextEnd if self.open == Open::Text => self.close(out),
            Event::Reasoning(text) if !text.is_empty() => {
                self.ensure_open(Open::Thinking, out);
                self.delta("thinking_delta", "thinking", text, out);
            }
            Event::ReasoningSignature(signature) if !signature.is_empty() => {
                self.ensure_open(Open::Thinking, out);
                self.delta("signature_delta", "signature", signature, out);
                self.close(out);
            }
            Event::RedactedReasoning(data) if !data.is_empty() => {
                self.close(out);
                self.begin_block("redacted_thinking", out, |writer| writer.string_member("data", data));
                self.end_block(out);
            }
            Event::Citation(citation) if self.open == Open::Text && !citation.url.is_empty() => {
                self.begin_delta(out);
                out.extend_from_slice(b"{\"type\":\"citations_delta\",\"citation\":");
                response::write_citation(citation, &mut Writer::new(out));
                out.extend_from_slice(b"}}\n\n");
            }
            _ => {}
        }
    }

    fn call_start(&mut self, number: usize, id: &str, name: &str, out: &mut Vec<u8>) {
        if self.numbers.contains_key(&number) {
            return;
        }
        self.seen.calls = true;
        let id = response::call_id(id, |id| self.ids.contains(id), number, &self.context);
        self.ids.insert(id.clone());
        let at = self.calls.len();
        self.numbers.insert(number, at);
        self.calls.push(Call {
            id,
            name: name.to_owned(),
            pending: String::new(),
            progress: Progress::default(),
            done: false,
            closed: false,
        });
        if self.is_busy() {
            self.waiting.push_back(Waiting::Call(at));
        } else {
            self.open_call(at, out);
        }
    }

    fn call_arguments(&mut self, number: usize, fragment: &str, out: &mut Vec<u8>) {
        let Some(&at) = self.numbers.get(&number) else { return };
        let call = &mut self.calls[at];
        // What follows a whole value would only spoil it.
        if fragment.is_empty() || call.closed || call.progress.is_whole() {
            return;
        }
        call.progress.add(fragment);
        if self.open == Open::Tool(at) {
            self.delta("input_json_delta", "partial_json", fragment, out);
            self.drain(out);
        } else {
            call.pending.push_str(fragment);
        }
    }

    fn open_call(&mut self, at: usize, out: &mut Vec<u8>) {
        self.close(out);
        let (id, name) = (std::mem::take(&mut self.calls[at].id), std::mem::take(&mut self.calls[at].name));
        self.begin_block("tool_use", out, |writer| {
            writer.string_member("id", &id);
            writer.string_member("name", &name);
            writer.json_member("input", "{}");
        });
        self.open = Open::Tool(at);
        let pending = std::mem::take(&mut self.calls[at].pending);
        if !pending.is_empty() {
            self.delta("input_json_delta", "partial_json", &pending, out);
        }
    }

    /// Writes what waited, as far as the open call lets it.
    fn drain(&mut self, out: &mut Vec<u8>) {
        while !self.is_busy() {
            match self.waiting.pop_front() {
                Some(Waiting::Content(event)) => self.write(&event, out),
                Some(Waiting::Call(at)) => self.open_call(at, out),
                None => return,
            }
        }
    }

    fn complete_calls(&mut self, out: &mut Vec<u8>) {
        self.calls.iter_mut().for_each(|call| call.done = true);
        self.drain(out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ensure_started(out);
        self.complete_calls(out);
        self.close(out);
        self.ended = true;
        out.extend_from_slice(b"event: message_delta\ndata: ");
        let mut writer = Writer::new(out);
        writer.begin_object();
        writer.string_member("type", "message_delta");
        writer.key("delta");
        writer.begin_object();
        usage::write_finish(self.finish.as_ref(), self.seen, &mut writer);
        writer.end_object();
        writer.key("usage");
        usage::write(&self.usage, &mut writer);
        writer.end_object();
        out.extend_from_slice(b"\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }

    fn ensure_started(&mut self, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        out.extend_from_slice(b"event: message_start\ndata: ");
        let mut writer = Writer::new(out);
        writer.begin_object();
        writer.string_member("type", "message_start");
        writer.key("message");
        writer.begin_object();
        response::write_id(&self.start.id, &self.context, &mut writer);
        writer.string_member("type", "message");
        writer.string_member("role", "assistant");
        writer.string_member("model", response::model_name(&self.start.model, &self.context));
        writer.json_member("content", "[]");
        writer.null_member("stop_reason");
        writer.null_member("stop_sequence");
        writer.key("usage");
        usage::write(&self.usage, &mut writer);
        writer.end_object();
        writer.end_object();
        out.extend_from_slice(b"\n\n");
    }

    /// Makes the open block one of that kind, text or thinking.
    fn ensure_open(&mut self, kind: Open, out: &mut Vec<u8>) {
        if self.open == kind {
            return;
        }
        self.close(out);
        if kind == Open::Text {
            self.begin_block("text", out, |writer| writer.string_member("text", ""));
        } else {
            self.begin_block("thinking", out, |writer| {
                writer.string_member("thinking", "");
                writer.string_member("signature", "");
            });
        }
        self.open = kind;
    }

    fn begin_block(&mut self, kind: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Writer<'_>)) {
        self.ensure_started(out);
        out.extend_from_slice(b"event: content_block_start\ndata: ");
        let mut writer = Writer::new(out);
        writer.begin_object();
        writer.string_member("type", "content_block_start");
        writer.integer_member("index", self.next);
        writer.key("content_block");
        writer.begin_object();
        writer.string_member("type", kind);
        members(&mut writer);
        writer.end_object();
        writer.end_object();
        out.extend_from_slice(b"\n\n");
    }

    fn begin_delta(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
        Writer::new(out).integer(self.next);
        out.extend_from_slice(b",\"delta\":");
    }

    /// A delta of the open block with one text member.
    fn delta(&self, kind: &str, member: &str, text: &str, out: &mut Vec<u8>) {
        self.begin_delta(out);
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"");
        out.extend_from_slice(member.as_bytes());
        out.extend_from_slice(b"\":");
        Writer::new(out).string(text);
        out.extend_from_slice(b"}}\n\n");
    }

    /// Closes the open block, if one is.
    fn close(&mut self, out: &mut Vec<u8>) {
        match self.open {
            Open::None => return,
            Open::Tool(at) => self.calls[at].closed = true,
            Open::Text | Open::Thinking | Open::Foreign => {}
        }
        self.open = Open::None;
        self.end_block(out);
    }

    fn end_block(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
        Writer::new(out).integer(self.next);
        out.extend_from_slice(b"}\n\n");
        self.next += 1;
    }
}
