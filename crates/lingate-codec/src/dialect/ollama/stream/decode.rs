//! Lines to events.

use crate::dialect::StreamDecoder;
use crate::dialect::ollama::response::Reader;
use crate::frame::Frame;
use crate::ir::Event;
use crate::json::Object;

/// Reads a stream of chat or generate lines.
#[derive(Debug, Default)]
pub(in crate::dialect::ollama) struct Decoder {
    reader: Reader,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        self.reader.read_line(&frame.data, out);
    }

    fn tap(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) {
        // A line with `done: false` holds only content, unless it tells an error. The first gives the head.
        let only_content = || {
            let done = Object::find(&frame.data, "done");
            done.and_then(|at| frame.data.get(at)) == Some(b"false")
                && memchr::memmem::find(&frame.data, b"\"error\"").is_none()
        };
        if self.reader.ended() || (self.reader.started() && only_content()) {
            return;
        }
        self.push(frame, out);
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        self.reader.finish(out);
    }
}
