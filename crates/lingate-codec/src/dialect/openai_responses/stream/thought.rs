//! The thought that is open: a reasoning item with at most one part of a summary.

use super::super::reasoning::Sealed;
use super::super::response::write;
use super::wire::Wire;
use crate::dialect::AnswerContext;

/// A reasoning item.
#[derive(Debug)]
pub(super) struct Thought {
    id: String,
    /// What its deltas have in common.
    lead: Vec<u8>,
    /// UTF-8.
    summary: Vec<u8>,
}

impl Thought {
    /// Opens an item; `id`: one that it must have.
    pub(super) fn open(id: Option<&str>, context: &AnswerContext, wire: &mut Wire, out: &mut Vec<u8>) -> Self {
        let id = id.map_or_else(|| write::item_id("rs", context, wire.index), str::to_owned);
        wire.added(out, |w| write::reasoning(&id, "", None, w));
        Self { lead: wire.lead(&id, Some(("summary_index", 0))), id, summary: Vec::new() }
    }

    /// A thought of that id that the client got.
    pub(super) fn followed(id: &str, wire: &Wire) -> Self {
        let lead = wire.lead(id, Some(("summary_index", 0)));
        Self { id: id.to_owned(), lead, summary: Vec::new() }
    }

    /// The client got more of it.
    pub(super) fn followed_text(&mut self, text: &[u8]) {
        self.summary.extend_from_slice(text);
    }

    /// Whether the item has that id.
    pub(super) fn is(&self, id: &str) -> bool {
        self.id == id
    }

    /// More of the thought.
    pub(super) fn text(&mut self, text: &str, wire: &mut Wire, out: &mut Vec<u8>) {
        if self.summary.is_empty() {
            wire.of_item("response.reasoning_summary_part.added", &self.id, out, |w| {
                w.integer_member("summary_index", 0);
                w.key("part");
                write::summary_part("", w);
            });
        }
        self.summary.extend_from_slice(text.as_bytes());
        wire.delta("response.reasoning_summary_text.delta", &self.lead, text, b"", out);
    }

    pub(super) fn close(self, sealed: Option<Sealed<'_>>, wire: &mut Wire, out: &mut Vec<u8>) {
        let summary = String::from_utf8_lossy(&self.summary);
        if !summary.is_empty() {
            wire.of_item("response.reasoning_summary_text.done", &self.id, out, |w| {
                w.integer_member("summary_index", 0);
                w.string_member("text", &summary);
            });
            wire.of_item("response.reasoning_summary_part.done", &self.id, out, |w| {
                w.integer_member("summary_index", 0);
                w.key("part");
                write::summary_part(&summary, w);
            });
        }
        wire.done(out, |w| write::reasoning(&self.id, &summary, sealed, w));
    }
}
