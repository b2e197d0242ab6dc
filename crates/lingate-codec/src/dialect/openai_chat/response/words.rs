//! Finish reasons, both ways.

use crate::ir::{Finish, FinishReason};

/// What a `finish_reason` means; unknown ones count as a normal stop. `None` for `error`: the answer failed.
/// Beside OpenAI's words: those of servers that pass on a model's own (`eos`, `max_tokens`, `tool_use` …).
pub(in crate::dialect::openai_chat) fn read(word: &str, calls: bool) -> Option<FinishReason> {
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
pub(in crate::dialect::openai_chat) fn write(reason: Option<FinishReason>, calls: bool) -> &'static str {
    match reason {
        Some(FinishReason::Length) => "length",
        Some(FinishReason::ContentFilter) => "content_filter",
        _ if calls => "tool_calls",
        _ => "stop",
    }
}

/// A reason alone.
pub(in crate::dialect::openai_chat) fn finish(reason: FinishReason) -> Finish {
    Finish { reason, stop_sequence: None }
}
