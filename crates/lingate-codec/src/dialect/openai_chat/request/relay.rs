//! Requests that are relayed unread: cheap checks, and the few edits.

use super::path::{self, Path};
use crate::dialect::RelayWants;
use crate::ir::ApiError;
use crate::json::{Edits, Member, Object, Raw, Writer};

/// Messages must be there; what they hold is the upstream's matter.
pub(in crate::dialect::openai_chat) fn check(object: &Object<'_>) -> Result<(), ApiError> {
    let root = Path::Root;
    if let Some(model) = object.given("model") {
        path::string(model, &root.key("model"))?;
    }
    match (object.given("messages"), object.given("prompt")) {
        (Some(messages), _) => {
            let path = root.key("messages");
            match path::array(messages, &path)?.next() {
                Some(_) => Ok(()),
                None => Err(ApiError::invalid("messages", "`messages` must not be empty")),
            }
        }
        (None, Some(prompt)) => path::string(prompt, &root.key("prompt")).map(|_| ()),
        (None, None) => Err(path::missing(&root.key("messages"))),
    }
}

/// The edits that `wants` asks for.
pub(in crate::dialect::openai_chat) fn edits(object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits) {
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
    messages(object, wants.system_prompt, edits);
    for name in wants.strip.iter().filter(|name| !matches!(name.as_str(), "model" | "messages" | "stream")) {
        edits.remove(object, name);
    }
}

fn json_string(text: &str) -> Vec<u8> {
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

/// Puts the system prompt first; turns a `prompt` without messages into one.
fn messages(object: &Object<'_>, system_prompt: &str, edits: &mut Edits) {
    let mut system = Vec::new();
    if !system_prompt.is_empty() {
        message("system", &json_string(system_prompt), &mut system);
    }
    let given = |key| object.member(key).filter(|member: &&Member<'_>| !member.value.is_null());
    match (given("messages"), given("prompt")) {
        (Some(old), _) if !system.is_empty() => {
            let Some(mut elements) = old.value.array() else { return };
            if elements.next().is_some() {
                system.push(b',');
            }
            let first = old.value_span.start + 1;
            edits.replace(first..first, system);
        }
        (None, Some(prompt)) => {
            let mut all = vec![b'['];
            all.extend_from_slice(&system);
            if !system.is_empty() {
                all.push(b',');
            }
            message("user", prompt.value.bytes(), &mut all);
            all.push(b']');
            edits.remove(object, "prompt");
            edits.set(object, "messages", &all);
        }
        _ => {}
    }
}

fn message(role: &str, content: &[u8], out: &mut Vec<u8>) {
    let mut w = Writer::new(out);
    w.begin_object();
    w.string_member("role", role);
    w.key("content");
    w.json(content);
    w.end_object();
}
