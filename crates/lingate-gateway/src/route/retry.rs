//! The retry table: what follows a failed attempt. The one place where that is decided; pure.

use crate::error::Class;
use std::time::Duration;

/// The longest pause that an upstream may ask for and get, before the same target is asked again.
const PATIENCE: Duration = Duration::from_secs(5);
/// The back-off: the first pause at least this, doubling, at most [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// All that the decision hangs on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// How the attempt failed.
    pub class: Class,
    /// Attempts made, the failed one included.
    pub made: u32,
    /// Attempts allowed in all.
    pub attempts: u32,
    /// Whether what an upstream may already be working on is sent again.
    pub after_send: bool,
    /// What is left of the request's time; `None`: any time.
    pub left: Option<Duration>,
    /// Whether anything was sent to the client.
    pub committed: bool,
    /// Whether the client left.
    pub gone: bool,
    /// Targets that are well and were not asked yet.
    pub others: usize,
    /// Whether the retry budget has something left.
    pub budget: bool,
    /// The target that would be asked a second time, were there no other.
    pub again: Again,
    /// A random number.
    pub random: u64,
}

/// A target that was asked already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Again {
    /// How long it wants to be left alone, if it said so.
    pub wait: Option<Duration>,
    /// Whether it said no more than that it does not want the request: that it is busy, or not for us.
    pub closed: bool,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The client gets the failure.
    Stop,
    /// Another attempt, after a pause.
    Next(Next, Duration),
}

/// Whom it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// A target that was not asked yet.
    Other,
    /// One that was.
    Again,
}

/// Decides.
pub(crate) fn decide(s: &Situation) -> Verdict {
    if s.class == Class::Limited && s.others > 0 && !s.committed && !s.gone {
        return Verdict::Next(Next::Other, Duration::ZERO);
    }
    let wanted = match s.class {
        Class::Fault => false,
        Class::AfterSend => s.after_send,
        Class::Unsent
        | Class::Limited
        | Class::Busy
        | Class::Denied
        | Class::Refused
        | Class::FirstEvent
        | Class::NotAnApi
        | Class::Empty => true,
    };
    if !wanted || s.committed || s.gone || s.made >= s.attempts || !s.budget {
        return Verdict::Stop;
    }
    let back_off = back_off(s.made, s.random);
    let (next, pause) = if s.others > 0 {
        // Who refuses and says for how long has said that others should be asked, at once.
        (Next::Other, if s.again.wait.is_some() { Duration::ZERO } else { back_off })
    } else {
        match s.again {
            Again { wait: Some(wait), .. } if wait > PATIENCE => return Verdict::Stop,
            Again { wait: Some(wait), .. } => (Next::Again, wait.max(back_off)),
            // The same upstream is not pressed when it says that it is busy.
            Again { wait: None, closed: true } => return Verdict::Stop,
            Again { wait: None, closed: false } => (Next::Again, back_off),
        }
    };
    match s.left {
        Some(left) if pause > left => Verdict::Stop,
        _ => Verdict::Next(next, pause),
    }
}

/// The pause after so many attempts: half of it is chance, so that many clients do not come back as one.
fn back_off(made: u32, random: u64) -> Duration {
    let whole = (SHORTEST * 2).saturating_mul(1 << made.saturating_sub(1).min(16)).min(LONGEST);
    let half = whole / 2;
    half + half.mul_f64((random % 1024) as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const ALONE: Again = Again { wait: None, closed: false };

    fn plain(class: Class) -> Situation {
        Situation {
            class,
            made: 1,
            attempts: 3,
            after_send: false,
            left: None,
            committed: false,
            gone: false,
            others: 1,
            budget: true,
            again: ALONE,
            random: 0,
        }
    }

    /// Every class with every option, against the table written out.
    #[test]
    fn each_class_with_each_option() {
        use Class::*;
        // Class; whether another target is asked; the same one; both with `after_send`.
        let table = [
            (Fault, [false, false, false, false]),
            (Unsent, [true, true, true, true]),
            (Limited, [true, false, true, false]),
            (Busy, [true, false, true, false]),
            (Denied, [true, false, true, false]),
            (Refused, [true, true, true, true]),
            (FirstEvent, [true, true, true, true]),
            (NotAnApi, [true, true, true, true]),
            (Empty, [true, true, true, true]),
            (AfterSend, [false, false, true, true]),
        ];
        assert_eq!(table.map(|(class, _)| class), Class::ALL);
        for (class, expected) in table {
            let again = Again { wait: None, closed: matches!(class, Limited | Busy | Denied) };
            let got = [(false, 1), (false, 0), (true, 1), (true, 0)].map(|(after_send, others)| {
                let verdict = decide(&Situation { after_send, others, again, ..plain(class) });
                match (others, verdict) {
                    (_, Verdict::Stop) => false,
                    (0, Verdict::Next(next, _)) => next == Next::Again,
                    (_, Verdict::Next(next, _)) => next == Next::Other,
                }
            });
            assert_eq!(got, expected, "{class:?}");
        }
    }

    #[test]
    fn what_forbids_a_second_attempt_forbids_it_for_all_classes() {
        for class in Class::ALL {
            for others in [0, 1] {
                let plain = Situation { after_send: true, others, ..plain(class) };
                // What was never sent is no attempt, as long as there are others.
                let counts = class != Class::Limited || others == 0;
                for (counts, stopped) in [
                    (true, Situation { committed: true, ..plain }),
                    (true, Situation { gone: true, ..plain }),
                    (counts, Situation { budget: false, ..plain }),
                    (counts, Situation { made: 3, ..plain }),
                    (counts, Situation { attempts: 1, ..plain }),
                    (counts, Situation { left: Some(Duration::from_millis(49)), ..plain }),
                ] {
                    assert_eq!(decide(&stopped) == Verdict::Stop, counts, "{stopped:?}");
                }
            }
        }
    }

    #[test]
    fn a_wish_to_be_left_alone_is_heard() {
        let with = |wait: Duration, others, left| {
            let again = Again { wait: Some(wait), closed: true };
            decide(&Situation { again, others, left, ..plain(Class::Busy) })
        };
        assert_eq!(with(SECOND * 9, 1, None), Verdict::Next(Next::Other, Duration::ZERO));
        assert_eq!(with(SECOND, 1, None), Verdict::Next(Next::Other, Duration::ZERO));
        assert_eq!(with(SECOND * 5, 0, None), Verdict::Next(Next::Again, SECOND * 5));
        assert_eq!(with(SECOND * 6, 0, None), Verdict::Stop);
        assert_eq!(with(SECOND * 3, 0, Some(SECOND * 3)), Verdict::Next(Next::Again, SECOND * 3));
        assert_eq!(with(SECOND * 3, 0, Some(SECOND * 2)), Verdict::Stop);
        // A time that is past asks for nothing, but the back-off stands.
        assert_eq!(with(Duration::ZERO, 0, None), Verdict::Next(Next::Again, SHORTEST));
    }

    #[test]
    fn the_back_off_doubles_up_to_two_seconds() {
        let ranges: Vec<_> = (1..=8).map(|made| [0, 1023].map(|random| back_off(made, random).as_millis())).collect();
        let expected = [[50, 99], [100, 199], [200, 399], [400, 799], [800, 1599]];
        assert_eq!(ranges[..5], expected);
        assert_eq!(ranges[5..], [[1000, 1999]; 3]);
    }

    fn situations() -> impl Strategy<Value = Situation> {
        let millis = |up_to: u64| (0..up_to).prop_map(Duration::from_millis);
        let numbers = (0..Class::ALL.len(), 1u32..12, 1u32..11, 0usize..4, any::<u64>());
        let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
        let times = (proptest::option::of(millis(10_000)), proptest::option::of(millis(10_000)));
        (numbers, flags, times).prop_map(|((class, made, attempts, others, random), flags, (left, wait))| {
            let (after_send, committed, gone, budget, closed) = flags;
            let (class, again) = (Class::ALL[class], Again { wait, closed });
            Situation { class, made, attempts, after_send, left, committed, gone, others, budget, again, random }
        })
    }

    proptest! {
        #[test]
        fn no_second_attempt_where_none_may_be(s in situations()) {
            let Verdict::Next(next, pause) = decide(&s) else { return Ok(()) };
            prop_assert!(!s.committed && !s.gone);
            prop_assert!(s.class == Class::Limited && s.others > 0 || s.budget && s.made < s.attempts);
            prop_assert!(s.class != Class::Fault);
            prop_assert!(s.class != Class::AfterSend || s.after_send);
            prop_assert!(s.left.is_none_or(|left| pause <= left));
            prop_assert!(pause <= PATIENCE);
            prop_assert_eq!(next == Next::Other, s.others > 0);
            prop_assert!(next == Next::Other || s.again.wait.is_none_or(|wait| pause >= wait));
        }
    }
}
