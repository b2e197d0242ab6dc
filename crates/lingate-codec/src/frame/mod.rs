//! Wire units: SSE events and NDJSON lines, found in bytes that arrive in any pieces.

mod ndjson;
mod sse;

use std::borrow::Cow;

pub use ndjson::NdjsonFramer;
pub use sse::SseFramer;

/// The largest frame that is accepted unless the caller says otherwise: 4 MiB.
pub const DEFAULT_CAP: usize = 4 * 1024 * 1024;

/// How a dialect cuts its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events (WHATWG HTML, section 9.2).
    Sse,
    /// One JSON text a line.
    Ndjson,
}

impl Framing {
    /// The content type of a stream.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// One wire unit, borrowed from the framer's buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// All its bytes, terminator included. The frames' bytes put together are the stream.
    pub raw: &'a [u8],
    /// The SSE `event` field; empty where there is none.
    pub event: &'a [u8],
    /// The content: an SSE event's data lines joined by line feeds, or the line. Empty for a comment or a blank line.
    pub data: Cow<'a, [u8]>,
    /// Where `data` begins in `raw`, when it stands there in one piece (`data` is borrowed).
    pub data_at: usize,
}

/// A frame grew beyond the cap; the stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTooLarge {
    /// The cap in bytes.
    pub cap: usize,
}

impl std::fmt::Display for FrameTooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a stream event is larger than {} bytes", self.cap)
    }
}

impl std::error::Error for FrameTooLarge {}

/// Finds frames in bytes that arrive in any pieces. Push bytes, then take frames until there is none; at the
/// stream's end call [`Framer::finish`] once and take the rest.
pub enum Framer {
    /// For SSE.
    Sse(SseFramer),
    /// For NDJSON.
    Ndjson(NdjsonFramer),
}

impl Framer {
    /// A framer; `cap` is the largest frame in bytes.
    pub fn new(framing: Framing, cap: usize) -> Self {
        match framing {
            Framing::Sse => Self::Sse(SseFramer::new(cap)),
            Framing::Ndjson => Self::Ndjson(NdjsonFramer::new(cap)),
        }
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Sse(framer) => framer.push(bytes),
            Self::Ndjson(framer) => framer.push(bytes),
        }
    }

    /// No more bytes will come: an unfinished last frame counts as whole.
    pub fn finish(&mut self) {
        match self {
            Self::Sse(framer) => framer.finish(),
            Self::Ndjson(framer) => framer.finish(),
        }
    }

    /// The next whole frame, or `None` when more bytes are needed.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameTooLarge> {
        match self {
            Self::Sse(framer) => framer.next_frame(),
            Self::Ndjson(framer) => framer.next_frame(),
        }
    }

    /// Whether a frame that was given out had an SSE `id` field. Some clients then take every blank line for an
    /// event, because a client keeps the last id.
    pub fn saw_id(&self) -> bool {
        matches!(self, Self::Sse(framer) if framer.saw_id())
    }
}

/// Bytes that came and were not yet given out as frames.
#[derive(Debug, Default)]
struct Pending {
    buffer: Vec<u8>,
    /// Where the bytes not yet given out begin.
    start: usize,
    /// Where to look on: everything from `start` to here holds no frame end.
    seen: usize,
    ended: bool,
}

impl Pending {
    fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.seen -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Gives out the bytes up to `end`.
    fn take(&mut self, end: usize) -> &[u8] {
        let start = std::mem::replace(&mut self.start, end);
        self.seen = end;
        &self.buffer[start..end]
    }

    /// Gives up the buffer's memory after a large frame, so that a slow stream holds little.
    fn relax(&mut self) {
        const SMALL: usize = 16 * 1024;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            self.seen = 0;
            if self.buffer.capacity() > SMALL {
                self.buffer = Vec::new();
            }
        }
    }

    fn too_large(&self, cap: usize) -> Result<(), FrameTooLarge> {
        if self.buffer.len() - self.start > cap { Err(FrameTooLarge { cap }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
