//! When an endpoint is left alone: a state machine, (event, now) to state. Pure.

use lingate_config::Breaker;
use std::time::Duration;
use tokio::time::Instant;

/// The longest that a circuit stays open before it is probed.
const LONGEST: Duration = Duration::from_secs(300);

/// The state of one endpoint's circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// It is asked; so many attempts in a row failed.
    Closed { failures: u32 },
    /// It is left alone.
    Open {
        /// Since when; a probe that fails does not change it.
        since: Instant,
        /// From when on it may be probed.
        until: Instant,
        /// How long it was to stay open this time.
        cooldown: Duration,
    },
    /// One request is on its way to see whether it is well again.
    Probing {
        /// As before the probe.
        since: Instant,
        /// As before the probe.
        cooldown: Duration,
    },
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It answered as it should.
    Succeeded,
    /// It failed.
    Failed,
    /// It answered, but refused: it is busy, or the request was bad. That is no failure of its own.
    Refused,
    /// An attempt begins.
    Asked,
    /// The attempt that was the probe ended without a result: the client left.
    Left,
}

/// Whether a request may go there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admits {
    /// Any.
    All,
    /// One, as a probe.
    Probe,
    /// None.
    Nothing,
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Circuit {
    /// The state after an event.
    #[must_use]
    pub(crate) fn after(self, event: Event, now: Instant, config: Breaker) -> Self {
        let closed = Self::default();
        match (self, event) {
            (Self::Closed { .. }, Event::Succeeded) => closed,
            (Self::Closed { failures }, Event::Failed) => {
                let failures = failures.saturating_add(1);
                if config.failures > 0 && failures >= config.failures {
                    let cooldown = config.cooldown.min(LONGEST);
                    Self::Open { since: now, until: now + cooldown, cooldown }
                } else {
                    Self::Closed { failures }
                }
            }
            (Self::Open { .. } | Self::Probing { .. }, Event::Succeeded) => closed,
            // It is there: what it says of the request is between it and the client.
            (Self::Probing { .. }, Event::Refused) => closed,
            (Self::Open { since, until, cooldown }, Event::Asked) if now >= until => Self::Probing { since, cooldown },
            (Self::Probing { since, cooldown }, Event::Failed) => {
                let cooldown = (cooldown * 2).min(LONGEST);
                Self::Open { since, until: now + cooldown, cooldown }
            }
            (Self::Probing { since, cooldown }, Event::Left) => Self::Open { since, until: now, cooldown },
            (state, _) => state,
        }
    }

    /// Whether a request may go there now.
    pub(crate) fn admits(self, now: Instant) -> Admits {
        match self {
            Self::Closed { .. } => Admits::All,
            Self::Open { until, .. } if now >= until => Admits::Probe,
            Self::Open { .. } | Self::Probing { .. } => Admits::Nothing,
        }
    }

    /// Since when it is not closed.
    pub(crate) fn opened(self) -> Option<Instant> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { since, .. } | Self::Probing { since, .. } => Some(since),
        }
    }

    /// As a metric: 0 closed, 1 being probed, 2 open.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Closed { .. } => 0,
            Self::Probing { .. } => 1,
            Self::Open { .. } => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn config(failures: u32) -> Breaker {
        Breaker { failures, cooldown: SECOND * 10 }
    }

    /// Plays events, each at a second.
    fn play(begin: Instant, failures: u32, events: &[(u64, Event)]) -> Circuit {
        events.iter().fold(Circuit::default(), |state, (second, event)| {
            state.after(*event, begin + Duration::from_secs(*second), config(failures))
        })
    }

    #[test]
    fn failures_in_a_row_open_it() {
        use Event::*;
        let begin = Instant::now();
        let is_open = |events: &[(u64, Event)]| play(begin, 3, events).opened().is_some();
        assert!(is_open(&[(0, Failed), (1, Failed), (2, Failed)]));
        assert!(!is_open(&[(0, Failed), (1, Failed), (2, Succeeded), (3, Failed), (4, Failed)]));
        assert!(is_open(&[(0, Failed), (1, Refused), (2, Failed), (3, Asked), (4, Failed)]), "neither counts");
        assert!(!is_open(&[(0, Refused); 9]));
        assert!(play(begin, 0, &[(0, Failed); 99]).opened().is_none(), "0 is never");
    }

    #[test]
    fn one_probe_after_the_cooldown() {
        use Event::*;
        let begin = Instant::now();
        let at = |second: u64| begin + Duration::from_secs(second);
        let open = play(begin, 1, &[(0, Failed)]);
        assert_eq!((open.admits(at(9)), open.admits(at(10))), (Admits::Nothing, Admits::Probe));
        assert_eq!(open.after(Asked, at(9), config(1)), open, "the last one left is asked without being a probe");
        let probing = open.after(Asked, at(10), config(1));
        assert_eq!((probing.admits(at(999)), probing.number()), (Admits::Nothing, 1));
        assert_eq!(probing.after(Succeeded, at(11), config(1)), Circuit::default());
        assert_eq!(probing.after(Refused, at(11), config(1)), Circuit::default());
        let again = probing.after(Failed, at(11), config(1));
        assert_eq!((again.admits(at(30)), again.admits(at(31))), (Admits::Nothing, Admits::Probe), "doubled");
        assert_eq!(again.opened(), Some(at(0)));
        let left = probing.after(Left, at(11), config(1));
        assert_eq!(left.admits(at(11)), Admits::Probe, "the next one probes");
    }

    #[test]
    fn the_cooldown_ends_at_five_minutes() {
        let begin = Instant::now();
        let mut state = play(begin, 1, &[(0, Event::Failed)]);
        let mut waits = Vec::new();
        let mut now = begin;
        for _ in 0..8 {
            let Circuit::Open { until, cooldown, .. } = state else { panic!("not open") };
            waits.push(cooldown.as_secs());
            now = until.max(now);
            state = state.after(Event::Asked, now, config(1)).after(Event::Failed, now, config(1));
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300, 300]);
    }

    proptest! {
        /// Between two results there is never more than one probe, and none before the cooldown is over.
        #[test]
        fn never_two_probes(steps in proptest::collection::vec((0u64..15, 0usize..5), 1..200), failures in 0u32..4) {
            const EVENTS: [Event; 5] =
                [Event::Succeeded, Event::Failed, Event::Refused, Event::Asked, Event::Left];
            let (mut now, mut state, mut probes, mut in_a_row) = (Instant::now(), Circuit::default(), 0, 0);
            for (passed, event) in steps {
                now += Duration::from_secs(passed);
                let (event, before) = (EVENTS[event], state);
                let admitted = before.admits(now);
                state = before.after(event, now, config(failures));
                match event {
                    Event::Asked if admitted == Admits::Probe => probes += 1,
                    Event::Asked => {}
                    _ if matches!(before, Circuit::Probing { .. }) => probes = 0,
                    _ => {}
                }
                in_a_row = match event { Event::Failed => in_a_row + 1, Event::Succeeded => 0, _ => in_a_row };
                prop_assert!(probes <= 1);
                prop_assert_eq!(probes == 1, matches!(state, Circuit::Probing { .. }));
                if failures == 0 || in_a_row == 0 && event != Event::Left && event != Event::Asked && event != Event::Refused {
                    prop_assert_eq!(state.admits(now), Admits::All);
                }
                if let Circuit::Open { until, cooldown, .. } = state {
                    prop_assert!(cooldown <= LONGEST && until <= now + LONGEST);
                }
            }
        }
    }
}
