//! Relay: bodies and frames of one dialect passed on with the few edits that lingate must make.

use crate::dialect::{Dialect, Stamp, StreamEncoder};
use crate::frame::{Frame, Framing};
use crate::ir::ApiError;
use crate::json::Writer;
use std::borrow::Cow;
use std::ops::Range;

/// What must change in a stream that is relayed.
#[derive(Debug, Clone, Default)]
pub struct RelayedAnswer {
    /// The name that the answer's model is to have; `None` leaves the upstream's.
    model: Option<String>,
    /// Whether frames that hold only usage are swallowed: lingate asked for it, the client did not.
    hide_usage: bool,
    /// How the last renamed frame began, up to the end of its model. Nearly every frame of a stream begins alike.
    beginning: Vec<u8>,
    /// The same with the name replaced.
    renamed: Vec<u8>,
}

impl RelayedAnswer {
    /// `model`: the name to show, or `None` for the upstream's own; `hide_usage`: swallow frames that hold only usage.
    pub fn new(model: Option<String>, hide_usage: bool) -> Self {
        Self { model, hide_usage, beginning: Vec::new(), renamed: Vec::new() }
    }

    /// Appends a frame as the client is to see it.
    pub fn frame(&mut self, dialect: &dyn Dialect, frame: &Frame<'_>, out: &mut Vec<u8>) {
        if self.hide_usage && dialect.is_usage_frame(&frame.data) {
            return;
        }
        if let Some(rest) = frame.raw.strip_prefix(&*self.beginning)
            && !self.beginning.is_empty()
        {
            out.extend_from_slice(&self.renamed);
            out.extend_from_slice(rest);
            return;
        }
        let place = match (&self.model, &frame.data) {
            (Some(model), Cow::Borrowed(data)) => dialect.find_model(frame.event, data).map(|range| (model, range)),
            _ => None,
        };
        let Some((model, range)) = place else {
            out.extend_from_slice(frame.raw);
            return;
        };
        let (start, end) = (frame.data_at + range.start, frame.data_at + range.end);
        self.renamed.clear();
        self.renamed.extend_from_slice(&frame.raw[..start]);
        Writer::new(&mut self.renamed).string(model);
        self.beginning.clear();
        self.beginning.extend_from_slice(&frame.raw[..end]);
        out.extend_from_slice(&self.renamed);
        out.extend_from_slice(&frame.raw[end..]);
    }
}

/// The edit that gives a whole answer, whose model stands at `range`, the name `model`: the range to replace and
/// what by; `None` if it may pass as it is.
pub fn rename(range: Range<usize>, model: &str, body: &[u8]) -> Option<(Range<usize>, Vec<u8>)> {
    let mut new = Vec::with_capacity(model.len() + 2);
    Writer::new(&mut new).string(model);
    (body.get(range.clone()) != Some(&new)).then_some((range, new))
}

/// Appends an error inside a stream that has begun, in the dialect's own form; nothing may follow it.
pub fn in_band_error(dialect: &dyn Dialect, error: &ApiError, request_id: &str, out: &mut Vec<u8>) {
    match dialect.framing() {
        Framing::Sse => {
            let name = dialect.error_event();
            if !name.is_empty() {
                out.extend_from_slice(b"event: ");
                out.extend_from_slice(name.as_bytes());
                out.push(b'\n');
            }
            out.extend_from_slice(b"data: ");
            dialect.encode_stream_error(error, request_id, out);
            out.extend_from_slice(b"\n\n");
        }
        Framing::Ndjson => {
            dialect.encode_stream_error(error, request_id, out);
            out.push(b'\n');
        }
    }
}

/// Appends a sign of life between two frames of a relayed stream. `saw_id`: whether a frame had an SSE `id` field;
/// a comment must then stand without a blank line after it, which some clients would take for an event without data
/// (the OpenAI SDK among them).
pub fn sign_of_life(encoder: &mut dyn StreamEncoder, saw_id: bool, at: Stamp, out: &mut Vec<u8>) {
    let begin = out.len();
    encoder.keep_alive(at, out);
    if saw_id && out[begin..].starts_with(b":") && out.ends_with(b"\n\n") {
        out.pop();
    }
}
