//! Bounded waiting: a test that waits for something that never comes must fail with a name, not hang.

use std::{future::Future, time::Duration};

/// How long this crate waits for anything before it fails the test.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Awaits `wanted` for at most [`PATIENCE`]; panics with `what` after that.
#[expect(clippy::panic, reason = "a wait of a test that ends in vain is the failure of that test")]
pub(crate) async fn within<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wanted).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

/// The value of `result`, or the failure of the test with `what` and the error.
#[expect(clippy::panic, reason = "the loopback of the test machine is broken: no test can go on")]
pub(crate) fn sure<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}
