//! One client connection, from the handshake to its end.

use super::accept::Hall;
use super::certificate::H2;
use super::clock::Clock;
use super::limits::{BUFFER, CONNECTION_WINDOW, HEAD_BYTES, PING_EVERY, PING_PATIENCE, RESETS, STREAM_WINDOW, STREAMS};
use super::phase::Phase;
use super::service::{Counted, Serve};
use super::stream::{Socket, Stream, Watched};
use bytes::{Bytes, BytesMut};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use lingate_gateway::Peer;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Waker};
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::task::unconstrained;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

/// What every HTTP/2 connection begins with (RFC 9113, 3.4). No HTTP/1 method begins with its first bytes.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";
/// How much is read to tell the versions apart; most heads fit.
const FIRST_READ: usize = 2 << 10;

type H1<S> = http1::Connection<TokioIo<Watched>, Counted<S>>;
type H2Connection<S> = http2::Connection<TokioIo<Watched>, Counted<S>, TokioExecutor>;

/// The settings of both protocols.
pub(super) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Protocols {
    pub(super) fn new() -> Self {
        let mut http1 = http1::Builder::new();
        // The clock has the time-outs; `max_headers` would cost an allocation a request, so the service counts.
        http1.header_read_timeout(None).max_header_size(HEAD_BYTES).max_buf_size(BUFFER).half_close(false).writev(true);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
            .max_send_buf_size(BUFFER)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_PATIENCE);
        Self { http1, http2 }
    }
}

/// Serves a connection until it ends.
pub(super) async fn run<S: Serve>(
    socket: Socket,
    peer: Peer,
    tls: Option<TlsAcceptor>,
    hall: Arc<Hall<S>>,
    mut phase: watch::Receiver<Phase>,
) {
    // Boxed: its state is gone once it is done.
    let opening = timeout(hall.limits.head, Box::pin(open(socket, tls)));
    let opened = tokio::select! {
        opened = opening => opened,
        _ = phase.changed() => return,
    };
    let Ok(Some(Opened { stream, first, http2 })) = opened else { return };
    let clock = Clock::new(hall.limits, http2);
    let io = TokioIo::new(Watched { stream, first, clock: Arc::clone(&clock) });
    let service = Counted { serve: hall.serve.clone(), peer, clock: Arc::clone(&clock) };
    if http2 {
        let connection: H2Connection<S> = hall.protocols.http2.serve_connection(io, service);
        Box::pin(drive(connection, &clock, phase)).await;
    } else {
        let connection: H1<S> = hall.protocols.http1.serve_connection(io, service);
        drive(connection, &clock, phase).await;
    }
}

/// A connection whose protocol is known.
struct Opened {
    stream: Stream,
    first: Bytes,
    http2: bool,
}

/// The TLS handshake, if there is one, and the choice of the protocol.
async fn open(socket: Socket, tls: Option<TlsAcceptor>) -> Option<Opened> {
    let mut stream = match tls {
        None => Stream::Plain(socket),
        Some(acceptor) => match acceptor.accept(socket).await {
            Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(H2) => {
                return Some(Opened { stream: Stream::Tls(Box::new(stream)), first: Bytes::new(), http2: true });
            }
            Ok(stream) => Stream::Tls(Box::new(stream)),
            Err(error) => {
                tracing::debug!(%error, "a TLS handshake failed");
                return None;
            }
        },
    };
    let mut first = BytesMut::with_capacity(FIRST_READ);
    loop {
        // A client that leaves without a word is none of our business.
        if stream.read_buf(&mut first).await.ok()? == 0 {
            return None;
        }
        let known = first.len().min(PREFACE.len());
        if first[..known] != PREFACE[..known] {
            return Some(Opened { stream, first: first.freeze(), http2: false });
        }
        if known == PREFACE.len() {
            return Some(Opened { stream, first: first.freeze(), http2: true });
        }
    }
}

/// What both protocols' connections can do.
trait Drive: Future<Output = Result<(), hyper::Error>> {
    fn finish(self: Pin<&mut Self>);
}

impl<S: Serve> Drive for H1<S> {
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S: Serve> Drive for H2Connection<S> {
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Polls the connection to its end, unless the clock or the server's phase ends it.
async fn drive<C: Drive>(connection: C, clock: &Clock, phase: watch::Receiver<Phase>) {
    let mut connection = pin!(connection);
    let mut armed = clock.look_again();
    let mut sleep = pin!(sleep_until(clock.moment(armed)));
    // Sees the phase's changes without a lock.
    let mut seen = phase.clone();
    let mut turn = pin!(turned(phase));
    // Whom timer and phase wake, once both were asked in vain: they need not be asked again until something is up.
    let mut wakes: Option<Waker> = None;
    poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            if let Err(error) = ended {
                tracing::debug!(%error, "a client's connection broke");
            }
            return Poll::Ready(());
        }
        let known = wakes.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if known && clock.wake_at() >= armed && !sleep.is_elapsed() && seen.has_changed().is_ok_and(|changed| !changed)
        {
            return Poll::Pending;
        }
        // Unconstrained: with the task's budget used up they would say that they wait, and not know whom to wake.
        while let Poll::Ready((phase, now)) = pin!(unconstrained(turn.as_mut())).poll(cx) {
            seen.mark_unchanged();
            match now {
                Phase::Running => {}
                Phase::Draining => {
                    connection.as_mut().finish();
                    if connection.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(());
                    }
                }
                Phase::Cut => return Poll::Ready(()),
            }
            turn.set(turned(phase));
        }
        let wanted = clock.wake_at();
        if wanted < armed {
            armed = wanted;
            sleep.as_mut().reset(clock.moment(armed));
        }
        while pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready() {
            if clock.wake_at() <= clock.now() {
                tracing::debug!("a client took too long; its connection is closed");
                return Poll::Ready(());
            }
            armed = clock.look_again();
            sleep.as_mut().reset(clock.moment(armed));
        }
        wakes = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

/// The next phase. A server that is gone is as good as cut.
async fn turned(mut phase: watch::Receiver<Phase>) -> (watch::Receiver<Phase>, Phase) {
    let now = match phase.changed().await {
        Ok(()) => *phase.borrow_and_update(),
        Err(_) => Phase::Cut,
    };
    (phase, now)
}
