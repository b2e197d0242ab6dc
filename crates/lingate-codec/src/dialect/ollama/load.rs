//! Messages that load or unload a model: a chat without messages, a generate without a prompt.

use super::timestamp;
use crate::dialect::Stamp;
use crate::ir::{FinishReason, Operation};
use crate::json::{Kind, Object, Raw, Writer};

/// Whether a request asks only to load a model, or with `keep_alive: 0` to unload it. A backend that is not Ollama
/// has nothing to load; the gateway then answers by [`encode_load_answer`].
pub fn is_load_request(operation: Operation, object: &Object<'_>) -> Option<FinishReason> {
    let prompt = object.given("prompt").and_then(Raw::escaped).unwrap_or_default();
    let empty = match operation {
        Operation::Chat => match object.given("messages") {
            // A prompt without messages counts as one user message.
            None => prompt.is_empty(),
            Some(messages) => messages.array().is_some_and(|mut messages| messages.next().is_none()),
        },
        Operation::TextCompletion => match object.given("prompt") {
            None => true,
            Some(given) => given.kind() == Kind::String && prompt.is_empty(),
        },
    };
    let unload = object.given("keep_alive").is_some_and(is_zero);
    empty.then_some(if unload { FinishReason::Unload } else { FinishReason::Load })
}

/// Whether a `keep_alive` is no time at all: `0`, `"0"`, `"0s"`, `"0h0m"`.
fn is_zero(keep_alive: Raw<'_>) -> bool {
    match keep_alive.string() {
        None => keep_alive.f64() == Some(0.0),
        Some(text) => {
            let mut digits = text.bytes().filter(u8::is_ascii_digit).peekable();
            digits.peek().is_some() && digits.all(|digit| digit == b'0')
        }
    }
}

/// Appends the answer to a load request: one object, whether or not a stream was asked for.
pub fn encode_load_answer(operation: Operation, model: &str, reason: FinishReason, at: Stamp, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.begin_object();
    writer.string_member("model", model);
    writer.key("created_at");
    writer.json(&timestamp::quoted(at.unix_nanos));
    match operation {
        Operation::Chat => {
            writer.key("message");
            writer.begin_object();
            writer.string_member("role", "assistant");
            writer.string_member("content", "");
            writer.end_object();
        }
        Operation::TextCompletion => writer.string_member("response", ""),
    }
    writer.bool_member("done", true);
    writer.string_member("done_reason", if reason == FinishReason::Unload { "unload" } else { "load" });
    writer.end_object();
}

#[cfg(test)]
mod tests {
    use super::is_load_request;
    use crate::ir::{FinishReason, Operation};
    use crate::json::Object;

    #[test]
    fn requests_without_content_load_or_unload() {
        use FinishReason::{Load, Unload};
        use Operation::{Chat, TextCompletion};
        for (operation, body, expected) in [
            (Chat, r#"{"model":"m"}"#, Some(Load)),
            (Chat, r#"{"messages":[ ]}"#, Some(Load)),
            (Chat, r#"{"messages":null,"keep_alive":0}"#, Some(Unload)),
            (Chat, r#"{"messages":[],"keep_alive":"0s"}"#, Some(Unload)),
            (Chat, r#"{"messages":[],"keep_alive":"10m"}"#, Some(Load)),
            (Chat, r#"{"messages":[],"keep_alive":-1}"#, Some(Load)),
            (Chat, r#"{"messages":[],"keep_alive":""}"#, Some(Load)),
            (Chat, r#"{"messages":[{}]}"#, None),
            (Chat, r#"{"messages":"no list"}"#, None),
            (Chat, r#"{"prompt":"Hi"}"#, None),
            (TextCompletion, r#"{"prompt":""}"#, Some(Load)),
            (TextCompletion, r#"{"prompt":null,"keep_alive":0.0}"#, Some(Unload)),
            (TextCompletion, r#"{"prompt":"x","keep_alive":0}"#, None),
            (TextCompletion, r#"{"prompt":5}"#, None),
        ] {
            let object = Object::parse(body.as_bytes()).unwrap();
            assert_eq!(is_load_request(operation, &object), expected, "{body}");
        }
    }
}
