//! Requests, both ways, and the edits of relayed ones.

mod decode;
mod edits;
mod encode;
mod history;
pub(super) mod keep_alive;
mod messages;
mod options;
mod turns;
pub(super) mod typed;
mod window;

pub(super) use decode::{check, decode};
pub(super) use edits::relay_edits;
pub(super) use encode::encode;
pub(super) use messages::offered;
pub(super) use window::context_needed;
