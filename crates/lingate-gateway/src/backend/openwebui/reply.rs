//! What Open WebUI says: to a sign-in, and to a token that it no longer takes.

use http::StatusCode;
use lingate_codec::json::Object;

use super::error::SignInError;
use super::token::{Issued, expiry};

/// What to make of a sign-in's answer.
pub(super) enum Verdict {
    /// A session.
    Token(Issued),
    /// Trying again soon would only make it worse: a locked account, a longer limit.
    Hold(SignInError),
    /// It may work the next time.
    Failed(SignInError),
}

/// Reads the answer to a sign-in; `now` is unix seconds. (Open WebUI 0.12.4: 200 with `token` and `expires_at`; 400
/// for a wrong password, 403 with password sign-in switched off, 422 for a missing field, 429 over its limit.)
pub(super) fn read(status: StatusCode, body: &[u8], now: u64) -> Verdict {
    match status.as_u16() {
        200 => {}
        400 | 401 | 403 | 422 => return Verdict::Hold(SignInError::credentials(status)),
        429 => return Verdict::Hold(SignInError::limited(super::session::HOLD)),
        _ => return Verdict::Failed(SignInError::unexpected(status)),
    }
    let Ok(reply) = Object::parse(body) else { return Verdict::Failed(SignInError::not_a_session()) };
    let Some(token) = reply.string("token").filter(|token| !token.is_empty()) else {
        return Verdict::Hold(SignInError::no_token());
    };
    let expires_at = reply.get("expires_at").and_then(|value| value.u64());
    match Issued::new(&token, now, expiry(&token, expires_at, now)) {
        Some(issued) => Verdict::Token(issued),
        None => Verdict::Failed(SignInError::not_a_session()),
    }
}

/// Whether an answer says that the token is no longer good: 401 in Open WebUI's own form, `{"detail": …}`. A 401 of
/// a provider behind it comes as `{"error": …}`, and a new sign-in would not help.
pub(crate) fn is_session_refusal(status: StatusCode, body: &[u8]) -> bool {
    status == StatusCode::UNAUTHORIZED
        && Object::parse(body).is_ok_and(|body| body.given("detail").is_some() && body.given("error").is_none())
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::is_session_refusal;

    #[test]
    fn only_open_webuis_own_401_asks_for_a_new_session() {
        let unauthorized = StatusCode::UNAUTHORIZED;
        for own in [r#"{"detail":"401 Unauthorized"}"#, r#"{"detail":"Not authenticated"}"#, r#"{"detail":["x"]}"#] {
            assert!(is_session_refusal(unauthorized, own.as_bytes()), "{own}");
            assert!(!is_session_refusal(StatusCode::FORBIDDEN, own.as_bytes()), "{own}");
            assert!(!is_session_refusal(StatusCode::OK, own.as_bytes()), "{own}");
        }
        let others = [
            r#"{"error":{"message":"Incorrect API key"}}"#,
            r#"{"detail":"x","error":{"message":"both"}}"#,
            r#"{"detail":null}"#,
            "\"detail\"",
            "<html>detail</html>",
            "{\"detail\":",
            "",
        ];
        for other in others {
            assert!(!is_session_refusal(unauthorized, other.as_bytes()), "{other}");
        }
    }
}
