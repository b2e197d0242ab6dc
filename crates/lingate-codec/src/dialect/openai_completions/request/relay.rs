//! Requests that are relayed unread: a cheap check, and the few edits.

use super::decode::wrong;
use crate::dialect::RelayWants;
use crate::dialect::openai_relay::{self, json_string};
use crate::ir::ApiError;
use crate::json::{Edits, Kind, Object, Raw, Writer};

/// The prompt must be one; what it holds is the upstream's matter. Null is OpenAI's word for the beginning of a text.
pub(in crate::dialect::openai_completions) fn check(object: &Object<'_>) -> Result<(), ApiError> {
    match object.given("prompt") {
        Some(prompt) if !matches!(prompt.kind(), Kind::String | Kind::Array) => {
            Err(wrong("prompt", "a string, an array of strings, or tokens", prompt))
        }
        _ => Ok(()),
    }
}

/// Several answers to a prompt, or several prompts; tokens are one.
pub(in crate::dialect::openai_completions) fn wants_several(object: &Object<'_>) -> bool {
    let mut prompts = object.given("prompt").and_then(Raw::array).into_iter().flatten();
    let tokens = prompts.next().is_none_or(|first| first.kind() == Kind::Number);
    (!tokens && prompts.next().is_some()) || object.given("n").and_then(Raw::u64).is_some_and(|n| n > 1)
}

/// The edits that `wants` asks for.
pub(in crate::dialect::openai_completions) fn edits(object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits) {
    openai_relay::edits(object, wants, &["model", "prompt", "stream"], edits);
    if let Some(prompt) = object.member("prompt")
        && let Some(new) = with_system(prompt.value, wants.system_prompt)
    {
        edits.replace(prompt.value_span.clone(), new);
    }
}

/// The prompt with a system prompt before it: before each one where there are several. Tokens have no place for it.
fn with_system(prompt: Raw<'_>, system: &str) -> Option<Vec<u8>> {
    if system.is_empty() {
        return None;
    }
    let joined = |text: &str| json_string(&format!("{system}\n\n{text}"));
    if let Some(text) = prompt.string() {
        return Some(joined(&text));
    }
    let texts: Vec<_> = prompt.array()?.map(Raw::string).collect::<Option<_>>()?;
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_array();
    texts.iter().for_each(|text| w.json(&joined(text)));
    w.end_array();
    Some(out)
}
