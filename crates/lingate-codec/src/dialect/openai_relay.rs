//! Edits of relayed requests that the dialects of OpenAI's family have in common.

use super::RelayWants;
use crate::json::{Edits, Object, Raw, Writer};

/// Names the model, asks for a stream or not and for its usage, takes out what the upstream refuses; members in
/// `kept` are never taken out.
pub(in crate::dialect) fn edits(object: &Object<'_>, wants: &RelayWants<'_>, kept: &[&str], edits: &mut Edits) {
    edits.set(object, "model", &json_string(wants.model));
    if let Some(stream) = wants.stream {
        edits.set(object, "stream", if stream { b"true" } else { b"false" });
    }
    let streams = wants.stream.unwrap_or_else(|| object.given("stream").and_then(Raw::bool).unwrap_or(false));
    let stripped = |key: &str| wants.strip.iter().any(|name| name == key);
    if !streams {
        // OpenAI refuses the options of a stream that is not asked for.
        edits.remove(object, "stream_options");
    } else if wants.ask_usage && !stripped("stream_options") {
        ask_usage(object, edits);
    }
    for name in wants.strip.iter().filter(|name| !kept.contains(&name.as_str())) {
        edits.remove(object, name);
    }
}

/// A text as JSON.
pub(in crate::dialect) fn json_string(text: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(text.len() + 2);
    Writer::new(&mut json).string(text);
    json
}

/// Sets `stream_options.include_usage`; the client's other options stay.
fn ask_usage(object: &Object<'_>, edits: &mut Edits) {
    let old = object.member("stream_options");
    let options = old.and_then(|member| Some((member, member.value.object()?)));
    let Some((member, options)) = options else {
        return edits.set(object, "stream_options", br#"{"include_usage":true}"#);
    };
    let start = member.value_span.start;
    match options.member("include_usage") {
        Some(found) if found.value.bool() == Some(true) => {}
        Some(found) => edits.replace(start + found.value_span.start..start + found.value_span.end, "true"),
        None => {
            let comma = if options.members().is_empty() { "" } else { "," };
            edits.replace(start + 1..start + 1, format!(r#""include_usage":true{comma}"#));
        }
    }
}
