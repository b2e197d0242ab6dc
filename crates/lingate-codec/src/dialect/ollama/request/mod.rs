//! Requests, both ways, and the edits of relayed ones.

mod decode;
mod edits;
mod encode;
mod history;
mod messages;
mod options;
mod turns;
pub(super) mod typed;

pub(super) use decode::{check, decode};
pub(super) use edits::relay_edits;
pub(super) use encode::encode;
