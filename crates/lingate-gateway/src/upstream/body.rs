//! A request body made of shared slices, so that an edited long body is not copied.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bodies up to this size are put together into one slice, which the kernel takes more cheaply than several.
const JOIN: usize = 16 * 1024;

/// A body of known length, in slices.
#[derive(Debug, Clone, Default)]
pub struct Segments {
    /// Nearly always all there is: a list of its own would cost two allocations a request.
    first: Bytes,
    rest: VecDeque<Bytes>,
}

impl Segments {
    /// From slices, in order.
    pub fn new(slices: Vec<Bytes>) -> Self {
        let length: usize = slices.iter().map(Bytes::len).sum();
        if slices.len() > 1 && length <= JOIN {
            return Bytes::from(slices.concat()).into();
        }
        let mut rest: VecDeque<Bytes> = slices.into_iter().filter(|slice| !slice.is_empty()).collect();
        Self { first: rest.pop_front().unwrap_or_default(), rest }
    }

    /// All of it as one slice.
    pub fn to_bytes(&self) -> Bytes {
        if self.rest.is_empty() {
            return self.first.clone();
        }
        [&self.first].into_iter().chain(&self.rest).flatten().copied().collect()
    }
}

impl From<Bytes> for Segments {
    fn from(bytes: Bytes) -> Self {
        Self { first: bytes, rest: VecDeque::new() }
    }
}

impl From<Vec<u8>> for Segments {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl Body for Segments {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.first.is_empty() {
            return Poll::Ready(None);
        }
        let next = self.rest.pop_front().unwrap_or_default();
        Poll::Ready(Some(Ok(Frame::data(std::mem::replace(&mut self.first, next)))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let rest: usize = self.rest.iter().map(Bytes::len).sum();
        SizeHint::with_exact((self.first.len() + rest) as u64)
    }
}
