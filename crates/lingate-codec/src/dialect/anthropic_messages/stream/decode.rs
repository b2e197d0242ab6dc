//! Reads a stream.

use super::super::usage::{self, Counts};
use super::super::{error, response};
use super::quick;
use crate::dialect::halves::Half;
use crate::dialect::{Piece, PieceOf, StreamDecoder};
use crate::frame::Frame;
use crate::ir::{ApiError, Citation, Event, Start};
use crate::json::{self, Object, Raw};

/// How many blocks may be open at once; the API opens one.
const MAX_OPEN: usize = 64;

/// A block that has begun and not ended.
#[derive(Debug)]
struct Open {
    index: u64,
    kind: Kind,
    /// The end of its text so far.
    half: Half,
}

#[derive(Debug)]
enum Kind {
    /// Whether any of its text came; the citations that came before it.
    Text(bool, Vec<Citation>),
    /// Its signature so far.
    Thinking(String),
    /// The call's number; the input that its start gave, until a delta takes its place.
    Tool(usize, String),
    /// A block of the provider's own tools.
    Other,
}

/// The state of one stream. Blocks come one after the other; several open ones are borne with.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    started: bool,
    finished: bool,
    ended: bool,
    counts: Counts,
    open: Vec<Open>,
    calls: usize,
    /// The last frame that was passed over; nothing was read since.
    passed: Option<Passed>,
}

/// What the pieces of one block have in common: all of a frame's data up to the piece.
#[derive(Debug)]
struct Passed {
    lead: Vec<u8>,
    of: PieceOf,
}

impl Passed {
    /// Whether the data holds another piece of the same block, without a character written by its code.
    fn goes_on_in(&self, data: &[u8]) -> bool {
        data.strip_prefix(&*self.lead).is_some_and(|text| !text.windows(2).any(|two| two == b"\\u"))
    }

    /// The next piece of the same block, if it is plain.
    fn next<'f>(&self, data: &'f [u8]) -> Option<Piece<'f>> {
        data.strip_prefix(&*self.lead)?;
        let (escaped, rest) = json::plain_string(data, self.lead.len())?;
        (rest == b"}}" && !escaped.is_empty()).then_some(Piece { of: self.of, escaped, at: 0, characters: 0 })
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        if self.ended || frame.data.is_empty() {
            return;
        }
        let passed = self.passed.take();
        if self.started
            && frame.event == b"content_block_delta"
            && let Some((index, kind, text)) = quick::read(&frame.data)
        {
            self.piece(index, kind, text, out);
            // Of the same block, and without half a character: all is as it was.
            self.passed = passed.filter(|passed| passed.goes_on_in(&frame.data));
            return;
        }
        match frame.event {
            b"" if frame.data.as_ref() == b"[DONE]" => {}
            b""
            | b"content_block_delta"
            | b"content_block_start"
            | b"content_block_stop"
            | b"message_start"
            | b"message_delta"
            | b"message_stop"
            | b"error" => self.read(frame, out),
            // `ping`, and events yet to come.
            _ => {}
        }
    }

    fn tap(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        match frame.event {
            b"content_block_delta" | b"content_block_start" | b"content_block_stop" => {}
            _ => self.push(frame, out),
        }
    }

    fn glance<'f>(&self, frame: &'f Frame<'_>) -> Option<Piece<'f>> {
        if self.ended || !self.started || frame.event != b"content_block_delta" {
            return None;
        }
        if let Some(piece) = self.passed.as_ref().and_then(|passed| passed.next(&frame.data)) {
            return Some(piece);
        }
        let (index, kind, text) = quick::read(&frame.data)?;
        let open = self.open.iter().rev().find(|open| open.index == index)?;
        let of = match (kind, &open.kind) {
            // The first piece of a block does more than tell of itself.
            (b"text_delta", Kind::Text(true, early)) if early.is_empty() => PieceOf::Text,
            (b"thinking_delta", Kind::Thinking(_)) => PieceOf::Thought,
            (b"input_json_delta", Kind::Tool(_, given)) if given.is_empty() => PieceOf::Arguments,
            _ => return None,
        };
        Piece::plain(of, text, &open.half)
    }

    fn skip(&mut self, frame: &Frame<'_>, piece: &Piece<'_>) {
        if self.passed.is_none() {
            let lead = piece.start_in(&frame.data).and_then(|start| frame.data.get(..start));
            self.passed = lead.map(|lead| Passed { lead: lead.to_vec(), of: piece.of });
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        self.ended = true;
        out.push(if self.finished {
            Event::End
        } else {
            Event::Error(ApiError::upstream("the upstream's stream ended before the answer was complete"))
        });
    }
}

impl Decoder {
    fn read(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        let Ok(object) = Object::parse(&frame.data) else {
            self.fail(ApiError::upstream("the upstream sent a stream event that is not a JSON object"), out);
            return;
        };
        // The type in the data counts: the name of the frame is its copy.
        let kind = object.get("type").and_then(Raw::escaped).unwrap_or(frame.event);
        if !self.started && (kind.starts_with(b"content_block_") || matches!(kind, b"message_delta" | b"message_stop"))
        {
            self.started = true;
            out.push(Event::Start(Start::default()));
        }
        match kind {
            b"content_block_delta" => self.block_delta(&object, out),
            b"content_block_start" => self.block_start(&object, out),
            b"content_block_stop" => self.block_stop(&object, out),
            b"message_start" => self.message_start(&object, out),
            b"message_delta" => self.message_delta(&object, out),
            b"message_stop" => {
                self.ended = true;
                out.push(Event::End);
            }
            b"error" => self.fail_with(&object, out),
            _ if object.given("error").is_some() => self.fail_with(&object, out),
            _ => {}
        }
    }

    fn fail_with(&mut self, object: &Object<'_>, out: &mut Vec<Event>) {
        let unsaid = || ApiError::upstream("the upstream reported an error");
        self.fail(error::read(object).unwrap_or_else(unsaid), out);
    }

    fn fail(&mut self, error: ApiError, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Error(error));
    }

    fn message_start(&mut self, object: &Object<'_>, out: &mut Vec<Event>) {
        let Some(message) = object.given("message").and_then(Raw::object) else { return };
        let usage = message.given("usage").and_then(Raw::object);
        if !self.started {
            self.started = true;
            out.push(Event::Start(response::start(&message, usage.as_ref())));
        }
        out.extend(usage.map(|usage| Event::Usage(self.counts.update(&usage))));
    }

    fn message_delta(&mut self, object: &Object<'_>, out: &mut Vec<Event>) {
        let usage = object.given("usage").and_then(Raw::object);
        out.extend(usage.map(|usage| Event::Usage(self.counts.update(&usage))));
        let Some(delta) = object.given("delta").and_then(Raw::object) else { return };
        if let Some(details) = delta.given("stop_details").and_then(Raw::object) {
            response::refusal(&details, out);
        }
        if let Some(finish) = usage::finish(&delta).filter(|_| !self.finished) {
            self.finished = true;
            out.push(Event::Finish(finish));
        }
    }

    fn block_start(&mut self, object: &Object<'_>, out: &mut Vec<Event>) {
        let Some(block) = object.given("content_block").and_then(Raw::object) else { return };
        let text = |key: &str| block.string(key).filter(|text| !text.is_empty()).map(String::from);
        let kind = match block.string("type").unwrap_or_default().as_ref() {
            "text" => {
                let text = text("text");
                let given = text.is_some();
                out.extend(text.map(Event::Text));
                Kind::Text(given, Vec::new())
            }
            "thinking" => {
                out.extend(text("thinking").map(Event::Reasoning));
                Kind::Thinking(text("signature").unwrap_or_default())
            }
            "redacted_thinking" => {
                out.extend(text("data").map(Event::RedactedReasoning));
                Kind::Other
            }
            "tool_use" => {
                let call = self.calls;
                self.calls += 1;
                let id = text("id").unwrap_or_default();
                out.push(Event::ToolCallStart { call, id, name: text("name").unwrap_or_default() });
                let given =
                    block.given("input").filter(|input| input.object().is_some_and(|o| !o.members().is_empty()));
                Kind::Tool(call, given.map(|input| input.text().into_owned()).unwrap_or_default())
            }
            _ => Kind::Other,
        };
        if self.open.len() == MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push(Open { index: index(object), kind, half: Half::default() });
    }

    fn block_delta(&mut self, object: &Object<'_>, out: &mut Vec<Event>) {
        let Some(delta) = object.given("delta").and_then(Raw::object) else { return };
        let kind = delta.get("type").and_then(Raw::escaped).unwrap_or_default();
        if kind == b"citations_delta" {
            let citation = delta.given("citation").and_then(Raw::object);
            let Some(citation) = citation.map(|citation| response::read_citation(&citation)) else { return };
            match self.open(index(object)) {
                Some(Open { kind: Kind::Text(false, early), .. }) => early.push(citation),
                _ => out.push(Event::Citation(citation)),
            }
        } else if let Some(text) = quick::member_of(kind).and_then(|member| delta.get(member)) {
            self.piece(index(object), kind, text, out);
        }
    }

    /// A piece of text of any kind.
    fn piece(&mut self, index: u64, kind: &[u8], piece: Raw<'_>, out: &mut Vec<Event>) {
        let mut open = self.open(index);
        let text = match &mut open {
            Some(open) => open.half.join(piece),
            None => piece.string(),
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        match (kind, open.map(|open| &mut open.kind)) {
            (b"text_delta", open) => {
                out.push(Event::Text(text.into_owned()));
                if let Some(Kind::Text(given, early)) = open {
                    *given = true;
                    out.extend(early.drain(..).map(Event::Citation));
                }
            }
            (b"thinking_delta", _) => out.push(Event::Reasoning(text.into_owned())),
            (b"signature_delta", Some(Kind::Thinking(signature))) => signature.push_str(&text),
            (b"input_json_delta", Some(Kind::Tool(call, given))) => {
                given.clear();
                out.push(Event::ToolCallArguments { call: *call, fragment: text.into_owned() });
            }
            _ => {}
        }
    }

    /// The open block of that index.
    fn open(&mut self, index: u64) -> Option<&mut Open> {
        self.open.iter_mut().rev().find(|open| open.index == index)
    }

    fn block_stop(&mut self, object: &Object<'_>, out: &mut Vec<Event>) {
        let index = index(object);
        let Some(at) = self.open.iter().rposition(|open| open.index == index) else { return };
        match self.open.swap_remove(at).kind {
            Kind::Text(true, _) => out.push(Event::TextEnd),
            Kind::Thinking(signature) if !signature.is_empty() => out.push(Event::ReasoningSignature(signature)),
            Kind::Tool(call, input) => {
                if !input.is_empty() {
                    out.push(Event::ToolCallArguments { call, fragment: input });
                }
                out.push(Event::ToolCallEnd { call });
            }
            Kind::Text(false, _) | Kind::Thinking(_) | Kind::Other => {}
        }
    }
}

fn index(object: &Object<'_>) -> u64 {
    object.get("index").and_then(Raw::u64).unwrap_or(0)
}
