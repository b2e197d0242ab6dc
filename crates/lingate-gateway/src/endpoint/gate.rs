//! The gate before an endpoint: how many requests it is given at once, how many wait, and how many begin in a minute.
//! The decisions over time are in [`super::rates`].

use super::rates::{Empty, Rates};
use crate::error::{Class, ENDPOINT_BUSY, ENDPOINT_RATE_LIMITED, Failure};
use crate::telemetry::EndpointMetrics;
use lingate_codec::ir::{ApiError, Usage};
use lingate_config::Limits;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// When to come back where a place is free nobody knows when, in seconds.
const RETRY_SECONDS: u64 = 5;

/// Load limits of one endpoint, and what is left of them.
#[derive(Debug)]
pub(super) struct Gate {
    limits: Limits,
    /// Places of requests under way; first come, first served.
    places: Option<Arc<Semaphore>>,
    /// How many requests wait for one.
    waiting: AtomicU32,
    rates: Option<Mutex<Rates>>,
    /// What the rates' time is counted from.
    started: Instant,
    metrics: EndpointMetrics,
}

/// A request's place, until its answer's last byte.
#[derive(Debug)]
pub(super) struct Place {
    gate: Arc<Gate>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.metrics.in_flight.dec();
    }
}

/// A request's place in the queue. Whoever leaves gives it back.
struct Waiting<'g>(&'g Gate);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.queued.dec();
    }
}

/// Why a request was not let through.
#[derive(Debug)]
enum Refused {
    /// All places are taken, and so is the queue.
    Full,
    /// It waited as long as it may.
    Late,
    Empty(Empty),
}

impl Gate {
    /// `None`: these limits limit nothing.
    pub(super) fn new(limits: Limits, metrics: impl FnOnce() -> EndpointMetrics) -> Option<Arc<Self>> {
        let places = usize::try_from(limits.concurrency).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let places = (places > 0).then(|| Arc::new(Semaphore::new(places)));
        let rates = Rates::new(limits.rpm, limits.tpm).map(Mutex::new);
        if places.is_none() && rates.is_none() {
            return None;
        }
        let (waiting, started) = (AtomicU32::new(0), Instant::now());
        Some(Arc::new(Self { limits, places, waiting, rates, started, metrics: metrics() }))
    }

    /// Whether it holds to these limits.
    pub(super) fn keeps(&self, limits: Limits) -> bool {
        self.limits == limits
    }

    /// Waits for a place. Dropping the future gives up the place in the queue at once.
    ///
    /// # Errors
    /// A 503 or a 429 that says when to come back; another target may be tried.
    pub(super) async fn enter(self: Arc<Self>, endpoint: &str) -> Result<Place, Failure> {
        match self.clone().place().await {
            Ok(permit) => {
                self.metrics.in_flight.inc();
                Ok(Place { gate: self, _permit: permit })
            }
            Err(refused) => {
                self.metrics.refused(match refused {
                    Refused::Full | Refused::Late => "queue",
                    Refused::Empty(Empty::Requests(_)) => "rpm",
                    Refused::Empty(Empty::Tokens(_)) => "tpm",
                });
                Err(failure(endpoint, &refused))
            }
        }
    }

    async fn place(self: Arc<Self>) -> Result<Option<OwnedSemaphorePermit>, Refused> {
        // Nobody shall wait for a place only to be refused then.
        self.rates(|rates, now| rates.check(now))?;
        let permit = match &self.places {
            None => None,
            Some(places) => Some(self.permit(places).await?),
        };
        self.rates(Rates::begin)?;
        Ok(permit)
    }

    async fn permit(&self, places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refused> {
        // A place that comes free goes to who waits first, never to one that has just come.
        if let Ok(permit) = places.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.queue_up().ok_or(Refused::Full)?;
        match tokio::time::timeout(self.limits.wait, places.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Refused::Late),
        }
    }

    fn queue_up(&self) -> Option<Waiting<'_>> {
        let more = |waiting| (waiting < self.limits.queue).then(|| waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        self.metrics.queued.inc();
        Some(Waiting(self))
    }

    /// Takes what a request has used from the tokens of this minute.
    pub(super) fn spend(&self, usage: &Usage) {
        let tokens = usage.input_tokens.unwrap_or(0).saturating_add(usage.output_tokens.unwrap_or(0));
        if tokens > 0
            && let Some(mut rates) = self.lock()
        {
            rates.spend(tokens, self.started.elapsed());
        }
    }

    fn rates(&self, ask: impl FnOnce(&mut Rates, Duration) -> Result<(), Empty>) -> Result<(), Refused> {
        let Some(mut rates) = self.lock() else { return Ok(()) };
        ask(&mut rates, self.started.elapsed()).map_err(Refused::Empty)
    }

    fn lock(&self) -> Option<MutexGuard<'_, Rates>> {
        // Nothing panics while the lock is held.
        Some(self.rates.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn failure(endpoint: &str, refused: &Refused) -> Failure {
    let (status, code, why, after) = match refused {
        Refused::Full => (503, ENDPOINT_BUSY, "is busy, and so is its queue".to_owned(), RETRY_SECONDS),
        Refused::Late => (503, ENDPOINT_BUSY, "had no place in time".to_owned(), RETRY_SECONDS),
        Refused::Empty(empty) => {
            let (what, wait) = match empty {
                Empty::Requests(wait) => ("requests", wait),
                Empty::Tokens(wait) => ("tokens", wait),
            };
            let why = format!("has used up its {what} of this minute");
            (429, ENDPOINT_RATE_LIMITED, why, wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
        }
    };
    let error = ApiError::new(status, format!("endpoint '{endpoint}' {why}")).with_code(code);
    Failure::new(Class::Limited, error).with_retry_after(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    fn gate(limits: Limits) -> Arc<Gate> {
        Gate::new(limits, || Metrics::default().endpoint("e")).unwrap()
    }

    fn limits(concurrency: u32, queue: u32) -> Limits {
        Limits { concurrency, queue, ..Limits::default() }
    }

    fn code(result: Result<Place, Failure>) -> Option<String> {
        result.err().and_then(|failure| failure.error.code)
    }

    #[test]
    fn no_limits_are_no_gate() {
        assert!(Gate::new(Limits::default(), || Metrics::default().endpoint("e")).is_none());
        assert!(Gate::new(limits(0, 9), || Metrics::default().endpoint("e")).is_none(), "nothing to wait for");
    }

    #[tokio::test(start_paused = true)]
    async fn first_come_first_served() {
        let gate = gate(limits(1, 2));
        let first = gate.clone().enter("e").await.unwrap();
        let (told, mut heard) = tokio::sync::mpsc::channel(4);
        for number in 0..2u32 {
            let (own, told) = (gate.clone(), told.clone());
            tokio::spawn(async move {
                let place = own.enter("e").await.unwrap();
                told.send(number).await.unwrap();
                drop(place);
            });
            while gate.waiting.load(Ordering::Relaxed) <= number {
                tokio::task::yield_now().await;
            }
        }
        let refused = gate.clone().enter("e").await;
        assert_eq!(code(refused).as_deref(), Some(ENDPOINT_BUSY), "the queue has two places");
        drop(first);
        assert_eq!((heard.recv().await, heard.recv().await), (Some(0), Some(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends() {
        let gate = gate(Limits { wait: Duration::from_secs(7), ..limits(1, 5) });
        let _held = gate.clone().enter("e").await.unwrap();
        let began = Instant::now();
        let failure = gate.clone().enter("e").await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(7));
        assert!(
            (failure.error.status, failure.class) == (503, Class::Limited)
                && failure.headers.contains_key("retry-after")
        );
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_leaves_the_queue_gives_up_the_place() {
        let gate = gate(limits(1, 1));
        let held = gate.clone().enter("e").await.unwrap();
        let leaving = tokio::time::timeout(Duration::from_secs(1), gate.clone().enter("e")).await;
        assert!(leaving.is_err());
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
        drop(held);
        assert!(gate.clone().enter("e").await.is_ok(), "the place did not go to the one who left");
    }

    #[tokio::test(start_paused = true)]
    async fn rates_refuse_without_a_wait() {
        let gate = gate(Limits { rpm: 2, tpm: 100, ..limits(1, 1) });
        for _ in 0..2 {
            gate.clone().enter("e").await.unwrap();
        }
        let failure = gate.clone().enter("e").await.unwrap_err();
        assert_eq!((failure.error.status, &failure.headers["retry-after"]), (429, &"30".parse().unwrap()));
        tokio::time::advance(Duration::from_secs(60)).await;
        gate.spend(&Usage { input_tokens: Some(150), output_tokens: Some(50), ..Usage::default() });
        let failure = gate.clone().enter("e").await.unwrap_err();
        assert_eq!((failure.error.status, &failure.headers["retry-after"]), (429, &"61".parse().unwrap()));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(gate.clone().enter("e").await.is_ok());
    }
}
