//! Numbered events, and the items that they add up to.

use crate::json::Writer;

/// What is common to all events of one stream.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// The number of the next event.
    pub(super) sequence: u64,
    /// `output_index` of the item that is open, else of the one to come.
    pub(super) index: usize,
    /// The items that are done, commas between them.
    pub(super) output: Vec<u8>,
}

impl Wire {
    /// What the deltas of one text have in common, between their number and the piece. `part`: which part of the item.
    pub(super) fn lead(&self, id: &str, part: Option<(&str, usize)>) -> Vec<u8> {
        let mut lead = Vec::with_capacity(128);
        lead.push(b',');
        let mut w = Writer::new(&mut lead);
        w.string_member("item_id", id);
        w.integer_member("output_index", self.index);
        if let Some((key, index)) = part {
            w.integer_member(key, index);
        }
        w.key("delta");
        lead
    }

    /// Appends a delta; `lead` as [`Wire::lead`] made it, `tail`: the members after the piece, a comma before each.
    pub(super) fn delta(&mut self, kind: &str, lead: &[u8], piece: &str, tail: &[u8], out: &mut Vec<u8>) {
        self.begin(kind, out);
        out.extend_from_slice(lead);
        Writer::new(out).string(piece);
        out.extend_from_slice(tail);
        out.extend_from_slice(b"}\n\n");
    }

    /// Appends an event up to its number.
    fn begin(&mut self, kind: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: {\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"sequence_number\":");
        Writer::new(out).integer(self.sequence);
        self.sequence += 1;
    }

    /// Appends an event with these members after its type and number.
    pub(super) fn event(&mut self, kind: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Writer<'_>)) {
        self.begin(kind, out);
        out.push(b',');
        members(&mut Writer::new(out));
        out.extend_from_slice(b"}\n\n");
    }

    /// As [`Wire::event`], of the item that is open.
    pub(super) fn of_item(&mut self, kind: &str, id: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Writer<'_>)) {
        let index = self.index;
        self.event(kind, out, |w| {
            w.string_member("item_id", id);
            w.integer_member("output_index", index);
            members(w);
        });
    }

    /// Opens an item.
    pub(super) fn added(&mut self, out: &mut Vec<u8>, item: impl FnOnce(&mut Writer<'_>)) {
        let index = self.index;
        self.event("response.output_item.added", out, |w| {
            w.integer_member("output_index", index);
            w.key("item");
            item(w);
        });
    }

    /// Closes the open item.
    pub(super) fn done(&mut self, out: &mut Vec<u8>, item: impl FnOnce(&mut Writer<'_>)) {
        let mut output = std::mem::take(&mut self.output);
        if !output.is_empty() {
            output.push(b',');
        }
        let start = output.len();
        item(&mut Writer::new(&mut output));
        let index = self.index;
        self.event("response.output_item.done", out, |w| {
            w.integer_member("output_index", index);
            w.key("item");
            w.json(output.get(start..).unwrap_or_default());
        });
        self.output = output;
        self.index += 1;
    }
}
