//! An endpoint's circuit with its effects: the state that requests share, and the metrics.

use super::circuit::{Admits, Circuit, Event};
use crate::error::Class;
use crate::telemetry::CircuitMetrics;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// Counts an endpoint's failures and says when to leave it alone. It lasts as long as the endpoint.
#[derive(Debug)]
pub(crate) struct Breaker {
    config: lingate_config::Breaker,
    circuit: Mutex<Circuit>,
    /// Whether the circuit is closed and nothing failed: then nobody takes the lock.
    quiet: AtomicBool,
    metrics: CircuitMetrics,
}

/// The one request that finds out whether an endpoint is well again. Dropped without a result, it leaves that to
/// another.
#[derive(Debug)]
pub(crate) struct Probe(Option<Arc<Breaker>>);

impl Breaker {
    /// A closed circuit.
    pub(crate) fn new(config: lingate_config::Breaker, metrics: CircuitMetrics) -> Arc<Self> {
        metrics.state.set(0);
        Arc::new(Self { config, circuit: Mutex::default(), quiet: AtomicBool::new(true), metrics })
    }

    /// Whether a request may go there, and since when the circuit is not closed.
    pub(super) fn admits(&self, now: Instant) -> (Admits, Option<Instant>) {
        if self.quiet.load(Ordering::Relaxed) {
            return (Admits::All, None);
        }
        let circuit = *self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        (circuit.admits(now), circuit.opened())
    }

    /// An attempt is to begin: whether it may, and the probe if it is one.
    pub(super) fn begin(self: &Arc<Self>, now: Instant) -> (Admits, Option<Probe>) {
        if self.quiet.load(Ordering::Relaxed) {
            return (Admits::All, None);
        }
        let before = self.note(Event::Asked, now).admits(now);
        (before, (before == Admits::Probe).then(|| Probe(Some(self.clone()))))
    }

    /// As [`Breaker::begin`], where the time is of no other use.
    pub(super) fn begin_now(self: &Arc<Self>) -> (Admits, Option<Probe>) {
        if self.quiet.load(Ordering::Relaxed) { (Admits::All, None) } else { self.begin(Instant::now()) }
    }

    /// An attempt ended so; `None`: it was answered.
    pub(super) fn ended(&self, failed: Option<Class>, now: impl FnOnce() -> Instant) {
        let event = match failed {
            None if self.quiet.load(Ordering::Relaxed) => return,
            None => Event::Succeeded,
            // Nothing was sent, so nothing is known. If it was the probe, that says so when it is dropped.
            Some(Class::Limited) => return,
            Some(Class::Fault | Class::Busy) => Event::Refused,
            Some(_) => Event::Failed,
        };
        self.note(event, now());
    }

    /// The state before.
    fn note(&self, event: Event, now: Instant) -> Circuit {
        let mut circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *circuit;
        *circuit = before.after(event, now, self.config);
        if *circuit != before {
            self.quiet.store(*circuit == Circuit::default(), Ordering::Relaxed);
            self.metrics.state.set(circuit.number());
            if before.opened().is_none() && circuit.opened().is_some() {
                self.metrics.opened.inc();
            }
        }
        before
    }
}

impl Probe {
    /// It has its result, which is reported elsewhere.
    pub(super) fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some(breaker) = self.0.take() {
            breaker.note(Event::Left, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_leaves_makes_room_for_the_next() {
        let cooldown = Duration::from_secs(10);
        let breaker = Breaker::new(lingate_config::Breaker { failures: 2, cooldown }, CircuitMetrics::default());
        breaker.ended(Some(Class::Unsent), Instant::now);
        assert_eq!(breaker.begin(Instant::now()).0, Admits::All);
        breaker.ended(Some(Class::AfterSend), Instant::now);
        assert_eq!((breaker.metrics.state.get(), breaker.metrics.opened.get()), (2, 1));
        assert_eq!(breaker.begin(Instant::now()).0, Admits::Nothing);
        tokio::time::advance(cooldown).await;
        let (admits, probe) = breaker.begin(Instant::now());
        assert_eq!((admits, breaker.begin(Instant::now()).0), (Admits::Probe, Admits::Nothing));
        drop(probe);
        let (admits, probe) = breaker.begin(Instant::now());
        assert_eq!(admits, Admits::Probe);
        breaker.ended(Some(Class::Limited), Instant::now);
        assert_eq!(
            breaker.begin(Instant::now()).0,
            Admits::Nothing,
            "another one's wait in a queue of ours is no result"
        );
        breaker.ended(None, Instant::now);
        probe.unwrap().answered();
        assert!(breaker.quiet.load(Ordering::Relaxed));
        assert_eq!(breaker.metrics.state.get(), 0);
    }
}
