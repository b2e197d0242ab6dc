//! Token counts and stop reasons, both ways.

use crate::ir::{Finish, FinishReason, Usage};
use crate::json::{Object, Raw, Writer};

/// Anthropic's counts as last seen. `input_tokens` EXCLUDES what was read from or written to the cache there, and
/// a later report may correct an earlier one member by member, so the members are kept apart.
#[derive(Debug, Default)]
pub(super) struct Counts {
    fresh: Option<u64>,
    cache_read: Option<u64>,
    cache_creation: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
}

impl Counts {
    /// Takes over a `usage` object; gives all counts so far.
    pub(super) fn update(&mut self, usage: &Object<'_>) -> Usage {
        let count = |object: &Object<'_>, key: &str| object.given(key).and_then(Raw::u64);
        let cache_creation = count(usage, "cache_creation_input_tokens").or_else(|| {
            let parts = usage.given("cache_creation")?.object()?;
            let sum = parts.members().iter().filter_map(|member| member.value.u64());
            Some(sum.fold(0, u64::saturating_add))
        });
        let input = [count(usage, "input_tokens"), count(usage, "cache_read_input_tokens"), cache_creation];
        // Some servers fill the last report with zeros; an input cannot shrink to nothing.
        if input.iter().flatten().any(|count| *count > 0) || self.input().is_none_or(|input| input == 0) {
            self.fresh = input[0].or(self.fresh);
            self.cache_read = input[1].or(self.cache_read);
            self.cache_creation = input[2].or(self.cache_creation);
        }
        self.output = count(usage, "output_tokens").or(self.output);
        let details = usage.given("output_tokens_details").and_then(Raw::object);
        self.thinking = details.and_then(|details| count(&details, "thinking_tokens")).or(self.thinking);
        self.usage()
    }

    fn input(&self) -> Option<u64> {
        let parts = [self.fresh, self.cache_read, self.cache_creation];
        parts.into_iter().flatten().reduce(u64::saturating_add)
    }

    fn usage(&self) -> Usage {
        Usage {
            input_tokens: self.input(),
            output_tokens: self.output,
            cache_read_input_tokens: self.cache_read,
            cache_creation_input_tokens: self.cache_creation,
            reasoning_output_tokens: self.thinking,
            ..Usage::default()
        }
    }
}

/// Appends a `usage` object. Counts that nobody told are 0: clients add them up.
pub(super) fn write(usage: &Usage, writer: &mut Writer<'_>) {
    writer.begin_object();
    writer.integer_member("input_tokens", usage.fresh_input_tokens());
    writer.integer_member("cache_creation_input_tokens", usage.cache_creation_input_tokens.unwrap_or(0));
    writer.integer_member("cache_read_input_tokens", usage.cache_read_input_tokens.unwrap_or(0));
    writer.integer_member("output_tokens", usage.output_tokens.unwrap_or(0));
    if let Some(thinking) = usage.reasoning_output_tokens {
        writer.key("output_tokens_details");
        writer.begin_object();
        writer.integer_member("thinking_tokens", thinking);
        writer.end_object();
    }
    writer.end_object();
}

/// Reads `stop_reason` and `stop_sequence` of a message or of a `message_delta`'s `delta`.
pub(super) fn finish(object: &Object<'_>) -> Option<Finish> {
    let reason = match object.string("stop_reason")?.as_ref() {
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "stop_sequence" => FinishReason::StopSequence,
        "tool_use" => FinishReason::ToolCalls,
        "pause_turn" => FinishReason::Pause,
        "refusal" => FinishReason::ContentFilter,
        // `end_turn`, and reasons yet to come.
        _ => FinishReason::Stop,
    };
    Some(Finish { reason, stop_sequence: object.string("stop_sequence").map(Into::into) })
}

/// What the answer held, as far as its stop reason depends on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) calls: bool,
    pub(super) refusal: bool,
}

/// Appends the members `stop_reason` and `stop_sequence`.
pub(super) fn write_finish(finish: Option<&Finish>, seen: Seen, writer: &mut Writer<'_>) {
    let reason = finish.map_or(FinishReason::Stop, |finish| finish.reason);
    let word = match reason {
        FinishReason::Length => "max_tokens",
        FinishReason::ContentFilter => "refusal",
        FinishReason::Pause => "pause_turn",
        FinishReason::StopSequence => "stop_sequence",
        _ if seen.calls => "tool_use",
        _ if seen.refusal => "refusal",
        // Calls that are announced but not there would leave the client waiting for them.
        FinishReason::ToolCalls | FinishReason::Stop | FinishReason::Load | FinishReason::Unload => "end_turn",
    };
    writer.string_member("stop_reason", word);
    match finish.and_then(|finish| finish.stop_sequence.as_deref()).filter(|_| word == "stop_sequence") {
        Some(text) => writer.string_member("stop_sequence", text),
        None => writer.null_member("stop_sequence"),
    }
}
