//! The time limit of a stream's first piece of content, which may come long after its head.

use crate::error::FIRST_TOKEN_TIMEOUT;
use lingate_codec::ir::ApiError;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// When the first piece of content must have come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstToken {
    /// The moment.
    pub by: Instant,
    /// How long after the request was sent that is.
    pub limit: Duration,
}

impl FirstToken {
    /// For a request that is sent now.
    pub(crate) fn from_now(limit: Duration) -> Self {
        Self { by: Instant::now() + limit, limit }
    }

    /// What is told when it has not come.
    pub(crate) fn error(self) -> ApiError {
        let message = format!("the upstream sent nothing of its answer within {:?}", self.limit);
        ApiError::new(504, message).with_code(FIRST_TOKEN_TIMEOUT)
    }
}

/// Waits for that moment.
#[derive(Debug)]
pub(super) struct FirstTokenWatch {
    first: FirstToken,
    sleep: Pin<Box<Sleep>>,
}

impl FirstTokenWatch {
    pub(super) fn new(first: FirstToken) -> Self {
        Self { first, sleep: Box::pin(tokio::time::sleep_until(first.by)) }
    }

    /// Ready when it is too late.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ApiError> {
        self.sleep.as_mut().poll(cx).map(|()| self.first.error())
    }
}
