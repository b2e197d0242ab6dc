//! What the data plane does, seen from both sides over real sockets: a scripted upstream behind it, a client before it.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod broken;
mod cancel;
mod errors;
mod failover;
mod relay;
mod setup;
mod streaming;
mod tongue;
