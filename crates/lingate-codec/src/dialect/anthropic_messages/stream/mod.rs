//! Streams, both ways.
//!
//! `message_start`, then for each block `content_block_start`, deltas, `content_block_stop`, then `message_delta`
//! with the stop reason and the cumulative usage, then `message_stop`; `ping` and `error` at any time.

mod decode;
mod encode;
mod follow;
mod quick;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
