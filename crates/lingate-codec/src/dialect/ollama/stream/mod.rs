//! Streams: a JSON object on each line, the last with `done: true`.

mod decode;
mod encode;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
