//! Server-sent events, by the WHATWG rules: lines end with CR, LF or CRLF, a blank line ends an event.

use super::{Frame, FrameTooLarge, Pending};
use std::borrow::Cow;

/// How nearly every line of a stream begins.
const PLAIN: &[u8] = b"data: ";

/// Cuts a stream after each blank line. Comment-only blocks come out as frames without data, so that a relay
/// can pass them on.
#[derive(Debug)]
pub struct SseFramer {
    pending: Pending,
    cap: usize,
    /// Whether the last frame ended with a CR, so that a LF that follows belongs to it.
    after_cr: bool,
    /// Where the line under `seen` began.
    line: usize,
    saw_id: bool,
}

impl SseFramer {
    /// `cap` is the largest event in bytes.
    pub fn new(cap: usize) -> Self {
        Self { pending: Pending::default(), cap, after_cr: false, line: 0, saw_id: false }
    }

    /// See [`super::Framer::push`].
    pub fn push(&mut self, bytes: &[u8]) {
        self.line -= self.pending.start;
        self.pending.push(bytes);
    }

    /// See [`super::Framer::finish`].
    pub fn finish(&mut self) {
        self.pending.ended = true;
    }

    /// See [`super::Framer::next_frame`].
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameTooLarge> {
        if let Some(end) = self.plain_end() {
            let raw = self.pending.take(end);
            self.line = end;
            return Ok(Some(Frame {
                raw,
                event: b"",
                data: Cow::Borrowed(&raw[PLAIN.len()..raw.len() - 2]),
                data_at: PLAIN.len(),
            }));
        }
        let Some(end) = self.find_end() else {
            self.pending.too_large(self.cap)?;
            if self.pending.start == self.pending.buffer.len() {
                self.pending.relax();
                self.line = self.pending.start;
            }
            return Ok(None);
        };
        let start = self.pending.start;
        self.pending.start = end;
        self.pending.seen = end;
        self.line = end;
        if end - start > self.cap {
            return Err(FrameTooLarge { cap: self.cap });
        }
        let raw = &self.pending.buffer[start..end];
        // A LF left over from the CR that ended the event before is no content of this one.
        let content = if self.after_cr { raw.strip_prefix(b"\n").unwrap_or(raw) } else { raw };
        self.after_cr = raw.ends_with(b"\r");
        Ok(Some(parse(raw, content, &mut self.saw_id)))
    }

    /// See [`super::Framer::saw_id`].
    pub fn saw_id(&self) -> bool {
        self.saw_id
    }

    /// The end of an event that is one line of data between `data: ` and two LF, as nearly all are.
    fn plain_end(&self) -> Option<usize> {
        let Pending { buffer, start, seen, .. } = &self.pending;
        if self.after_cr || seen != start || !buffer[*start..].starts_with(PLAIN) {
            return None;
        }
        let line = start + memchr::memchr2(b'\n', b'\r', &buffer[*start..])?;
        let end = line + 2;
        (buffer[line..].starts_with(b"\n\n") && end - start <= self.cap).then_some(end)
    }

    /// Where the next event ends, if its end is in the buffer.
    fn find_end(&mut self) -> Option<usize> {
        let pending = &mut self.pending;
        let buffer = &pending.buffer;
        if self.line == pending.start && self.after_cr && buffer.get(pending.start) == Some(&b'\n') {
            self.line += 1;
            pending.seen = pending.seen.max(self.line);
        }
        while let Some(offset) = memchr::memchr2(b'\n', b'\r', &buffer[pending.seen..]) {
            let at = pending.seen + offset;
            let mut next = at + 1;
            if buffer[at] == b'\r' {
                match buffer.get(next) {
                    Some(b'\n') => next += 1,
                    Some(_) => {}
                    // Whether a LF follows is not known yet. A blank line ends the event all the same.
                    None if at == self.line => {}
                    None if pending.ended => {}
                    None => {
                        pending.seen = at;
                        return None;
                    }
                }
            }
            let blank = at == self.line;
            self.line = next;
            pending.seen = next;
            if blank {
                return Some(next);
            }
        }
        pending.seen = buffer.len();
        (pending.ended && pending.start < buffer.len()).then_some(buffer.len())
    }
}

fn parse<'a>(raw: &'a [u8], content: &'a [u8], saw_id: &mut bool) -> Frame<'a> {
    let mut event: &[u8] = b"";
    let mut data: Option<Cow<'a, [u8]>> = None;
    let mut data_at = 0;
    let mut rest = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    while !rest.is_empty() {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        rest = tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..)).unwrap_or_default();
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut data {
                None => {
                    // `tail` and `value` both end where they end in `raw`, so the offset is a matter of lengths.
                    data_at = raw.len() - tail.len() - value.len();
                    data = Some(Cow::Borrowed(value));
                }
                Some(joined) => {
                    let joined = joined.to_mut();
                    joined.push(b'\n');
                    joined.extend_from_slice(value);
                }
            },
            b"event" => event = value,
            b"id" => *saw_id = true,
            _ => {}
        }
    }
    Frame { raw, event, data: data.unwrap_or_default(), data_at }
}
