//! Pieces that whole answers and stream chunks share, written.

use crate::dialect::AnswerContext;
use crate::ids;
use crate::ir::{Citation, Logprob, Start, Usage};
use crate::json::Writer;
use std::borrow::Cow;

/// The answer's id: the upstream's where it is one of OpenAI's form.
pub(in crate::dialect::openai_chat) fn answer_id<'a>(start: &'a Start, context: &AnswerContext) -> Cow<'a, str> {
    if start.id.len() > PREFIX.len() && start.id.starts_with(PREFIX) {
        return Cow::Borrowed(&start.id);
    }
    Cow::Owned(format!("{PREFIX}{}", context.id))
}

const PREFIX: &str = "chatcmpl-";

/// Members of an answer's or chunk's head.
pub(in crate::dialect::openai_chat) fn head(object: &str, start: &Start, context: &AnswerContext, w: &mut Writer<'_>) {
    w.string_member("id", &answer_id(start, context));
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

/// `usage`, as a value.
pub(in crate::dialect::openai_chat) fn usage(usage: &Usage, w: &mut Writer<'_>) {
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

/// One entry of `annotations`, if the source has an address. `block` is the passage that a citation without
/// a span belongs to, in characters of the answer's text.
pub(in crate::dialect::openai_chat) fn annotation(citation: &Citation, block: (u64, u64), w: &mut Writer<'_>) {
    let (start, end) = citation.span.unwrap_or(block);
    w.begin_object();
    w.string_member("type", "url_citation");
    w.key("url_citation");
    w.begin_object();
    w.string_member("url", &citation.url);
    w.string_member("title", &citation.title);
    w.integer_member("start_index", start);
    w.integer_member("end_index", end);
    w.end_object();
    w.end_object();
}

/// `logprobs` of a choice, as a value.
pub(in crate::dialect::openai_chat) fn logprobs(tokens: &[Logprob], w: &mut Writer<'_>) {
    w.begin_object();
    w.key("content");
    w.begin_array();
    for token in tokens {
        w.begin_object();
        logprob(token, w);
        w.key("top_logprobs");
        w.begin_array();
        for other in &token.top {
            w.begin_object();
            logprob(other, w);
            w.end_object();
        }
        w.end_array();
        w.end_object();
    }
    w.end_array();
    w.null_member("refusal");
    w.end_object();
}

fn logprob(token: &Logprob, w: &mut Writer<'_>) {
    w.string_member("token", &token.token);
    // OpenAI's own number for "hardly ever"; JSON has none for infinity.
    let number = if token.logprob.is_finite() { token.logprob } else { -9999.0 };
    w.json_member("logprob", &format!("{number:?}"));
    w.key("bytes");
    match &token.bytes {
        None => w.null(),
        Some(bytes) => {
            w.begin_array();
            bytes.iter().for_each(|byte| w.integer(*byte));
            w.end_array();
        }
    }
}

/// A call's id: the upstream's, unless it gave none or gave it to an earlier call too.
pub(in crate::dialect::openai_chat) fn call_id<'a>(
    id: &'a str,
    number: usize,
    used: impl Fn(&str) -> bool,
    context: &AnswerContext,
) -> Cow<'a, str> {
    if id.is_empty() || used(id) {
        return Cow::Owned(ids::free_call_id(&context.id, number, used));
    }
    Cow::Borrowed(id)
}
