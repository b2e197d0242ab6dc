//! What a request can fail of inside the gateway, and how a client is told.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use lingate_codec::ir::ApiError;

/// The code of a 503 for an endpoint whose places and queue are full.
pub(crate) const ENDPOINT_BUSY: &str = "endpoint_busy";
/// The code of a 429 for an endpoint that has used up its requests or tokens of a minute.
pub(crate) const ENDPOINT_RATE_LIMITED: &str = "endpoint_rate_limited";

/// The code of a 504 for a stream whose first piece of content did not come in time. The model may have run.
pub(crate) const FIRST_TOKEN_TIMEOUT: &str = "first_token_timeout";

/// A refused or failed request: the error for the client, headers that go with it, and whether another target
/// may be tried.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The error, free of any dialect.
    pub error: ApiError,
    /// Headers of the answer: `retry-after`, the upstream's rate limits.
    pub headers: HeaderMap,
    /// Whether another target may answer: nothing was generated, as far as can be known.
    pub try_next: bool,
}

impl Failure {
    /// The client's fault, or ours: no other target helps.
    pub fn of(error: ApiError) -> Self {
        Self { error, headers: HeaderMap::new(), try_next: false }
    }

    /// A 503 that says when to come back.
    pub fn later(message: &str, seconds: u64) -> Self {
        Self::of(ApiError::new(503, message)).with_retry_after(seconds)
    }

    /// Whether it was lingate's own limit of the endpoint that refused: nothing was sent.
    pub fn is_own_limit(&self) -> bool {
        matches!(self.error.code.as_deref(), Some(ENDPOINT_BUSY | ENDPOINT_RATE_LIMITED))
    }

    /// Adds `retry-after`, in whole seconds, at least 1.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::of(error)
    }
}
