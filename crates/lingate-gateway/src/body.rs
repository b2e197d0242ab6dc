//! The body of an answer to a client.

use crate::attempt::{Waited, Waiting};
use crate::pump::Pump;
use crate::upstream::AnswerBody;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Whole, or on its way.
pub enum Body {
    /// All there is.
    Whole(Bytes),
    /// A stream whose head went out before the upstream's answer came: signs of life until then.
    Waiting(Box<Waiting>),
    /// A stream in a dialect: always ends in order, an error is told in-band.
    Stream(Box<Pump>),
    /// Bytes of an upstream passed on unread; a broken upstream breaks the client's connection too, so that a
    /// cut is seen.
    Unread(Box<AnswerBody>),
}

/// An answer that is passed on unread broke.
#[derive(Debug, thiserror::Error)]
#[error("the upstream's answer broke off")]
pub struct BrokenOff;

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Whole(bytes.into())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        while let Self::Waiting(waiting) = &mut *self {
            match ready!(waiting.poll(cx)) {
                Waited::Sign(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Waited::Answer(body) => *self = body,
            }
        }
        match &mut *self {
            Self::Waiting(_) => Poll::Pending,
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready(if bytes.is_empty() { None } else { Some(Ok(Frame::data(bytes))) })
            }
            Self::Stream(pump) => pump.poll_frame(cx).map_err(|never| match never {}),
            Self::Unread(body) => body.poll_data(cx).map_ok(Frame::data).map_err(|_| BrokenOff),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Waiting(_) | Self::Stream(_) | Self::Unread(_) => SizeHint::default(),
        }
    }
}
