//! Errors, both ways: `{"error":{"message","type","param","code"}}` as a body, `{"type":"error", …}` as an event of a
//! stream, and `error` of a response that failed.

use crate::ir::{ApiError, ErrorKind};
use crate::json::{Object, Raw, Writer};
use std::borrow::Cow;

/// The longest message that is taken over, in characters.
const MAX_MESSAGE: usize = 2_000;

/// Reads an error answer of any content type. The status of the answer stands.
pub(super) fn decode(status: u16, body: &[u8]) -> ApiError {
    let status = if (400..600).contains(&status) { status } else { 502 };
    let said = Object::parse(body).ok().and_then(|object| read(&object));
    let plain = || {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        if text.is_empty() || text.starts_with(['<', '{', '[']) {
            return format!("the upstream answered {status} without a readable error");
        }
        shortened(text)
    };
    match said {
        Some(said) => ApiError { code: said.code, param: said.param, ..ApiError::new(status, said.message) },
        None => ApiError::new(status, plain()),
    }
}

/// Reads an error from an object: one with a member `error`, one that is the error itself, and what servers in front
/// say (`{"detail": …}`). `None` if there is none. The status is the one that its words stand for.
pub(super) fn read(object: &Object<'_>) -> Option<ApiError> {
    match object.given("error") {
        Some(error) => match error.object() {
            Some(inner) => read_words(&inner),
            // Some servers send `"error": ""` or false beside an answer.
            None if matches!(error.bytes(), b"\"\"" | b"false" | b"[]") => None,
            None => Some(unknown(&error.string().unwrap_or_else(|| error.text()))),
        },
        None => read_words(object),
    }
}

fn read_words(error: &Object<'_>) -> Option<ApiError> {
    let text = |key: &str| error.string(key).filter(|text| !text.is_empty());
    let detail = || error.given("detail").map(|value| value.string().unwrap_or_else(|| value.text()));
    let (code, kind) = (text("code"), text("type"));
    let message = text("message").or_else(detail).or_else(|| code.clone())?;
    let status = |key: &str| error.given(key).and_then(Raw::u64).and_then(|status| u16::try_from(status).ok());
    let status = status("status").or_else(|| status("code")).filter(|status| (400..600).contains(status));
    let words = [code.as_deref(), kind.as_deref()];
    let status = status.or_else(|| words.into_iter().flatten().find_map(status_of));
    let mut read = status.map_or_else(|| unknown(&message), |status| ApiError::new(status, shortened(&message)));
    read.code = code.map(Cow::into_owned).or(read.code);
    read.param = text("param").map(Cow::into_owned);
    Some(read)
}

fn unknown(message: &str) -> ApiError {
    ApiError::upstream(shortened(message))
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_MESSAGE).collect()
}

/// The status that a `code` or `type` stands for. Words yet to come say nothing.
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error" | "context_length_exceeded" | "invalid_prompt" | "bad_request" => 400,
        // `response_error.py`: what is wrong with an image or a prompt.
        word if word.contains("image") || word.ends_with("_policy") || word.ends_with("_policy_violation") => 400,
        "authentication_error" | "invalid_api_key" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" | "model_not_found" => 404,
        "conflict_error" => 409,
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" | "tokens" | "requests" => 429,
        "server_error" | "api_error" | "internal_error" | "internal_server_error" => 500,
        "overloaded_error" | "server_is_overloaded" | "slow_down" | "service_unavailable" => 503,
        "timeout_error" | "timeout" | "vector_store_timeout" => 504,
        _ => return None,
    })
}

/// Appends an error body.
pub(super) fn encode(error: &ApiError, out: &mut Vec<u8>) {
    let mut w = Writer::new(out);
    w.begin_object();
    body(error, &mut w);
    w.end_object();
}

fn body(error: &ApiError, w: &mut Writer<'_>) {
    w.key("error");
    w.begin_object();
    w.string_member("message", &error.message);
    w.string_member("type", kind_word(error.kind));
    optional("param", error.param.as_deref(), w);
    optional("code", error.code.as_deref(), w);
    w.end_object();
}

fn optional(key: &str, text: Option<&str>, w: &mut Writer<'_>) {
    match text {
        Some(text) => w.string_member(key, text),
        None => w.null_member(key),
    }
}

/// Appends the data of an `error` event for a relayed stream: with the members of the type, and with `error`, by which
/// the SDKs know that they must raise. The number of the event is not known here.
pub(super) fn encode_in_stream(error: &ApiError, out: &mut Vec<u8>) {
    let mut w = Writer::new(out);
    w.begin_object();
    w.string_member("type", "error");
    optional("code", error.code.as_deref(), &mut w);
    w.string_member("message", &error.message);
    optional("param", error.param.as_deref(), &mut w);
    body(error, &mut w);
    w.end_object();
}

/// Whether the data of an event is an error, in any form that the SDKs or Codex understand.
pub(super) fn is_frame(data: &[u8]) -> bool {
    let Ok(object) = Object::parse(data) else { return false };
    let kind = object.string("type").unwrap_or_default();
    kind == "error" || kind == "response.failed" || object.given("error").is_some()
}

/// Appends `error` of a response that failed, as a value.
pub(super) fn of_response(error: &ApiError, w: &mut Writer<'_>) {
    /// Words that clients act on.
    const KNOWN: [&str; 5] = [
        "context_length_exceeded",
        "insufficient_quota",
        "rate_limit_exceeded",
        "invalid_prompt",
        "server_is_overloaded",
    ];
    let code = error.code.as_deref().filter(|code| KNOWN.contains(code)).unwrap_or(match error.kind {
        ErrorKind::RateLimit => "rate_limit_exceeded",
        ErrorKind::InvalidRequest => "invalid_prompt",
        _ => "server_error",
    });
    w.begin_object();
    w.string_member("code", code);
    w.string_member("message", &error.message);
    w.end_object();
}

/// OpenAI says `invalid_request_error` for unknown models and conflicts too.
fn kind_word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::NotFound | ErrorKind::Conflict => "invalid_request_error",
        ErrorKind::Authentication => "authentication_error",
        ErrorKind::Billing => "insufficient_quota",
        ErrorKind::Permission => "permission_error",
        ErrorKind::RateLimit => "rate_limit_error",
        ErrorKind::Overloaded => "overloaded_error",
        ErrorKind::Timeout => "timeout_error",
        ErrorKind::Api => "server_error",
    }
}

/// OpenAI knows no 529.
pub(super) fn status(error: &ApiError) -> u16 {
    if error.status == 529 { 503 } else { error.status }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(error: &ApiError, write: fn(&ApiError, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(error, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bodies_go_both_ways() {
        let body = r#"{"error":{"message":"no","type":"rate_limit_error","param":null,"code":"slow_down"}}"#;
        let error = decode(429, body.as_bytes());
        assert_eq!((error.status, error.kind, error.message.as_str()), (429, ErrorKind::RateLimit, "no"));
        assert_eq!(written(&error, encode), body);
        assert_eq!(
            written(&error, encode_in_stream),
            format!(r#"{{"type":"error","code":"slow_down","message":"no","param":null,{}"#, &body[1..])
        );
        assert_eq!(status(&ApiError::new(529, "busy")), 503);
    }

    #[test]
    fn odd_bodies_are_read_too() {
        for (body, message) in [
            (r#"{"error":"down"}"#, "down"),
            (r#"{"detail":"gone"}"#, "gone"),
            (r#"{"detail":[{"msg":"x"}]}"#, r#"[{"msg":"x"}]"#),
            (r#"{"message":"m","code":500}"#, "m"),
            ("  busy \n", "busy"),
            ("<html>secret</html>", "the upstream answered 502 without a readable error"),
            ("{", "the upstream answered 502 without a readable error"),
            ("", "the upstream answered 502 without a readable error"),
        ] {
            let error = decode(502, body.as_bytes());
            assert_eq!((error.status, error.message.as_str()), (502, message), "{body}");
        }
        assert_eq!(decode(500, "x".repeat(5000).as_bytes()).message.len(), 2000);
    }

    #[test]
    fn words_tell_the_status() {
        for (body, status) in [
            (r#"{"error":{"code":"rate_limit_exceeded","message":"m"}}"#, 429),
            (r#"{"type":"error","code":"invalid_image_url","message":"m","param":null}"#, 400),
            (r#"{"type":"error","error":{"type":"server_error","message":"m"}}"#, 500),
            (r#"{"error":{"code":"brand_new","message":"m"}}"#, 502),
            (r#"{"error":{"message":"m","code":418}}"#, 418),
        ] {
            assert_eq!(
                read(&Object::parse(body.as_bytes()).unwrap()).map(|error| error.status),
                Some(status),
                "{body}"
            );
        }
        assert_eq!(read(&Object::parse(br#"{"error":null,"id":"x"}"#).unwrap()), None);
    }
}
