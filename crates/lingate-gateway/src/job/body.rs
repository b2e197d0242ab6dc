//! The body of a job's stream: looks at the job while the client reads.

use super::live::Live;
use crate::error::{Class, Failure};
use crate::upstream::{Local, Phase, UpstreamError};
use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

type Next = Pin<Box<dyn Future<Output = (Live, Result<Bytes, Failure>)> + Send>>;

/// A stream whose pieces are fetched one by one.
pub(super) struct JobBody {
    first: Bytes,
    next: Option<Next>,
}

impl JobBody {
    /// `first`: what was fetched already.
    pub(super) fn new(first: Bytes, live: Live) -> Self {
        Self { first, next: Some(fetch(live)) }
    }
}

fn fetch(mut live: Live) -> Next {
    Box::pin(async move {
        let next = live.next().await;
        (live, next)
    })
}

impl Local for JobBody {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let (mut live, fetched) = ready!(next.as_mut().poll(cx));
        self.next = None;
        Poll::Ready(match fetched {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => {
                self.next = Some(fetch(live));
                Some(Ok(bytes))
            }
            // No word of the worker: whoever reads must not take it for one.
            Err(Failure { class: Class::AfterSend, error, .. }) => Some(Err(UpstreamError {
                phase: Phase::Answering,
                status: error.status,
                code: error.code.map_or("upstream_error".into(), Into::into),
                message: error.message,
            })),
            Err(failure) => Some(Ok(live.fail(&failure.error))),
        })
    }
}
