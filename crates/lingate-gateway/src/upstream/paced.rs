//! A body made in this process whose pieces come at their own times.

use super::UpstreamError;
use super::answer::Local;
use bytes::Bytes;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// Pieces, each with the pause before it.
pub(crate) struct Paced {
    pieces: VecDeque<(Duration, Bytes)>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    /// From pauses and pieces.
    pub(crate) fn new(pieces: VecDeque<(Duration, Bytes)>) -> Self {
        Self { pieces, sleep: None }
    }
}

impl Local for Paced {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        let Some((pause, _)) = self.pieces.front() else { return Poll::Ready(None) };
        if !pause.is_zero() {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(*pause)));
            ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
        }
        Poll::Ready(self.pieces.pop_front().map(|(_, bytes)| Ok(bytes)))
    }
}
