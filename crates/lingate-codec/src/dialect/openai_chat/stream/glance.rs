//! What a chunk holds, told by what stood around the delta of the one before.

use std::ops::Range;

/// The bytes around the delta of a chunk that holds nothing but content. A stream's chunks differ in little else,
/// so the next one with the same bytes around its delta needs no reading but of that.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Up to the delta's value; empty while nothing is known.
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Whether padding follows the tail.
    padded: bool,
}

impl Surroundings {
    /// More than this is not remembered, in bytes.
    const MOST: usize = 1024;

    /// Remembers what stands around `delta`, which is a part of `data`.
    pub(super) fn learn(&mut self, data: &[u8], delta: Range<usize>) {
        let padding = padding(data).filter(|start| *start > delta.end);
        self.padded = padding.is_some();
        let end = padding.unwrap_or(data.len());
        let (Some(head), Some(tail)) = (data.get(..delta.start), data.get(delta.end..end)) else { return };
        self.head.clear();
        self.tail.clear();
        if head.len() + tail.len() <= Self::MOST {
            self.head.extend_from_slice(head);
            self.tail.extend_from_slice(tail);
        }
    }

    /// What stands in the delta's place, if everything around it is as it was.
    pub(super) fn inside<'d>(&self, data: &'d [u8]) -> Option<&'d [u8]> {
        if self.head.is_empty() {
            return None;
        }
        let data = if self.padded { data.get(..padding(data)?)? } else { data };
        data.strip_prefix(self.head.as_slice())?.strip_suffix(self.tail.as_slice())
    }
}

/// Where the random text begins that OpenAI ends its chunks with, so that their lengths tell nothing:
/// `…,"obfuscation":"3xK9a"}`. Its end is the chunk's.
fn padding(data: &[u8]) -> Option<usize> {
    let inside = data.strip_suffix(b"\"}")?;
    let start = memchr::memrchr(b'"', inside)? + 1;
    let (before, text) = inside.split_at(start);
    (before.ends_with(b",\"obfuscation\":\"") && text.iter().all(u8::is_ascii_alphanumeric)).then_some(start)
}
