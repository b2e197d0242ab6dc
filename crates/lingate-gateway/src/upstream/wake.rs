//! Knows whether a source was woken since it last had nothing: a poll that can find nothing costs next to nothing.

use futures_util::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

#[derive(Debug)]
struct Flag {
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// A waker of its own for one source.
#[derive(Debug)]
pub(crate) struct Woken {
    flag: Arc<Flag>,
    waker: Waker,
}

impl Default for Woken {
    fn default() -> Self {
        let flag = Arc::new(Flag { woken: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { waker: Waker::from(flag.clone()), flag }
    }
}

impl Woken {
    /// Before a poll: the waker to poll with, or `None` if nothing can have changed since the source was last
    /// pending. [`Woken::after`] must follow a poll.
    pub(crate) fn before(&self, cx: &Context<'_>) -> Option<Waker> {
        self.flag.task.register(cx.waker());
        self.flag.woken.swap(false, Ordering::AcqRel).then(|| self.waker.clone())
    }

    /// After a poll: whether it gave something, so that there may be more.
    pub(crate) fn after(&self, ready: bool) {
        if ready {
            self.flag.woken.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Woken;
    use std::task::{Context, Waker};

    #[test]
    fn a_source_is_asked_again_only_after_it_woke() {
        let (woken, cx) = (Woken::default(), Context::from_waker(Waker::noop()));
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
        let (woken, cx) = (Woken::default(), Context::from_waker(Waker::noop()));
        woken.before(&cx).expect("at first").wake();
        woken.after(false);
        assert!(woken.before(&cx).is_some());
    }
}
