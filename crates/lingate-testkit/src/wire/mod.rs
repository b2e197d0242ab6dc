//! A small HTTP/1.1 server that a test controls to the byte: what it reads, what it writes and when, how it ends.

mod read;
mod serve;
mod write;

pub(crate) use read::{Incoming as RawRequest, NoRequest, find, request as read_request};
pub(crate) use serve::{Fate, Serve, Server};
