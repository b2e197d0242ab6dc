//! Lines to events.

use crate::dialect::ollama::response::Reader;
use crate::dialect::{Piece, PieceOf, StreamDecoder};
use crate::frame::Frame;
use crate::ir::Event;
use crate::json::{Object, Raw};

/// Reads a stream of chat or generate lines.
#[derive(Debug, Default)]
pub(in crate::dialect::ollama) struct Decoder {
    reader: Reader,
    /// How the lines of this stream begin; `None` before the first was read.
    head: Option<Head>,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.reader.ended() {
            return;
        }
        match self.head.as_ref().and_then(|head| head.piece(&frame.data)) {
            Some((Kind::Text, piece)) => return self.reader.read_text(Some(piece), out),
            Some((Kind::Thought, piece)) => return self.reader.read_thought(Some(piece), out),
            None => {}
        }
        self.reader.read_line(&frame.data, out);
        if self.head.is_none() && self.reader.started() {
            self.head = Some(Head::of(&frame.data));
        }
    }

    fn tap(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.reader.ended() || self.reader.started() && self.only_content(&frame.data) {
            return;
        }
        self.push(frame, out);
    }

    fn glance<'f>(&self, frame: &'f Frame<'_>) -> Option<Piece<'f>> {
        if self.reader.ended() || !self.reader.started() {
            return None;
        }
        match self.head.as_ref()?.piece(&frame.data)? {
            (Kind::Text, text) => Piece::plain(PieceOf::Text, text, self.reader.half_of_text()),
            (Kind::Thought, text) => Piece::plain(PieceOf::Thought, text, self.reader.half_of_thought()),
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        self.reader.finish(out);
    }
}

impl Decoder {
    /// Whether a line holds nothing that a tap must tell: it says `done: false` and no error.
    fn only_content(&self, line: &[u8]) -> bool {
        if self.head.as_ref().is_some_and(|head| head.piece(line).is_some()) {
            return true;
        }
        let done = Object::find(line, "done");
        done.and_then(|at| line.get(at)) == Some(b"false") && memchr::memmem::find(line, b"\"error\"").is_none()
    }
}

/// The bytes from a line's beginning to its time stamp: `{"model":"m","created_at":"`. By them nearly every line,
/// which is a piece of text and nothing else, is read in one pass.
#[derive(Debug)]
struct Head(Vec<u8>);

impl Head {
    /// The head of a line; empty, so that no line has it, where the members stand in another order.
    fn of(line: &[u8]) -> Self {
        let head = Object::parse(line).ok().and_then(|object| match object.members() {
            [model, created, ..] if model.key == "model" && created.key == "created_at" => {
                created.value.escaped().and_then(|_| line.get(..=created.value_span.start).map(<[u8]>::to_vec))
            }
            _ => None,
        });
        Self(head.unwrap_or_default())
    }

    /// The text of a line of exactly the usual form; `None` for any other, which says nothing about it.
    fn piece<'l>(&self, line: &'l [u8]) -> Option<(Kind, Raw<'l>)> {
        const FORMS: [(Kind, &[u8], &[u8]); 4] = [
            (
                Kind::Thought,
                b"\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":",
                b"},\"done\":false}",
            ),
            (Kind::Thought, b"\",\"response\":\"\",\"thinking\":", b",\"done\":false}"),
            (Kind::Text, b"\",\"message\":{\"role\":\"assistant\",\"content\":", b"},\"done\":false}"),
            (Kind::Text, b"\",\"response\":", b",\"done\":false}"),
        ];
        if self.0.is_empty() {
            return None;
        }
        let rest = line.strip_prefix(self.0.as_slice())?;
        let (stamp, rest) = rest.split_at(memchr::memchr(b'"', rest)?);
        if !stamp.iter().all(|byte| byte.is_ascii_alphanumeric() || b":.+-".contains(byte)) {
            return None;
        }
        let form = |(kind, before, after): &(Kind, &[u8], &[u8])| {
            Some((*kind, rest.strip_prefix(*before)?.strip_suffix(*after)?))
        };
        let (kind, text) = FORMS.iter().find_map(form)?;
        // What is more than one string is no JSON value.
        let text = Raw::one_string(text)?;
        Some((kind, text))
    }
}

/// What a line is a piece of.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Thought,
}
