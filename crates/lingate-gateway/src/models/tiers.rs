//! One endpoint's list in its three tiers: memory, the sealed cache on disk, the upstream.
//!
//! Only a task of its own asks the upstream, one at a time, so a caller that leaves cancels nothing. A list past its
//! time is still answered with while a new one is on its way; it goes when it is a day old.

use super::exposed::EndpointList;
use super::{fetch, listed};
use crate::endpoint::Endpoint;
use lingate_store::SealedCache;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{OnceCell, watch};
use tokio::time::Instant;

/// How long a list that nobody could renew is better than none, in milliseconds.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;
/// How long after a failure the upstream is left alone.
const PAUSE: Duration = Duration::from_secs(10);
/// How long the upstream may take for its list.
const PATIENCE: Duration = Duration::from_secs(30);

/// One endpoint's list.
#[derive(Debug)]
pub(super) struct Tiers {
    pub(super) endpoint: Arc<Endpoint>,
    cache: SealedCache,
    state: watch::Sender<State>,
    /// Set once the disk has been looked at.
    disk: OnceCell<()>,
}

#[derive(Debug, Default)]
struct State {
    list: Option<Arc<EndpointList>>,
    /// Since when the upstream is being asked.
    asking: Option<Instant>,
    /// How many times it has been.
    asked: u64,
    /// The last time that it failed: until when it is left alone, and why it failed.
    failed: Option<(Instant, String)>,
}

impl State {
    fn usable(&self) -> Option<Arc<EndpointList>> {
        self.list.clone().filter(|list| age_ms(list).is_some_and(|age| age < LONGEST_MS))
    }
}

/// Whether a list is older than its time.
pub(super) fn is_due(list: &EndpointList, ttl: Duration) -> bool {
    list.outdated || age_ms(list).is_none_or(|age| u128::from(age) >= ttl.as_millis())
}

/// `None`: it comes from the future, by a clock that was wrong.
fn age_ms(list: &EndpointList) -> Option<u64> {
    now_ms().checked_sub(list.fetched_ms)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Tiers {
    /// For an endpoint; `before` is what its former configuration had. A list of the same upstream is kept, but is
    /// due: a new credential may see other models.
    pub(super) fn new(endpoint: Arc<Endpoint>, cache: SealedCache, before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.endpoint.config.url == endpoint.config.url);
        let list = before.and_then(|before| before.known_now()).map(|list| {
            let mut list = EndpointList::new(list.models.clone(), list.fetched_ms, &endpoint.config.expose_models);
            list.outdated = true;
            Arc::new(list)
        });
        let disk = if list.is_some() { OnceCell::new_with(Some(())) } else { OnceCell::new() };
        Self { endpoint, cache, state: watch::Sender::new(State { list, ..State::default() }), disk }
    }

    /// What memory holds.
    pub(super) fn known_now(&self) -> Option<Arc<EndpointList>> {
        self.state.borrow().usable()
    }

    /// What memory or the disk holds, of any age up to a day.
    pub(super) async fn known(&self) -> Option<Arc<EndpointList>> {
        self.disk.get_or_init(|| self.read_disk()).await;
        self.known_now()
    }

    /// The list to answer with: a known one at once, renewed behind the caller's back if it is due; else the
    /// upstream's, if it comes before it has been asked for `patience`.
    pub(super) async fn current(self: &Arc<Self>, ttl: Duration, patience: Duration) -> Option<Arc<EndpointList>> {
        if let Some(list) = self.known().await {
            if is_due(&list, ttl) {
                self.ask();
            }
            return Some(list);
        }
        self.renewed(patience).await
    }

    /// What the upstream says now, if it says so before it has been asked for `patience`; else what is known.
    pub(super) async fn renewed(self: &Arc<Self>, patience: Duration) -> Option<Arc<EndpointList>> {
        let mut changes = self.state.subscribe();
        let Some((asked, since)) = self.ask() else { return self.known_now() };
        let done = changes.wait_for(|state| state.asking.is_none() || state.asked > asked);
        // Callers that come while a dead upstream is still being asked do not wait anew.
        let _ = tokio::time::timeout_at(since + patience, done).await;
        self.known_now()
    }

    /// Whether the upstream is being asked.
    pub(super) fn is_asking(&self) -> bool {
        self.state.borrow().asking.is_some()
    }

    /// Why there is no list.
    pub(super) fn failure(&self) -> Option<String> {
        let state = self.state.borrow();
        match &state.failed {
            Some((_, reason)) => Some(reason.clone()),
            None => state.asking.map(|_| "the upstream takes long to list its models".to_owned()),
        }
    }

    /// Has the upstream asked, unless it is being asked or failed just now. Gives the number of the running inquiry
    /// and since when it runs.
    pub(super) fn ask(self: &Arc<Self>) -> Option<(u64, Instant)> {
        let now = Instant::now();
        let (mut start, mut running) = (false, None);
        self.state.send_if_modified(|state| {
            let resting = state.failed.as_ref().is_some_and(|(until, _)| now < *until);
            if state.asking.is_none() && !resting {
                state.asking = Some(now);
                state.asked += 1;
                start = true;
            }
            running = state.asking.map(|since| (state.asked, since));
            false
        });
        if start {
            let landing = Landing(self.clone());
            tokio::spawn(async move { landing.fly().await });
        }
        running
    }

    fn name_on_disk(&self) -> String {
        format!("models\n{}\n{}", self.endpoint.config.url, self.endpoint.name())
    }

    async fn read_disk(&self) {
        let Some((expires_ms, bytes)) = self.cache.get(&self.name_on_disk()).await else { return };
        let Ok(models) = listed::read(&bytes) else { return };
        let fetched_ms = expires_ms.saturating_sub(LONGEST_MS);
        let list = Arc::new(EndpointList::new(models, fetched_ms, &self.endpoint.config.expose_models));
        self.state.send_modify(|state| {
            state.list.get_or_insert(list);
        });
    }
}

/// The task that asks; whatever becomes of it, the next may start.
struct Landing(Arc<Tiers>);

impl Drop for Landing {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.asking = None);
    }
}

impl Landing {
    async fn fly(self) {
        let tiers = &*self.0;
        let result = tokio::time::timeout(PATIENCE, fetch::list(&tiers.endpoint)).await;
        let result = match result {
            Ok(result) => result.map_err(|failed| failed.reason),
            Err(_) => Err("the upstream did not list its models in time".to_owned()),
        };
        match result {
            Ok(models) => self.keep(models).await,
            Err(mut reason) => {
                tiers.endpoint.scrub(&mut reason);
                let again = tiers.state.borrow().failed.is_some();
                // Once is news; later times are not.
                if again {
                    tracing::debug!(endpoint = tiers.endpoint.name(), reason, "no list of models");
                } else {
                    tracing::warn!(endpoint = tiers.endpoint.name(), reason, "no list of models");
                }
                tiers.state.send_modify(|state| state.failed = Some((Instant::now() + PAUSE, reason)));
            }
        }
    }

    async fn keep(self, models: Vec<listed::ListedModel>) {
        let tiers = self.0.clone();
        let fetched_ms = now_ms();
        let bytes = listed::write(&models);
        let list = Arc::new(EndpointList::new(models, fetched_ms, &tiers.endpoint.config.expose_models));
        tiers.state.send_modify(|state| {
            state.list = Some(list);
            state.failed = None;
        });
        // Nobody waits for the disk.
        drop(self);
        let put = tiers.cache.put(&tiers.name_on_disk(), fetched_ms.saturating_add(LONGEST_MS), bytes).await;
        if let Err(error) = put {
            tracing::debug!(endpoint = tiers.endpoint.name(), %error, "a list of models was not kept on disk");
        }
    }
}
