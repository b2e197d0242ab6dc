//! What answers that are built of choices have in common, whole ones and chunks of streams.

use super::AnswerContext;
use super::openai_usage::count;
use crate::ir::{Finish, FinishReason, Start};
use crate::json::{Object, Raw, Writer};
use std::borrow::Cow;

/// The head of an answer or chunk.
pub(in crate::dialect) fn start(object: &Object<'_>) -> Start {
    let text = |key| object.string(key).map(|text| text.into_owned());
    Start {
        id: text("id").unwrap_or_default(),
        model: text("model").unwrap_or_default(),
        created: object.get("created").and_then(count).filter(|&seconds| seconds > 0),
        system_fingerprint: text("system_fingerprint"),
        service_tier: text("service_tier"),
    }
}

/// Writes the members of an answer's or chunk's head. The id is the upstream's where it begins with `prefix`.
pub(in crate::dialect) fn head(object: &str, prefix: &str, start: &Start, context: &AnswerContext, w: &mut Writer<'_>) {
    let own = start.id.len() > prefix.len() && start.id.starts_with(prefix);
    let id = if own { Cow::Borrowed(&*start.id) } else { Cow::Owned(format!("{prefix}{}", context.id)) };
    w.string_member("id", &id);
    w.string_member("object", object);
    w.integer_member("created", start.created.unwrap_or(context.created));
    w.string_member("model", &context.model);
    if let Some(tier) = &start.service_tier {
        // Anthropic's word for it.
        w.string_member("service_tier", if tier == "standard" { "default" } else { tier });
    }
    if let Some(fingerprint) = &start.system_fingerprint {
        w.string_member("system_fingerprint", fingerprint);
    }
}

/// The choice of index 0, or without one.
pub(in crate::dialect) fn first_choice(choices: Raw<'_>) -> Option<Object<'_>> {
    choices.array()?.filter_map(Raw::object).find(|choice| match choice.given("index") {
        None => true,
        Some(index) => index.u64().is_none_or(|index| index == 0),
    })
}

/// What a `finish_reason` means; unknown ones count as a normal stop. `None` for `error`: the answer failed.
/// Beside OpenAI's words: those of servers that pass on a model's own (`eos`, `max_tokens`, `tool_use` …).
pub(in crate::dialect) fn read_finish(word: &str, calls: bool) -> Option<FinishReason> {
    let reason = match word {
        "error" => return None,
        "length" | "max_tokens" | "max_output_tokens" | "model_length" | "model_context_window_exceeded" => {
            FinishReason::Length
        }
        "content_filter" | "safety" | "SAFETY" | "refusal" => FinishReason::ContentFilter,
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    // Some servers say "stop" though tools were called.
    Some(if calls && reason == FinishReason::Stop { FinishReason::ToolCalls } else { reason })
}

/// OpenAI's word for a reason. `tool_calls` is said only where there are calls.
pub(in crate::dialect) fn finish_word(reason: Option<FinishReason>, calls: bool) -> &'static str {
    match reason {
        Some(FinishReason::Length) => "length",
        Some(FinishReason::ContentFilter) => "content_filter",
        _ if calls => "tool_calls",
        _ => "stop",
    }
}

/// A reason alone.
pub(in crate::dialect) fn finish(reason: FinishReason) -> Finish {
    Finish { reason, stop_sequence: None }
}

/// What servers and proxies send as a frame's data to keep a connection open.
pub(in crate::dialect) fn is_sentinel(data: &[u8]) -> bool {
    matches!(data, b"" | b"null" | b"\"\"" | b"ping" | b"[PING]" | b"keep-alive" | b": keep-alive")
}
