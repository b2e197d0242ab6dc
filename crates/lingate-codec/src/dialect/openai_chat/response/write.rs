//! Pieces that whole answers and stream chunks share, written.

use crate::dialect::AnswerContext;
use crate::ids;
use crate::ir::{Citation, Logprob};
use crate::json::Writer;
use std::borrow::Cow;

/// What the ids of chat answers begin with.
pub(in crate::dialect::openai_chat) const ID_PREFIX: &str = "chatcmpl-";

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

/// Whether the client knows the tool as one that takes free text.
pub(in crate::dialect::openai_chat) fn is_custom(name: &str, context: &AnswerContext) -> bool {
    context.form(name).is_some_and(|form| form.custom)
}

/// A call's `type`, which is also the name of the member that holds the rest of it.
pub(in crate::dialect::openai_chat) fn call_kind(custom: bool) -> &'static str {
    if custom { "custom" } else { "function" }
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
