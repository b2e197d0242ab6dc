//! Streams, both ways.

mod calls;
mod decode;
mod encode;
mod follow;
mod quick;

pub(super) use calls::Calls;
pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
