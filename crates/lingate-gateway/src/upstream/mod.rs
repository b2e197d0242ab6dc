//! Upstream connections: dial, pool, send, read. Knows HTTP, no dialect.
//!
//! An HTTP/1.1 connection is driven by the exchange that uses it: whoever waits for the answer polls the
//! connection too. So no frame changes tasks, all that is ready is read in one go, and dropping an answer closes
//! its connection at once. HTTP/2 connections are shared lanes with a task of their own.

mod answer;
mod body;
mod connect;
mod destination;
mod error;
mod io;
mod lane;
mod paced;
mod pool;
mod proxy;
mod tls;
mod wake;
mod watch;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Uri};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

pub(crate) use answer::{Answer, AnswerBody, Local};
pub(crate) use body::Segments;
pub(crate) use destination::Destination;
pub(crate) use error::{Phase, UpstreamError};
pub(crate) use paced::Paced;
pub(crate) use tls::{TlsFiles, client_config};
pub(crate) use wake::Woken;

/// Room that a call's headers have besides what all calls of an endpoint have in common.
const SPARE_HEADERS: usize = 8;

/// Time limits of one upstream; `None` is no limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimits {
    /// To dial, TLS included.
    pub connect: Option<Duration>,
    /// From the request's dispatch to the answer's head.
    pub first_byte: Option<Duration>,
    /// Of silence inside an answer.
    pub idle: Option<Duration>,
    /// For the whole call.
    pub total: Option<Duration>,
}

/// One request to an upstream.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: Uri,
    /// All headers but `host` and `content-length`, which the sender sets.
    pub headers: HeaderMap,
    /// The body; sent with its length.
    pub body: Segments,
    /// Time limits in place of the upstream's own.
    pub limits: Option<TimeLimits>,
}

/// One upstream server and its connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    destination: Destination,
    /// The Host header of every call.
    host: Result<HeaderValue, UpstreamError>,
    limits: TimeLimits,
    pool: Arc<pool::Pool>,
}

impl Upstream {
    /// An upstream without connections; they are made when needed.
    pub(crate) fn new(destination: Destination, limits: TimeLimits) -> Self {
        Self { host: destination.host_header(), destination, limits, pool: Arc::default() }
    }

    /// Writes the Host header, and a length, into what the headers of calls are copied from, so that the copy has
    /// room for them.
    pub(crate) fn name_host(&self, headers: &mut HeaderMap) {
        headers.reserve(SPARE_HEADERS);
        if let Ok(host) = &self.host {
            headers.insert(HOST, host.clone());
        }
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }

    /// Sends a request and waits for the answer's head.
    ///
    /// A kept-alive connection that the server closed before anything was sent is replaced in silence. Nothing
    /// else is tried again here.
    ///
    /// # Errors
    /// Says how far the call got, so that the caller knows whether the model may have run.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer, UpstreamError> {
        let started = Instant::now();
        let limits = call.limits.unwrap_or(self.limits);
        let total = limits.total.map(|limit| started + limit);
        let mut request = call.into_request(self.host.as_ref().map_err(Clone::clone)?);
        loop {
            match self.pool.take(started) {
                pool::Taken::Idle(exchange) => match exchange.send(request, &limits, started, total).await? {
                    pool::Sent::Answer(answer) => return Ok(*answer),
                    pool::Sent::Unsent(back) => request = *back,
                },
                pool::Taken::Lane(lane) => return Box::pin(lane.send(request, &limits, started, total)).await,
                // Boxed: it is rare, and large.
                pool::Taken::Nothing => return Box::pin(self.send_anew(request, limits, started, total)).await,
            }
        }
    }

    /// Sends a request over a connection of its own, which the pool gets afterwards.
    async fn send_anew(
        &self,
        request: http::Request<Segments>,
        limits: TimeLimits,
        started: Instant,
        total: Option<Instant>,
    ) -> Result<Answer, UpstreamError> {
        match connect::dial(&self.destination, limits.connect).await? {
            connect::Dialled::Http1(io) => {
                let exchange = pool::Exchange::start(io, &self.pool).await?;
                match exchange.send(request, &limits, started, total).await? {
                    pool::Sent::Answer(answer) => Ok(*answer),
                    pool::Sent::Unsent(_) => Err(UpstreamError::closed_before_request()),
                }
            }
            connect::Dialled::Http2(io) => {
                let lane = lane::Lane::start(io, &self.pool).await?;
                lane.send(request, &limits, started, total).await
            }
        }
    }
}

impl Call {
    fn into_request(self, host: &HeaderValue) -> http::Request<Segments> {
        let length = http_body::Body::size_hint(&self.body).exact().filter(|length| *length > 0);
        let mut request = http::Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target;
        *request.headers_mut() = self.headers;
        let headers = request.headers_mut();
        headers.insert(HOST, host.clone());
        match length {
            Some(length) => drop(headers.insert(CONTENT_LENGTH, length.into())),
            // The sender knows what a request without a body says.
            None => drop(headers.remove(CONTENT_LENGTH)),
        }
        request
    }
}
