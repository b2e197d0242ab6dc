//! Asks an endpoint from time to time whether it is well.

use super::{Endpoint, EndpointCall, Path};
use prometheus_client::metrics::gauge::Gauge;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::AbortHandle;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often an endpoint is asked at most.
const SHORTEST: Duration = Duration::from_millis(10);
/// How much of an answer is read, so that its connection can serve again.
const READ: u64 = 1024 * 1024;

/// What the last check said. Well, until one says otherwise.
#[derive(Debug)]
pub(super) struct Health {
    well: AtomicBool,
    gauge: Gauge,
    /// The checks, which end with the endpoint.
    task: OnceLock<AbortHandle>,
}

impl Health {
    pub(super) fn new(gauge: Gauge) -> Self {
        gauge.set(1);
        Self { well: AtomicBool::new(true), gauge, task: OnceLock::new() }
    }

    pub(super) fn is_well(&self) -> bool {
        self.well.load(Ordering::Relaxed)
    }

    /// Returns what was known before.
    pub(super) fn set(&self, well: bool) -> bool {
        self.gauge.set(i64::from(well));
        self.well.swap(well, Ordering::Relaxed)
    }

    /// Begins to check, unless it is checked already, if there is a runtime to do it in.
    pub(super) fn watch(&self, endpoint: &Arc<Endpoint>, interval: Duration) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        self.task.get_or_init(|| runtime.spawn(watch(Arc::downgrade(endpoint), interval)).abort_handle());
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

async fn watch(endpoint: Weak<Endpoint>, interval: Duration) {
    loop {
        let Some(checked) = endpoint.upgrade() else { return };
        let result = tokio::time::timeout(PATIENCE, check(&checked)).await;
        let result = result.unwrap_or_else(|_| Err(format!("it did not answer within {PATIENCE:?}")));
        checked.report_health(result.as_ref().copied().map_err(String::as_str));
        drop(checked);
        tokio::time::sleep(jittered(interval, entropy())).await;
    }
}

/// Fetches the configured path, else where the kind says that it is well, else its list of models.
async fn check(endpoint: &Endpoint) -> Result<(), String> {
    let path = match (&endpoint.config.health_check.path, endpoint.backend.health_path) {
        (Some(path), _) => Path::Bare(path.clone()),
        (None, Some(path)) => Path::Bare(path.to_owned()),
        (None, None) => Path::Root(endpoint.backend.models_path.to_owned()),
    };
    let call = EndpointCall { path, ..EndpointCall::get("") };
    let answer = endpoint.call(call).await.map_err(|failure| failure.error.message)?;
    let status = answer.parts.status;
    if !status.is_success() {
        return Err(format!("it answered with status {}", status.as_u16()));
    }
    // What it says does not matter, but that it says all of it.
    answer.body.collect(READ).await.map(drop).map_err(|error| error.message)
}

/// The interval and up to a tenth more or less, so that many checks do not come together.
fn jittered(interval: Duration, entropy: u32) -> Duration {
    interval.max(SHORTEST) / 1000 * (900 + entropy % 201)
}

fn entropy() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::jittered;
    use std::time::Duration;

    #[test]
    fn intervals_differ_by_a_tenth_at_most() {
        let second = Duration::from_secs(1);
        assert_eq!(jittered(second, 0), Duration::from_millis(900));
        assert_eq!(jittered(second, 200), Duration::from_millis(1100));
        assert_eq!(jittered(Duration::from_nanos(1), 100), Duration::from_millis(10));
        assert!((0..1000).all(|n| (900..=1100).contains(&jittered(second, n).as_millis())));
    }
}
