//! What a chunk holds, told by what stood around the content of the one before.

use crate::json::Object;
use std::ops::Range;

/// The bytes around the content of a chunk that holds nothing else. A stream's chunks differ in little but that, so
/// the next one with the same bytes around its content needs no reading but of the content.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Surroundings {
    /// Up to the content's value; empty while nothing is known.
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Whether padding follows the tail.
    padded: bool,
}

impl Surroundings {
    /// More than this is not remembered, in bytes.
    const MOST: usize = 1024;

    /// Remembers what stands around `content`, which is a part of `data`.
    pub(in crate::dialect) fn learn(&mut self, data: &[u8], content: Range<usize>) {
        let padding = padding(data).filter(|start| *start > content.end);
        self.padded = padding.is_some();
        let end = padding.unwrap_or(data.len());
        let (Some(head), Some(tail)) = (data.get(..content.start), data.get(content.end..end)) else { return };
        self.head.clear();
        self.tail.clear();
        if head.len() + tail.len() <= Self::MOST {
            self.head.extend_from_slice(head);
            self.tail.extend_from_slice(tail);
        }
    }

    /// What stands in the content's place, if everything around it is as it was.
    pub(in crate::dialect) fn inside<'d>(&self, data: &'d [u8]) -> Option<&'d [u8]> {
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

/// Where a member of a choice stands in its chunk; `None` if the choice is not the first element of `choices`.
pub(in crate::dialect) fn in_first_choice(chunk: &Object<'_>, choice: &Object<'_>, key: &str) -> Option<Range<usize>> {
    let (choices, member) = (chunk.member("choices")?, choice.member(key)?);
    // Spans count from the beginning of their own object's text.
    let array = choices.value.bytes();
    let spaces = array.get(1..).unwrap_or_default();
    let at = 1 + spaces.len() - spaces.trim_ascii_start().len();
    let start = choices.value_span.start + at;
    let is_first = array.get(at..).is_some_and(|rest| rest.starts_with(choice.text()));
    is_first.then(|| start + member.value_span.start..start + member.value_span.end)
}
