//! Typed reads of known members: the value, or a 400 that names the path. Ollama takes no other types either.

use crate::ir::{ApiError, Number};
use crate::json::{Elements, Object, Raw};
use std::borrow::Cow;
use std::fmt::Display;

/// The 400 for a value of the wrong kind.
pub(in crate::dialect::ollama) fn wrong(path: impl Display, expected: &str, value: Raw<'_>) -> ApiError {
    let path = path.to_string();
    let message = format!("`{path}` must be {expected}, not {}", value.kind().name());
    ApiError::invalid(path, message)
}

/// The 400 for a member that must be there.
pub(in crate::dialect::ollama) fn missing(path: impl Display) -> ApiError {
    let path = path.to_string();
    let message = format!("`{path}` is missing");
    ApiError::invalid(path, message)
}

pub(in crate::dialect::ollama) fn string<'a>(value: Raw<'a>, path: impl Display) -> Result<Cow<'a, str>, ApiError> {
    value.string().ok_or_else(|| wrong(path, "a string", value))
}

pub(in crate::dialect::ollama) fn boolean(value: Raw<'_>, path: impl Display) -> Result<bool, ApiError> {
    value.bool().ok_or_else(|| wrong(path, "true or false", value))
}

pub(in crate::dialect::ollama) fn number<'a>(value: Raw<'a>, path: impl Display) -> Result<Number<'a>, ApiError> {
    Number::from_raw(value).ok_or_else(|| wrong(path, "a number", value))
}

pub(in crate::dialect::ollama) fn unsigned(value: Raw<'_>, path: impl Display) -> Result<u64, ApiError> {
    if let Some(number) = value.u64() {
        return Ok(number);
    }
    if value.number().is_none() {
        return Err(wrong(path, "a number", value));
    }
    let path = path.to_string();
    let message = format!("`{path}` must be a whole number of at least 0");
    Err(ApiError::invalid(path, message))
}

pub(in crate::dialect::ollama) fn array<'a>(value: Raw<'a>, path: impl Display) -> Result<Elements<'a>, ApiError> {
    value.array().ok_or_else(|| wrong(path, "an array", value))
}

pub(in crate::dialect::ollama) fn object<'a>(value: Raw<'a>, path: impl Display) -> Result<Object<'a>, ApiError> {
    value.object().ok_or_else(|| wrong(path, "an object", value))
}
