//! The message that is open: its parts, texts and refusals, one after the other.

use super::super::response::write::{self, Status};
use super::wire::Wire;
use crate::dialect::AnswerContext;
use crate::ir::{Citation, Logprob};
use crate::json::Writer;

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    id: String,
    /// The parts that are done, commas between them.
    content: Vec<u8>,
    /// `content_index` of the part that is open, else of the one to come.
    index: usize,
    part: Option<Part>,
}

/// A part that is open.
#[derive(Debug)]
struct Part {
    refusal: bool,
    /// What its deltas have in common.
    lead: Vec<u8>,
    /// UTF-8. What is only followed is not checked until it is written.
    text: Vec<u8>,
    /// The next text begins another part. It stays open until then: sources may follow.
    ended: bool,
    /// The client got the whole text, and not yet the part's end.
    closing: bool,
    /// Characters of the answer's text before it, and of its own.
    before: u64,
    length: u64,
    annotations: Vec<u8>,
    sources: usize,
    logprobs: Vec<Logprob>,
}

impl Message {
    pub(super) fn open(context: &AnswerContext, wire: &mut Wire, out: &mut Vec<u8>) -> Self {
        let id = write::item_id("msg", context, wire.index);
        wire.added(out, |w| write::message(&id, Status::InProgress, b"", w));
        Self { id, content: Vec::new(), index: 0, part: None }
    }

    /// A message of that id that the client got.
    pub(super) fn followed(id: &str) -> Self {
        Self { id: id.to_owned(), content: Vec::new(), index: 0, part: None }
    }

    /// The client got the beginning of a part. `before`: characters of the answer's text before it.
    pub(super) fn followed_part(&mut self, index: usize, refusal: bool, before: u64, wire: &Wire) {
        self.index = index;
        self.part = Some(Part::new(refusal, wire.lead(&self.id, Some(("content_index", index))), before));
    }

    /// The client got more of the open part, of so many characters.
    pub(super) fn followed_text(&mut self, text: &[u8], characters: usize) {
        if let Some(part) = &mut self.part {
            part.text.extend_from_slice(text);
            part.length += characters as u64;
        }
    }

    /// The client got the whole text of the open part.
    pub(super) fn followed_text_end(&mut self) {
        if let Some(part) = &mut self.part {
            part.closing = true;
        }
    }

    /// Whether more can be written.
    pub(super) fn can_go_on(&self) -> bool {
        !self.part.as_ref().is_some_and(|part| part.closing)
    }

    /// The client got a source of the open part, as JSON.
    pub(super) fn followed_source(&mut self, source: &[u8]) {
        if let Some(part) = &mut self.part {
            if !part.annotations.is_empty() {
                part.annotations.push(b',');
            }
            part.annotations.extend_from_slice(source);
            part.sources += 1;
        }
    }

    /// The client got the end of a part, and the whole of it as JSON.
    pub(super) fn followed_end(&mut self, index: usize, part: &[u8]) {
        if !self.content.is_empty() {
            self.content.push(b',');
        }
        self.content.extend_from_slice(part);
        (self.index, self.part) = (index + 1, None);
    }

    /// More text, with its log probabilities. `before`: characters of the answer's text before it.
    pub(super) fn text(&mut self, text: &str, tokens: &[Logprob], before: u64, wire: &mut Wire, out: &mut Vec<u8>) {
        self.ensure_part(false, before, wire, out);
        let Some(part) = &mut self.part else { return };
        part.text.extend_from_slice(text.as_bytes());
        part.length += text.chars().count() as u64;
        part.logprobs.extend_from_slice(tokens);
        let mut tail = Vec::new();
        if !tokens.is_empty() {
            tail.extend_from_slice(b",\"logprobs\":");
            write::logprobs(tokens, &mut Writer::new(&mut tail));
        }
        let tail = if tokens.is_empty() { b",\"logprobs\":[]".as_slice() } else { &tail };
        wire.delta("response.output_text.delta", &part.lead, text, tail, out);
    }

    /// More of a refusal.
    pub(super) fn refusal(&mut self, text: &str, wire: &mut Wire, out: &mut Vec<u8>) {
        self.ensure_part(true, 0, wire, out);
        let Some(part) = &mut self.part else { return };
        part.text.extend_from_slice(text.as_bytes());
        wire.delta("response.refusal.delta", &part.lead, text, b"", out);
    }

    /// A source of the text.
    pub(super) fn citation(&mut self, citation: &Citation, before: u64, wire: &mut Wire, out: &mut Vec<u8>) {
        if !self.has_text() {
            self.ensure_part(false, before, wire, out);
        }
        let Self { id, index, part: Some(part), .. } = self else { return };
        if !part.annotations.is_empty() {
            part.annotations.push(b',');
        }
        let start = part.annotations.len();
        write::annotation(citation, part.before, part.length, &mut Writer::new(&mut part.annotations));
        wire.of_item("response.output_text.annotation.added", id, out, |w| {
            w.integer_member("content_index", *index);
            w.integer_member("annotation_index", part.sources);
            w.key("annotation");
            w.json(part.annotations.get(start..).unwrap_or_default());
        });
        part.sources += 1;
    }

    /// Whether a text part is open, ended or not.
    pub(super) fn has_text(&self) -> bool {
        self.part.as_ref().is_some_and(|part| !part.refusal)
    }

    /// Whether a text part is open that takes more text.
    pub(super) fn takes_text(&self) -> bool {
        self.part.as_ref().is_some_and(|part| !part.refusal && !part.ended)
    }

    /// The open text is complete.
    pub(super) fn end_text(&mut self) {
        if let Some(part) = self.part.as_mut().filter(|part| !part.refusal) {
            part.ended = true;
        }
    }

    pub(super) fn close(mut self, status: Status<'_>, wire: &mut Wire, out: &mut Vec<u8>) {
        self.close_part(wire, out);
        wire.done(out, |w| write::message(&self.id, status, &self.content, w));
    }

    fn ensure_part(&mut self, refusal: bool, before: u64, wire: &mut Wire, out: &mut Vec<u8>) {
        if self.part.as_ref().is_some_and(|part| part.refusal == refusal && !part.ended) {
            return;
        }
        self.close_part(wire, out);
        let part = Part::new(refusal, wire.lead(&self.id, Some(("content_index", self.index))), before);
        wire.of_item("response.content_part.added", &self.id, out, |w| {
            w.integer_member("content_index", self.index);
            w.key("part");
            part.write(w);
        });
        self.part = Some(part);
    }

    fn close_part(&mut self, wire: &mut Wire, out: &mut Vec<u8>) {
        let Some(part) = self.part.take() else { return };
        let kind = if part.refusal { "response.refusal.done" } else { "response.output_text.done" };
        wire.of_item(kind, &self.id, out, |w| {
            w.integer_member("content_index", self.index);
            let text = String::from_utf8_lossy(&part.text);
            if part.refusal {
                w.string_member("refusal", &text);
            } else {
                w.string_member("text", &text);
                w.key("logprobs");
                write::logprobs(&part.logprobs, w);
            }
        });
        if !self.content.is_empty() {
            self.content.push(b',');
        }
        let start = self.content.len();
        part.write(&mut Writer::new(&mut self.content));
        wire.of_item("response.content_part.done", &self.id, out, |w| {
            w.integer_member("content_index", self.index);
            w.key("part");
            w.json(self.content.get(start..).unwrap_or_default());
        });
        self.index += 1;
    }
}

impl Part {
    fn new(refusal: bool, lead: Vec<u8>, before: u64) -> Self {
        Self {
            refusal,
            lead,
            text: Vec::new(),
            ended: false,
            closing: false,
            before,
            length: 0,
            annotations: Vec::new(),
            sources: 0,
            logprobs: Vec::new(),
        }
    }

    fn write(&self, w: &mut Writer<'_>) {
        let text = String::from_utf8_lossy(&self.text);
        if self.refusal {
            write::refusal_part(&text, w);
        } else {
            write::text_part(&text, &self.annotations, &self.logprobs, w);
        }
    }
}
