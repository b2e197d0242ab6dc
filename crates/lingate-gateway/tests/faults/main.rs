//! A gateway before the faulty upstream: every fault in every dialect, clients that leave, and load whose every answer
//! is checked against its tag.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "how many cells and requests there were is worth a line")]

#[path = "../support/mod.rs"]
mod support;

mod leaving;
mod load;
mod matrix;
mod page;
mod setup;
