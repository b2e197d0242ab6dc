//! HTTP/2 connections: shared by up to [`LANE_MAX`] calls, driven by a task of their own.

use super::answer::{Answer, AnswerBody};
use super::io::Io;
use super::pool::{Pool, earliest, late};
use super::{Phase, Segments, TimeLimits, UpstreamError};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The most calls at once on one connection; more open another one (hyper's pools keep to a single one).
const LANE_MAX: usize = 100;

/// One HTTP/2 connection.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    sender: http2::SendRequest<Segments>,
    in_flight: Arc<AtomicUsize>,
}

/// Counts a call on a lane while it lives.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    /// Makes a fresh connection ready for requests and puts it into the pool.
    pub(super) async fn start(io: Io, pool: &Arc<Pool>) -> Result<Self, UpstreamError> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .adaptive_window(true)
            .keep_alive_interval(Duration::from_secs(20))
            .max_header_list_size(64 * 1024)
            .handshake(TokioIo::new(io))
            .await
            .map_err(|error| UpstreamError::broken(Phase::Connect, &error))?;
        // Ends by itself when the last sender is dropped or the server goes away.
        tokio::spawn(connection);
        let lane = Self { sender, in_flight: Arc::default() };
        pool.add_lane(lane.clone());
        Ok(lane)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) < LANE_MAX
    }

    /// Sends a request and waits for the answer's head.
    pub(super) async fn send(
        mut self,
        mut request: http::Request<Segments>,
        limits: &TimeLimits,
        started: Instant,
        total: Option<Instant>,
    ) -> Result<Answer, UpstreamError> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let place = Place(self.in_flight.clone());
        absolute_target(&mut request);
        let answer = self.sender.send_request(request);
        let deadline = earliest(limits.first_byte.map(|limit| started + limit), total);
        let result = match deadline {
            None => answer.await,
            Some(at) => tokio::time::timeout_at(at, answer).await.map_err(|_| late(limits, total))?,
        };
        let (parts, incoming) = result.map_err(|error| UpstreamError::broken(Phase::Sent, &error))?.into_parts();
        Ok(Answer { parts, body: AnswerBody::http2(incoming, place, limits.idle, total) })
    }
}

/// HTTP/2 carries scheme and authority in the target, not in a Host header.
fn absolute_target(request: &mut http::Request<Segments>) {
    let Some(host) = request.headers_mut().remove(http::header::HOST) else { return };
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(http::uri::Scheme::HTTPS);
    parts.authority = http::uri::Authority::try_from(host.as_bytes()).ok();
    if let Ok(uri) = http::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}
