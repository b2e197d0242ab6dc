//! A token bucket over all clients, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Admits `rate` requests a second, and at once as many as one second brings (at least one).
///
/// Kept as one number, the time at which the bucket will be full again: it moves on by one request's interval
/// with each admission and may be ahead of now by the whole bucket but one request.
#[derive(Debug)]
pub struct Limit {
    /// Nanoseconds that one request costs.
    interval: u64,
    /// How far, in nanoseconds, `full_at` may be ahead of now for one more request.
    slack: u64,
    full_at: AtomicU64,
}

impl Limit {
    /// The slowest rate that is kept exactly, in requests a second; slower ones count as this.
    const SLOWEST: f64 = 1e-6;

    /// From requests a second; `None` (no limit) unless that is above zero.
    pub fn new(rate: f64) -> Option<Self> {
        if rate.is_nan() || rate <= 0.0 {
            return None;
        }
        let rate = rate.max(Self::SLOWEST);
        // Rounded so that never more than asked for is admitted.
        let interval = (1e9 / rate).ceil();
        let slack = ((rate.max(1.0) - 1.0) * interval).floor();
        Some(Self { interval: nanos(interval), slack: nanos(slack), full_at: AtomicU64::new(0) })
    }

    /// Takes one request at the time `now` (nanoseconds since any fixed moment). Refused: how long until one
    /// would be admitted, if no other comes before it.
    pub fn admit(&self, now: u64) -> Result<(), Duration> {
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let wait = full_at.saturating_sub(now.saturating_add(self.slack));
            if wait > 0 {
                return Err(Duration::from_nanos(wait));
            }
            let next = full_at.max(now).saturating_add(self.interval);
            match self.full_at.compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(changed) => full_at = changed,
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, not negative, at most 1e15")]
fn nanos(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    /// Admissions in a row at one moment.
    fn burst(limit: &Limit, now: u64) -> usize {
        (0..100_000).take_while(|_| limit.admit(now).is_ok()).count()
    }

    #[test]
    fn starts_full_and_refills() {
        let limit = Limit::new(10.0).unwrap();
        assert_eq!(burst(&limit, 5 * SECOND), 10);
        assert_eq!(limit.admit(5 * SECOND), Err(Duration::from_millis(100)));
        assert_eq!(limit.admit(5 * SECOND + SECOND / 20), Err(Duration::from_millis(50)));
        assert_eq!(burst(&limit, 5 * SECOND + SECOND / 10), 1);
        assert_eq!(burst(&limit, 3600 * SECOND), 10);
        assert_eq!(burst(&Limit::new(3.0).unwrap(), 0), 3);
    }

    #[test]
    fn slow_rates_hold_one() {
        let limit = Limit::new(0.5).unwrap();
        assert_eq!(burst(&limit, 0), 1);
        assert_eq!(limit.admit(0), Err(Duration::from_secs(2)));
        assert_eq!(burst(&limit, 2 * SECOND), 1);
    }

    #[test]
    fn no_limit() {
        for rate in [0.0, -1.0, f64::NAN] {
            assert!(Limit::new(rate).is_none());
        }
        for rate in [f64::INFINITY, f64::MIN_POSITIVE, 1e9] {
            assert_eq!(Limit::new(rate).unwrap().admit(u64::MAX), Ok(()));
        }
    }

    #[test]
    fn threads_together_get_no_more() {
        let limit = Limit::new(1000.0).unwrap();
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| burst(&limit, SECOND))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(admitted, 1000);
    }

    proptest! {
        #[test]
        fn no_window_admits_more_than_capacity_and_refill(
            rate in 0.01f64..5000.0,
            steps in proptest::collection::vec((0u64..SECOND / 4, 1usize..40), 1..30),
        ) {
            let limit = Limit::new(rate).unwrap();
            let mut now = 0;
            let mut admitted: Vec<u64> = Vec::new();
            for (pause, tries) in steps {
                now += pause;
                admitted.extend((0..tries).filter(|_| limit.admit(now).is_ok()).map(|_| now));
            }
            for (i, &from) in admitted.iter().enumerate() {
                for (j, &to) in admitted.iter().enumerate().skip(i) {
                    let most = rate.max(1.0) + rate * (to - from) as f64 / 1e9;
                    prop_assert!((j - i + 1) as f64 <= most + 1e-6, "{} in {} ns at {rate}", j - i + 1, to - from);
                }
            }
        }

        #[test]
        fn after_the_wait_one_is_admitted(rate in 0.01f64..5000.0, tries in 1usize..6000) {
            let limit = Limit::new(rate).unwrap();
            let wait = (0..tries).find_map(|_| limit.admit(SECOND).err());
            if let Some(wait) = wait {
                let later = SECOND + u64::try_from(wait.as_nanos()).unwrap();
                prop_assert!(limit.admit(later - 1).is_err());
                prop_assert_eq!(limit.admit(later), Ok(()));
            }
        }
    }
}
