//! Requests that are relayed unread: cheap checks, and the few edits.

use super::path::{self, Path};
use crate::dialect::RelayWants;
use crate::ir::ApiError;
use crate::json::{Edits, Object, Raw, Writer};

/// There must be something to answer; what it holds is the upstream's matter.
pub(in crate::dialect::openai_responses) fn check(object: &Object<'_>) -> Result<(), ApiError> {
    let root = Path::Root;
    if let Some(model) = object.given("model") {
        path::string(model, &root.key("model"))?;
    }
    check_background(object)?;
    let path = root.key("input");
    match object.given("input") {
        Some(input) if input.string().is_some() => Ok(()),
        Some(input) => match input.array() {
            Some(mut items) => match items.next() {
                Some(_) => Ok(()),
                None => Err(ApiError::invalid("input", "`input` must not be empty")),
            },
            None => Err(path::wrong(&path, "a string or an array", input)),
        },
        // The server may have all that it needs.
        None if ["previous_response_id", "conversation", "prompt"].iter().any(|key| object.given(key).is_some()) => {
            Ok(())
        }
        None => Err(path::missing(&path)),
    }
}

/// Answers are given while the client waits: nobody could come for another one later.
pub(super) fn check_background(object: &Object<'_>) -> Result<(), ApiError> {
    if object.given("background").and_then(Raw::bool) == Some(true) {
        let message = "`background` is not supported: answers are given while the client waits";
        return Err(ApiError::invalid("background", message).with_code("unsupported_parameter"));
    }
    Ok(())
}

/// The edits that `wants` asks for. Usage need not be asked for: it always comes.
pub(in crate::dialect::openai_responses) fn edits(object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits) {
    edits.set(object, "model", &json_string(&[wants.model]));
    if let Some(stream) = wants.stream {
        edits.set(object, "stream", if stream { b"true" } else { b"false" });
    }
    if !wants.stream.unwrap_or_else(|| object.given("stream").and_then(Raw::bool).unwrap_or(false)) {
        edits.remove(object, "stream_options");
    }
    if !wants.system_prompt.is_empty() {
        let instructions = match object.string("instructions").filter(|text| !text.is_empty()) {
            None => json_string(&[wants.system_prompt]),
            Some(own) => json_string(&[wants.system_prompt, "\n\n", &own]),
        };
        edits.set(object, "instructions", &instructions);
    }
    for name in wants.strip.iter().filter(|name| !matches!(name.as_str(), "model" | "input" | "stream")) {
        edits.remove(object, name);
    }
}

fn json_string(pieces: &[&str]) -> Vec<u8> {
    let mut json = Vec::with_capacity(64);
    Writer::new(&mut json).string_of(pieces);
    json
}
