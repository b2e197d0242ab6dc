//! Errors that a dialect can say, and whose fault they are.

/// What went wrong, by the names that the dialects share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// 400, 413, 415, 422: the request itself.
    InvalidRequest,
    /// 401: who are you?
    Authentication,
    /// 402: pay first.
    Billing,
    /// 403: you may not.
    Permission,
    /// 404: no such model or path.
    NotFound,
    /// 409
    Conflict,
    /// 429
    RateLimit,
    /// 503, 529: try later.
    Overloaded,
    /// 408, 504: took too long.
    Timeout,
    /// 500, 502 and the rest: the server, or the upstream.
    Api,
}

impl ErrorKind {
    /// The kind that a status means.
    pub fn from_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            402 => Self::Billing,
            403 => Self::Permission,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            409 => Self::Conflict,
            429 => Self::RateLimit,
            503 | 529 => Self::Overloaded,
            400..500 => Self::InvalidRequest,
            _ => Self::Api,
        }
    }
}

/// An error, as a client is told of it. The message is fit for the client: no URL, no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status; for an error inside a stream, the one that it would have had.
    pub status: u16,
    /// What it is.
    pub kind: ErrorKind,
    /// In plain words, for a person.
    pub message: String,
    /// A stable word for programs (`model_not_found`).
    pub code: Option<String>,
    /// The request member at fault, as a JSON path.
    pub param: Option<String>,
}

impl ApiError {
    /// An error whose kind follows from its status.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, kind: ErrorKind::from_status(status), message: message.into(), code: None, param: None }
    }

    /// A 400 that names the member at fault.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(400, message) }
    }

    /// The same with a code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The upstream broke its own protocol or its connection.
    pub fn upstream(message: impl Into<String>) -> Self {
        Self::new(502, message).with_code("upstream_error")
    }
}
