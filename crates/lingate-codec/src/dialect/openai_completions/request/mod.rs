//! Completion requests, both ways, and the edits of those that are relayed.

mod decode;
mod encode;
mod relay;

pub(super) use decode::decode;
pub(super) use encode::encode;
pub(super) use relay::{check, edits, wants_several};
