//! An upstream's answer: its head, and a body that drives its own connection.

use super::lane::Place;
use super::pool::Exchange;
use super::wake::Woken;
use super::{Phase, UpstreamError};
use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// An answer whose head has come.
#[derive(Debug)]
pub struct Answer {
    /// Status and headers.
    pub parts: http::response::Parts,
    /// The body.
    pub body: AnswerBody,
}

/// A body made in this process (the `demo` backend): a source of bytes that is polled like a connection.
pub trait Local: Send {
    /// The next bytes; `None` at the end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>>;
}

/// An answer's body. Dropping it before its end closes the connection (HTTP/1.1) or resets the stream (HTTP/2),
/// which is how an upstream call is cancelled.
pub struct AnswerBody {
    source: Source,
    idle: Option<Duration>,
    total: Option<Instant>,
    /// When something last came.
    last: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    woken: Woken,
    /// Kept until the last byte has come.
    held: Option<Box<dyn Send + Sync>>,
}

enum Source {
    Http1 { incoming: Incoming, exchange: Option<Box<Exchange>> },
    Http2 { incoming: Incoming, _place: Place },
    Local(Box<dyn Local>),
    Ended,
}

impl std::fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerBody").finish_non_exhaustive()
    }
}

impl AnswerBody {
    pub(super) fn http1(
        incoming: Incoming,
        exchange: Box<Exchange>,
        idle: Option<Duration>,
        total: Option<Instant>,
        timer: Option<Pin<Box<Sleep>>>,
    ) -> Self {
        let source = Source::Http1 { incoming, exchange: Some(exchange) };
        Self { source, idle, total, last: Instant::now(), timer, woken: Woken::default(), held: None }
    }

    pub(super) fn http2(incoming: Incoming, place: Place, idle: Option<Duration>, total: Option<Instant>) -> Self {
        let source = Source::Http2 { incoming, _place: place };
        Self { source, idle, total, last: Instant::now(), timer: None, woken: Woken::default(), held: None }
    }

    /// A body made in this process.
    pub fn local(local: Box<dyn Local>) -> Self {
        Self {
            source: Source::Local(local),
            idle: None,
            total: None,
            last: Instant::now(),
            timer: None,
            woken: Woken::default(),
            held: None,
        }
    }

    /// A body that is there already.
    pub fn whole(bytes: Bytes) -> Self {
        struct Once(Option<Bytes>);
        impl Local for Once {
            fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
                Poll::Ready(self.0.take())
            }
        }
        Self::local(Box::new(Once(Some(bytes))))
    }

    /// Keeps something until the last byte has come, or the body is dropped.
    pub fn hold(&mut self, held: impl Send + Sync + 'static) {
        self.held = Some(Box::new(held));
    }

    /// When something last came; at first, when the head did.
    pub fn last(&self) -> Instant {
        self.last
    }

    /// The next bytes, as many as one frame holds; `None` at the orderly end.
    ///
    /// # Errors
    /// The connection broke, or a time limit ran out; nothing can be read after that.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        let Some(waker) = self.woken.before(cx) else { return Poll::Pending };
        let polled = self.poll_source(&mut Context::from_waker(&waker));
        self.woken.after(polled.is_ready());
        polled
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        let polled = match &mut self.source {
            Source::Ended => return Poll::Ready(None),
            Source::Local(local) => local.poll_next(cx).map(|bytes| bytes.map(Ok)),
            Source::Http2 { incoming, .. } => poll_incoming(incoming, cx),
            Source::Http1 { incoming, exchange } => poll_http1(incoming, exchange.as_deref_mut(), cx),
        };
        match polled {
            Poll::Ready(Some(Ok(bytes))) => {
                // Only timers need it, and they look when they fire.
                self.last = Instant::now();
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.source = Source::Ended;
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                self.end(cx);
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_time(cx).map(|error| Some(Err(error))),
        }
    }

    fn end(&mut self, cx: &mut Context<'_>) {
        self.held = None;
        if let Source::Http1 { exchange: Some(exchange), .. } = std::mem::replace(&mut self.source, Source::Ended) {
            exchange.release(self.timer.take(), cx);
        }
    }

    /// Ready when a time limit has run out.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<UpstreamError> {
        if matches!(self.source, Source::Local(_)) {
            return Poll::Pending;
        }
        loop {
            let idle_end = self.idle.map(|idle| self.last + idle);
            let Some(deadline) = super::pool::earliest(idle_end, self.total) else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            // A timer that was set earlier fires too early at worst; it is then set anew.
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() < deadline {
                timer.as_mut().reset(deadline);
                continue;
            }
            self.source = Source::Ended;
            return Poll::Ready(match (self.idle, self.total) {
                (_, Some(total)) if deadline == total => UpstreamError::total_timeout(Phase::Answering),
                (Some(idle), _) => UpstreamError::idle_timeout(idle),
                _ => UpstreamError::total_timeout(Phase::Answering),
            });
        }
    }

    /// Reads all of it, at most `cap` bytes.
    ///
    /// # Errors
    /// As [`AnswerBody::poll_data`]; and a body larger than `cap`.
    pub async fn collect(mut self, cap: u64) -> Result<Bytes, UpstreamError> {
        let mut first: Option<Bytes> = None;
        let mut rest: Vec<u8> = Vec::new();
        while let Some(bytes) = std::future::poll_fn(|cx| self.poll_data(cx)).await.transpose()? {
            match &first {
                None => first = Some(bytes),
                Some(head) => {
                    if rest.is_empty() {
                        rest.extend_from_slice(head);
                    }
                    rest.extend_from_slice(&bytes);
                }
            }
            if rest.len() as u64 > cap || first.as_ref().is_some_and(|head| head.len() as u64 > cap) {
                return Err(UpstreamError {
                    phase: Phase::Answering,
                    status: 502,
                    code: "upstream_too_large",
                    message: format!("the upstream's answer is larger than {cap} bytes"),
                });
            }
        }
        Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.into() })
    }
}

fn poll_incoming(incoming: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
    loop {
        return match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(UpstreamError::broken(Phase::Answering, &error)))),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) => Poll::Ready(Some(Ok(bytes))),
                // Trailers say nothing that is used.
                Err(_) => continue,
            },
        };
    }
}

/// Polls body and connection in turn until neither can go on.
fn poll_http1(
    incoming: &mut Incoming,
    exchange: Option<&mut Exchange>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, UpstreamError>>> {
    let polled = poll_incoming(incoming, cx);
    let Some(exchange) = exchange else { return polled };
    if polled.is_ready() {
        return polled;
    }
    exchange.drive(cx);
    poll_incoming(incoming, cx)
}
