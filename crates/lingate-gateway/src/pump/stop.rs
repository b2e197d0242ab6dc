//! The end of the server's patience: streams that are still open are ended with an error.

use crate::upstream::Woken;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Ends all open streams, once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    notify: Arc<Notify>,
}

impl Stop {
    /// Ends every stream that is watched now.
    pub(crate) fn now(&self) {
        self.notify.notify_waiters();
    }

    /// A watch for one stream.
    pub(crate) fn watch(&self) -> StopWatch {
        StopWatch { notified: Box::pin(self.notify.clone().notified_owned()), woken: Woken::default() }
    }
}

/// One stream's watch.
#[derive(Debug)]
pub struct StopWatch {
    notified: Pin<Box<OwnedNotified>>,
    /// The notice takes a lock each time it is asked, and it is asked at every turn of a stream.
    woken: Woken,
}

impl StopWatch {
    /// Ready when the stream must end.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(waker) = self.woken.before(cx) else { return Poll::Pending };
        let polled = self.notified.as_mut().poll(&mut Context::from_waker(&waker));
        self.woken.after(polled.is_ready());
        polled
    }
}
