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
    slices: VecDeque<Bytes>,
    length: u64,
}

impl Segments {
    /// From slices, in order.
    pub fn new(slices: Vec<Bytes>) -> Self {
        let length: usize = slices.iter().map(Bytes::len).sum();
        if slices.len() > 1 && length <= JOIN {
            return Bytes::from(slices.concat()).into();
        }
        Self { slices: slices.into_iter().filter(|slice| !slice.is_empty()).collect(), length: length as u64 }
    }

    /// All of it as one slice.
    pub fn to_bytes(&self) -> Bytes {
        match self.slices.len() {
            1 => self.slices[0].clone(),
            _ => self.slices.iter().flatten().copied().collect(),
        }
    }
}

impl From<Bytes> for Segments {
    fn from(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        let slices = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([bytes]) };
        Self { slices, length }
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
        let next = self.slices.pop_front();
        if let Some(slice) = &next {
            self.length -= slice.len() as u64;
        }
        Poll::Ready(next.map(|slice| Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.slices.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
