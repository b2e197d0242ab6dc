//! Why there is no session.

use std::fmt::Display;
use std::time::Duration;

use http::StatusCode;

/// A sign-in that did not work out. The text is fit for a client: it holds no secret and nothing that Open WebUI said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct SignInError {
    /// The status that the client is answered with; never 401, because the client's own key is good.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// What happened, for a person.
    pub message: String,
    /// When to try again, in seconds.
    pub retry_after: Option<u64>,
}

impl SignInError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// Open WebUI does not take this e-mail and password.
    pub(super) fn credentials(status: StatusCode) -> Self {
        let message = format!(
            "Open WebUI refused the sign-in (status {}): check the e-mail and the password of this endpoint",
            status.as_u16()
        );
        Self::new(StatusCode::BAD_GATEWAY, "upstream_auth", message)
    }

    /// A 200 that brought no session; a second factor looks like this.
    pub(super) fn no_token() -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            "upstream_auth",
            "Open WebUI took the e-mail and the password but gave no token; an account with a second factor cannot be \
             used here",
        )
    }

    /// Whatever answered is no Open WebUI, or not a healthy one.
    pub(super) fn unexpected(status: StatusCode) -> Self {
        let message = format!("Open WebUI answered the sign-in with status {}", status.as_u16());
        let passed_on = match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => status,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self::new(passed_on, "upstream_error", message)
    }

    /// A 200 that is not JSON: any unknown path of Open WebUI answers with its page.
    pub(super) fn not_a_session() -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            "upstream_error",
            "the sign-in was not answered as Open WebUI does it: check the address of this endpoint",
        )
    }

    /// No answer came; `cause` must be fit for a client.
    pub(super) fn unreachable(cause: &impl Display) -> Self {
        let message = format!("could not sign in to Open WebUI: {cause}");
        Self::new(StatusCode::BAD_GATEWAY, "upstream_unavailable", message)
    }

    pub(super) fn timeout(limit: Duration) -> Self {
        let message = format!("Open WebUI did not answer the sign-in within {} seconds", limit.as_secs());
        Self::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message)
    }

    /// Too many sign-ins, by our own count or by Open WebUI's.
    pub(super) fn limited(wait: Duration) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "sign_in_limited",
            "too many sign-ins to Open WebUI in a short time; try again later",
        )
        .with_retry_after(wait)
    }

    /// The task that signed in ended without a result: the process is stopping.
    pub(super) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the sign-in to Open WebUI was broken off")
    }

    /// Says when to try again: whole seconds, rounded up, at least one.
    pub(super) fn with_retry_after(mut self, wait: Duration) -> Self {
        let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.retry_after = Some(whole.max(1));
        self
    }
}
