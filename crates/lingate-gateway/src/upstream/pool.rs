//! HTTP/1.1 connections: kept while idle, and driven by the exchange that uses them.

use super::answer::{Answer, AnswerBody};
use super::io::Io;
use super::lane::Lane;
use super::watch::Watch;
use super::{Phase, Segments, TimeLimits, UpstreamError};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// The most idle connections to one upstream.
const IDLE_MAX: usize = 256;
/// How long an idle connection is kept; servers close theirs after a minute or so.
const IDLE_TIME: Duration = Duration::from_secs(50);

type Connection = http1::Connection<TokioIo<Io>, Segments>;

/// The connections to one upstream that no exchange uses.
#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: Mutex<Vec<(Instant, Box<Exchange>)>>,
    lanes: Mutex<Vec<Lane>>,
}

/// What the pool has for a call.
pub(super) enum Taken {
    Idle(Box<Exchange>),
    Lane(Lane),
    Nothing,
}

/// What became of a request on a connection.
pub(super) enum Sent {
    Answer(Box<Answer>),
    /// The connection was dead and the request never left.
    Unsent(Box<http::Request<Segments>>),
}

impl Pool {
    /// A living connection, the one used last first.
    pub(super) fn take(&self, now: Instant) -> Taken {
        if let Some(lane) = self.free_lane() {
            return Taken::Lane(lane);
        }
        loop {
            let Some((since, mut exchange)) = lock(&self.idle).pop() else { return Taken::Nothing };
            if now.saturating_duration_since(since) > IDLE_TIME {
                // Those below are older still.
                lock(&self.idle).clear();
                return Taken::Nothing;
            }
            if exchange.is_alive() {
                return Taken::Idle(exchange);
            }
        }
    }

    fn free_lane(&self) -> Option<Lane> {
        let mut lanes = lock(&self.lanes);
        if lanes.is_empty() {
            return None;
        }
        lanes.retain(|lane| !lane.is_closed());
        lanes.iter().find(|lane| lane.has_room()).cloned()
    }

    pub(super) fn add_lane(&self, lane: Lane) {
        lock(&self.lanes).push(lane);
    }

    fn give_back(&self, now: Instant, exchange: Box<Exchange>) {
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE_MAX {
            idle.push((now, exchange));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics while a lock is held, and the lists are valid at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection and its request side.
pub(super) struct Exchange {
    sender: http1::SendRequest<Segments>,
    connection: Connection,
    /// Set when the connection is over; it must not be polled again.
    over: bool,
    /// Polls the connection, whoever uses it.
    pub(super) watch: Watch,
    /// Where it is kept while idle; gone with its upstream. Weak: a pool that its own connections held would never go.
    pool: Weak<Pool>,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("over", &self.over).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Makes a fresh connection ready for requests.
    pub(super) async fn start(io: Io, pool: &Arc<Pool>) -> Result<Box<Self>, UpstreamError> {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(512 * 1024)
            .handshake(TokioIo::new(io))
            .await
            .map_err(|error| UpstreamError::broken(Phase::Connect, &error))?;
        Ok(Box::new(Self { sender, connection, over: false, watch: Watch::default(), pool: Arc::downgrade(pool) }))
    }

    /// Lets the connection read and write what it can.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.over && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.over = true;
        }
    }

    /// The same while nobody uses it, if something has happened to it.
    fn drive_alone(&mut self) {
        if let Some(waker) = self.watch.woken.before(&Context::from_waker(Waker::noop())) {
            self.drive(&mut Context::from_waker(&waker));
            self.watch.woken.after(false);
        }
    }

    fn is_alive(&mut self) -> bool {
        self.drive_alone();
        !self.over && self.sender.is_ready()
    }

    /// Sends a request and waits for the answer's head.
    pub(super) async fn send(
        mut self: Box<Self>,
        request: http::Request<Segments>,
        limits: &TimeLimits,
        started: Instant,
        total: Option<Instant>,
    ) -> Result<Sent, UpstreamError> {
        let deadline = earliest(limits.first_byte.map(|limit| started + limit), total);
        let Self { sender, connection, over, watch: Watch { woken, alarm }, .. } = &mut *self;
        let mut answer = std::pin::pin!(sender.try_send_request(request));
        woken.expect();
        alarm.limit(deadline);
        let head = std::future::poll_fn(|cx| {
            let Some(waker) = woken.before(cx) else { return Poll::Pending };
            let mut cx = Context::from_waker(&waker);
            if !*over && Pin::new(&mut *connection).poll(&mut cx).is_ready() {
                *over = true;
            }
            let mut head = answer.as_mut().poll(&mut cx).map(Some);
            if let Some(deadline) = deadline.filter(|_| head.is_pending()) {
                head = alarm.poll(deadline, &mut cx).map(|()| None);
            }
            woken.after(head.is_ready());
            head
        });
        let Some(result) = head.await else { return Err(late(limits, total)) };
        match result {
            Ok(response) => {
                let (parts, incoming) = response.into_parts();
                let body = AnswerBody::http1(incoming, self, limits.idle, total);
                Ok(Sent::Answer(Box::new(Answer { parts, body })))
            }
            Err(mut error) => match error.take_message() {
                Some(request) => Ok(Sent::Unsent(Box::new(request))),
                None => Err(UpstreamError::broken(Phase::Sent, error.error())),
            },
        }
    }

    /// The answer was read to its end, which came at `now`: the connection may serve another request.
    pub(super) fn release(mut self: Box<Self>, now: Instant) {
        self.watch.woken.forget();
        // As a rule it noticed the end itself. If not, it may not have been asked.
        if !self.sender.is_ready() {
            self.watch.woken.expect();
            self.drive_alone();
        }
        if !self.over
            && self.sender.is_ready()
            && let Some(pool) = self.pool.upgrade()
        {
            pool.give_back(now, self);
        }
    }
}

pub(super) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Which limit has run out while the head was awaited.
pub(super) fn late(limits: &TimeLimits, total: Option<Instant>) -> UpstreamError {
    match (total, limits.first_byte) {
        (Some(total), _) if Instant::now() >= total => UpstreamError::total_timeout(Phase::Sent),
        (_, Some(limit)) => UpstreamError::first_byte_timeout(limit),
        _ => UpstreamError::total_timeout(Phase::Sent),
    }
}
