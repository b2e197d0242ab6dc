//! The Ollama dialect: golden files, what each member becomes, and properties of streams.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails fails its test")]

#[path = "ollama/answers.rs"]
mod answers;
#[path = "ollama/decoding.rs"]
mod decoding;
#[path = "ollama/encoding.rs"]
mod encoding;
#[path = "ollama/golden.rs"]
mod golden;
#[path = "ollama/properties.rs"]
mod properties;
#[path = "ollama/relaying.rs"]
mod relaying;
#[path = "ollama/support.rs"]
mod support;
