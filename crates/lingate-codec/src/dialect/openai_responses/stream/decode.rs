//! Reads a stream.

use super::super::error;
use super::super::response::{Items, Place, Slot, is_of_response, read, terminal};
use super::passed::Passed;
use super::quick;
use crate::dialect::{Piece, PieceOf, StreamDecoder};
use crate::frame::Frame;
use crate::ir::{ApiError, Event, Start};
use crate::json::{Object, Raw};

/// The state of one stream. An event's type in its data counts: the name of the frame is its copy, and some servers
/// leave it out.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    started: bool,
    ended: bool,
    items: Items,
    /// The last frame that was passed over; nothing was read since.
    passed: Option<Passed>,
}

/// Members of an event, found in one walk.
#[derive(Default)]
struct Members<'a> {
    kind: Option<Raw<'a>>,
    place: Place<'a>,
    delta: Option<Raw<'a>>,
    /// The whole text of a `.done` event: `text`, `refusal`, `arguments` or `input`.
    whole: Option<Raw<'a>>,
    logprobs: Option<Raw<'a>>,
    item: Option<Raw<'a>>,
    part: Option<Raw<'a>>,
    annotation: Option<Raw<'a>>,
    response: Option<Raw<'a>>,
    error: bool,
}

impl<'a> Members<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut members = Self::default();
        let read = Object::visit(data, |name, _, value| match name {
            b"type" => members.kind = Some(value),
            b"output_index" => members.place.output = value.u64(),
            b"item_id" => members.place.id = value.escaped(),
            b"content_index" | b"summary_index" => members.place.part = value.u64().unwrap_or(0),
            b"delta" => members.delta = Some(value),
            b"text" | b"refusal" | b"arguments" | b"input" => members.whole = Some(value),
            b"logprobs" => members.logprobs = Some(value),
            b"item" => members.item = Some(value),
            b"part" => members.part = Some(value),
            b"annotation" => members.annotation = Some(value),
            b"response" => members.response = Some(value),
            b"error" => members.error = !value.is_null(),
            _ => {}
        });
        read.ok().map(|()| members)
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        self.read(frame, true, out);
    }

    fn tap(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        let named = frame.event.starts_with(b"response.");
        if !named || is_of_response(frame.event) {
            self.read(frame, false, out);
        }
    }

    fn glance<'f>(&self, frame: &'f Frame<'_>) -> Option<Piece<'f>> {
        if self.ended || !self.started {
            return None;
        }
        if let Some(piece) = self.passed.as_ref().and_then(|passed| passed.next(frame)) {
            return Some(piece);
        }
        let piece = quick::read(frame.event, frame.data.trim_ascii())?;
        let of = match piece.slot {
            Slot::Text => PieceOf::Text,
            Slot::Summary | Slot::Thought => PieceOf::Thought,
            Slot::Refusal | Slot::Arguments => return None,
        };
        let (at, half) = self.items.half_of(piece.place, piece.slot)?;
        // Its length must be known, because the whole text will come again.
        let plain = Piece::plain(of, piece.text, half).filter(|piece| !piece.escaped.contains(&b'\\'));
        plain.map(|piece| Piece { at, characters: characters(piece.escaped), ..piece })
    }

    fn skip(&mut self, frame: &Frame<'_>, piece: &Piece<'_>) {
        self.items.skip(piece.at, piece.of == PieceOf::Text, piece.escaped.len(), piece.characters);
        if self.passed.is_none() {
            self.passed = Passed::of(frame, piece);
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if !self.ended {
            self.fail(ApiError::upstream("the upstream's stream ended before the answer was complete"), out);
        }
    }
}

impl Decoder {
    fn read(&mut self, frame: &Frame<'_>, content: bool, out: &mut Vec<Event>) {
        let passed = self.passed.take();
        let data = frame.data.trim_ascii();
        let foreign = !frame.event.is_empty() && !frame.event.starts_with(b"response.") && frame.event != b"error";
        if self.ended || data.is_empty() || data == b"[DONE]" || foreign {
            return;
        }
        if self.started
            && content
            && let Some(piece) = quick::read(frame.event, data)
        {
            self.items.delta(piece.place, piece.slot, piece.text, out);
            // Of the same text, and without half a character: all is as it was.
            self.passed = passed.filter(|passed| passed.next_text(frame).is_some_and(|text| !has_codes(text)));
            return;
        }
        let Some(members) = Members::read(data) else {
            return self.fail(ApiError::upstream("the upstream sent a stream event that is not a JSON object"), out);
        };
        let kind = members.kind.and_then(Raw::escaped).unwrap_or(frame.event);
        if kind == b"error" || (members.error && !is_of_response(kind)) {
            let unsaid = || ApiError::upstream("the upstream reported an error");
            let said = Object::parse(data).ok().and_then(|object| error::read(&object));
            return self.fail(said.unwrap_or_else(unsaid), out);
        }
        if is_of_response(kind) {
            if let Some(response) = members.response.and_then(Raw::object) {
                self.response(kind, &response, content, out);
            }
            return;
        }
        if content && kind.starts_with(b"response.") {
            self.content(kind, &members, out);
            if self.items.is_overfull() {
                self.fail(ApiError::upstream("the upstream's answer has too many items"), out);
            }
        }
    }

    fn start(&mut self, start: Start, out: &mut Vec<Event>) {
        if !self.started {
            self.started = true;
            out.push(Event::Start(start));
        }
    }

    fn fail(&mut self, error: ApiError, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Error(error));
    }

    fn response(&mut self, kind: &[u8], response: &Object<'_>, content: bool, out: &mut Vec<Event>) {
        self.start(read::start(response), out);
        match kind {
            b"response.created" | b"response.in_progress" | b"response.queued" => {}
            b"response.failed" | b"response.cancelled" => {
                out.extend(read::usage(response).map(Event::Usage));
                let unsaid = || ApiError::upstream("the upstream's response failed without saying why");
                let error = read::finish(response, false).err().unwrap_or_else(unsaid);
                self.fail(error, out);
            }
            _ => {
                self.ended = true;
                terminal(response, &mut self.items, content, out);
            }
        }
    }

    fn content(&mut self, kind: &[u8], members: &Members<'_>, out: &mut Vec<Event>) {
        self.start(Start::default(), out);
        let (place, items) = (members.place, &mut self.items);
        if let Some((slot, done)) = text_event(kind) {
            let piece = if done { members.whole } else { members.delta };
            match piece {
                Some(whole) if done => items.done(place, slot, whole, out),
                Some(piece) => items.delta(place, slot, piece, out),
                None => {}
            }
            if let Some(list) = members.logprobs.filter(|_| slot == Slot::Text && !done) {
                items.logprobs(place, list, out);
            }
            return;
        }
        match kind {
            b"response.output_item.added" | b"response.output_item.done" => {
                let Some(item) = members.item.and_then(Raw::object) else { return };
                match kind {
                    b"response.output_item.added" => items.begin(place.output, &item, out),
                    _ => items.end(place.output, &item, out),
                }
            }
            b"response.output_text.annotation.added" => {
                if let Some(annotation) = members.annotation {
                    items.source(place, annotation, out);
                }
            }
            b"response.content_part.done" => {
                if let Some(part) = members.part.and_then(Raw::object) {
                    items.end_part(place, &part, out);
                }
            }
            // Announcements, what the provider's own tools do, and events yet to come.
            _ => {}
        }
    }
}

/// Whether characters are written by their codes.
fn has_codes(text: &[u8]) -> bool {
    text.windows(2).any(|two| two == b"\\u")
}

/// How many characters an UTF-8 text has.
fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// Which text an event holds, and whether the whole of it.
fn text_event(kind: &[u8]) -> Option<(Slot, bool)> {
    Some(match kind {
        b"response.output_text.delta" => (Slot::Text, false),
        b"response.output_text.done" => (Slot::Text, true),
        b"response.refusal.delta" => (Slot::Refusal, false),
        b"response.refusal.done" => (Slot::Refusal, true),
        b"response.reasoning_summary_text.delta" => (Slot::Summary, false),
        b"response.reasoning_summary_text.done" => (Slot::Summary, true),
        b"response.reasoning_text.delta" => (Slot::Thought, false),
        b"response.reasoning_text.done" => (Slot::Thought, true),
        b"response.function_call_arguments.delta" | b"response.custom_tool_call_input.delta" => {
            (Slot::Arguments, false)
        }
        b"response.function_call_arguments.done" | b"response.custom_tool_call_input.done" => (Slot::Arguments, true),
        _ => return None,
    })
}
