//! What answers the requests of a connection, in a frame that counts them and catches their panics.

use super::clock::{Clock, Guard};
use super::limits::HEAD_FIELDS;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use lingate_gateway::{Body, Gateway, Peer};
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

type AnyError = dyn std::error::Error + Send + Sync;

/// Answers requests.
pub(crate) trait Serve: Clone + Send + Sync + 'static {
    /// The body of its answers.
    type Body: http_body::Body<Data = Bytes, Error: Into<Box<AnyError>>> + From<Bytes> + Send + Unpin + 'static;

    /// Answers one request.
    fn serve(self, request: Request<Incoming>, peer: Peer) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// The data plane.
#[derive(Clone)]
pub(super) struct DataPlane(pub(super) Arc<Gateway>);

impl Serve for DataPlane {
    type Body = Body;

    async fn serve(self, request: Request<Incoming>, peer: Peer) -> Response<Body> {
        self.0.handle(request, peer).await
    }
}

/// The requests of one connection.
pub(super) struct Counted<S> {
    pub(super) serve: S,
    pub(super) peer: Peer,
    pub(super) clock: Arc<Clock>,
}

impl<S: Serve> hyper::service::Service<Request<Incoming>> for Counted<S> {
    type Response = Response<CountedBody<S::Body>>;
    type Error = Infallible;
    // Boxed, so that a stream holds no more than its body: the call's own state is gone once the head is answered.
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let guard = self.clock.begin();
        let (serve, peer) = (self.serve.clone(), self.peer);
        Box::pin(async move {
            let response = if request.headers().len() > HEAD_FIELDS {
                plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too many header fields")
            } else {
                let answered = AssertUnwindSafe(serve.serve(request, peer)).catch_unwind().await;
                // The panic itself was logged where it happened.
                answered.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error"))
            };
            Ok(response.map(|body| CountedBody { body, _guard: guard }))
        })
    }
}

/// An answer that no dialect is known for.
fn plain<B: From<Bytes>>(status: StatusCode, message: &'static str) -> Response<B> {
    let text = format!(r#"{{"error":{{"message":"{message}","type":"server_error"}}}}"#);
    let mut response = Response::new(B::from(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A body whose end is the end of its request.
pub(super) struct CountedBody<B> {
    body: B,
    _guard: Guard,
}

impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for CountedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
