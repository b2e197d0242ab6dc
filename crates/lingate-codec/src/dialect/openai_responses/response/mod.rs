//! Whole answers, both ways, and what they have in common with streams.

mod decode;
mod encode;
mod items;
pub(super) mod read;
pub(super) mod write;

pub(super) use decode::{decode, tap, terminal};
pub(super) use encode::encode;
pub(super) use items::{Items, Place, Slot};

use crate::json::Object;
use std::ops::Range;

/// See [`crate::dialect::Dialect::find_model`].
pub(super) fn find_model(event: &[u8], json: &[u8]) -> Option<Range<usize>> {
    let inside = || {
        let response = Object::find(json, "response")?;
        let model = Object::find(json.get(response.clone())?, "model")?;
        Some(response.start + model.start..response.start + model.end)
    };
    let found = match event {
        // A whole answer, or a frame of a server that does not name its frames.
        b"" if holds_response(json) => inside().or_else(|| Object::find(json, "model")),
        b"" => None,
        event if is_of_response(event) => inside(),
        _ => None,
    };
    found.filter(|range| json.get(range.start) == Some(&b'"'))
}

/// Whether an event of that type holds the response object.
pub(super) fn is_of_response(event: &[u8]) -> bool {
    matches!(
        event,
        b"response.created"
            | b"response.in_progress"
            | b"response.queued"
            | b"response.completed"
            | b"response.incomplete"
            | b"response.failed"
            | b"response.cancelled"
    )
}

/// Whether a text is a whole answer or an event that holds one. Events begin with their type as a rule.
fn holds_response(json: &[u8]) -> bool {
    let kind = Object::find(json, "type").and_then(|range| json.get(range));
    kind.is_none_or(|kind| kind.get(1..kind.len().saturating_sub(1)).is_some_and(is_of_response))
}
