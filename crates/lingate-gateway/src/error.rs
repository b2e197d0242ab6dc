//! What a request can fail of inside the gateway, and how a client is told.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use lingate_codec::ir::ApiError;

/// The code of a 503 for an endpoint whose places and queue are full.
pub(crate) const ENDPOINT_BUSY: &str = "endpoint_busy";
/// The code of a 429 for an endpoint that has used up its requests or tokens of a minute.
pub(crate) const ENDPOINT_RATE_LIMITED: &str = "endpoint_rate_limited";

/// The code of a 504 for a stream whose first piece of content did not come in time. The model may have run.
pub(crate) const FIRST_TOKEN_TIMEOUT: &str = "first_token_timeout";

/// How far a failed attempt got, and whose fault it is: what the retry table goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The client's fault, or the gateway's own: no other target helps.
    Fault,
    /// Nothing was sent: no connection, no session, closed before the request.
    Unsent,
    /// Refused by lingate's own limits of the endpoint: nothing was sent, so it was no attempt at all.
    Limited,
    /// Refused by an answered 429, or by an error that stands for one: well, but busy.
    Busy,
    /// Refused by an answered 401 or 403: the endpoint's credential is not good, and is not better a moment later.
    Denied,
    /// Refused by another status that says nothing against the request: 408, 425, 5xx.
    Refused,
    /// An error as the first meaningful event of an answer of status 200.
    FirstEvent,
    /// A web page or a redirect in place of an answer.
    NotAnApi,
    /// An answer without content, where that counts as failed.
    Empty,
    /// The connection broke or time ran out after the request was sent: the model may have run.
    AfterSend,
}

impl Class {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 10] = [
        Self::Fault,
        Self::Unsent,
        Self::Limited,
        Self::Busy,
        Self::Denied,
        Self::Refused,
        Self::FirstEvent,
        Self::NotAnApi,
        Self::Empty,
        Self::AfterSend,
    ];

    /// Of an answer with this status, which is none of success.
    pub fn of_status(status: u16) -> Self {
        match status {
            429 => Self::Busy,
            401 | 403 => Self::Denied,
            // 425 (RFC 8470, section 5.2): the server did not want to begin yet.
            408 | 425 | 500.. => Self::Refused,
            _ => Self::Fault,
        }
    }

    /// Of an error that came in place of an answer, under status 200. `status` is what it would have had.
    pub fn of_first_event(status: u16) -> Self {
        match Self::of_status(status) {
            Self::Refused => Self::FirstEvent,
            other => other,
        }
    }
}

/// A refused or failed request: the error for the client, headers that go with it, and how far it got.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The error, free of any dialect.
    pub error: ApiError,
    /// Headers of the answer: `retry-after`, the upstream's rate limits.
    pub headers: HeaderMap,
    /// How far the attempt got.
    pub class: Class,
}

impl Failure {
    /// The client's fault, or ours: no other target helps.
    pub fn of(error: ApiError) -> Self {
        Self { error, headers: HeaderMap::new(), class: Class::Fault }
    }

    /// A failed attempt that got so far.
    pub fn new(class: Class, error: ApiError) -> Self {
        Self { class, ..Self::of(error) }
    }

    /// A 503 that says when to come back.
    pub fn later(message: &str, seconds: u64) -> Self {
        Self::of(ApiError::new(503, message)).with_retry_after(seconds)
    }

    /// Whether another target could answer: nothing was generated, as far as can be known.
    pub fn is_safe_elsewhere(&self) -> bool {
        !matches!(self.class, Class::Fault | Class::AfterSend)
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

    /// With these headers.
    #[must_use]
    pub fn with_headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::of(error)
    }
}
