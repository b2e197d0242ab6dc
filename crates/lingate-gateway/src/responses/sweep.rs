//! Removes what has expired also while nobody asks.

use lingate_store::StoredResponses;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::AbortHandle;

/// How often. Whoever looks something up never finds what has expired; this is for the disk alone.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// When for the first time: a start has more urgent things to do.
pub(crate) const FIRST: Duration = Duration::from_secs(60);

/// Sweeps until it is dropped.
#[derive(Debug)]
pub(crate) struct Sweeper(Option<AbortHandle>);

impl Sweeper {
    /// Begins after `first`, if there is a runtime to do it in.
    pub(crate) fn start(responses: StoredResponses, first: Duration) -> Self {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return Self(None) };
        Self(Some(runtime.spawn(sweep(responses, first)).abort_handle()))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

async fn sweep(responses: StoredResponses, first: Duration) {
    tokio::time::sleep(first).await;
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Err(error) = responses.sweep(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)).await {
            tracing::warn!(%error, "could not remove expired responses");
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingate_store::{NewResponse, Store};

    #[tokio::test]
    async fn what_has_expired_goes_while_nobody_asks() {
        let store = Store::open_temporary().await.unwrap();
        let responses = store.responses();
        for (id, expires_ms) in [("resp_old", 2), ("resp_new", u64::MAX)] {
            let (owner, id, payload) = ("open".to_owned(), id.to_owned(), vec![b"x".to_vec()]);
            let new = NewResponse { owner, id, created_ms: 1, expires_ms, items: Vec::new(), payload };
            responses.put(new).await.unwrap();
        }
        let sweeper = Sweeper::start(responses.clone(), Duration::ZERO);
        let gone = async {
            // As it was at the time when both were there.
            while responses.get("open", "resp_old", 1).await.unwrap().is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
        assert!(responses.get("open", "resp_new", 1).await.unwrap().is_some());
        drop(sweeper);
    }
}
