//! An upstream's answer: its head, and a body that drives its own connection.

use super::lane::Place;
use super::pool::{Exchange, earliest};
use super::watch::Watch;
use super::{Phase, UpstreamError};
use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::coop::poll_proceed;
use tokio::time::Instant;

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
    ///
    /// # Errors
    /// There is no more to come, and no end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>>;
}

/// An answer's body. Dropping it before its end closes the connection (HTTP/1.1) or resets the stream (HTTP/2),
/// which is how an upstream call is cancelled.
pub struct AnswerBody {
    source: Source,
    idle: Option<Duration>,
    total: Option<Instant>,
    /// When something last came.
    last: Instant,
    /// Kept until the last byte has come.
    held: Option<Box<dyn Send + Sync>>,
}

enum Source {
    Http1 { incoming: Incoming, exchange: Box<Exchange>, begun: bool },
    Http2 { incoming: Incoming, watch: Watch, _place: Place },
    Local { local: Box<dyn Local>, watch: Watch },
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
        mut exchange: Box<Exchange>,
        idle: Option<Duration>,
        total: Option<Instant>,
    ) -> Self {
        let last = Instant::now();
        exchange.watch.alarm.limit(earliest(idle.map(|idle| last + idle), total));
        Self { source: Source::Http1 { incoming, exchange, begun: false }, idle, total, last, held: None }
    }

    pub(super) fn http2(incoming: Incoming, place: Place, idle: Option<Duration>, total: Option<Instant>) -> Self {
        let source = Source::Http2 { incoming, watch: Watch::default(), _place: place };
        Self { source, idle, total, last: Instant::now(), held: None }
    }

    /// A body made in this process.
    pub fn local(local: Box<dyn Local>) -> Self {
        let source = Source::Local { local, watch: Watch::default() };
        Self { source, idle: None, total: None, last: Instant::now(), held: None }
    }

    /// A body that is there already.
    pub fn whole(bytes: Bytes) -> Self {
        struct Once(Option<Bytes>);
        impl Local for Once {
            fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
                Poll::Ready(self.0.take().map(Ok))
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
        let Some(watch) = self.watch() else { return Poll::Ready(None) };
        let Some(waker) = watch.woken.before(cx) else { return Poll::Pending };
        let polled = self.poll_in_turn(&mut Context::from_waker(&waker));
        if let Some(watch) = self.watch() {
            watch.woken.after(polled.is_ready());
        }
        match &polled {
            // Only the timer needs it, and it looks when it fires.
            Poll::Ready(Some(Ok(_))) => self.last = Instant::now(),
            Poll::Ready(Some(Err(_))) => {
                self.held = None;
                self.source = Source::Ended;
            }
            Poll::Ready(None) => {
                self.held = None;
                if let Source::Http1 { exchange, .. } = std::mem::replace(&mut self.source, Source::Ended) {
                    exchange.release(self.last);
                }
            }
            Poll::Pending => {}
        }
        polled
    }

    fn watch(&mut self) -> Option<&mut Watch> {
        match &mut self.source {
            Source::Http1 { exchange, .. } => Some(&mut exchange.watch),
            Source::Http2 { watch, .. } | Source::Local { watch, .. } => Some(watch),
            Source::Ended => None,
        }
    }

    /// Reads from the source unless it is another task's turn. A socket sees to that itself; what others fill does not.
    fn poll_in_turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        if matches!(self.source, Source::Http1 { .. }) {
            return self.poll_source(cx);
        }
        let budget = ready!(poll_proceed(cx));
        let polled = self.poll_source(cx);
        if polled.is_ready() {
            budget.made_progress();
        }
        polled
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        let (polled, alarm) = match &mut self.source {
            Source::Ended => return Poll::Ready(None),
            Source::Local { local, .. } => return local.poll_next(cx),
            Source::Http2 { incoming, watch, .. } => (poll_incoming(incoming, cx), &mut watch.alarm),
            Source::Http1 { incoming, exchange, begun } => {
                // Nothing but the connection puts something in, so it goes first, unless all there is may be in.
                let filled = !std::mem::replace(begun, true) || incoming.is_end_stream();
                (poll_http1(incoming, exchange, filled, cx), &mut exchange.watch.alarm)
            }
        };
        if polled.is_ready() || alarm.is_quiet() {
            return polled;
        }
        let idle_end = self.idle.map(|idle| self.last + idle);
        let Some(deadline) = earliest(idle_end, self.total) else { return Poll::Pending };
        alarm.poll(deadline, cx).map(|()| {
            Some(Err(match (self.idle, self.total) {
                (_, Some(total)) if deadline == total => UpstreamError::total_timeout(Phase::Answering),
                (Some(idle), _) => UpstreamError::idle_timeout(idle),
                _ => UpstreamError::total_timeout(Phase::Answering),
            }))
        })
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
                    code: "upstream_too_large".into(),
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

/// Polls the connection, then the body; the body first where it is likely to be `filled`.
fn poll_http1(
    incoming: &mut Incoming,
    exchange: &mut Exchange,
    filled: bool,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, UpstreamError>>> {
    if filled {
        let polled = poll_incoming(incoming, cx);
        if polled.is_ready() {
            return polled;
        }
    }
    exchange.drive(cx);
    poll_incoming(incoming, cx)
}

#[cfg(test)]
mod tests {
    use super::{AnswerBody, Local, UpstreamError};
    use bytes::Bytes;
    use std::future::poll_fn;
    use std::task::{Context, Poll};

    /// Always has something.
    struct Endless;

    impl Local for Endless {
        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
            Poll::Ready(Some(Ok(Bytes::from_static(b": \n\n"))))
        }
    }

    /// Whoever reads all that is ready would never come back from it, and hold a thread for ever.
    #[tokio::test]
    async fn an_upstream_that_never_pauses_is_left_for_a_while() {
        let mut body = AnswerBody::local(Box::new(Endless));
        let mut rounds = 0;
        poll_fn(|cx| {
            let read = (0..10_000).take_while(|_| body.poll_data(cx).is_ready()).count();
            assert!((1..10_000).contains(&read), "{read} pieces in one go");
            // It wakes the task when its turn comes.
            rounds += 1;
            if rounds < 3 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}
