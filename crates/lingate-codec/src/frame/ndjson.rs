//! NDJSON lines.

use super::{Frame, FrameTooLarge, Pending};
use std::borrow::Cow;

/// Cuts a stream at line feeds; a carriage return before one is not part of the line.
#[derive(Debug)]
pub struct NdjsonFramer {
    pending: Pending,
    cap: usize,
}

impl NdjsonFramer {
    /// `cap` is the longest line in bytes.
    pub fn new(cap: usize) -> Self {
        Self { pending: Pending::default(), cap }
    }

    /// See [`super::Framer::push`].
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.push(bytes);
    }

    /// See [`super::Framer::finish`].
    pub fn finish(&mut self) {
        self.pending.ended = true;
    }

    /// See [`super::Framer::next_frame`].
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameTooLarge> {
        let pending = &mut self.pending;
        let end = match memchr::memchr(b'\n', &pending.buffer[pending.seen..]) {
            Some(offset) => pending.seen + offset + 1,
            None if pending.ended && pending.start < pending.buffer.len() => pending.buffer.len(),
            None => {
                pending.seen = pending.buffer.len();
                pending.too_large(self.cap)?;
                pending.relax();
                return Ok(None);
            }
        };
        if end - pending.start > self.cap {
            return Err(FrameTooLarge { cap: self.cap });
        }
        let raw = &pending.buffer[pending.start..end];
        pending.start = end;
        pending.seen = end;
        let (data_at, data) = trim(raw);
        Ok(Some(Frame { raw, event: b"", data: Cow::Borrowed(data), data_at }))
    }
}

/// The line without byte-order mark and white space, and where it begins.
fn trim(line: &[u8]) -> (usize, &[u8]) {
    let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii_start();
    (line.len() - text.len(), text.trim_ascii_end())
}
