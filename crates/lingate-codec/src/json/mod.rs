//! JSON as raw bytes: a validating scanner, a lazy reader and a writer. No tree is ever built.
//!
//! Numbers, key order, escapes and white space of what is not touched survive byte for byte, because every
//! value stays a slice of the text that it came in.

mod escape;
mod object;
mod pull;
mod raw;
mod scan;
mod splice;
mod strings;
mod write;

pub use object::{Member, Object};
pub use pull::Pull;
pub use raw::{Elements, Kind, Raw};
pub use splice::{Edits, Segment, rewrite};
pub use write::Writer;

/// Why a text is not JSON, or not the JSON that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset in the scanned text.
    pub at: usize,
    /// What is wrong there, in plain words.
    pub reason: &'static str,
}

impl std::fmt::Display for JsonError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.at)
    }
}

impl std::error::Error for JsonError {}

/// How deep arrays and objects may nest; deeper text is refused.
pub const MAX_DEPTH: usize = 64;

/// The inside of the string that begins right before `at`, and what follows its closing quote; `None` unless it is plain
/// ASCII without escapes, and there are 16 bytes of text.
#[inline]
pub(crate) fn plain_string(text: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    let end = strings::plain_end(text, at)?;
    Some((text.get(at..end)?, text.get(end + 1..)?))
}

#[cfg(test)]
mod tests;
