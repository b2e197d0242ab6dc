//! A stream, written.

use crate::dialect::free_text::FreeText;
use crate::dialect::openai_chat::error;
use crate::dialect::openai_chat::response::write;
use crate::dialect::{
    AnswerContext, Piece, PieceOf, Stamp, StreamEncoder, openai_answer, openai_tap, openai_usage as usage,
};
use crate::frame::Frame;
use crate::ir::{ApiError, Citation, Event, FinishReason, Logprob, Start, Usage};
use crate::json::Writer;
use std::collections::{BTreeMap, BTreeSet};

/// Writes chunks. The finish waits for the end, so that nothing can follow it but usage and `[DONE]`, and an answer
/// that fails late has none.
pub(in crate::dialect::openai_chat) struct Encoder {
    pub(super) context: AnswerContext,
    /// What every chunk begins with, up to its choices; empty before the first. All chunks have one head.
    pub(super) head: Vec<u8>,
    pub(super) finish: Option<FinishReason>,
    pub(super) usage: Usage,
    /// By the events' numbers.
    pub(super) calls: BTreeMap<usize, Call>,
    pub(super) call_ids: BTreeSet<String>,
    /// The index of a call to come.
    pub(super) next_index: usize,
    /// Whether the client has got arguments of which it was not told whose they are.
    arguments_followed: bool,
    /// Length of the text so far and of the text before its last block, in characters.
    pub(super) text: u64,
    pub(super) block: u64,
    ended: bool,
    /// Whether the client has got a finish that was not written here.
    finish_followed: bool,
}

pub(super) struct Call {
    /// Its index on the wire: 0, 1, 2 … in the order of the openings.
    pub(super) index: usize,
    pub(super) has_arguments: bool,
    /// Of a tool that takes free text.
    pub(super) free: Option<FreeText>,
}

const DATA: &[u8] = b"data: ";
const CHOICE: &[u8] = br#""choices":[{"index":0,"delta":{"#;
/// Closes a delta and its chunk.
const OPEN_ENDED: &[u8] = b"},\"finish_reason\":null}]}\n\n";

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, _at: Stamp, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.begin(start, out),
            Event::Text(text) => {
                self.text += text.chars().count() as u64;
                self.text_delta("content", text, out);
            }
            Event::Reasoning(text) => self.text_delta("reasoning_content", text, out),
            Event::Refusal(text) => self.text_delta("refusal", text, out),
            Event::TextEnd => self.block = self.text,
            Event::ToolCallStart { call, id, name } => self.open_call(*call, id, name, out),
            Event::ToolCallArguments { call, fragment } => self.call_arguments(*call, fragment, out),
            Event::Citation(citation) => self.citation(citation, out),
            Event::Logprobs(tokens) => self.logprobs(tokens, out),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Finish(finish) => self.finish = Some(finish.reason),
            Event::End => self.end(out),
            Event::Error(error) => self.fail(error, out),
            // Not to be said in this dialect.
            Event::ReasoningSignature(_) | Event::RedactedReasoning(_) | Event::ToolCallEnd { .. } => {}
        }
    }

    fn keep_alive(&mut self, _at: Stamp, out: &mut Vec<u8>) {
        if !self.ended {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }

    fn follow(&mut self, frame: &Frame<'_>, events: &[Event], _at: Stamp) {
        self.finish_followed |= openai_tap::has_finish(&frame.data);
        for event in events {
            match event {
                Event::ToolCallStart { call, id, name } => self.followed_call(*call, id, name, &frame.data),
                Event::End | Event::Error(_) => self.ended = true,
                event => self.followed(event),
            }
        }
    }

    fn follow_piece(&mut self, piece: &Piece<'_>) {
        match piece.of {
            PieceOf::Text => self.text += super::follow::escaped_characters(piece.escaped),
            PieceOf::Thought => {}
            // Which call it is of costs more than it is worth: one without any arguments is a rare thing.
            PieceOf::Arguments => self.arguments_followed = true,
        }
    }

    fn can_go_on(&self) -> bool {
        !self.finish_followed && !self.ended
    }
}

impl Encoder {
    pub(in crate::dialect::openai_chat) fn new(context: AnswerContext) -> Self {
        Self {
            context,
            head: Vec::new(),
            finish: None,
            usage: Usage::default(),
            calls: BTreeMap::new(),
            call_ids: BTreeSet::new(),
            next_index: 0,
            arguments_followed: false,
            text: 0,
            block: 0,
            ended: false,
            finish_followed: false,
        }
    }

    /// The chunk that names the speaker; once.
    fn begin(&mut self, start: &Start, out: &mut Vec<u8>) {
        if !self.head.is_empty() {
            return;
        }
        self.make_head(write::ID_PREFIX, start);
        self.delta(br#""role":"assistant","content":"""#, out);
    }

    /// Makes what every chunk begins with; the id is the upstream's where it begins with `prefix`.
    pub(super) fn make_head(&mut self, prefix: &str, start: &Start) {
        self.head.extend_from_slice(DATA);
        let mut w = Writer::new(&mut self.head);
        w.begin_object();
        openai_answer::head("chat.completion.chunk", prefix, start, &self.context, &mut w);
        self.head.push(b',');
    }

    fn ensure_begun(&mut self, out: &mut Vec<u8>) {
        if self.head.is_empty() {
            self.begin(&Start::default(), out);
        }
    }

    /// A chunk whose delta has these members.
    fn delta(&self, members: &[u8], out: &mut Vec<u8>) {
        self.open_delta(out);
        out.extend_from_slice(members);
        out.extend_from_slice(OPEN_ENDED);
    }

    fn open_delta(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(CHOICE);
    }

    fn text_delta(&mut self, key: &str, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.ensure_begun(out);
        self.open_delta(out);
        Writer::new(out).string_member(key, text);
        out.extend_from_slice(OPEN_ENDED);
    }

    /// A call needs a name; one without cannot be shown to a client.
    fn open_call(&mut self, call: usize, id: &str, name: &str, out: &mut Vec<u8>) {
        if name.is_empty() || self.calls.contains_key(&call) {
            return;
        }
        self.ensure_begun(out);
        let index = self.next_index;
        self.next_index += 1;
        let id = write::call_id(id, index, |id| self.call_ids.contains(id), &self.context).into_owned();
        self.open_delta(out);
        let mut w = Writer::new(out);
        w.key("tool_calls");
        w.begin_array();
        w.begin_object();
        w.integer_member("index", index);
        w.string_member("id", &id);
        let custom = write::is_custom(name, &self.context);
        w.string_member("type", write::call_kind(custom));
        w.key(write::call_kind(custom));
        w.begin_object();
        w.string_member("name", name);
        w.string_member(if custom { "input" } else { "arguments" }, "");
        w.end_object();
        w.end_object();
        w.end_array();
        out.extend_from_slice(OPEN_ENDED);
        self.call_ids.insert(id);
        self.calls.insert(call, Call { index, has_arguments: false, free: custom.then(FreeText::default) });
    }

    fn call_arguments(&mut self, call: usize, fragment: &str, out: &mut Vec<u8>) {
        if fragment.is_empty() {
            return;
        }
        let Some(call) = self.calls.get_mut(&call) else { return };
        call.has_arguments = true;
        let index = call.index;
        match &mut call.free {
            None => self.arguments_delta(index, "arguments", fragment, out),
            Some(free) => {
                let text = free.add(fragment);
                self.arguments_delta(index, "input", &text, out);
            }
        }
    }

    /// More arguments of a function, or more `input` of a tool that takes free text.
    fn arguments_delta(&self, index: usize, member: &str, fragment: &str, out: &mut Vec<u8>) {
        if fragment.is_empty() {
            return;
        }
        self.open_delta(out);
        let mut w = Writer::new(out);
        w.key("tool_calls");
        w.begin_array();
        w.begin_object();
        w.integer_member("index", index);
        w.key(write::call_kind(member == "input"));
        w.begin_object();
        w.string_member(member, fragment);
        w.end_object();
        w.end_object();
        w.end_array();
        out.extend_from_slice(OPEN_ENDED);
    }

    fn citation(&mut self, citation: &Citation, out: &mut Vec<u8>) {
        if citation.url.is_empty() {
            return;
        }
        self.ensure_begun(out);
        self.open_delta(out);
        let mut w = Writer::new(out);
        w.key("annotations");
        w.begin_array();
        write::annotation(citation, (self.block, self.text), &mut w);
        w.end_array();
        out.extend_from_slice(OPEN_ENDED);
    }

    fn logprobs(&mut self, tokens: &[Logprob], out: &mut Vec<u8>) {
        if tokens.is_empty() {
            return;
        }
        self.ensure_begun(out);
        self.open_delta(out);
        out.extend_from_slice(b"},\"logprobs\":");
        write::logprobs(tokens, &mut Writer::new(out));
        out.extend_from_slice(b",\"finish_reason\":null}]}\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ensure_begun(out);
        let mut called = false;
        for call in std::mem::take(&mut self.calls).into_values() {
            called = true;
            match call.free {
                Some(mut free) => self.arguments_delta(call.index, "input", &free.end().0, out),
                None if !call.has_arguments && !self.arguments_followed => {
                    self.arguments_delta(call.index, "arguments", "{}", out)
                }
                None => {}
            }
        }
        self.open_delta(out);
        out.extend_from_slice(b"},\"finish_reason\":\"");
        out.extend_from_slice(openai_answer::finish_word(self.finish, called).as_bytes());
        out.extend_from_slice(b"\"}]}\n\n");
        if self.context.include_usage && self.usage.is_known() {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"\"choices\":[],\"usage\":");
            usage::write(&self.usage, &mut Writer::new(out));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.ended = true;
    }

    fn fail(&mut self, failure: &ApiError, out: &mut Vec<u8>) {
        out.extend_from_slice(DATA);
        error::encode(failure, out);
        out.extend_from_slice(b"\n\n");
        self.ended = true;
    }
}
