//! The golden wire cases: what they are, how they are matched, and how they are played through a running gateway.
//!
//! The rules (keys, placeholders, operators, accumulators, invariants) stand in `fixtures/wire/README.md`. A gateway
//! under test is one address; its endpoints must lead to one [`ScriptedUpstream`], see [`config_yaml`].
//!
//! ```no_run
//! # use lingate_testkit::golden::{Case, Player, ScriptedUpstream};
//! # async fn run(start_gateway: impl AsyncFn(std::net::SocketAddr) -> std::net::SocketAddr) {
//! let upstream = ScriptedUpstream::start().await;
//! let gateway = start_gateway(upstream.addr()).await;
//! let report = Player::new(gateway).play_all(&Case::load_all().unwrap(), &upstream, &["strict-lossy"]).await;
//! assert!(report.failed.is_empty(), "{report}");
//! # }
//! ```

mod assemble;
mod case;
mod check;
mod endpoints;
mod exchange;
mod failure;
mod framing;
mod json;
mod judge;
mod matcher;
mod operators;
mod player;
mod scripted;
mod sheet;

pub use assemble::{Assembled, assemble};
pub use case::{Case, CaseStep, LoadError, required_dialects};
pub use check::check;
pub use endpoints::{CLIENT_MODELS, ClientModel, config_yaml, fixtures_dir};
pub use exchange::Exchange;
pub use failure::{Failure, Mismatch};
pub use framing::{Events, events_of, parse_sse};
pub use judge::selftest;
pub use matcher::{Binds, match_json};
pub use player::{Player, Report, Seen, play};
pub use scripted::{Call, ScriptedUpstream};
