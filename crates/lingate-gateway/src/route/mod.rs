//! Which endpoint serves a model name: a pure look-up in the snapshot, without effects.

use crate::snapshot::{Snapshot, VirtualModel};
use std::sync::Arc;

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
