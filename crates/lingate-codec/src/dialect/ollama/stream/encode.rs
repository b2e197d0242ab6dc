//! Events to lines.

use crate::dialect::ollama::error;
use crate::dialect::ollama::line::{Body, Call, Ending, LineWriter};
use crate::dialect::{AnswerContext, Stamp, StreamEncoder};
use crate::frame::Frame;
use crate::ids;
use crate::ir::{Event, FinishReason, Usage};
use std::collections::{BTreeMap, HashSet};

/// Writes a stream. Text goes out at once; a call when it is whole, because its arguments are an object here; the
/// line that ends the answer when the upstream has ended, because usage may come as late as that.
#[derive(Debug)]
pub(in crate::dialect::ollama) struct Encoder {
    lines: LineWriter,
    /// Unique to the answer.
    seed: String,
    /// Calls that are not yet whole, by number. Their size is bounded by the upstream's answer.
    open: BTreeMap<usize, OpenCall>,
    /// Ids of the calls told of.
    ids: HashSet<String>,
    usage: Usage,
    reason: Option<FinishReason>,
    /// When the first content came, nanoseconds after the request.
    first_content: Option<u64>,
    ended: bool,
}

#[derive(Debug)]
struct OpenCall {
    id: String,
    name: String,
    arguments: String,
}

impl Encoder {
    pub(in crate::dialect::ollama) fn new(context: &AnswerContext) -> Self {
        Self {
            lines: LineWriter::new(context),
            seed: context.id.clone(),
            open: BTreeMap::new(),
            ids: HashSet::new(),
            usage: Usage::default(),
            reason: None,
            first_content: None,
            ended: false,
        }
    }

    fn line(&mut self, body: Body<'_>, at: Stamp, out: &mut Vec<u8>) {
        self.first_content.get_or_insert(at.elapsed_nanos);
        self.lines.write(body, None, at, out);
        out.push(b'\n');
    }

    fn call(&mut self, number: usize, at: Stamp, out: &mut Vec<u8>) {
        let Some(OpenCall { id, name, arguments }) = self.open.remove(&number) else { return };
        // An id that an earlier call has is none.
        let id = match id {
            id if !id.is_empty() && self.ids.insert(id.clone()) => id,
            _ => self.made_id(number),
        };
        let call = Call { number, id: &id, name: &name, arguments: &arguments };
        self.line(Body { calls: &[call], ..Body::default() }, at, out);
    }

    /// An id that no call has.
    fn made_id(&mut self, number: usize) -> String {
        let id = ids::free_call_id(&self.seed, number, |id| self.ids.contains(id));
        self.ids.insert(id.clone());
        id
    }

    fn all_calls(&mut self, at: Stamp, out: &mut Vec<u8>) {
        while let Some(number) = self.open.keys().next().copied() {
            self.call(number, at, out);
        }
    }

    fn end(&mut self, at: Stamp, out: &mut Vec<u8>) {
        self.all_calls(at, out);
        let before = self.first_content.unwrap_or(at.elapsed_nanos);
        let ending = Ending {
            reason: self.reason.unwrap_or(FinishReason::Stop),
            usage: self.usage,
            durations: Some((before, at.elapsed_nanos.saturating_sub(before))),
        };
        self.lines.write(Body::default(), Some(&ending), at, out);
        out.push(b'\n');
        self.ended = true;
    }
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, at: Stamp, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Text(text) | Event::Refusal(text) if !text.is_empty() => {
                self.line(Body { content: &[text], ..Body::default() }, at, out);
            }
            Event::Reasoning(text) if !text.is_empty() => {
                self.line(Body { thinking: &[text], ..Body::default() }, at, out);
            }
            Event::ToolCallStart { call, id, name } => {
                // A number that begins again is another call; the first is whole then.
                self.call(*call, at, out);
                let open = OpenCall { id: id.clone(), name: name.clone(), arguments: String::new() };
                self.open.insert(*call, open);
            }
            Event::ToolCallArguments { call, fragment } => {
                if let Some(open) = self.open.get_mut(call) {
                    open.arguments.push_str(fragment);
                }
            }
            Event::ToolCallEnd { call } => self.call(*call, at, out),
            Event::Logprobs(logprobs) if !logprobs.is_empty() => {
                self.line(Body { logprobs, ..Body::default() }, at, out);
            }
            Event::Usage(usage) => self.usage.update(usage),
            Event::Finish(finish) => {
                self.all_calls(at, out);
                self.reason = Some(finish.reason);
            }
            Event::End => self.end(at, out),
            Event::Error(told) => {
                error::encode(told, out);
                out.push(b'\n');
                self.ended = true;
            }
            // Without a place here: block ends, signatures, encrypted thoughts and sources, and empty deltas.
            Event::Start(_)
            | Event::Text(_)
            | Event::TextEnd
            | Event::Reasoning(_)
            | Event::ReasoningSignature(_)
            | Event::RedactedReasoning(_)
            | Event::Refusal(_)
            | Event::Citation(_)
            | Event::Logprobs(_) => {}
        }
    }

    fn keep_alive(&mut self, at: Stamp, out: &mut Vec<u8>) {
        if !self.ended {
            self.lines.write(Body::default(), None, at, out);
            out.push(b'\n');
        }
    }

    fn follow(&mut self, _frame: &Frame<'_>, events: &[Event], at: Stamp) {
        // Lines stand each for itself. What is written in their place is thrown away: the client has it.
        for event in events {
            match event {
                Event::Text(_) | Event::Reasoning(_) | Event::Refusal(_) | Event::Logprobs(_) => {
                    self.first_content.get_or_insert(at.elapsed_nanos);
                }
                event => self.push(event, at, &mut Vec::new()),
            }
        }
    }

    fn can_go_on(&self) -> bool {
        !self.ended
    }
}
