//! HTTP/1.1 connections: kept while idle, and driven by the exchange that uses them.

use super::answer::{Answer, AnswerBody};
use super::io::Io;
use super::lane::Lane;
use super::{Phase, Segments, TimeLimits, UpstreamError};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

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
    pub(super) fn take(&self) -> Taken {
        if let Some(lane) = self.free_lane() {
            return Taken::Lane(lane);
        }
        loop {
            let Some((since, mut exchange)) = lock(&self.idle).pop() else { return Taken::Nothing };
            if since.elapsed() > IDLE_TIME {
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

    fn give_back(&self, exchange: Box<Exchange>) {
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE_MAX {
            idle.push((Instant::now(), exchange));
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
    /// Left over from the last exchange.
    timer: Option<Pin<Box<Sleep>>>,
    pool: Arc<Pool>,
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
        Ok(Box::new(Self { sender, connection, over: false, timer: None, pool: pool.clone() }))
    }

    /// Lets the connection read and write what it can.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.over && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.over = true;
        }
    }

    fn is_alive(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
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
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let (connection, over) = (&mut self.connection, &mut self.over);
        let head = std::future::poll_fn(|cx| {
            if !*over && Pin::new(&mut *connection).poll(cx).is_ready() {
                *over = true;
            }
            answer.as_mut().poll(cx)
        });
        let deadline = earliest(limits.first_byte.map(|limit| started + limit), total);
        // The timer goes on to watch over the answer's silences, and stays with the connection: putting a timer off
        // is far cheaper than making one.
        let mut timer = deadline.map(|at| match self.timer.take() {
            Some(mut timer) => {
                timer.as_mut().reset(at);
                timer
            }
            None => Box::pin(tokio::time::sleep_until(at)),
        });
        let result = match &mut timer {
            None => head.await,
            Some(timer) => tokio::select! {
                biased;
                result = head => result,
                () = timer => return Err(late(limits, total)),
            },
        };
        match result {
            Ok(response) => {
                let (parts, incoming) = response.into_parts();
                let body = AnswerBody::http1(incoming, self, limits.idle, total, timer);
                Ok(Sent::Answer(Box::new(Answer { parts, body })))
            }
            Err(mut error) => match error.take_message() {
                Some(request) => Ok(Sent::Unsent(Box::new(request))),
                None => Err(UpstreamError::broken(Phase::Sent, error.error())),
            },
        }
    }

    /// The answer was read to its end: the connection may serve another request.
    pub(super) fn release(mut self: Box<Self>, timer: Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) {
        self.timer = timer;
        self.drive(cx);
        if !self.over && self.sender.is_ready() {
            let pool = self.pool.clone();
            pool.give_back(self);
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
