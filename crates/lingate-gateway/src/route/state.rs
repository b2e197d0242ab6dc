//! What requests share of a virtual model and of its targets. It lasts over reloads.

use super::budget::Budget;
use super::latency::{Beginnings, Peak};
use crate::telemetry::ModelMetrics;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The longest that a target's wish to be left alone is heard.
const LONGEST: Duration = Duration::from_secs(3600);

/// Of a virtual model.
#[derive(Debug)]
pub(crate) struct ModelState {
    pub(super) budget: Budget,
    turn: AtomicU64,
    beginnings: Mutex<Beginnings>,
    pub(super) metrics: ModelMetrics,
}

impl ModelState {
    /// Nothing is known yet.
    pub(crate) fn new(metrics: ModelMetrics) -> Self {
        Self { budget: Budget::default(), turn: AtomicU64::new(0), beginnings: Mutex::default(), metrics }
    }

    /// How many requests took a turn before.
    pub(super) fn turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// The times to the first event.
    pub(super) fn beginnings(&self) -> MutexGuard<'_, Beginnings> {
        lock(&self.beginnings)
    }
}

/// Of a target.
#[derive(Debug, Default)]
pub(crate) struct TargetState {
    in_flight: AtomicU32,
    pace: Mutex<Pace>,
}

#[derive(Debug, Default)]
struct Pace {
    peak: Peak,
    busy_until: Option<Instant>,
}

impl TargetState {
    /// A request is there.
    pub(crate) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// It is over.
    pub(crate) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// An attempt took so long to begin, or to fail.
    pub(super) fn observe(&self, took: Duration, failed: bool, now: Instant) {
        lock(&self.pace).peak.observe(took, failed, now);
    }

    /// It wants to be left alone for so long.
    pub(super) fn busy_for(&self, wait: Duration, now: Instant) {
        let until = now + wait.min(LONGEST);
        let mut pace = lock(&self.pace);
        pace.busy_until = pace.busy_until.max(Some(until));
    }

    /// What a request there would cost, and until when it wants to be left alone.
    pub(super) fn look(&self, now: Instant) -> (f64, Option<Instant>) {
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        let pace = lock(&self.pace);
        (pace.peak.cost(in_flight, now), pace.busy_until)
    }

    /// Whether it wants to be left alone now.
    pub(super) fn is_busy(&self, now: Instant) -> bool {
        lock(&self.pace).busy_until.is_some_and(|until| until > now)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while a lock is held, and what is in it is valid at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
