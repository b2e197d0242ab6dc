//! Errors: `{"error": "text"}`, whatever went wrong.

use crate::ir::ApiError;
use crate::json::{Kind, Object, Raw, Writer};
use std::borrow::Cow;

/// The longest message that is passed on, in characters.
const LONGEST: usize = 2000;

/// Appends an error body (no line feed).
pub(super) fn encode(error: &ApiError, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.begin_object();
    let message = if error.message.is_empty() { "the request failed" } else { &error.message };
    writer.string_member("error", message);
    writer.end_object();
}

/// Reads an error answer of any content type.
pub(super) fn decode(status: u16, body: &[u8]) -> ApiError {
    let status = if status >= 400 { status } else { 502 };
    if let Ok(object) = Object::parse(body)
        && let Some(told) = told(&object)
    {
        return ApiError { code: told.code, ..ApiError::new(status, told.message) };
    }
    let text = String::from_utf8_lossy(body.get(..4 * LONGEST).unwrap_or(body));
    let text = text.trim();
    // A page for people says nothing to a program, and a JSON text without a message neither.
    if text.is_empty() || text.starts_with(['<', '{', '[']) {
        return ApiError::new(status, format!("the upstream answered with status {status}"));
    }
    ApiError::new(status, shorten(text))
}

/// The error that a line or a whole answer under status 200 tells, if it does.
pub(super) fn in_band(object: &Object<'_>) -> Option<ApiError> {
    object.get("error")?;
    let told = told_by(object, "error")?;
    let status = told.status.unwrap_or(502);
    Some(ApiError { code: told.code, ..ApiError::new(status, told.message) })
}

/// What an error object tells.
struct Told {
    message: String,
    code: Option<String>,
    status: Option<u16>,
}

/// Ollama says `error`, Open WebUI (whose `/ollama` routes speak this dialect) `detail`, some proxies `message`.
fn told(object: &Object<'_>) -> Option<Told> {
    ["error", "detail", "message"].into_iter().find_map(|key| told_by(object, key))
}

fn told_by(object: &Object<'_>, key: &str) -> Option<Told> {
    let value = object.given(key)?;
    let inner = value.object();
    let message: Cow<'_, str> = match value.kind() {
        Kind::String => value.string()?,
        Kind::Bool if value.bool() == Some(false) => return None,
        Kind::Object => {
            let inner = inner.as_ref()?;
            ["message", "error", "detail"].into_iter().find_map(|key| inner.string(key)).unwrap_or(value.text())
        }
        Kind::Bool | Kind::Null => Cow::Borrowed("the upstream reported an error"),
        Kind::Array | Kind::Number => value.text(),
    };
    if message.is_empty() {
        return None;
    }
    let member = |key: &str| inner.as_ref().and_then(|inner| inner.given(key)).or_else(|| object.given(key));
    let status = ["code", "status", "status_code"].into_iter().filter_map(member).find_map(http_status);
    let code = inner.as_ref().and_then(|inner| inner.string("code")).map(Cow::into_owned);
    Some(Told { message: shorten(&message), code: code.filter(|code| !code.is_empty()), status })
}

fn http_status(value: Raw<'_>) -> Option<u16> {
    let number = value.u64().or_else(|| value.string()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}
