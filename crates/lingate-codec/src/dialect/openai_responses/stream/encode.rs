//! Writes a stream.

use super::super::reasoning::{Sealed, own_in_signature};
use super::super::response::write::{self, Status};
use super::calls::{Call, OpenCall};
use super::message::Message;
use super::thought::Thought;
use super::wire::Wire;
use crate::dialect::{AnswerContext, Piece, PieceOf, Stamp, StreamEncoder};
use crate::frame::Frame;
use crate::ir::{ApiError, Citation, Event, Finish, Logprob, Start, Usage};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

/// An answer's texts are held until its end, which repeats them: so much of them at most, in bytes.
const MOST: usize = 64 * 1024 * 1024;

/// The item that is open.
#[derive(Debug)]
pub(super) enum Open {
    None,
    Message(Message),
    Thought(Thought),
    Call(OpenCall),
    /// One that the client got and that cannot be closed here.
    Foreign,
}

/// What came while a call was open: items do not overlap, so it waits for the call's end.
#[derive(Debug)]
enum Waiting {
    Content(Event),
    /// Which of `calls`.
    Call(usize),
}

/// The state of one stream. The call whose item is open streams live, and closes as soon as it is complete; until then
/// all other content waits. So `waiting` is empty whenever no call is open.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    pub(super) context: AnswerContext,
    pub(super) start: Start,
    pub(super) started: bool,
    pub(super) ended: bool,
    pub(super) wire: Wire,
    pub(super) open: Open,
    pub(super) usage: Usage,
    pub(super) finish: Option<Finish>,
    pub(super) calls: Vec<Call>,
    /// Places in `calls` by the events' numbers.
    pub(super) numbers: HashMap<usize, usize>,
    /// Number and place of the call that began last, of which nearly all events are.
    pub(super) last: Option<(usize, usize)>,
    pub(super) call_ids: HashSet<String>,
    waiting: VecDeque<Waiting>,
    /// Log probabilities that came before their text.
    tokens: Vec<Logprob>,
    /// Characters of text written.
    pub(super) characters: u64,
    /// Bytes of texts so far.
    pub(super) held: usize,
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, _: Stamp, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        self.held += size(event);
        if self.held > MOST {
            let message = "the answer is longer than what can be held of it";
            return self.fail(&ApiError::upstream(message), out);
        }
        match event {
            Event::Start(start) => {
                if !self.started {
                    self.start = start.clone();
                    self.ensure_started(out);
                }
            }
            Event::Text(_)
            | Event::TextEnd
            | Event::Reasoning(_)
            | Event::ReasoningSignature(_)
            | Event::RedactedReasoning(_)
            | Event::Refusal(_)
            | Event::Citation(_)
            | Event::Logprobs(_) => {
                if matches!(self.open, Open::Call(_)) {
                    self.waiting.push_back(Waiting::Content(event.clone()));
                } else {
                    self.write(event, out);
                }
            }
            Event::ToolCallStart { call, id, name } => self.call_start(*call, id, name, out),
            Event::ToolCallArguments { call, fragment } => self.call_arguments(*call, fragment, out),
            Event::ToolCallEnd { call } => {
                if let Some(at) = self.place(*call) {
                    self.calls[at].done = true;
                    self.drain(out);
                }
            }
            Event::Usage(usage) => self.usage.update(usage),
            Event::Finish(finish) => {
                self.finish.get_or_insert_with(|| finish.clone());
                self.complete_calls(out);
            }
            Event::End => self.end(out),
            Event::Error(error) => self.fail(error, out),
        }
    }

    fn keep_alive(&mut self, _: Stamp, out: &mut Vec<u8>) {
        if !self.ended {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }

    fn follow(&mut self, frame: &Frame<'_>, events: &[Event], _: Stamp) {
        events.iter().for_each(|event| self.followed(event));
        self.followed_frame(frame);
    }

    fn follow_piece(&mut self, piece: &Piece<'_>) {
        // Pieces with escapes are not passed over, so this is the text.
        self.followed_piece(piece.of == PieceOf::Text, piece.escaped, piece.characters);
    }

    fn can_go_on(&self) -> bool {
        let open = match &self.open {
            Open::Message(message) => message.can_go_on(),
            Open::None | Open::Thought(_) | Open::Call(_) => true,
            Open::Foreign => false,
        };
        open && !self.ended && self.held <= MOST
    }
}

/// How much of an event is held.
fn size(event: &Event) -> usize {
    match event {
        Event::Text(text)
        | Event::Reasoning(text)
        | Event::ReasoningSignature(text)
        | Event::RedactedReasoning(text)
        | Event::Refusal(text) => text.len(),
        Event::ToolCallStart { id, name, .. } => id.len() + name.len() + size_of::<Call>(),
        Event::ToolCallArguments { fragment, .. } => fragment.len(),
        Event::Citation(citation) => citation.url.len() + citation.title.len() + size_of::<Citation>(),
        Event::Logprobs(tokens) => tokens.iter().map(|token| (1 + token.top.len()) * size_of::<Logprob>()).sum(),
        _ => 0,
    }
}

impl Encoder {
    pub(in super::super) fn new(context: AnswerContext) -> Self {
        Self {
            context,
            start: Start::default(),
            started: false,
            ended: false,
            wire: Wire::default(),
            open: Open::None,
            usage: Usage::default(),
            finish: None,
            calls: Vec::new(),
            numbers: HashMap::new(),
            last: None,
            call_ids: HashSet::new(),
            waiting: VecDeque::new(),
            tokens: Vec::new(),
            characters: 0,
            held: 0,
        }
    }

    fn ensure_started(&mut self, out: &mut Vec<u8>) {
        if !self.started {
            self.started = true;
            self.of_response("response.created", Status::InProgress, out);
            self.of_response("response.in_progress", Status::InProgress, out);
        }
    }

    /// An event that holds the response.
    fn of_response(&mut self, kind: &str, status: Status<'_>, out: &mut Vec<u8>) {
        let output = std::mem::take(&mut self.wire.output);
        self.wire.event(kind, out, |w| {
            w.key("response");
            write::response(&self.start, &self.context, status, &output, &self.usage, w);
        });
        self.wire.output = output;
    }

    /// Writes content; no call is open.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Text(text) if !text.is_empty() => {
                let tokens = std::mem::take(&mut self.tokens);
                self.text(text, &tokens, out);
            }
            Event::Refusal(text) if !text.is_empty() => {
                if let Some((message, wire)) = self.message(out) {
                    message.refusal(text, wire, out);
                }
            }
            Event::TextEnd => {
                if let Open::Message(message) = &mut self.open {
                    message.end_text();
                }
            }
            Event::Citation(citation) if !citation.url.is_empty() => {
                let before = self.characters;
                if let Some((message, wire)) = self.message(out) {
                    message.citation(citation, before, wire, out);
                }
            }
            Event::Logprobs(tokens) if !tokens.is_empty() => match &self.open {
                Open::Message(message) if message.takes_text() => self.text("", tokens, out),
                _ => self.tokens.extend_from_slice(tokens),
            },
            Event::Reasoning(text) if !text.is_empty() => self.thought(text, out),
            Event::ReasoningSignature(signature) if !signature.is_empty() => self.signature(signature, out),
            Event::RedactedReasoning(data) if !data.is_empty() => {
                self.close(Status::Completed, out);
                self.ensure_started(out);
                Thought::open(None, &self.context, &mut self.wire, out).close(
                    Some(Sealed::Redacted(data)),
                    &mut self.wire,
                    out,
                );
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, tokens: &[Logprob], out: &mut Vec<u8>) {
        let before = self.characters;
        self.characters += text.chars().count() as u64;
        if let Some((message, wire)) = self.message(out) {
            message.text(text, tokens, before, wire, out);
        }
    }

    /// The open message, opened if need be.
    fn message(&mut self, out: &mut Vec<u8>) -> Option<(&mut Message, &mut Wire)> {
        if !matches!(self.open, Open::Message(_)) {
            self.close(Status::Completed, out);
            self.ensure_started(out);
            self.open = Open::Message(Message::open(&self.context, &mut self.wire, out));
        }
        match &mut self.open {
            Open::Message(message) => Some((message, &mut self.wire)),
            _ => None,
        }
    }

    fn thought(&mut self, text: &str, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Thought(_)) {
            self.open_thought(None, out);
        }
        if let Open::Thought(thought) = &mut self.open {
            thought.text(text, &mut self.wire, out);
        }
    }

    fn open_thought(&mut self, id: Option<&str>, out: &mut Vec<u8>) {
        self.close(Status::Completed, out);
        self.ensure_started(out);
        self.open = Open::Thought(Thought::open(id, &self.context, &mut self.wire, out));
    }

    /// Ends the open thought, or one without text.
    fn signature(&mut self, signature: &str, out: &mut Vec<u8>) {
        let own = own_in_signature(signature);
        if !matches!(self.open, Open::Thought(_)) {
            self.open_thought(own.map(|(id, _)| id), out);
        }
        let Open::Thought(thought) = std::mem::replace(&mut self.open, Open::None) else { return };
        let sealed = match own {
            // OpenAI would refuse it under the id that the item has.
            Some((id, _)) if !thought.is(id) => None,
            Some((_, content)) => Some(Sealed::Own(content)),
            None => Some(Sealed::Signature(signature)),
        };
        thought.close(sealed, &mut self.wire, out);
    }

    fn call_start(&mut self, number: usize, id: &str, name: &str, out: &mut Vec<u8>) {
        let at = self.calls.len();
        let Entry::Vacant(place) = self.numbers.entry(number) else { return };
        place.insert(at);
        self.last = Some((number, at));
        let id = write::call_id(id, number, |id| self.call_ids.contains(id), &self.context);
        self.call_ids.insert(id.clone());
        self.calls.push(Call::new(id, name));
        if matches!(self.open, Open::Call(_)) {
            self.waiting.push_back(Waiting::Call(at));
        } else {
            self.open_call(at, out);
        }
    }

    fn place(&self, number: usize) -> Option<usize> {
        match self.last {
            Some((last, at)) if last == number => Some(at),
            _ => self.numbers.get(&number).copied(),
        }
    }

    fn call_arguments(&mut self, number: usize, fragment: &str, out: &mut Vec<u8>) {
        let Some(at) = self.place(number) else { return };
        let call = &mut self.calls[at];
        if call.is_complete() {
            return;
        }
        match &mut self.open {
            Open::Call(open) if open.at == at => {
                call.add(fragment, false);
                open.more(fragment, &mut self.wire, out);
                self.drain(out);
            }
            _ => call.add(fragment, true),
        }
    }

    fn open_call(&mut self, at: usize, out: &mut Vec<u8>) {
        self.close(Status::Completed, out);
        self.ensure_started(out);
        self.open = Open::Call(OpenCall::open(at, &mut self.calls[at], &self.context, &mut self.wire, out));
    }

    /// Closes the open call if it is complete, and writes what waited, as far as the next call lets it.
    fn drain(&mut self, out: &mut Vec<u8>) {
        loop {
            match &self.open {
                Open::Call(open) if !self.calls[open.at].is_complete() => return,
                Open::Call(_) => self.close(Status::Completed, out),
                _ => match self.waiting.pop_front() {
                    Some(Waiting::Content(event)) => self.write(&event, out),
                    Some(Waiting::Call(at)) => self.open_call(at, out),
                    None => return,
                },
            }
        }
    }

    fn complete_calls(&mut self, out: &mut Vec<u8>) {
        self.calls.iter_mut().for_each(|call| call.done = true);
        self.drain(out);
    }

    /// Closes the open item, if one is. A call knows itself how it ended.
    fn close(&mut self, status: Status<'_>, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::None) {
            Open::None | Open::Foreign => {}
            Open::Message(message) => message.close(status, &mut self.wire, out),
            Open::Thought(thought) => thought.close(None, &mut self.wire, out),
            Open::Call(call) => call.close(&self.context, &mut self.wire, out),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ensure_started(out);
        self.complete_calls(out);
        let status = Status::of(self.finish.as_ref());
        self.close(status, out);
        let kind = match status {
            Status::Incomplete(_) => "response.incomplete",
            _ => "response.completed",
        };
        self.of_response(kind, status, out);
        self.ended = true;
    }

    /// The items that are done stay; the open one is lost with what it lacks.
    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        self.ensure_started(out);
        self.of_response("response.failed", Status::Failed(error), out);
        self.ended = true;
    }
}
