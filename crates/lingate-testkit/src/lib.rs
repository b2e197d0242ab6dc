//! Test tools for lingate: scripted upstreams, faulty clients, byte re-cuts and the player of the golden wire cases.
//!
//! Development only, and free of the other lingate crates: everything is judged from the wire, over real loopback
//! sockets with ports that the system picks. A gateway under test needs nothing but an address.
//!
//! * [`golden`]: the golden cases (`fixtures/wire/*.json`), their matcher and accumulators, and [`golden::play`].
//! * [`upstream`]: an [`Upstream`] for behaviour tests: replies by script, gates, cuts, records, disconnects.
//! * [`client`]: a small HTTP/1.1 client that reads a streamed answer piece by piece and notes how it ended.
//! * [`raw_client`]: a TCP client for broken, slow and vanishing clients.
//! * [`faulty`]: the faulty upstream: every backend and every fault, chosen by the model's name, and the table of what
//!   clients get for each.
//! * [`recut`]: every way to cut bytes in two, for the properties of framing.
//!
//! The waits of this crate end by themselves after [`PATIENCE`] with a panic that says what was awaited: a test that
//! hangs says less than one that fails.

pub mod client;
pub mod faulty;
pub mod golden;
mod patience;
pub mod raw_client;
pub mod recut;
pub mod upstream;
mod wire;

pub use client::{Answer, ClientRequest, End, OpenAnswer};
pub use faulty::Faulty;
pub use patience::PATIENCE;
pub use raw_client::RawClient;
pub use recut::recuts;
pub use upstream::{BodySender, Disconnect, Reply, Request, Step, Upstream, refused_addr};
