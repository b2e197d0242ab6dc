//! A stream, read.

use crate::dialect::halves::Half;
use crate::dialect::openai_around::{self, Surroundings};
use crate::dialect::openai_completions::logprobs;
use crate::dialect::{
    Piece, PieceOf, StreamDecoder, openai_answer, openai_error as error, openai_tap, openai_usage as usage,
};
use crate::frame::Frame;
use crate::ir::{ApiError, Event, FinishReason};
use crate::json::{Object, Raw};
use memchr::memmem::Finder;
use std::sync::LazyLock;

static TEXT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"text\""));

/// Reads chunks; of several answers the first. Its finish is held back until the frame after it, because some
/// upstreams send content after it.
#[derive(Debug, Default)]
pub(in crate::dialect::openai_completions) struct Decoder {
    started: bool,
    /// Of the last chunk that held a piece of text alone.
    around: Surroundings,
    text: Half,
    /// The reason that was read and not yet told.
    finish: Option<FinishReason>,
    finish_told: bool,
    ended: bool,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        let data = frame.data.trim_ascii();
        if self.ended || (openai_answer::is_sentinel(data) && frame.event != b"error") {
            return;
        }
        if let Some(piece) = self.piece(frame) {
            return self.read_text(piece, out);
        }
        if data == b"[DONE]" {
            self.tell_finish(out);
            return self.end(Event::End, out);
        }
        match Object::parse(data) {
            Ok(object) if frame.event != b"error" => self.chunk(&object, out),
            Ok(object) => {
                let told = error::in_answer(&object).unwrap_or_else(|| error::from_error_frame(data));
                self.end(Event::Error(told), out);
            }
            Err(_) if frame.event == b"error" => self.end(Event::Error(error::from_error_frame(data)), out),
            Err(_) => {
                let message = "the upstream's stream holds a frame that is not a JSON object";
                self.end(Event::Error(ApiError::upstream(message)), out);
            }
        }
    }

    fn tap(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        let content = self.started && self.finish.is_none() && frame.event.is_empty();
        if !content || (self.piece(frame).is_none() && openai_tap::may_matter(&frame.data, &TEXT)) {
            self.push(frame, out);
        }
    }

    fn glance<'f>(&self, frame: &'f Frame<'_>) -> Option<Piece<'f>> {
        let readable = self.started && self.finish.is_none() && !self.ended;
        Piece::plain(PieceOf::Text, self.piece(frame).filter(|_| readable)?, &self.text)
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        self.tell_finish(out);
        let event = if self.finish_told {
            Event::End
        } else {
            Event::Error(ApiError::upstream("the upstream's stream ended before the answer was complete"))
        };
        self.end(event, out);
    }
}

impl Decoder {
    /// The text of a frame that is like the one before but for it.
    fn piece<'f>(&self, frame: &'f Frame<'_>) -> Option<Raw<'f>> {
        let inside = self.around.inside(frame.data.trim_ascii()).filter(|_| frame.event.is_empty())?;
        // What is more than one string is no JSON value.
        Raw::one_string(inside)
    }

    fn read_text(&mut self, piece: Raw<'_>, out: &mut Vec<Event>) {
        let text = self.text.join(piece).filter(|text| !text.is_empty());
        out.extend(text.map(|text| Event::Text(text.into_owned())));
    }

    /// Whether a chunk holds a piece of text and nothing else that is told.
    fn is_plain(&self, chunk: &Object<'_>, choice: &Object<'_>) -> bool {
        let unfinished = choice.string("finish_reason").is_none_or(|word| word.is_empty());
        unfinished && choice.given("logprobs").is_none() && chunk.given("usage").is_none()
    }

    fn chunk(&mut self, object: &Object<'_>, out: &mut Vec<Event>) {
        if let Some(error) = error::in_answer(object) {
            return self.end(Event::Error(error), out);
        }
        let choices = object.given("choices");
        let usage = object.given("usage").and_then(usage::read);
        if !self.started && (choices.is_some() || usage.is_some()) {
            self.started = true;
            out.push(Event::Start(openai_answer::start(object)));
        }
        let mut failed = false;
        match choices.and_then(openai_answer::first_choice) {
            Some(choice) => {
                failed = !self.choice(&choice, out);
                if self.is_plain(object, &choice)
                    && let Some(text) = openai_around::in_first_choice(object, &choice, "text")
                {
                    self.around.learn(object.text(), text);
                }
            }
            // Chunks of another answer say nothing about this one.
            None if choices.and_then(Raw::array).is_some_and(|mut list| list.next().is_some()) => {}
            None => self.tell_finish(out),
        }
        if let Some(usage) = usage {
            out.push(Event::Usage(usage));
        }
        if failed {
            self.end(Event::Error(error::finished_by_error()), out);
        }
    }

    /// Reads a choice; false if it says that the answer failed.
    fn choice(&mut self, choice: &Object<'_>, out: &mut Vec<Event>) -> bool {
        if let Some(piece) = choice.given("text") {
            self.read_text(piece, out);
        }
        let tokens = logprobs::read(choice);
        if !tokens.is_empty() {
            out.push(Event::Logprobs(tokens));
        }
        let Some(word) = choice.string("finish_reason").filter(|word| !word.is_empty()) else { return true };
        match openai_answer::read_finish(&word, false) {
            Some(reason) => self.finish = Some(reason),
            None => return false,
        }
        true
    }

    fn tell_finish(&mut self, out: &mut Vec<Event>) {
        if let Some(reason) = self.finish.take().filter(|_| !self.finish_told) {
            self.finish_told = true;
            out.push(Event::Finish(openai_answer::finish(reason)));
        }
    }

    fn end(&mut self, event: Event, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(event);
    }
}
