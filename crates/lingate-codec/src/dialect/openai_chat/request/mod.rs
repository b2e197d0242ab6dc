//! Chat requests, both ways, and the edits of those that are relayed.

mod conversation;
mod decode;
mod encode;
mod messages;
mod parts;
mod path;
mod relay;
mod tools;

pub(super) use decode::decode;
pub(super) use encode::encode;
pub(super) use relay::{check, edits};
pub(super) use tools::{forms, offered};
