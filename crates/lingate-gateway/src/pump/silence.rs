//! Notices when a client has heard nothing for long: one timer a stream, which is set anew only when it fires.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// The clock of one client's patience.
#[derive(Debug)]
pub struct Silence {
    longest: Duration,
    /// When the client last heard something.
    last: Instant,
    timer: Pin<Box<Sleep>>,
    /// Whom the timer wakes; `None` when it is not set.
    wakes: Option<Waker>,
}

impl Silence {
    /// Begins to count now. `longest`: how long nothing may be heard.
    pub fn new(longest: Duration) -> Self {
        let last = Instant::now();
        Self { longest, last, timer: Box::pin(tokio::time::sleep_until(last + longest)), wakes: None }
    }

    /// The client heard something, at that moment. The timer is left alone: it looks when it fires.
    pub fn broken(&mut self, at: Instant) {
        self.last = self.last.max(at);
    }

    /// The first sign of life is due so long from now, if it is not due sooner.
    pub fn first_within(&mut self, soon: Duration) {
        let due = Instant::now() + soon;
        if due < self.last + self.longest {
            // As if the client had heard the last thing that much longer ago.
            self.last = due.checked_sub(self.longest).unwrap_or(self.last);
            self.timer.as_mut().reset(due);
            self.wakes = None;
        }
    }

    /// Whether the timer is set for this waker, so that it need not be asked before it fires.
    pub fn is_set(&self, waker: &Waker) -> bool {
        self.wakes.as_ref().is_some_and(|wakes| wakes.will_wake(waker)) && !self.timer.is_elapsed()
    }

    /// Ready when the client has heard nothing for too long. It counts anew then: a sign of life is to follow.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if !self.timer.is_elapsed() {
                // A timer that is set costs no more than this look.
                if self.is_set(cx.waker()) {
                    return Poll::Pending;
                }
                // Unconstrained: with the task's budget used up it would say that it waits, and not be set.
                let mut timer = tokio::task::unconstrained(self.timer.as_mut());
                if Pin::new(&mut timer).poll(cx).is_pending() {
                    self.wakes = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
            self.wakes = None;
            let (now, due) = (Instant::now(), self.last + self.longest);
            if now >= due {
                self.last = now;
                self.timer.as_mut().reset(now + self.longest);
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Silence;
    use std::future::poll_fn;
    use std::task::{Context, Waker};
    use std::time::Duration;
    use tokio::time::Instant;

    const LONG: Duration = Duration::from_secs(4);

    #[tokio::test(start_paused = true)]
    async fn each_silence_has_its_length() {
        let begin = Instant::now();
        let mut silence = Silence::new(LONG);
        for number in 1..=3 {
            poll_fn(|cx| silence.poll(cx)).await;
            assert_eq!(begin.elapsed().as_secs(), 4 * number);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_may_be_shorter() {
        let begin = Instant::now() + Duration::from_secs(3600);
        tokio::time::advance(Duration::from_secs(3600)).await;
        let mut silence = Silence::new(LONG);
        silence.first_within(Duration::from_secs(1));
        silence.first_within(Duration::from_secs(2));
        for number in 0..3 {
            poll_fn(|cx| silence.poll(cx)).await;
            assert_eq!(begin.elapsed().as_secs(), 1 + 4 * number);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_begins_the_silence_anew() {
        let begin = Instant::now();
        let mut silence = Silence::new(LONG);
        assert!(silence.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        tokio::time::advance(Duration::from_secs(3)).await;
        silence.broken(Instant::now());
        poll_fn(|cx| silence.poll(cx)).await;
        assert_eq!(begin.elapsed().as_secs(), 7);
    }
}
