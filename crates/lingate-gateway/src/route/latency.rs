//! How quick a target was of late, and how long it takes to begin as a rule. Pure: the time is an argument.

use std::time::Duration;
use tokio::time::Instant;

/// How fast what was seen loses its weight: to a third in so many seconds.
const DECAY: f64 = 10.0;
/// What a failed attempt counts as, at least, so that a target that fails at once is not the quickest.
const FAILED: Duration = Duration::from_secs(5);

/// A mean of the time to the first event that jumps up at once and comes down slowly (peak-EWMA).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Peak {
    seconds: f64,
    at: Option<Instant>,
}

impl Peak {
    /// An attempt took so long to begin.
    pub(crate) fn observe(&mut self, took: Duration, failed: bool, now: Instant) {
        let seconds = if failed { took.max(FAILED) } else { took }.as_secs_f64();
        let kept = self.kept(now);
        let mean = self.seconds * kept + seconds * (1.0 - kept);
        *self = Self { seconds: mean.max(seconds), at: Some(now) };
    }

    /// What another request there would cost. Nothing is known: next to nothing, so that it is tried.
    pub(crate) fn cost(&self, in_flight: u32, now: Instant) -> f64 {
        (self.seconds * self.kept(now) + 1e-3) * f64::from(in_flight + 1)
    }

    /// How much of the mean is left after the time since.
    fn kept(&self, now: Instant) -> f64 {
        self.at.map_or(0.0, |at| (-now.saturating_duration_since(at).as_secs_f64() / DECAY).exp())
    }
}

/// So few samples say nothing.
const ENOUGH: u32 = 20;
/// When there are so many samples, all count half.
const MOST: u32 = 1000;
const BUCKETS: usize = 64;

/// The times to the first event of one model, in buckets that are a fifth apart, from 5 ms to 9 minutes.
#[derive(Debug, Clone)]
pub(crate) struct Beginnings {
    buckets: [u32; BUCKETS],
    total: u32,
}

impl Default for Beginnings {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], total: 0 }
    }
}

impl Beginnings {
    /// An answer took so long to begin.
    pub(crate) fn observe(&mut self, took: Duration) {
        let index = (0..BUCKETS - 1).find(|index| took <= upper(*index)).unwrap_or(BUCKETS - 1);
        self.buckets[index] += 1;
        self.total += 1;
        if self.total >= MOST {
            self.buckets.iter_mut().for_each(|count| *count /= 2);
            self.total = self.buckets.iter().sum();
        }
    }

    /// The time within which 95 of 100 answers began; `None` before there is enough to tell.
    pub(crate) fn slow(&self) -> Option<Duration> {
        if self.total < ENOUGH {
            return None;
        }
        let (mut sum, wanted) = (0, self.total - self.total / 20);
        let index = self.buckets.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        index.map(upper)
    }
}

/// The upper bound of a bucket.
fn upper(index: usize) -> Duration {
    Duration::from_secs_f64(0.005 * 1.2f64.powi(i32::try_from(index).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_jumps_up_and_comes_down_slowly() {
        let begin = Instant::now();
        let mut peak = Peak::default();
        assert!(peak.cost(0, begin) < 0.01);
        peak.observe(SECOND / 10, false, begin);
        peak.observe(SECOND, false, begin);
        assert!((peak.cost(0, begin) - 1.0).abs() < 0.01, "at once");
        peak.observe(SECOND / 10, false, begin + SECOND);
        assert!((0.9..1.0).contains(&peak.cost(0, begin + SECOND)), "slowly");
        assert!(peak.cost(0, begin + SECOND * 100) < 0.01, "what is long ago says nothing");
        assert!((peak.cost(3, begin + SECOND) / peak.cost(0, begin + SECOND) - 4.0).abs() < 1e-6);
        peak.observe(SECOND / 1000, true, begin + SECOND);
        assert!(peak.cost(0, begin + SECOND) >= 5.0, "a failure is not quick");
    }

    #[test]
    fn the_slow_ones_are_learned() {
        let mut beginnings = Beginnings::default();
        for _ in 0..19 {
            beginnings.observe(SECOND / 10);
        }
        assert_eq!(beginnings.slow(), None);
        beginnings.observe(SECOND * 60);
        let slow = beginnings.slow().unwrap();
        assert!((SECOND / 10..SECOND / 8).contains(&slow), "one of twenty is slow: {slow:?}");
        for _ in 0..5000 {
            beginnings.observe(SECOND * 2);
        }
        let slow = beginnings.slow().unwrap();
        assert!((SECOND * 2..SECOND * 12 / 5).contains(&slow), "{slow:?}");
        assert!(beginnings.total < MOST);
    }

    proptest! {
        #[test]
        fn any_times_are_taken(times in proptest::collection::vec(0u64..10_000_000, 20..2000)) {
            let mut beginnings = Beginnings::default();
            times.iter().for_each(|millis| beginnings.observe(Duration::from_millis(*millis)));
            prop_assert!(beginnings.slow().is_some());
        }
    }
}
