//! Errors, both ways.

use crate::ir::{ApiError, ErrorKind};
use crate::json::{Object, Raw, Writer};

/// How much of an upstream's words is kept.
const MAX_CHARS: usize = 2000;

/// `error.type`, its status and its kind (SDK 2.11.0, `shared/error_type.py` and `_exceptions.py`).
const TYPES: &[(&str, u16, ErrorKind)] = &[
    ("invalid_request_error", 400, ErrorKind::InvalidRequest),
    ("authentication_error", 401, ErrorKind::Authentication),
    ("billing_error", 402, ErrorKind::Billing),
    ("permission_error", 403, ErrorKind::Permission),
    ("not_found_error", 404, ErrorKind::NotFound),
    ("conflict_error", 409, ErrorKind::Conflict),
    ("request_too_large", 413, ErrorKind::InvalidRequest),
    ("rate_limit_error", 429, ErrorKind::RateLimit),
    ("timeout_error", 504, ErrorKind::Timeout),
    ("overloaded_error", 529, ErrorKind::Overloaded),
    ("api_error", 500, ErrorKind::Api),
];

/// The word for an error.
fn type_of(error: &ApiError) -> &'static str {
    if error.status == 413 {
        return "request_too_large";
    }
    TYPES.iter().find(|(_, _, kind)| *kind == error.kind).map_or("api_error", |(word, ..)| word)
}

/// Reads the body of an answer whose status is not 2xx.
pub(super) fn decode(status: u16, body: &[u8]) -> ApiError {
    let fallback = || ApiError::new(status, plain_text(status, body));
    let Ok(object) = Object::parse(body) else { return fallback() };
    let Some(mut error) = read(&object) else { return fallback() };
    // The status of the answer stands; the type may say more about it than the status does.
    if error.kind == ErrorKind::Api {
        error.kind = ErrorKind::from_status(status);
    }
    error.status = status;
    error
}

/// Reads an error object: Anthropic's, and what servers in front of it say (`{"error": "…"}`, `{"detail": "…"}`).
/// `None` if there is no error in it. The status is the one that the error's type stands for.
pub(super) fn read(object: &Object<'_>) -> Option<ApiError> {
    let Some(value) = object.given("error") else {
        let message = object.string("message").or_else(|| object.string("detail"))?;
        return Some(unknown(&message));
    };
    let Some(inner) = value.object() else {
        return Some(unknown(&value.string().unwrap_or_else(|| value.text())));
    };
    let message = inner.string("message").unwrap_or_else(|| value.text());
    let word = inner.string("type").unwrap_or_default();
    let known = TYPES.iter().find(|(known, ..)| *known == word);
    let status = inner.given("code").or_else(|| inner.given("status")).and_then(Raw::u64);
    let status = status.and_then(|status| u16::try_from(status).ok()).filter(|status| (400..600).contains(status));
    let mut error = match (known, status) {
        (Some(&(_, status, kind)), _) => ApiError { kind, ..ApiError::new(status, shortened(&message)) },
        (None, Some(status)) => ApiError::new(status, shortened(&message)),
        (None, None) => unknown(&message),
    };
    error.code =
        inner.given("details").and_then(Raw::object).and_then(|details| Some(details.string("error_code")?.into()));
    Some(error)
}

fn unknown(message: &str) -> ApiError {
    ApiError::new(502, shortened(message))
}

/// What an answer that is no error object says: short plain text is quoted, a page is not.
fn plain_text(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') {
        return format!("the upstream answered with status {status}");
    }
    shortened(text)
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}

/// Appends an error body; `request_id` is left out when empty.
pub(super) fn encode(error: &ApiError, request_id: &str, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.begin_object();
    writer.string_member("type", "error");
    writer.key("error");
    writer.begin_object();
    writer.string_member("type", type_of(error));
    writer.string_member("message", &error.message);
    if let Some(code) = &error.code {
        writer.key("details");
        writer.begin_object();
        writer.string_member("error_code", code);
        writer.end_object();
    }
    writer.end_object();
    if !request_id.is_empty() {
        writer.string_member("request_id", request_id);
    }
    writer.end_object();
}

/// The status that clients know for an error: overload is 529.
pub(super) fn status(error: &ApiError) -> u16 {
    match (error.kind, error.status) {
        (ErrorKind::Overloaded, 503 | 529) => 529,
        (_, status) => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_statuses_go_both_ways() {
        for (word, code, kind) in TYPES {
            let body = format!(r#"{{"type":"error","error":{{"type":"{word}","message":"m"}}}}"#);
            let error = decode(*code, body.as_bytes());
            assert_eq!((error.status, error.kind, error.message.as_str()), (*code, *kind, "m"));
            let mut out = Vec::new();
            encode(&error, "req_1", &mut out);
            let expected =
                format!(r#"{{"type":"error","error":{{"type":"{word}","message":"m"}},"request_id":"req_1"}}"#);
            assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
            assert_eq!(status(&error), *code);
        }
        assert_eq!(status(&ApiError::new(503, "busy")), 529);
    }

    #[test]
    fn odd_bodies_are_read_too() {
        for (body, message) in [
            (r#"{"error":"down"}"#, "down"),
            (r#"{"detail":"gone"}"#, "gone"),
            (r#"{"error":{"message":"m","code":"x"}}"#, "m"),
            (r#"{"error":{"foo":1}}"#, r#"{"foo":1}"#),
            ("  busy \n", "busy"),
            ("<html>secret</html>", "the upstream answered with status 502"),
            ("", "the upstream answered with status 502"),
            ("\u{0}\u{1}", "\u{0}\u{1}"),
        ] {
            let error = decode(502, body.as_bytes());
            assert_eq!((error.status, error.message.as_str()), (502, message), "{body}");
        }
        assert_eq!(decode(500, "x".repeat(5000).as_bytes()).message.len(), 2000);
    }
}
