//! Properties over all pairs of dialects. `PROPTEST_CASES` raises the number of cases.
#![cfg(test)]

mod accounted;
mod checker;
mod events;
mod glances;
mod hostile;
mod large;
mod pairs;
mod requests;
mod responses;
mod scripts;
mod stable;
#[path = "../matrix/support.rs"]
#[expect(dead_code, reason = "shared with the golden tests, which use more of it")]
mod support;
mod taken_over;
mod upstreams;

use proptest::prelude::ProptestConfig;

/// 256 cases, or what `PROPTEST_CASES` says; failures are told, not filed.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}
