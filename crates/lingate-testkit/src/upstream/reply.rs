//! The script of one reply: status, headers, and how the body comes, in what pieces, when, and with which end.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::patience::sure;

/// One step of a scripted body.
#[derive(Debug, Clone)]
pub enum Step {
    /// Writes these bytes as one chunk (as they are in [`Reply::raw`]). Empty bytes write nothing.
    Bytes(Bytes),
    /// Waits until the test calls `notify_one` on the gate (also before the step is reached: one permit is kept).
    Gate(Arc<Notify>),
    /// Waits for a while. Prefer a gate.
    Sleep(Duration),
    /// Stays silent until the client goes away.
    Hang,
    /// Closes the connection here (FIN), without the last chunk.
    Cut,
    /// Resets the connection here (RST). Bytes that the client has not read yet may be lost to it.
    Reset,
}

impl Step {
    /// A step that writes `bytes`.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A step that writes one SSE event with this data (no `event:` line).
    pub fn sse(data: &str) -> Self {
        Self::Bytes(format!("data: {data}\n\n").into())
    }

    /// A closed gate, and the handle that opens it: `handle.notify_one()`.
    pub fn gate() -> (Self, Arc<Notify>) {
        let gate = Arc::new(Notify::new());
        (Self::Gate(Arc::clone(&gate)), gate)
    }
}

/// The body of a reply.
#[derive(Debug)]
pub(crate) enum Content {
    Whole(Bytes),
    Stream(Vec<Step>),
    Channel(mpsc::Receiver<Part>),
    Raw(Vec<Step>),
    Hang,
}

/// What a [`BodySender`] sends.
#[derive(Debug)]
pub(crate) enum Part {
    Bytes(Bytes, oneshot::Sender<()>),
    Cut,
    Reset,
}

/// A reply of an upstream. Made by the handler of [`Upstream::on`](super::Upstream::on).
#[derive(Debug)]
#[must_use]
pub struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
    pub(crate) gate: Option<Arc<Notify>>,
    pub(crate) close: bool,
}

impl Reply {
    fn new(status: u16, content: Content) -> Self {
        let status = sure("a status between 100 and 999", StatusCode::from_u16(status));
        Self { status, headers: HeaderMap::new(), content, gate: None, close: false }
    }

    /// A whole body with `content-length` and without a content type.
    pub fn bytes(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, Content::Whole(body.into()))
    }

    /// A whole body of `application/json`: a text, or a [`serde_json::Value`] made to text by the caller.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::bytes(status, body).header(CONTENT_TYPE.as_str(), "application/json")
    }

    /// A chunked body (status 200), one chunk for each [`Step::Bytes`], ended by the last chunk unless a step cuts.
    /// The head is written at once, before the first step.
    pub fn stream(content_type: &str, steps: Vec<Step>) -> Self {
        Self::new(200, Content::Stream(steps)).header(CONTENT_TYPE.as_str(), content_type)
    }

    /// A stream of `text/event-stream` with one event (and one chunk) for each data text.
    pub fn sse<'a>(data: impl IntoIterator<Item = &'a str>) -> Self {
        Self::stream("text/event-stream", data.into_iter().map(Step::sse).collect())
    }

    /// A chunked body (status 200) that the test feeds through the sender. Dropping the sender ends it normally.
    pub fn channel(content_type: &str) -> (Self, BodySender) {
        let (sender, receiver) = mpsc::channel(1);
        let reply = Self::new(200, Content::Channel(receiver)).header(CONTENT_TYPE.as_str(), content_type);
        (reply, BodySender { sender })
    }

    /// No HTTP at all: these steps' bytes go on the wire as they are, then the connection closes.
    pub fn raw(steps: Vec<Step>) -> Self {
        Self::new(200, Content::Raw(steps))
    }

    /// Never answers, not even a head; ends when the client goes away.
    pub fn hang() -> Self {
        Self::new(200, Content::Hang)
    }

    /// Closes the connection without a byte of answer.
    pub fn cut() -> Self {
        Self::raw(vec![Step::Cut])
    }

    /// Another status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = sure("a status between 100 and 999", StatusCode::from_u16(status));
        self
    }

    /// Adds a header; a `content-type` takes the place of the former one. Length and transfer coding are the
    /// writer's own.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = sure("a header name", HeaderName::from_bytes(name.as_bytes()));
        let value = sure("a header value", HeaderValue::from_str(value));
        if name == CONTENT_TYPE {
            self.headers.insert(name, value);
        } else {
            self.headers.append(name, value);
        }
        self
    }

    /// Holds back everything, the head too, until the gate opens.
    pub fn held_by(mut self, gate: &Arc<Notify>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }

    /// Says `connection: close` and closes after the reply.
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}

/// The client of a reply is gone, so nothing more can be sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientGone;

/// The test's end of [`Reply::channel`].
#[derive(Debug)]
pub struct BodySender {
    sender: mpsc::Sender<Part>,
}

impl BodySender {
    /// Writes `bytes` as one chunk; returns when they have been given to the socket.
    ///
    /// # Errors
    /// [`ClientGone`] when the client has closed.
    pub async fn send(&self, bytes: impl Into<Bytes>) -> Result<(), ClientGone> {
        let (receipt, written) = oneshot::channel();
        self.sender.send(Part::Bytes(bytes.into(), receipt)).await.map_err(|_| ClientGone)?;
        written.await.map_err(|_| ClientGone)
    }

    /// Closes the connection without the last chunk.
    pub async fn cut(self) {
        // A client that is gone already needs no cut.
        let _ = self.sender.send(Part::Cut).await;
    }

    /// Resets the connection.
    pub async fn reset(self) {
        let _ = self.sender.send(Part::Reset).await;
    }

    /// Ends when the client is gone.
    pub async fn client_gone(&self) {
        crate::patience::within("the client to go away", self.sender.closed()).await;
    }
}
