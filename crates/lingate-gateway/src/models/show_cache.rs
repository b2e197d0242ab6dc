//! Answers of upstreams to `/api/show`, kept for a while; one question at a time for each.

use crate::error::Failure;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most answers kept.
const MAX_ENTRIES: usize = 256;
/// How long nobody is asked again who gave no answer worth keeping, where nobody waits for one.
const REST: Duration = Duration::from_secs(60);
/// Larger answers are not kept.
const MAX_BYTES: usize = 256 * 1024;

type Flight = Shared<BoxFuture<'static, Result<Bytes, Failure>>>;

/// The kept answers by what they answer.
#[derive(Default)]
pub(super) struct ShowCache(Mutex<HashMap<String, Entry>>);

struct Entry {
    since: Instant,
    flight: Flight,
}

impl std::fmt::Debug for ShowCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShowCache").finish_non_exhaustive()
    }
}

impl Entry {
    /// Under way, or a good and small answer that is young enough.
    fn serves(&self, ttl: Duration) -> bool {
        match self.flight.peek() {
            None => true,
            Some(Ok(bytes)) => bytes.len() <= MAX_BYTES && self.since.elapsed() < ttl,
            Some(Err(_)) => false,
        }
    }
}

impl ShowCache {
    /// The kept answer, or what `ask` gives. `ask` runs in a task of its own, so that a client that leaves takes
    /// nobody's answer away.
    pub(super) async fn get<F>(&self, key: String, ttl: Duration, ask: impl FnOnce() -> F) -> Result<Bytes, Failure>
    where
        F: Future<Output = Result<Bytes, Failure>> + Send + 'static,
    {
        let flight = {
            let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match entries.get(&key).filter(|entry| entry.serves(ttl)) {
                Some(entry) => entry.flight.clone(),
                None => {
                    let flight = start(ask());
                    entries.insert(key, Entry { since: Instant::now(), flight: flight.clone() });
                    tidy(&mut entries, ttl);
                    flight
                }
            }
        };
        flight.await
    }
}

impl ShowCache {
    /// Has `ask` run behind the caller's back, unless an answer is kept or awaited, or there was none a short while ago.
    pub(super) fn begin<F>(&self, key: String, ttl: Duration, ask: impl FnOnce() -> F)
    where
        F: Future<Output = Result<Bytes, Failure>> + Send + 'static,
    {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.get(&key).is_some_and(|entry| entry.serves(ttl) || entry.since.elapsed() < REST) {
            return;
        }
        let flight = start(ask());
        // An answer is known only once somebody has waited for it.
        tokio::spawn(flight.clone().map(drop));
        entries.insert(key, Entry { since: Instant::now(), flight });
        tidy(&mut entries, ttl);
    }

    /// The kept answer, if there is one that is young enough.
    pub(super) fn known_now(&self, key: &str, ttl: Duration) -> Option<Bytes> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(key).filter(|entry| entry.serves(ttl))?;
        entry.flight.peek()?.clone().ok()
    }
}

fn start(asking: impl Future<Output = Result<Bytes, Failure>> + Send + 'static) -> Flight {
    let task = tokio::spawn(asking);
    let outcome = async move {
        match task.await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::later("lingate is stopping", 1)),
        }
    };
    outcome.boxed().shared()
}

/// Drops what serves no more, and the oldest above the limit.
fn tidy(entries: &mut HashMap<String, Entry>, ttl: Duration) {
    if entries.len() <= MAX_ENTRIES {
        return;
    }
    entries.retain(|_, entry| entry.serves(ttl));
    while entries.len() > MAX_ENTRIES {
        let oldest = entries.iter().min_by_key(|(_, entry)| entry.since).map(|(key, _)| key.clone());
        let Some(oldest) = oldest else { return };
        entries.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingate_codec::ir::ApiError;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Notify;

    const TTL: Duration = Duration::from_secs(60);

    async fn plain(cache: &ShowCache, key: &str, ttl: Duration, value: &'static [u8]) -> Bytes {
        cache.get(key.to_owned(), ttl, || async move { Ok(Bytes::from_static(value)) }).await.unwrap()
    }

    #[tokio::test]
    async fn kept_while_young() {
        let cache = ShowCache::default();
        assert_eq!(plain(&cache, "a", TTL, b"1").await, "1");
        assert_eq!(plain(&cache, "a", TTL, b"2").await, "1");
        assert_eq!(plain(&cache, "b", TTL, b"3").await, "3");
        assert_eq!(cache.known_now("a", TTL).as_deref(), Some(&b"1"[..]));
        assert_eq!((cache.known_now("a", Duration::ZERO), cache.known_now("c", TTL)), (None, None));
        assert_eq!(plain(&cache, "a", Duration::ZERO, b"4").await, "4");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_asked_once() {
        let (cache, asked) = (ShowCache::default(), Arc::new(AtomicU32::new(0)));
        let ask = |answer: Result<Bytes, Failure>| {
            let asked = asked.clone();
            move || async move {
                asked.fetch_add(1, Ordering::Relaxed);
                answer
            }
        };
        for _ in 0..3 {
            cache.begin("bad".to_owned(), TTL, ask(Err(ApiError::new(502, "no").into())));
            cache.begin("good".to_owned(), TTL, ask(Ok(Bytes::from_static(b"1"))));
            let known = async {
                while cache.known_now("good", TTL).is_none() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(5), known).await.unwrap();
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        // Whoever waits for it has it asked for again.
        assert_eq!(plain(&cache, "bad", TTL, b"3").await, "3");
    }

    #[tokio::test]
    async fn failures_and_giants_are_not_kept() {
        let cache = ShowCache::default();
        let failed = cache.get("a".to_owned(), TTL, || async { Err(ApiError::new(502, "no").into()) }).await;
        assert_eq!(failed.unwrap_err().error.status, 502);
        let giant = Bytes::from(vec![b' '; MAX_BYTES + 1]);
        let sent = giant.clone();
        assert_eq!(cache.get("a".to_owned(), TTL, || async { Ok(sent) }).await.unwrap(), giant);
        assert_eq!(plain(&cache, "a", TTL, b"2").await, "2");
    }

    #[tokio::test]
    async fn one_question_for_many_and_none_is_lost_with_its_asker() {
        let (cache, asked, gate) = (ShowCache::default(), Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let ask = || {
            let (asked, gate) = (asked.clone(), gate.clone());
            async move {
                asked.fetch_add(1, Ordering::Relaxed);
                gate.notified().await;
                Ok(Bytes::from_static(b"x"))
            }
        };
        let mut first = Box::pin(cache.get("a".to_owned(), TTL, ask));
        assert!((&mut first).now_or_never().is_none());
        drop(first);
        let others = futures_util::future::join_all((0..50).map(|_| cache.get("a".to_owned(), TTL, ask)));
        let (others, ()) = tokio::join!(others, async { gate.notify_one() });
        assert!(others.into_iter().all(|answer| answer.unwrap() == "x"));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn the_number_is_bounded() {
        let cache = ShowCache::default();
        for number in 0..MAX_ENTRIES + 20 {
            plain(&cache, &number.to_string(), TTL, b"x").await;
        }
        assert_eq!(cache.0.lock().unwrap().len(), MAX_ENTRIES);
        assert_eq!(plain(&cache, "0", TTL, b"new").await, "new");
    }
}
