//! Knows whether a source was woken since it last had nothing: a poll that can find nothing costs next to nothing.
//!
//! And what wakes a source while it is polled does not wake its task: whoever polls it looks at it anyway. (hyper's
//! channels wake at each piece that goes through them, which would poll everything once more for nothing.)

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// Something happened since the source was last pending.
const WOKEN: u8 = 1;
/// It is being polled.
const POLLED: u8 = 2;

#[derive(Debug)]
struct Flag {
    state: AtomicU8,
    /// Whom it wakes. It stays when it was woken: a wake that one thread is late with must not leave nobody for the next.
    task: Mutex<Option<Waker>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.mark() {
            self.tell();
        }
    }
}

impl Flag {
    /// Notes that something happened; whether the task is to be told.
    fn mark(&self) -> bool {
        // Woken already: its task knows. Being polled: `after` sees to it.
        self.state.fetch_or(WOKEN, Ordering::AcqRel) == 0
    }

    fn tell(&self) {
        if let Some(task) = &*self.task.lock().unwrap_or_else(PoisonError::into_inner) {
            task.wake_by_ref();
        }
    }

    fn set(&self, task: Option<Waker>) {
        let before = std::mem::replace(&mut *self.task.lock().unwrap_or_else(PoisonError::into_inner), task);
        // Not under the lock: it may be the last one of its task.
        drop(before);
    }
}

/// A waker of its own for one source.
#[derive(Debug)]
pub(crate) struct Woken {
    flag: Arc<Flag>,
    waker: Waker,
    /// Whom the flag wakes: a copy that needs no lock.
    task: Option<Waker>,
}

impl Default for Woken {
    fn default() -> Self {
        let flag = Arc::new(Flag { state: AtomicU8::new(WOKEN), task: Mutex::default() });
        Self { waker: Waker::from(flag.clone()), flag, task: None }
    }
}

impl Woken {
    /// Before a poll: the waker to poll with, or `None` if nothing can have changed since the source was last
    /// pending. [`Woken::after`] must follow a poll.
    pub(crate) fn before(&mut self, cx: &Context<'_>) -> Option<Waker> {
        let same = self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker()));
        if !same {
            // Before the state is looked at: what comes after that look wakes this one.
            self.flag.set(Some(cx.waker().clone()));
            self.task = Some(cx.waker().clone());
        } else if self.flag.state.load(Ordering::Acquire) == 0 {
            return None;
        }
        let woken = self.flag.state.compare_exchange(WOKEN, POLLED, Ordering::AcqRel, Ordering::Acquire);
        woken.is_ok().then(|| self.waker.clone())
    }

    /// After a poll: whether it gave something, so that there may be more.
    pub(crate) fn after(&self, ready: bool) {
        if ready {
            self.flag.state.store(WOKEN, Ordering::Release);
        } else if self.flag.state.fetch_and(!POLLED, Ordering::AcqRel) & WOKEN != 0 {
            self.flag.tell();
        }
    }

    /// The source has something to do, whoever polls it next.
    pub(crate) fn expect(&self) {
        self.flag.state.store(WOKEN, Ordering::Release);
    }

    /// Wakes nobody any more, until the next poll.
    pub(crate) fn forget(&mut self) {
        self.task = None;
        self.flag.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::Woken;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};
    use std::thread::Thread;
    use std::time::{Duration, Instant};

    #[test]
    fn a_source_is_asked_again_only_after_it_woke() {
        let (mut woken, cx) = (Woken::default(), Context::from_waker(Waker::noop()));
        assert!(woken.before(&cx).is_some(), "at first");
        woken.after(true);
        let waker = woken.before(&cx).expect("after something there may be more");
        woken.after(false);
        assert!(woken.before(&cx).is_none(), "nothing woke it");
        waker.wake();
        assert!(woken.before(&cx).is_some(), "it woke");
    }

    #[test]
    fn a_wake_during_the_poll_is_not_lost() {
        let (mut woken, cx) = (Woken::default(), Context::from_waker(Waker::noop()));
        woken.before(&cx).expect("at first").wake();
        woken.after(false);
        assert!(woken.before(&cx).is_some());
    }
    #[test]
    fn a_task_is_woken_for_what_came_while_it_polled_in_vain() {
        let (mut woken, task) = (Woken::default(), Count::default());
        let waker = Waker::from(Arc::new(task.clone()));
        let cx = Context::from_waker(&waker);
        let own = woken.before(&cx).expect("at first");
        own.wake_by_ref();
        assert_eq!(task.wakes(), 0, "it is being polled");
        woken.after(true);
        assert_eq!(task.wakes(), 0, "it gave something, so it is polled again");
        let own = woken.before(&cx).expect("there may be more");
        own.wake_by_ref();
        woken.after(false);
        assert_eq!(task.wakes(), 1, "something came that the poll may not have seen");
        own.wake_by_ref();
        assert_eq!(task.wakes(), 1, "it knows");
        assert!(woken.before(&cx).is_some());
        woken.after(false);
        own.wake_by_ref();
        assert_eq!(task.wakes(), 2);
    }

    #[test]
    fn who_was_forgotten_is_not_woken() {
        let (mut woken, task) = (Woken::default(), Count::default());
        let waker = Waker::from(Arc::new(task.clone()));
        let own = woken.before(&Context::from_waker(&waker)).expect("at first");
        woken.after(false);
        woken.forget();
        own.wake_by_ref();
        assert_eq!(task.wakes(), 0);
        assert!(woken.before(&Context::from_waker(&waker)).is_some(), "but the source was woken");
    }

    /// Between the two steps of a wake on one thread, the task may have seen what it is about, found no more, and waits.
    #[test]
    fn a_wake_that_comes_late_does_not_take_the_next_one_with_it() {
        let (mut woken, task) = (Woken::default(), Count::default());
        let waker = Waker::from(Arc::new(task.clone()));
        let cx = Context::from_waker(&waker);
        let own = woken.before(&cx).expect("at first");
        woken.after(false);
        assert!(woken.flag.mark(), "something came, and its thread stops here");
        woken.before(&cx).expect("the task is polled for another reason");
        woken.after(true);
        woken.before(&cx).expect("there may be more");
        woken.after(false);
        woken.flag.tell();
        assert_eq!(task.wakes(), 1);
        assert!(woken.before(&cx).is_none(), "for nothing");
        own.wake_by_ref();
        assert_eq!(task.wakes(), 2, "something new came");
    }

    /// One thread puts numbers in, the other takes them out and is polled more often than it was woken.
    #[test]
    fn no_wake_is_lost_between_threads() {
        const NUMBERS: usize = 5_000;
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let (shared, taken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (mut woken, (give, put)) = (Woken::default(), (taken.clone(), shared.clone()));
        let cx_waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let cx = Context::from_waker(&cx_waker);
        let own = woken.waker.clone();
        let giver = std::thread::spawn(move || {
            for number in 1..=NUMBERS {
                put.store(number, Ordering::Release);
                own.wake_by_ref();
                let since = Instant::now();
                while give.load(Ordering::Acquire) < number {
                    if since.elapsed() > Duration::from_secs(5) {
                        return number;
                    }
                    std::thread::yield_now();
                }
            }
            0
        });
        let mut seen = 0;
        while seen < NUMBERS && !giver.is_finished() {
            // Some times more than it must be.
            for _ in 0..=seen % 7 {
                if woken.before(&cx).is_some() {
                    let now = shared.load(Ordering::Acquire);
                    woken.after(now > seen);
                    seen = now;
                    taken.store(seen, Ordering::Release);
                }
            }
            if woken.before(&cx).is_some() {
                woken.after(true);
            } else if seen < NUMBERS {
                std::thread::park_timeout(Duration::from_secs(6));
            }
        }
        assert_eq!(giver.join().expect("it does not panic"), 0, "the wake for this number was lost");
    }

    #[derive(Clone, Default)]
    struct Count(Arc<AtomicUsize>);

    impl Count {
        fn wakes(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
