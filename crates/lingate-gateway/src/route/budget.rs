//! How many retries there may be beside the requests: an upstream that fails for all must not get twice the load.

use std::sync::atomic::{AtomicU64, Ordering};

/// The window, in seconds.
const WINDOW: u64 = 10;
const SLOTS: usize = 10;
/// Retries that are always allowed: so many a second.
const FLOOR: u64 = 10;
/// One retry for so many requests: 20 %.
const REQUESTS_A_RETRY: u64 = 5;

/// Requests and retries of the last [`WINDOW`] seconds. Without a lock: a slot a second, each number beside the second
/// that it belongs to.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    slots: [Slot; SLOTS],
}

#[derive(Debug, Default)]
struct Slot {
    requests: AtomicU64,
    retries: AtomicU64,
}

impl Budget {
    /// A request came, in this second (of any clock that goes on).
    pub(crate) fn requested(&self, second: u64) {
        count(&self.slot(second).requests, second);
    }

    /// Whether there may be a retry now.
    pub(crate) fn has(&self, second: u64) -> bool {
        let (requests, retries) = self.window(second);
        retries < allowed(requests)
    }

    /// Takes a retry; says whether there was one.
    pub(crate) fn take(&self, second: u64) -> bool {
        // Counted first and taken back, so that two at once do not both get the last one.
        count(&self.slot(second).retries, second);
        let (requests, retries) = self.window(second);
        let is_allowed = retries <= allowed(requests);
        if !is_allowed {
            self.take_back(second);
        }
        is_allowed
    }

    /// Takes back what was counted, unless the slot has been another second's since.
    fn take_back(&self, second: u64) {
        let less = |old| (split(old).0 == second & MASK && split(old).1 > 0).then(|| old - 1);
        // What is not there is not taken back.
        let _ = self.slot(second).retries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    fn slot(&self, second: u64) -> &Slot {
        &self.slots[usize::try_from(second % WINDOW).unwrap_or(0)]
    }

    fn window(&self, now: u64) -> (u64, u64) {
        let now = now & MASK;
        let recent = |number: &AtomicU64| {
            let (second, count) = split(number.load(Ordering::Relaxed));
            if now.wrapping_sub(second) & MASK < WINDOW { count } else { 0 }
        };
        let all = self.slots.iter().map(|slot| (recent(&slot.requests), recent(&slot.retries)));
        all.fold((0, 0), |sum, slot| (sum.0 + slot.0, sum.1 + slot.1))
    }
}

fn allowed(requests: u64) -> u64 {
    requests / REQUESTS_A_RETRY + FLOOR * WINDOW
}

const MASK: u64 = u32::MAX as u64;

/// Second and count of a number.
fn split(number: u64) -> (u64, u64) {
    (number >> 32, number & MASK)
}

/// Adds one to what belongs to this second; what is older counts no more.
fn count(number: &AtomicU64, second: u64) {
    let second = second & MASK;
    let mut old = number.load(Ordering::Relaxed);
    loop {
        let new = if split(old).0 == second { old + 1 } else { (second << 32) | 1 };
        match number.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(changed) => old = changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(budget: &Budget, second: u64) -> u64 {
        (0..10_000).take_while(|_| budget.take(second)).count() as u64
    }

    #[test]
    fn a_fifth_of_the_requests_and_a_floor() {
        let budget = Budget::default();
        assert_eq!(taken(&budget, 7), 100);
        assert!(!budget.has(7));
        assert_eq!(taken(&budget, 16), 0, "the window is ten seconds");
        assert_eq!(taken(&budget, 17), 100);
        for second in 30..40 {
            (0..100).for_each(|_| budget.requested(second));
        }
        assert_eq!(taken(&budget, 39), 300);
        assert!(!budget.has(39));
        // The oldest hundred requests leave the window.
        assert!(!budget.take(40));
        assert_eq!(taken(&budget, 60), 100);
    }

    /// A thread that is stopped between counting and taking back finds a slot that belongs to another second.
    #[test]
    fn what_is_taken_back_late_takes_nothing_from_another_second() {
        let budget = Budget::default();
        assert_eq!(taken(&budget, 7), 100);
        budget.take_back(17);
        assert_eq!(taken(&budget, 7), 0);
        assert_eq!(taken(&budget, 17), 100);
        let fresh = Budget::default();
        fresh.take_back(3);
        assert_eq!(taken(&fresh, 3), 100, "there is nothing to take back");
    }

    proptest! {
        /// Whenever there is one, the ten seconds up to it hold no more than are due.
        #[test]
        fn never_more_than_that(steps in proptest::collection::vec((0u64..3, 0u64..200, 0u64..200), 1..40)) {
            let budget = Budget::default();
            let (mut now, mut log) = (0, Vec::new());
            for (passed, requests, wanted) in steps {
                now += passed;
                (0..requests).for_each(|_| budget.requested(now));
                let got = (0..wanted).filter(|_| budget.take(now)).count() as u64;
                log.push((now, requests, got));
                let recent = log.iter().filter(|(at, ..)| at + WINDOW > now);
                let (requests, retries) = recent.fold((0, 0), |sum, (_, r, t)| (sum.0 + r, sum.1 + t));
                prop_assert!(got == 0 || retries <= 100 + requests / 5);
            }
        }
    }
}
