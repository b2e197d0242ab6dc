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
mod models;
mod outgoing;
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
mod transforms;
mod upstream;

pub use body::{Body, BrokenOff};
pub use gateway::{Gateway, Peer, Reloader};
