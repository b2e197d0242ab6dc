//! Errors of the dialects of OpenAI's family, both ways: `{"error":{"message","type","param","code"}}`, and the many other
//! forms that upstreams send.

use crate::ir::{ApiError, ErrorKind};
use crate::json::{Object, Raw, Writer};
use std::borrow::Cow;

/// The longest message that is taken over, in characters.
const MAX_MESSAGE: usize = 2_000;

/// How many members and texts deep an error may be wrapped in others.
const MAX_WRAPS: usize = 6;

/// What an upstream said about its failure.
#[derive(Default)]
struct Said<'a> {
    message: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
    param: Option<Cow<'a, str>>,
    /// A status written in the body.
    status: Option<u16>,
}

/// Reads an error answer of any content type.
pub(in crate::dialect) fn decode(status: u16, body: &[u8]) -> ApiError {
    let status = if (400..600).contains(&status) { status } else { 502 };
    let said = said_by(body);
    let message = said.message.as_deref().and_then(readable);
    let message = message.unwrap_or_else(|| format!("the upstream answered {status} without a readable error"));
    let (code, param) = (said.code.map(Cow::into_owned), said.param.map(Cow::into_owned));
    ApiError { code, param, ..ApiError::new(status, message) }
}

/// An error inside an answer of status 200 or a stream, if `object` is one.
pub(in crate::dialect) fn in_answer(object: &Object<'_>) -> Option<ApiError> {
    let is_error = match object.given("error") {
        // Some servers send `"error": ""` or `{}` or false beside an answer.
        Some(error) => !matches!(error.bytes(), b"\"\"" | b"{}" | b"false" | b"[]"),
        None => {
            let kind = object.string("object");
            kind.as_deref() == Some("error") || (object.given("detail").is_some() && object.get("choices").is_none())
        }
    };
    is_error.then(|| from_said(said_in(object, 0)))
}

/// An error frame of a stream that says nothing but its name.
pub(in crate::dialect) fn from_error_frame(data: &[u8]) -> ApiError {
    from_said(said_by(data))
}

fn from_said(said: Said<'_>) -> ApiError {
    let words = said.code.iter().chain(&said.kind).map(|word| &**word);
    let status = said.status.or_else(|| words.clone().find_map(status_of)).unwrap_or(502);
    let message = said.message.as_deref().and_then(readable);
    let message = message.unwrap_or_else(|| "the upstream reported an error without saying which".to_owned());
    let code = said.code.map(Cow::into_owned).or_else(|| (status == 502).then(|| "upstream_error".to_owned()));
    ApiError { code, param: said.param.map(Cow::into_owned), ..ApiError::new(status, message) }
}

/// An answer or a frame that is no JSON object.
pub(in crate::dialect) fn not_an_object(body: &[u8]) -> ApiError {
    match body.trim_ascii() {
        [] => ApiError::upstream("the upstream's answer is empty"),
        _ => ApiError::upstream("the upstream's answer is not a JSON object"),
    }
}

/// `finish_reason: "error"`.
pub(in crate::dialect) fn finished_by_error() -> ApiError {
    ApiError::upstream("the upstream ended the answer because of an error that it did not describe")
}

/// The status that a `code` or `type` stands for.
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error" | "BadRequestError" | "context_length_exceeded" | "invalid_prompt" => 400,
        "authentication_error" | "invalid_api_key" | "AuthenticationError" => 401,
        "billing_error" => 402,
        "permission_error" | "PermissionDeniedError" => 403,
        "not_found_error" | "model_not_found" | "NotFoundError" => 404,
        "conflict_error" => 409,
        "request_too_large" => 413,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "insufficient_quota"
        | "requests"
        | "tokens"
        | "RateLimitError" => 429,
        "server_error" | "api_error" | "internal_error" | "internal_server_error" | "InternalServerError" => 500,
        "overloaded_error"
        | "overloaded"
        | "server_overloaded"
        | "engine_overloaded"
        | "service_unavailable"
        | "engine_overloaded_error" => 503,
        "timeout_error" | "timeout" => 504,
        other => return other.parse().ok().filter(|status| (400..600).contains(status)),
    })
}

/// The message as a client may see it: shortened, and only if it holds words.
fn readable(message: &str) -> Option<String> {
    let message = message.trim();
    (!message.is_empty()).then(|| message.chars().take(MAX_MESSAGE).collect())
}

/// What a body says. HTML says nothing; other text speaks for itself.
fn said_by(body: &[u8]) -> Said<'_> {
    if let Ok(value) = Raw::parse(body) {
        return said_in_value(value, 0);
    }
    let text = std::str::from_utf8(body).ok().map(str::trim_ascii);
    let text = text.filter(|text| !text.starts_with('<') && !text.starts_with(['{', '[']));
    Said { message: text.map(Cow::Borrowed), ..Said::default() }
}

fn said_in_value(value: Raw<'_>, wraps: usize) -> Said<'_> {
    if let Some(text) = value.string() {
        return said_in_text(text, wraps);
    }
    if let Some(object) = value.object() {
        return said_in(&object, wraps);
    }
    // Google's compatible API wraps its error in an array.
    match value.array().and_then(|mut elements| elements.next()) {
        Some(first) if wraps < MAX_WRAPS => said_in_value(first, wraps + 1),
        _ => Said::default(),
    }
}

/// A text that is itself an encoded error counts as that error.
fn said_in_text(text: Cow<'_, str>, wraps: usize) -> Said<'_> {
    if wraps < MAX_WRAPS && text.trim_ascii_start().starts_with(['{', '"']) {
        let inner = match Raw::parse(text.as_bytes()) {
            Ok(value) => said_in_value(value, wraps + 1).into_owned(),
            Err(_) => Said::default(),
        };
        if inner.message.is_some() {
            return inner;
        }
    }
    Said { message: Some(text), ..Said::default() }
}

fn said_in<'a>(object: &Object<'a>, wraps: usize) -> Said<'a> {
    let mut said = match object.given("error").or_else(|| object.given("detail")) {
        Some(error) if wraps < MAX_WRAPS => {
            let list = error.array().filter(|_| object.given("error").is_none());
            match list {
                Some(list) => Said { message: complaints(list), ..Said::default() },
                None => said_in_value(error, wraps + 1),
            }
        }
        _ => Said::default(),
    };
    let own = own_words(object, wraps);
    Said {
        message: said.message.take().or(own.message),
        kind: said.kind.take().or(own.kind),
        code: said.code.take().or(own.code),
        param: said.param.take().or(own.param),
        status: said.status.or(own.status),
    }
}

/// The members of an error object itself.
fn own_words<'a>(object: &Object<'a>, wraps: usize) -> Said<'a> {
    let mut said = match object.string("message").or_else(|| object.string("msg")) {
        Some(message) => said_in_text(message, wraps + 1),
        None => Said::default(),
    };
    let status = |key: &str| {
        let value = object.given(key)?;
        let number = value.u64().or_else(|| value.string()?.parse().ok())?;
        u16::try_from(number).ok().filter(|status| (400..600).contains(status))
    };
    said.status = said.status.or_else(|| status("code")).or_else(|| status("status")).or_else(|| status("status_code"));
    // A number is no word for programs: the status says it.
    let code = object.string("code").filter(|code| code.parse::<f64>().is_err());
    said.code = said.code.or(code);
    said.kind = said.kind.or_else(|| object.string("type"));
    said.param = said.param.or_else(|| object.string("param"));
    said
}

/// FastAPI's list of what is wrong: `[{"loc":["body","messages"],"msg":"field required"}]`.
fn complaints<'a>(list: crate::json::Elements<'a>) -> Option<Cow<'a, str>> {
    let mut text = String::new();
    for complaint in list {
        let Some(object) = complaint.object() else {
            if let Some(words) = complaint.string() {
                push_complaint(&mut text, "", &words);
            }
            continue;
        };
        let place = object.get("loc").and_then(Raw::array).map(|steps| {
            let steps = steps.map(|step| step.string().unwrap_or_else(|| step.text()));
            steps.collect::<Vec<_>>().join(".")
        });
        if let Some(words) = object.string("msg").or_else(|| object.string("message")) {
            push_complaint(&mut text, place.as_deref().unwrap_or_default(), &words);
        }
        if text.len() > MAX_MESSAGE * 4 {
            break;
        }
    }
    (!text.is_empty()).then_some(Cow::Owned(text))
}

fn push_complaint(text: &mut String, place: &str, words: &str) {
    if !text.is_empty() {
        text.push_str("; ");
    }
    if !place.is_empty() {
        text.push_str(place);
        text.push_str(": ");
    }
    text.push_str(words);
}

impl Said<'_> {
    fn into_owned(self) -> Said<'static> {
        let own = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Said {
            message: own(self.message),
            kind: own(self.kind),
            code: own(self.code),
            param: own(self.param),
            status: self.status,
        }
    }
}

/// Appends an error body.
pub(in crate::dialect) fn encode(error: &ApiError, out: &mut Vec<u8>) {
    let mut w = Writer::new(out);
    w.begin_object();
    w.key("error");
    w.begin_object();
    w.string_member("message", &error.message);
    w.string_member("type", kind_word(error.kind));
    w.key("param");
    optional(error.param.as_deref(), &mut w);
    w.key("code");
    optional(error.code.as_deref(), &mut w);
    w.end_object();
    w.end_object();
}

fn optional(text: Option<&str>, w: &mut Writer<'_>) {
    match text {
        Some(text) => w.string(text),
        None => w.null(),
    }
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
pub(in crate::dialect) fn status(error: &ApiError) -> u16 {
    if error.status == 529 { 503 } else { error.status }
}
