//! The wire dialects of LLM APIs, as pure functions: bytes to frames to events, and back.
//!
//! This crate knows nothing of sockets, clocks, randomness or configuration. What an encoder must write that is
//! not in its input (ids, time stamps) is passed in, so golden files are stable.

pub mod dialect;
pub mod estimate;
pub mod frame;
pub mod ids;
pub mod ir;
pub mod json;
pub mod media;
pub mod relay;
pub mod transform;
