//! Edits to requests that are relayed.

use crate::dialect::RelayWants;
use crate::dialect::ollama::fields;
use crate::json::{Edits, Kind, Member, Object, Raw, Writer};

/// Names the model, asks for a stream or not, puts the system prompt first, takes out what the upstream refuses.
/// Usage comes unasked.
pub(in crate::dialect::ollama) fn relay_edits(object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits) {
    if object.string("model").as_deref() != Some(wants.model) {
        edits.set(object, "model", &json_string(&[wants.model]));
    }
    if let Some(stream) = wants.stream
        && object.given("stream").is_none_or(|given| given.bool() != Some(stream))
        && (object.get("stream").is_some() || !stream)
    {
        edits.set(object, "stream", if stream { b"true" } else { b"false" });
    }
    if !wants.system_prompt.is_empty() {
        system_prompt(object, wants.system_prompt, edits);
    }
    strip(object, wants.strip, edits);
}

fn json_string(pieces: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).string_of(pieces);
    out
}

/// A chat gets a first message; a generate request has a member for it. A request to load a model gets nothing.
fn system_prompt(object: &Object<'_>, system: &str, edits: &mut Edits) {
    if let Some(member) = object.member("messages").filter(|member| member.value.kind() == Kind::Array) {
        return first_message(member, system, edits);
    }
    let Some(prompt) = object.string("prompt").filter(|prompt| !prompt.is_empty()) else { return };
    if object.get("raw").and_then(Raw::bool) == Some(true) {
        // Raw prompts are refused beside a system prompt, so it goes into the text.
        return edits.set(object, "prompt", &json_string(&[system, "\n\n", &prompt]));
    }
    match object.string("system").filter(|own| !own.is_empty()) {
        Some(own) => edits.set(object, "system", &json_string(&[system, "\n\n", &own])),
        None => edits.set(object, "system", &json_string(&[system])),
    }
}

fn first_message(messages: &Member<'_>, system: &str, edits: &mut Edits) {
    let empty = messages.value.array().is_none_or(|mut list| list.next().is_none());
    if empty {
        return;
    }
    let mut new = Vec::with_capacity(system.len() + 40);
    let mut writer = Writer::new(&mut new);
    writer.begin_object();
    writer.string_member("role", "system");
    writer.string_member("content", system);
    writer.end_object();
    new.push(b',');
    let after_bracket = messages.value_span.start + 1;
    edits.replace(after_bracket..after_bracket, new);
}

/// Takes out members by name; options by theirs, with or without `options.` before it.
fn strip(object: &Object<'_>, names: &[String], edits: &mut Edits) {
    let (mut inner_edits, mut found) = (Edits::new(), false);
    let options = object.member("options");
    let inner = options.and_then(|options| options.value.object());
    for name in names {
        edits.remove(object, name);
        let option = name.strip_prefix("options.").unwrap_or(name);
        if let Some(inner) = &inner
            && (option != name || fields::place(name).0 == "options")
            && inner.get(option).is_some()
        {
            inner_edits.remove(inner, option);
            found = true;
        }
    }
    if let (Some(options), Some(inner), true) = (options, inner, found) {
        edits.replace(options.value_span.clone(), inner_edits.apply_to_vec(&inner));
    }
}
