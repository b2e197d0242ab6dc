//! lingate's asynchronous data plane, as a library without a listener.

mod answering;
mod attempt;
mod backend;
mod body;
mod chat;
mod embeddings;
mod endpoint;
mod error;
mod gateway;
mod headers;
mod ingress;
mod job;
mod models;
mod outgoing;
mod overflow;
mod own;
mod passthrough;
mod pipeline;
mod pump;
mod recorder;
mod responses;
mod route;
mod secrets;
mod snapshot;
mod telemetry;
mod told;
mod transforms;
mod tries;
mod upstream;

pub use body::{Body, BrokenOff};
pub use gateway::{Gateway, Peer, Reloader};
