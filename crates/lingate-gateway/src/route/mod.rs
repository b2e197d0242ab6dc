//! Which endpoint serves a request: a model by its name, its targets in order, and what follows when one fails. The
//! decisions are pure (`order`, `retry`, `circuit`, `budget`, `latency`, `conversation`); `walk` brings them together.

mod breaker;
mod budget;
mod chance;
mod circuit;
mod conversation;
mod latency;
mod order;
mod retry;
mod retry_after;
mod state;
mod turn;
mod walk;

use crate::snapshot::{Snapshot, VirtualModel};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use breaker::Breaker;
pub(crate) use conversation::key as conversation_key;
pub(crate) use state::{ModelState, TargetState};
pub(crate) use turn::{Overtakable, Turn};
pub(crate) use walk::{Asker, Walk};

/// What a name stands for.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// A virtual model, or an exposed one.
    Model(Arc<VirtualModel>),
    /// Nothing.
    Unknown,
}

/// Looks a name up among the virtual models: as it is, then with or without `:latest`.
pub(crate) fn by_name(snapshot: &Snapshot, name: &str) -> Found {
    let models = &snapshot.models;
    let found = models.get(name).or_else(|| match name.strip_suffix(":latest") {
        Some(short) => models.get(short),
        None => models.get(&format!("{name}:latest")),
    });
    found.map_or(Found::Unknown, |model| Found::Model(model.clone()))
}

/// The virtual model that takes every name that nothing else serves.
pub(crate) fn fallback(snapshot: &Snapshot) -> Found {
    snapshot.models.get("*").map_or(Found::Unknown, |model| Found::Model(model.clone()))
}

/// Whether two names are one model (`name` and `name:latest`).
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    let short = |name| str::strip_suffix(name, ":latest").unwrap_or(name).to_owned();
    a == b || short(a) == short(b)
}

/// What stands for a target wherever it is in its model's list, on every machine.
pub(crate) fn seed(endpoint: &str, model: &str) -> u64 {
    let mut hash = chance::Fnv::default();
    hash.push(endpoint.as_bytes());
    hash.push(model.as_bytes());
    hash.finish()
}

/// This moment, since 1970.
fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
