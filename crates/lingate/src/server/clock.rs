//! What a connection is waiting for, and until when: the one clock of head, idle and write time-outs.
//!
//! hyper's own header time-out makes a timer for each request and also cuts idle connections. This clock costs a
//! few relaxed stores a request; the connection's task looks at it after each poll and has one timer for all.

use super::limits::Limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use tokio::time::Instant;

/// No deadline.
pub(super) const NEVER: u64 = u64::MAX;

/// Milliseconds are counted from the connection's start, from 1: 0 is "not".
#[derive(Debug)]
pub(super) struct Clock {
    base: Instant,
    limits: Limits,
    /// Requests under way, their answers included.
    active: AtomicU32,
    /// When the client must have sent a whole head, or anything at all.
    deadline: AtomicU64,
    /// Whether a head has begun to come.
    in_head: AtomicBool,
    /// HTTP/2 has frames of its own between requests: only silence counts there.
    http2: bool,
    /// Since when the client takes no bytes.
    stalled: AtomicU64,
}

impl Clock {
    /// A connection of which the first bytes are there.
    pub(super) fn new(limits: Limits, http2: bool) -> Arc<Self> {
        let head = millis(limits.head);
        let deadline = if http2 { millis(limits.idle) } else { head };
        Arc::new(Self {
            base: Instant::now(),
            limits,
            active: AtomicU32::new(0),
            deadline: AtomicU64::new(deadline),
            in_head: AtomicBool::new(true),
            http2,
            stalled: AtomicU64::new(0),
        })
    }

    pub(super) fn now(&self) -> u64 {
        millis(self.base.elapsed()) + 1
    }

    /// The moment of a count of milliseconds.
    pub(super) fn moment(&self, at: u64) -> Instant {
        self.base + std::time::Duration::from_millis(at)
    }

    /// Bytes came.
    pub(super) fn received(&self) {
        if !self.http2 && self.active.load(Relaxed) == 0 && !self.in_head.load(Relaxed) {
            self.in_head.store(true, Relaxed);
            self.deadline.store(self.now() + millis(self.limits.head), Relaxed);
        }
    }

    /// A request's head is whole. The request ends when the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Guard {
        self.active.fetch_add(1, Relaxed);
        Guard(Arc::clone(self))
    }

    /// The client takes no bytes at the moment.
    pub(super) fn write_blocked(&self) {
        if self.stalled.load(Relaxed) == 0 {
            self.stalled.store(self.now(), Relaxed);
        }
    }

    /// The client took bytes.
    pub(super) fn wrote(&self) {
        if self.stalled.load(Relaxed) != 0 {
            self.stalled.store(0, Relaxed);
            // The last bytes of an answer: its request has ended, the client is still reading.
            self.deadline.fetch_max(self.now() + millis(self.limits.idle), Relaxed);
        }
    }

    /// When to look again; [`NEVER`] if nothing limits the client at the moment.
    pub(super) fn wake_at(&self) -> u64 {
        let waiting = if self.active.load(Relaxed) > 0 { NEVER } else { self.deadline.load(Relaxed) };
        match self.stalled.load(Relaxed) {
            0 => waiting,
            since => waiting.min(since + millis(self.limits.stalled)),
        }
    }

    /// When to look again at the latest.
    pub(super) fn look_again(&self) -> u64 {
        self.wake_at().min(self.now() + millis(self.limits.idle))
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Guard(Arc<Clock>);

impl Drop for Guard {
    fn drop(&mut self) {
        let clock = &self.0;
        clock.deadline.store(clock.now() + millis(clock.limits.idle), Relaxed);
        clock.in_head.store(false, Relaxed);
        clock.active.fetch_sub(1, Relaxed);
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(NEVER / 4).min(NEVER / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn what_a_connection_waits_for() {
        let limits = Limits::default();
        let clock = Clock::new(limits, false);
        assert_eq!(clock.wake_at(), 10_000, "a head is on its way");
        let request = clock.begin();
        assert_eq!(clock.wake_at(), NEVER, "an answer takes as long as it takes");
        advance(Duration::from_secs(300)).await;
        drop(request);
        assert_eq!(clock.wake_at(), clock.now() + 120_000, "idle");
        advance(Duration::from_secs(7)).await;
        clock.received();
        let head = clock.wake_at();
        assert_eq!(head, clock.now() + 10_000, "the next head");
        advance(Duration::from_secs(7)).await;
        clock.received();
        assert_eq!(clock.wake_at(), head, "dripping bytes gain nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing() {
        let clock = Clock::new(Limits::default(), false);
        let request = clock.begin();
        clock.write_blocked();
        let cut = clock.wake_at();
        assert_eq!(cut, clock.now() + 60_000);
        advance(Duration::from_secs(30)).await;
        clock.write_blocked();
        assert_eq!(clock.wake_at(), cut);
        clock.wrote();
        assert_eq!(clock.wake_at(), NEVER);
        drop(request);
    }

    #[tokio::test(start_paused = true)]
    async fn http2_counts_silence_alone() {
        let clock = Clock::new(Limits::default(), true);
        assert_eq!(clock.wake_at(), 120_000);
        clock.received();
        assert_eq!(clock.wake_at(), 120_000);
    }
}
