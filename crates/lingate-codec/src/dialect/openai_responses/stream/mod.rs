//! Streams, both ways.
//!
//! `response.created`, `response.in_progress`, then for each item of the output `output_item.added`, its parts and
//! deltas, `output_item.done`, and one event that ends it all and repeats the whole response: `response.completed`,
//! `.incomplete` or `.failed`. Every event has a number.

mod calls;
mod decode;
mod encode;
mod follow;
mod message;
mod passed;
mod quick;
mod thought;
mod wire;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(super) use follow::announces;
