//! Whole answers, both ways, and what they have in common with streams.

mod decode;
mod encode;
pub(super) mod read;
pub(super) mod write;

pub(super) use decode::decode;
pub(super) use encode::encode;
