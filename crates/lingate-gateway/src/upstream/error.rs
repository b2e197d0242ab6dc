//! What can go wrong on the way to an upstream and back.

use std::borrow::Cow;
use std::time::Duration;

/// How far a call got: decides whether a second try is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing was sent: dialling, TLS, or a connection closed before the request.
    Connect,
    /// The request may have reached the model; no answer came.
    Sent,
    /// The answer had begun.
    Answering,
}

/// A failed call. The text names no URL and no secret; it is fit for a client.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct UpstreamError {
    /// How far the call got.
    pub phase: Phase,
    /// The status that the client is answered with.
    pub status: u16,
    /// A stable word for programs.
    pub code: Cow<'static, str>,
    /// What happened.
    pub message: String,
}

impl UpstreamError {
    fn new(phase: Phase, status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { phase, status, code: Cow::Borrowed(code), message: message.into() }
    }

    pub(crate) fn connect(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Phase::Connect, 502, code, message)
    }

    pub(crate) fn connect_timeout(limit: Duration) -> Self {
        let message = format!("the upstream could not be reached within {limit:?}");
        Self::new(Phase::Connect, 504, "upstream_connect_timeout", message)
    }

    pub(crate) fn closed_before_request() -> Self {
        Self::connect("upstream_unavailable", "the upstream closed the connection before the request")
    }

    pub(crate) fn first_byte_timeout(limit: Duration) -> Self {
        let message = format!("the upstream did not begin to answer within {limit:?}");
        Self::new(Phase::Sent, 504, "upstream_timeout", message)
    }

    pub(crate) fn idle_timeout(limit: Duration) -> Self {
        let message = format!("the upstream sent nothing for {limit:?}");
        Self::new(Phase::Answering, 504, "upstream_idle_timeout", message)
    }

    pub(crate) fn total_timeout(phase: Phase) -> Self {
        Self::new(phase, 504, "upstream_timeout", "the upstream took longer than the time limit of the call")
    }

    pub(crate) fn broken(phase: Phase, error: &hyper::Error) -> Self {
        let message = if error.is_parse() {
            "the upstream does not speak proper HTTP"
        } else if phase == Phase::Answering {
            "the upstream's connection broke in the middle of its answer"
        } else {
            "the upstream closed the connection without an answer"
        };
        Self::new(phase, 502, "upstream_error", message)
    }
}
