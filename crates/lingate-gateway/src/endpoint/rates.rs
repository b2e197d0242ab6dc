//! Requests and tokens a minute, as token buckets. Pure: the time is an argument, counted from any fixed moment.

use std::time::Duration;

/// A minute, in picoseconds: what is counted in, so that a billion tokens a minute are still counted one by one.
const MINUTE: u128 = 60 * 1_000_000_000_000;
/// The most that a bucket can be in debt, in minutes of its rate: what an upstream says of its usage may be wrong.
const MOST_DEBT: u128 = 10;

/// A bucket that holds what one minute brings, and is full at first. More than it holds may be taken: then it is in
/// debt, and nothing more is admitted until that is paid.
#[derive(Debug)]
struct Bucket {
    /// How long it takes for one unit to come.
    interval: u128,
    /// When it will be full.
    full_at: u128,
}

impl Bucket {
    /// `None`: no limit.
    fn new(a_minute: u64) -> Option<Self> {
        (a_minute > 0).then(|| Self { interval: MINUTE.div_ceil(u128::from(a_minute)), full_at: 0 })
    }

    /// How long until one unit is there.
    fn wait(&self, now: u128) -> Option<Duration> {
        let slack = MINUTE.saturating_sub(self.interval);
        let wait = self.full_at.saturating_sub(now + slack);
        (wait > 0).then(|| Duration::from_nanos(u64::try_from(wait.div_ceil(1000)).unwrap_or(u64::MAX)))
    }

    fn take(&mut self, amount: u64, now: u128) {
        let taken = self.full_at.max(now).saturating_add(self.interval.saturating_mul(u128::from(amount)));
        self.full_at = taken.min(now + MINUTE + MOST_DEBT * MINUTE);
    }
}

/// What is used up for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// The requests of this minute. One more is possible after so long.
    Requests(Duration),
    /// The tokens.
    Tokens(Duration),
}

/// Both limits of one endpoint.
#[derive(Debug)]
pub(super) struct Rates {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

impl Rates {
    /// From requests and tokens a minute, 0 is no limit; `None` if there is neither.
    pub(super) fn new(requests: u64, tokens: u64) -> Option<Self> {
        let rates = Self { requests: Bucket::new(requests), tokens: Bucket::new(tokens) };
        (rates.requests.is_some() || rates.tokens.is_some()).then_some(rates)
    }

    /// Whether a request may begin.
    ///
    /// # Errors
    /// Which of the two is used up.
    pub(super) fn check(&self, now: Duration) -> Result<(), Empty> {
        let wait = |bucket: &Option<Bucket>| bucket.as_ref().and_then(|bucket| bucket.wait(picos(now)));
        match (wait(&self.requests), wait(&self.tokens)) {
            (None, None) => Ok(()),
            (Some(requests), Some(tokens)) if requests >= tokens => Err(Empty::Requests(requests)),
            (_, Some(tokens)) => Err(Empty::Tokens(tokens)),
            (Some(requests), None) => Err(Empty::Requests(requests)),
        }
    }

    /// Takes a request that begins.
    ///
    /// # Errors
    /// As [`Rates::check`]; nothing is taken then.
    pub(super) fn begin(&mut self, now: Duration) -> Result<(), Empty> {
        self.check(now)?;
        if let Some(requests) = &mut self.requests {
            requests.take(1, picos(now));
        }
        Ok(())
    }

    /// Takes the tokens that a request turned out to have used.
    pub(super) fn spend(&mut self, tokens: u64, now: Duration) {
        if let Some(bucket) = &mut self.tokens {
            bucket.take(tokens, picos(now));
        }
    }
}

fn picos(time: Duration) -> u128 {
    time.as_nanos() * 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn burst(rates: &mut Rates, now: Duration) -> usize {
        (0..10_000).take_while(|_| rates.begin(now).is_ok()).count()
    }

    #[test]
    fn a_minute_s_requests_at_once_and_then_as_they_come() {
        let mut rates = Rates::new(60, 0).unwrap();
        assert_eq!(burst(&mut rates, SECOND), 60);
        assert_eq!(rates.check(SECOND), Err(Empty::Requests(SECOND)));
        assert_eq!(burst(&mut rates, SECOND * 2), 1);
        assert_eq!(burst(&mut rates, SECOND * 32), 30);
        assert_eq!(burst(&mut rates, SECOND * 3600), 60, "it holds no more than a minute's");
        assert!(Rates::new(0, 0).is_none());
    }

    #[test]
    fn tokens_are_a_debt_that_is_paid_with_time() {
        let mut rates = Rates::new(0, 600).unwrap();
        let now = SECOND * 100;
        assert_eq!(burst(&mut rates, now), 10_000, "nothing is known of what they use");
        rates.spend(599, now);
        assert_eq!(rates.check(now), Ok(()), "one is left");
        rates.spend(601, now);
        // 600 too many, and one for the next.
        assert_eq!(rates.check(now), Err(Empty::Tokens(SECOND * 60 + SECOND / 10)));
        assert_eq!(rates.check(now + SECOND * 60), Err(Empty::Tokens(SECOND / 10)));
        assert_eq!(rates.check(now + SECOND * 61), Ok(()));
    }

    #[test]
    fn what_an_upstream_says_it_used_closes_it_for_ten_minutes_at_most() {
        let mut rates = Rates::new(0, 1).unwrap();
        rates.spend(u64::MAX, SECOND);
        rates.spend(u64::MAX, SECOND);
        assert_eq!(rates.check(SECOND), Err(Empty::Tokens(SECOND * 660)));
    }

    #[test]
    fn the_longer_wait_is_told() {
        let mut rates = Rates::new(1, 60).unwrap();
        rates.begin(SECOND).unwrap();
        rates.spend(70, SECOND);
        assert_eq!(rates.check(SECOND), Err(Empty::Requests(SECOND * 60)));
        rates.spend(1000, SECOND);
        assert!(matches!(rates.check(SECOND), Err(Empty::Tokens(_))));
    }

    proptest! {
        #[test]
        fn no_window_admits_more_than_a_minute_s_and_what_came(
            a_minute in 1u64..5000,
            steps in proptest::collection::vec((0u64..20_000, 1usize..40), 1..30),
        ) {
            let mut rates = Rates::new(a_minute, 0).unwrap();
            let (mut now, mut admitted) = (Duration::ZERO, Vec::new());
            for (pause, tries) in steps {
                now += Duration::from_millis(pause);
                admitted.extend((0..tries).filter(|_| rates.begin(now).is_ok()).map(|_| now));
            }
            for (i, &from) in admitted.iter().enumerate() {
                for (j, &to) in admitted.iter().enumerate().skip(i) {
                    let most = a_minute as f64 * (1.0 + (to - from).as_secs_f64() / 60.0);
                    prop_assert!((j - i + 1) as f64 <= most + 1e-6);
                }
            }
        }

        #[test]
        fn after_the_wait_one_is_admitted(a_minute in 1u64..1_000_000_000, used in 0u64..1_000_000_000) {
            let mut rates = Rates::new(0, a_minute).unwrap();
            rates.spend(used, SECOND);
            if let Err(Empty::Tokens(wait)) = rates.check(SECOND) {
                prop_assert!(rates.check(SECOND + wait.saturating_sub(Duration::from_nanos(1))).is_err());
                prop_assert_eq!(rates.check(SECOND + wait), Ok(()));
            }
        }
    }
}
