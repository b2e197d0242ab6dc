//! A stream, read.

use super::calls::Calls;
use super::quick::{self, Piece};
use crate::dialect::openai_around::{self, Surroundings};
use crate::dialect::openai_chat::error;
use crate::dialect::openai_chat::response::read;
use crate::dialect::{
    Piece as Glimpse, PieceOf, StreamDecoder, openai_answer as answer, openai_tap, openai_usage as usage,
};
use crate::frame::Frame;
use crate::ir::{ApiError, Event, FinishReason};
use crate::json::{Object, Raw};
use memchr::memmem::Finder;
use std::sync::LazyLock;

static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"delta\""));

/// Reads chunks. The finish is held back until the frame after it, because some upstreams send content after it.
#[derive(Debug, Default)]
pub(in crate::dialect::openai_chat) struct Decoder {
    started: bool,
    /// Of the last chunk that held content alone.
    around: Surroundings,
    texts: read::Texts,
    calls: Calls,
    /// The reason that was read and not yet told.
    finish: Option<FinishReason>,
    finish_told: bool,
    ended: bool,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.ended || frame.data.is_empty() {
            return;
        }
        let data = frame.data.trim_ascii();
        if let Some(delta) = self.around.inside(data).filter(|_| frame.event.is_empty()) {
            match quick::read(delta) {
                Some(Piece::Text(text)) => return self.texts.text(text, out),
                Some(Piece::Thought(text)) => return self.texts.thought(text, out),
                Some(Piece::Arguments(index, text)) => return self.calls.more(index, text, out),
                None => {}
            }
            if let Ok(delta) = Object::parse(delta) {
                return self.delta(&delta, out);
            }
        }
        if data == b"[DONE]" {
            self.tell_finish(out);
            return self.end(Event::End, out);
        }
        if answer::is_sentinel(data) {
            return;
        }
        match Object::parse(data) {
            Ok(object) => self.chunk(&object, frame, out),
            Err(_) if frame.event == b"error" => self.end(Event::Error(error::from_error_frame(data)), out),
            Err(_) => {
                let message = "the upstream's stream holds a frame that is not a JSON object";
                self.end(Event::Error(ApiError::upstream(message)), out);
            }
        }
    }

    fn tap(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        let data = frame.data.trim_ascii();
        let readable = self.started && self.finish.is_none() && frame.event.is_empty();
        let content = self.around.inside(data).is_some_and(|delta| Raw::parse(delta).is_ok());
        if !readable || (!content && openai_tap::may_matter(data, &DELTA)) {
            self.push(frame, out);
        }
    }

    fn glance<'f>(&self, frame: &'f Frame<'_>) -> Option<Glimpse<'f>> {
        let readable = self.started && self.finish.is_none() && !self.ended && frame.event.is_empty();
        let delta = self.around.inside(frame.data.trim_ascii()).filter(|_| readable)?;
        match quick::read(delta)? {
            Piece::Text(text) => Glimpse::plain(PieceOf::Text, text, self.texts.half_of_text()),
            Piece::Thought(text) => Glimpse::plain(PieceOf::Thought, text, self.texts.half_of_thought()),
            Piece::Arguments(index, text) => {
                Glimpse::plain(PieceOf::Arguments, text, self.calls.half_of_arguments(index)?)
            }
        }
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
    fn chunk(&mut self, object: &Object<'_>, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if let Some(error) = error::in_answer(object) {
            return self.end(Event::Error(error), out);
        }
        if frame.event == b"error" {
            return self.end(Event::Error(error::from_error_frame(&frame.data)), out);
        }
        let choice = object.get("choices").and_then(answer::first_choice);
        let usage = object.given("usage").or_else(|| choice.as_ref()?.given("usage")).and_then(usage::read);
        if !self.started && (choice.is_some() || usage.is_some()) {
            self.started = true;
            out.push(Event::Start(answer::start(object)));
        }
        let mut failed = false;
        match choice {
            Some(choice) => {
                failed = !self.choice(&choice, out);
                if usage.is_none() && frame.event.is_empty() {
                    self.learn(object, &choice);
                }
            }
            None => self.tell_finish(out),
        }
        if let Some(usage) = usage {
            out.push(Event::Usage(usage));
        }
        if failed {
            self.end(Event::Error(error::finished_by_error()), out);
        }
    }

    /// Remembers what stood around the delta of a chunk that held nothing else.
    fn learn(&mut self, object: &Object<'_>, choice: &Object<'_>) {
        let plain = choice.string("finish_reason").is_none_or(|word| word.is_empty())
            && ["logprobs", "usage"].iter().all(|key| choice.given(key).is_none())
            && object.given("usage").is_none();
        let is_object = choice.get("delta").is_some_and(|delta| delta.object().is_some());
        if plain
            && is_object
            && let Some(delta) = openai_around::in_first_choice(object, choice, "delta")
        {
            self.around.learn(object.text(), delta);
        }
    }

    /// Reads a choice; false if it says that the answer failed.
    fn choice(&mut self, choice: &Object<'_>, out: &mut Vec<Event>) -> bool {
        // A server that was asked for a stream and sends a whole answer in it has a `message`.
        if let Some(delta) = choice.given("delta").or_else(|| choice.given("message")).and_then(Raw::object) {
            self.delta(&delta, out);
        }
        read::logprobs(choice, out);
        let Some(word) = choice.string("finish_reason").filter(|word| !word.is_empty()) else { return true };
        match answer::read_finish(&word, self.calls.any()) {
            Some(reason) => self.finish = Some(reason),
            None => return false,
        }
        true
    }

    fn delta(&mut self, delta: &Object<'_>, out: &mut Vec<Event>) {
        read::content(delta, &mut self.texts, out);
        self.calls.read(delta, out);
    }

    fn tell_finish(&mut self, out: &mut Vec<Event>) {
        if let Some(reason) = self.finish.take().filter(|_| !self.finish_told) {
            self.finish_told = true;
            self.calls.end(out);
            out.push(Event::Finish(answer::finish(reason)));
        }
    }

    fn end(&mut self, event: Event, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(event);
    }
}
