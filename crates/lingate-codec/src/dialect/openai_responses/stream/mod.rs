//! Streams, both ways.

use crate::dialect::{AnswerContext, Stamp, StreamDecoder, StreamEncoder};
use crate::frame::Frame;
use crate::ir::Event;

#[derive(Default)]
pub(super) struct Decoder;

impl StreamDecoder for Decoder {
    fn push(&mut self, _: &Frame<'_>, _: &mut Vec<Event>) {}
    fn finish(&mut self, out: &mut Vec<Event>) {
        out.push(Event::End);
    }
}

pub(super) struct Encoder;

impl Encoder {
    pub(super) fn new(_: AnswerContext) -> Self {
        Self
    }
}

impl StreamEncoder for Encoder {
    fn push(&mut self, _: &Event, _: Stamp, _: &mut Vec<u8>) {}
    fn keep_alive(&mut self, _: Stamp, _: &mut Vec<u8>) {}
}
