//! Requests, both ways.
//!
//! # Unknown members below the top level
//!
//! Blocks have more members than the IR has places (`citations` of a text, `context` of a document, `cache_control`
//! of a picture). They become [`Extra`]s of the nearest list: the message's for its blocks, the request's for
//! `thinking`, `metadata`, `output_config` and `tool_choice`. The extra's `path` says where it stood in the body;
//! its `key` says where it belongs in the list's owner: `content[2].citations`, where 2 counts the parts of the IR's
//! message, or `thinking.display`. Encoders of other families see a member that they do not know.

mod blocks;
mod decode;
mod encode;
mod kept;
mod messages;
mod settings;
mod thinking;
mod tools;
mod turns;

pub(super) use decode::{check, decode, decode_count};
pub(super) use encode::encode;
pub(super) use tools::offered;

use crate::ir::{ApiError, Extra};
use crate::json::{Kind, Object, Raw, Writer};
use std::borrow::Cow;
use std::fmt::Display;

/// A 400: a member is of the wrong kind.
fn wrong(path: impl Display, wanted: &str, got: Raw<'_>) -> ApiError {
    let path = path.to_string();
    let message = format!("`{path}` must be {wanted}, not {}", got.kind().name());
    ApiError::invalid(path, message)
}

/// A 400: a member is not there.
fn missing(path: impl Display) -> ApiError {
    let path = path.to_string();
    let message = format!("`{path}` is missing");
    ApiError::invalid(path, message)
}

/// A string member that must be there.
fn required<'a>(object: &Object<'a>, at: &impl Display, key: &str) -> Result<Cow<'a, str>, ApiError> {
    match object.given(key) {
        Some(value) => value.string().ok_or_else(|| wrong(format_args!("{at}.{key}"), "a string", value)),
        None => Err(missing(format_args!("{at}.{key}"))),
    }
}

/// A string member that may be absent or null.
fn optional<'a>(object: &Object<'a>, at: &impl Display, key: &str) -> Result<Option<Cow<'a, str>>, ApiError> {
    match object.given(key) {
        Some(value) => Ok(Some(value.string().ok_or_else(|| wrong(format_args!("{at}.{key}"), "a string", value))?)),
        None => Ok(None),
    }
}

/// Keeps the members of `object` that are not in `known`: at `path` in the body, by `place` in the owner of the list.
fn keep_rest<'a>(
    object: &Object<'a>,
    known: &[&str],
    path: &impl Display,
    place: &impl Display,
    extra: &mut Vec<Extra<'a>>,
) {
    for member in object.members() {
        let key: &str = &member.key;
        if known.contains(&key) || (member.value.is_null() && (key == "cache_control" || key == "citations")) {
            continue;
        }
        extra.push(Extra { path: format!("{path}.{key}"), key: format!("{place}.{key}").into(), value: member.value });
    }
}

/// Appends the members that were kept for a place of the request.
fn write_rest(extra: &[Extra<'_>], place: &str, writer: &mut Writer<'_>) {
    for item in extra {
        if let Some(key) = item.key.strip_prefix(place).and_then(|rest| rest.strip_prefix('.')) {
            writer.raw_member(key, item.value);
        }
    }
}

/// Whether a place of the request has members that were kept.
fn has_rest(extra: &[Extra<'_>], place: &str) -> bool {
    extra.iter().any(|item| item.key.strip_prefix(place).is_some_and(|rest| rest.starts_with('.')))
}

/// An object in JSON text, if that is what it is.
fn as_object(text: &str) -> Option<Raw<'_>> {
    Raw::parse(text.as_bytes()).ok().filter(|raw| raw.kind() == Kind::Object)
}

/// Appends a call's arguments as an object. Text that is none (an answer that was cut off and is replayed) is kept
/// in one member; no text means no arguments.
pub(super) fn write_input(arguments: &str, writer: &mut Writer<'_>) {
    let text = arguments.trim();
    match as_object(text) {
        Some(object) => writer.raw(object),
        None if text.is_empty() || text == "null" => writer.json(b"{}"),
        None => {
            writer.begin_object();
            writer.string_member("raw", arguments);
            writer.end_object();
        }
    }
}
