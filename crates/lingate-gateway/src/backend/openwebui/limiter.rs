//! How often a sign-in may be tried.

use std::time::Duration;

use tokio::time::Instant;

/// So many sign-ins may follow each other at once.
pub(super) const BURST: u32 = 5;
/// After a burst, one sign-in in this time. Open WebUI 0.12 itself allows 15 in 3 minutes.
pub(super) const INTERVAL: Duration = Duration::from_secs(12);

/// A token bucket, kept as the moment at which it will be full again.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    full_at: Option<Instant>,
}

impl Limiter {
    /// Takes one sign-in at `now`, or says how long it is until there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.unwrap_or(now).max(now);
        let wait = (full_at - now).saturating_sub(INTERVAL * (BURST - 1));
        if !wait.is_zero() {
            return Err(wait);
        }
        self.full_at = Some(full_at + INTERVAL);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Limiter;

    #[test]
    fn five_at_once_then_one_in_twelve_seconds() {
        let mut limiter = Limiter::default();
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        for _ in 0..5 {
            assert_eq!(limiter.take(start), Ok(()));
        }
        assert_eq!(limiter.take(start), Err(Duration::from_secs(12)));
        assert_eq!(limiter.take(at(4.5)), Err(Duration::from_millis(7500)));
        assert_eq!(limiter.take(at(12.0)), Ok(()));
        assert_eq!(limiter.take(at(12.0)), Err(Duration::from_secs(12)));
        assert_eq!(limiter.take(at(24.0)), Ok(()));
        for _ in 0..5 {
            assert_eq!(limiter.take(at(500.0)), Ok(()), "a long rest fills it again");
        }
        assert_eq!(limiter.take(at(500.0)), Err(Duration::from_secs(12)), "but not beyond the burst");
    }

    #[test]
    fn a_steady_run_gets_no_more_than_its_share() {
        let mut limiter = Limiter::default();
        let start = Instant::now();
        let taken = (0..1800).filter(|tenth| limiter.take(start + Duration::from_millis(100 * tenth)).is_ok()).count();
        assert_eq!(taken, 5 + 14, "in 180 seconds");
    }
}
