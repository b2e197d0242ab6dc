//! Token counts as the dialects of OpenAI's family give them, both ways.

use crate::ir::Usage;
use crate::json::{Object, Raw, Writer};

/// A count: a number, or a number in a string; nothing negative.
pub(in crate::dialect) fn count(value: Raw<'_>) -> Option<u64> {
    value.u64().or_else(|| value.string()?.trim().parse().ok())
}

/// Token counts in OpenAI's spelling, or in that of Responses and Anthropic, which some servers use here too
/// (Open WebUI sends both). All counts include their parts.
pub(in crate::dialect) fn read(value: Raw<'_>) -> Option<Usage> {
    let mut usage = Usage::default();
    // Spellings that yield to those of the details: DeepSeek, Moonshot, LiteLLM.
    let (mut cached, mut created, mut reasoning) = ([None; 3], None, None);
    Object::visit(value.bytes(), |name, _, value| match name {
        b"prompt_tokens" => usage.input_tokens = count(value).or(usage.input_tokens),
        b"input_tokens" => usage.input_tokens = usage.input_tokens.or_else(|| count(value)),
        b"completion_tokens" => usage.output_tokens = count(value).or(usage.output_tokens),
        b"output_tokens" => usage.output_tokens = usage.output_tokens.or_else(|| count(value)),
        b"prompt_tokens_details" | b"input_tokens_details" => input_details(value, &mut usage),
        b"completion_tokens_details" | b"output_tokens_details" => output_details(value, &mut usage),
        b"prompt_cache_hit_tokens" => cached[0] = count(value),
        b"cached_tokens" => cached[1] = count(value),
        b"cache_read_input_tokens" => cached[2] = count(value),
        b"cache_creation_input_tokens" => created = count(value),
        b"reasoning_tokens" => reasoning = count(value),
        _ => {}
    })
    .ok()?;
    let other_cached = cached.into_iter().flatten().next();
    usage.cache_read_input_tokens = usage.cache_read_input_tokens.or(other_cached);
    usage.cache_creation_input_tokens = usage.cache_creation_input_tokens.or(created);
    usage.reasoning_output_tokens = usage.reasoning_output_tokens.or(reasoning);
    usage.is_known().then_some(usage)
}

fn input_details(value: Raw<'_>, usage: &mut Usage) {
    // Anything but an object says nothing.
    let _ = Object::visit(value.bytes(), |name, _, value| match name {
        b"cached_tokens" => usage.cache_read_input_tokens = count(value),
        b"cache_write_tokens" => usage.cache_creation_input_tokens = count(value),
        b"audio_tokens" => usage.audio_input_tokens = count(value),
        _ => {}
    });
}

fn output_details(value: Raw<'_>, usage: &mut Usage) {
    let _ = Object::visit(value.bytes(), |name, _, value| match name {
        b"reasoning_tokens" => usage.reasoning_output_tokens = count(value),
        b"audio_tokens" => usage.audio_output_tokens = count(value),
        _ => {}
    });
}

/// `usage`, as a value.
pub(in crate::dialect) fn write(usage: &Usage, w: &mut Writer<'_>) {
    w.begin_object();
    w.integer_member("prompt_tokens", usage.input_tokens.unwrap_or(0));
    w.integer_member("completion_tokens", usage.output_tokens.unwrap_or(0));
    w.integer_member("total_tokens", usage.total_tokens());
    details(
        "prompt_tokens_details",
        &[
            ("cached_tokens", usage.cache_read_input_tokens),
            ("cache_write_tokens", usage.cache_creation_input_tokens),
            ("audio_tokens", usage.audio_input_tokens),
        ],
        w,
    );
    details(
        "completion_tokens_details",
        &[("reasoning_tokens", usage.reasoning_output_tokens), ("audio_tokens", usage.audio_output_tokens)],
        w,
    );
    w.end_object();
}

fn details(key: &str, counts: &[(&str, Option<u64>)], w: &mut Writer<'_>) {
    if counts.iter().all(|(_, count)| count.is_none()) {
        return;
    }
    w.key(key);
    w.begin_object();
    for (key, count) in counts {
        if let Some(count) = count {
            w.integer_member(key, *count);
        }
    }
    w.end_object();
}
