//! Requests that are relayed unread: cheap checks, and the few edits.

use super::path::{self, Path};
use crate::dialect::RelayWants;
use crate::dialect::openai_relay::{self, json_string};
use crate::ir::ApiError;
use crate::json::{Edits, Member, Object, Writer};

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
    openai_relay::edits(object, wants, &["model", "messages", "stream"], edits);
    messages(object, wants.system_prompt, edits);
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
