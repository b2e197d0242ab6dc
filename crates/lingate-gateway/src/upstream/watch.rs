//! What watches over a source while it has nothing: a waker of its own, and one timer for all its time limits.

use super::wake::Woken;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep};

/// Waker and timer of one source; they stay with a connection, because both are cheaper to keep than to make.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) woken: Woken,
    pub(super) alarm: Alarm,
}

/// A timer that may fire too early: it looks when it fires, so that what puts a deadline off costs nothing.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether the timer knows whom to wake, which is always the waker of the same [`Watch`].
    set: bool,
}

impl Alarm {
    /// Sees to it that the timer fires no later than this.
    pub(super) fn limit(&mut self, deadline: Option<Instant>) {
        if let (Some(sleep), Some(deadline)) = (&mut self.sleep, deadline)
            && sleep.deadline() > deadline
        {
            sleep.as_mut().reset(deadline);
            self.set = false;
        }
    }

    /// Whether it is set and has not fired, so that there is nothing to look at.
    pub(super) fn is_quiet(&self) -> bool {
        self.set && self.sleep.as_ref().is_some_and(|sleep| !sleep.is_elapsed())
    }

    /// Ready when the deadline has passed. [`Alarm::limit`] must have been told of it, or of an earlier one.
    pub(super) fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        while !self.is_quiet() {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            // Unconstrained: with the task's budget used up it would say that it waits, and not be set.
            let mut fires = tokio::task::unconstrained(sleep.as_mut());
            if Pin::new(&mut fires).poll(cx).is_pending() {
                self.set = true;
                break;
            }
            self.set = false;
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::Alarm;
    use std::future::poll_fn;
    use std::task::{Context, Waker};
    use std::time::Duration;
    use tokio::time::{Instant, advance};

    #[tokio::test(start_paused = true)]
    async fn a_deadline_can_be_put_off_for_nothing() {
        let (begin, mut alarm) = (Instant::now(), Alarm::default());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut cx = Context::from_waker(Waker::noop());
        alarm.limit(Some(at(5)));
        assert!(alarm.poll(at(5), &mut cx).is_pending());
        assert!(alarm.is_quiet());
        advance(Duration::from_secs(4)).await;
        poll_fn(|cx| {
            // Polled by another task from now on, as after a change of hands.
            alarm.set = false;
            alarm.poll(at(9), cx)
        })
        .await;
        assert_eq!(begin.elapsed().as_secs(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_deadline_is_kept() {
        let (begin, mut alarm) = (Instant::now(), Alarm::default());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert!(alarm.poll(at(60), &mut Context::from_waker(Waker::noop())).is_pending());
        alarm.limit(Some(at(2)));
        assert!(!alarm.is_quiet(), "it must be set anew");
        poll_fn(|cx| alarm.poll(at(2), cx)).await;
        assert_eq!(begin.elapsed().as_secs(), 2);
    }
}
