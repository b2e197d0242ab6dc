//! Moves reasoning: out of the text into its own events, and from there to where it is wanted.

mod markers;
mod split;

use super::{ByteSet, Transform};
use crate::ir::Event;
use split::{Part, Split};

/// Where reasoning goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It stays what it is.
    Keep,
    /// Into the text, as `<think>…</think>` and an empty line.
    Inline,
    /// Nowhere.
    Hide,
}

/// Nothing is looked for any more.
static NOTHING: ByteSet = ByteSet::of(b"");

/// See the module.
#[derive(Debug)]
pub struct Reasoning {
    mode: Mode,
    /// `None`: the text is left alone.
    split: Option<Split>,
    /// Whether a thought is open in the text.
    open: bool,
    /// Whether something was moved or left out.
    moved: bool,
    parts: Vec<Part>,
}

impl Reasoning {
    /// `split`: whether a thought that the answer's text begins with is taken out of it.
    pub fn new(mode: Mode, split: bool) -> Self {
        Self { mode, split: split.then(Split::default), open: false, moved: false, parts: Vec::new() }
    }

    /// Something that is no text comes: lets go of what is held.
    fn release(&mut self, end: bool, out: &mut Vec<Event>) {
        if let Some(split) = &mut self.split {
            split.release(end, &mut self.parts);
            self.tell_parts(out);
        }
    }

    fn tell_parts(&mut self, out: &mut Vec<Event>) {
        for part in std::mem::take(&mut self.parts) {
            match part {
                Part::Text(text) => self.tell(Event::Text(text), out),
                Part::Thought(text) => self.tell(Event::Reasoning(text), out),
            }
        }
    }

    /// Tells an event as the mode wants it.
    fn tell(&mut self, event: Event, out: &mut Vec<Event>) {
        match (self.mode, event) {
            (Mode::Keep, event) => out.push(event),
            // A signature is worth nothing without its thought, as a block of its own.
            (_, Event::ReasoningSignature(_) | Event::RedactedReasoning(_)) => self.moved = true,
            (Mode::Hide, Event::Reasoning(_)) => self.moved = true,
            (Mode::Inline, Event::Reasoning(text)) => {
                self.moved = true;
                if !std::mem::replace(&mut self.open, true) {
                    out.push(Event::Text("<think>".to_owned()));
                }
                out.push(Event::Text(text));
            }
            (_, event) => {
                let ends = !matches!(event, Event::Start(_) | Event::Usage(_) | Event::Error(_));
                if ends && std::mem::replace(&mut self.open, false) {
                    out.push(Event::Text("</think>\n\n".to_owned()));
                }
                out.push(event);
            }
        }
    }
}

impl Transform for Reasoning {
    fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        match event {
            Event::Text(text) => match &mut self.split {
                Some(split) if !split.is_done() || split.holds() => {
                    split.push(&text, &mut self.parts);
                    self.tell_parts(out);
                }
                _ => self.tell(Event::Text(text), out),
            },
            // Its place among the others means nothing.
            Event::Start(_) | Event::Usage(_) => out.push(event),
            event => {
                self.release(matches!(event, Event::Finish(_) | Event::End), out);
                self.tell(event, out);
            }
        }
    }

    fn holds(&self) -> bool {
        self.split.as_ref().is_some_and(Split::holds)
    }

    fn changed(&self) -> bool {
        self.moved || self.split.as_ref().is_some_and(Split::found)
    }

    fn alarm(&self) -> Option<&ByteSet> {
        let done = self.split.as_ref().is_none_or(Split::is_done);
        (done && !self.holds() && self.mode == Mode::Keep).then_some(&NOTHING)
    }
}

#[cfg(test)]
mod tests;
