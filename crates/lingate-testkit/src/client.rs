//! A small HTTP/1.1 client: one connection for each request, streamed answers piece by piece, honest about their end.

use std::{fmt, io, net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinHandle};

use crate::patience::{PATIENCE, within};

/// A request to send.
#[derive(Debug, Clone)]
#[must_use]
pub struct ClientRequest {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Bytes>,
    patience: Duration,
}

impl ClientRequest {
    /// A request of any method without a body. `path` is the request target, with the query.
    pub fn new(method: &str, path: &str) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        Self { method, path, headers: Vec::new(), body: None, patience: PATIENCE }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of `application/json`; the body is still to be set.
    pub fn post(path: &str) -> Self {
        Self::new("POST", path).header("content-type", "application/json")
    }

    /// Adds a header, in place of an earlier one of that name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(earlier, _)| !earlier.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body as it goes on the wire.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The body as JSON text.
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    /// How long [`send`](Self::send) waits for the head, and then for the end, of the answer.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends it and returns with the head of the answer; the body is read with [`OpenAnswer::next_chunk`].
    ///
    /// # Errors
    /// No connection, a request that HTTP cannot carry, no answer head, or none within the patience.
    pub async fn open(&self, to: SocketAddr) -> Result<OpenAnswer, ClientError> {
        tokio::time::timeout(self.patience, self.exchange(to))
            .await
            .unwrap_or_else(|_| Err(ClientError(format!("no answer head within {:?}", self.patience))))
    }

    /// Sends it and reads the answer to its end. A body that ends early is no error: see [`Answer::end`].
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn send(&self, to: SocketAddr) -> Result<Answer, ClientError> {
        Ok(self.open(to).await?.finish(self.patience).await)
    }

    async fn exchange(&self, to: SocketAddr) -> Result<OpenAnswer, ClientError> {
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|error| ClientError(error.to_string()))?;
        let mut request = http::Request::builder().method(method).uri(&self.path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", to.to_string());
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = Full::new(self.body.clone().unwrap_or_default());
        let request = request.body(body).map_err(|error| ClientError(error.to_string()))?;
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = Connection(tokio::spawn(async move {
            // Its error reaches the reader of the answer.
            let _ = connection.await;
        }));
        let answer = sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        Ok(OpenAnswer { status: head.status, headers: head.headers, body, cut: None, _connection: connection })
    }
}

/// Closes the socket when dropped.
#[derive(Debug)]
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientError(String);

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClientError {}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<hyper::Error> for ClientError {
    fn from(error: hyper::Error) -> Self {
        Self(with_sources(&error))
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// How the body of an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As HTTP wants it: last chunk or the whole length.
    Whole,
    /// Before that, and why: a cut connection, a broken chunk, or the client's patience.
    Cut(String),
}

/// An answer whose body is still coming. Dropping it closes the connection: a client that goes away.
#[derive(Debug)]
pub struct OpenAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    cut: Option<String>,
    _connection: Connection,
}

impl OpenAnswer {
    /// The next piece of the body as it came from the socket; `None` at its end, see [`end`](Self::end).
    pub async fn next_chunk(&mut self) -> Option<Bytes> {
        within("the next piece of an answer", self.chunk()).await
    }

    /// Reads until `wanted` has come, and returns all that was read in this call (it may be more). Ends early, without
    /// `wanted`, where the body ends.
    pub async fn read_until(&mut self, wanted: &str) -> Bytes {
        let mut got = BytesMut::new();
        while crate::wire::find(&got, wanted.as_bytes()).is_none() {
            match self.next_chunk().await {
                Some(chunk) => got.extend_from_slice(&chunk),
                None => break,
            }
        }
        got.freeze()
    }

    async fn chunk(&mut self) -> Option<Bytes> {
        if self.cut.is_some() {
            return None;
        }
        loop {
            match self.body.frame().await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(data);
                    }
                }
                Err(error) => {
                    self.cut = Some(with_sources(&error));
                    return None;
                }
            }
        }
    }

    /// How the body ended; meaningful after [`next_chunk`](Self::next_chunk) has returned `None`.
    pub fn end(&self) -> End {
        self.cut.clone().map_or(End::Whole, End::Cut)
    }

    /// Reads the rest.
    pub async fn finish(mut self, patience: Duration) -> Answer {
        let mut chunks = Vec::new();
        let reading = async {
            while let Some(chunk) = self.chunk().await {
                chunks.push(chunk);
            }
        };
        if tokio::time::timeout(patience, reading).await.is_err() {
            self.cut = Some(format!("the client gave up after {patience:?}"));
        }
        let (end, body) = (self.end(), chunks.concat().into());
        Answer { status: self.status, headers: self.headers, chunks, body, end }
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body in the pieces that came.
    pub chunks: Vec<Bytes>,
    /// The body.
    pub body: Bytes,
    /// How it ended.
    pub end: End,
}

impl Answer {
    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; `Null` for anything else.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text, other bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
