//! What the data plane does, seen from both sides over real sockets: a scripted upstream behind it, a client before it.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod abandoned;
mod access;
mod backends;
mod broken;
mod cancel;
mod completions;
mod demo;
mod embeddings;
mod errors;
mod failover;
mod free_text;
mod health;
mod intercept;
mod job_server;
mod limits;
mod num_ctx;
mod openwebui;
mod overflow;
mod queue;
mod relay;
mod repaired;
mod repaired_when;
mod responses;
mod routing;
mod routing_circuit;
mod routing_hedge;
mod routing_limits;
mod routing_order;
mod routing_targets;
mod runpod;
mod runpod_after_send;
mod runpod_live;
mod seed_ollama;
mod seed_openai;
mod setup;
mod silence;
mod silence_openai;
mod state;
mod state_native;
mod streaming;
mod stress;
mod strict;
mod timeouts;
mod tongue;
mod versions;
mod watched;
