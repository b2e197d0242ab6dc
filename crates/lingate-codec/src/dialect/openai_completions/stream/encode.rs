//! A stream, written.

use crate::dialect::openai_completions::{logprobs, response::ID_PREFIX};
use crate::dialect::{
    AnswerContext, Stamp, StreamEncoder, openai_answer, openai_error as error, openai_tap, openai_usage as usage,
};
use crate::frame::Frame;
use crate::ir::{Event, FinishReason, Logprob, Start, Usage};
use crate::json::Writer;

/// Writes chunks. The finish waits for the end, so that nothing can follow it but usage and `[DONE]`, and an answer
/// that fails late has none.
pub(in crate::dialect::openai_completions) struct Encoder {
    context: AnswerContext,
    /// What every chunk begins with, up to its choices; empty before the first.
    head: Vec<u8>,
    finish: Option<FinishReason>,
    usage: Usage,
    /// Where the next token that is told of stands in the text, in characters.
    offset: u64,
    ended: bool,
    /// Whether the client has got a finish that was not written here.
    finish_followed: bool,
}

/// Between head and text.
const CHOICE: &[u8] = br#""choices":[{"index":0,"text":"#;

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, _at: Stamp, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.begin(ID_PREFIX, start),
            Event::Text(text) | Event::Refusal(text) if !text.is_empty() => self.chunk(text, &[], None, out),
            Event::Logprobs(tokens) if !tokens.is_empty() => self.chunk("", tokens, None, out),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Finish(finish) => self.finish = Some(finish.reason),
            Event::End => self.end(out),
            Event::Error(failure) => {
                out.extend_from_slice(b"data: ");
                error::encode(failure, out);
                out.extend_from_slice(b"\n\n");
                self.ended = true;
            }
            // Without a place here: thoughts, calls and sources, and what is empty.
            Event::Text(_)
            | Event::TextEnd
            | Event::Refusal(_)
            | Event::Reasoning(_)
            | Event::ReasoningSignature(_)
            | Event::RedactedReasoning(_)
            | Event::ToolCallStart { .. }
            | Event::ToolCallArguments { .. }
            | Event::ToolCallEnd { .. }
            | Event::Citation(_)
            | Event::Logprobs(_) => {}
        }
    }

    fn keep_alive(&mut self, _at: Stamp, out: &mut Vec<u8>) {
        if !self.ended {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }

    fn follow(&mut self, frame: &Frame<'_>, events: &[Event], at: Stamp) {
        self.finish_followed |= openai_tap::has_finish(&frame.data);
        for event in events {
            match event {
                // Whatever the id looks like, the client has seen it.
                Event::Start(start) => self.begin("", start),
                Event::Text(_) | Event::Refusal(_) => {}
                // What is written in its place is thrown away: the client has it.
                event => self.push(event, at, &mut Vec::new()),
            }
        }
    }

    fn can_go_on(&self) -> bool {
        !self.finish_followed && !self.ended
    }
}

impl Encoder {
    pub(in crate::dialect::openai_completions) fn new(context: AnswerContext) -> Self {
        Self {
            context,
            head: Vec::new(),
            finish: None,
            usage: Usage::default(),
            offset: 0,
            ended: false,
            finish_followed: false,
        }
    }

    /// Makes the head that all chunks have; once. The id is the upstream's where it begins with `prefix`.
    fn begin(&mut self, prefix: &str, start: &Start) {
        if self.head.is_empty() {
            self.head.extend_from_slice(b"data: ");
            let mut w = Writer::new(&mut self.head);
            w.begin_object();
            openai_answer::head("text_completion", prefix, start, &self.context, &mut w);
            self.head.push(b',');
        }
    }

    fn chunk(&mut self, text: &str, tokens: &[Logprob], finish: Option<&str>, out: &mut Vec<u8>) {
        self.begin(ID_PREFIX, &Start::default());
        out.extend_from_slice(&self.head);
        out.extend_from_slice(CHOICE);
        Writer::new(out).string(text);
        out.extend_from_slice(b",\"logprobs\":");
        if tokens.is_empty() {
            out.extend_from_slice(b"null");
        } else {
            logprobs::write(tokens, &mut self.offset, &mut Writer::new(out));
        }
        out.extend_from_slice(b",\"finish_reason\":");
        match finish {
            Some(word) => Writer::new(out).string(word),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}]}\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.chunk("", &[], Some(openai_answer::finish_word(self.finish, false)), out);
        if self.context.include_usage && self.usage.is_known() {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"\"choices\":[],\"usage\":");
            usage::write(&self.usage, &mut Writer::new(out));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.ended = true;
    }
}
