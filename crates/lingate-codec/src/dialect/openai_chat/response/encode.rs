//! A whole answer, written.

use super::write;
use crate::dialect::free_text::FreeText;
use crate::dialect::{AnswerContext, openai_answer, openai_usage as usage};
use crate::ir::{Answer, Block};
use crate::json::Writer;

/// Appends an answer.
pub(in crate::dialect::openai_chat) fn encode(answer: &Answer, context: &AnswerContext, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    let w = &mut writer;
    w.begin_object();
    openai_answer::head("chat.completion", write::ID_PREFIX, &answer.start, context, w);
    w.key("choices");
    w.begin_array();
    w.begin_object();
    w.integer_member("index", 0);
    w.key("message");
    message(answer, context, w);
    w.key("logprobs");
    if answer.logprobs.is_empty() {
        w.null()
    } else {
        write::logprobs(&answer.logprobs, w)
    }
    let reason = answer.finish.as_ref().map(|finish| finish.reason);
    w.string_member("finish_reason", openai_answer::finish_word(reason, answer.has_tool_calls()));
    w.end_object();
    w.end_array();
    if answer.usage.is_known() {
        w.key("usage");
        usage::write(&answer.usage, w);
    }
    w.end_object();
}

fn message(answer: &Answer, context: &AnswerContext, w: &mut Writer<'_>) {
    let (text, refusal, thought) = (answer.text(), answer.refusal(), answer.reasoning());
    w.begin_object();
    w.string_member("role", "assistant");
    // Nothing said at all is an empty text; null means that something else stands in its place.
    let elsewhere = answer.has_tool_calls() || !refusal.is_empty();
    w.key("content");
    if text.is_empty() && elsewhere {
        w.null()
    } else {
        w.string(&text)
    }
    if !thought.is_empty() {
        w.string_member("reasoning_content", &thought);
    }
    w.key("refusal");
    if refusal.is_empty() {
        w.null()
    } else {
        w.string(&refusal)
    }
    annotations(answer, w);
    tool_calls(answer, context, w);
    w.end_object();
}

fn annotations(answer: &Answer, w: &mut Writer<'_>) {
    let (mut at, mut any) = (0, false);
    for block in &answer.blocks {
        let Block::Text { text, citations } = block else { continue };
        let end = at + text.chars().count() as u64;
        for citation in citations.iter().filter(|citation| !citation.url.is_empty()) {
            if !any {
                w.key("annotations");
                w.begin_array();
                any = true;
            }
            write::annotation(citation, (at, end), w);
        }
        at = end;
    }
    if any {
        w.end_array();
    }
}

fn tool_calls(answer: &Answer, context: &AnswerContext, w: &mut Writer<'_>) {
    if !answer.has_tool_calls() {
        return;
    }
    w.key("tool_calls");
    w.begin_array();
    let mut used = std::collections::BTreeSet::new();
    for block in &answer.blocks {
        let Block::ToolCall { id, name, arguments, .. } = block else { continue };
        let id = write::call_id(id, used.len(), |id| used.contains(id), context);
        let custom = write::is_custom(name, context);
        let kind = write::call_kind(custom);
        w.begin_object();
        w.string_member("id", &id);
        w.string_member("type", kind);
        w.key(kind);
        w.begin_object();
        w.string_member("name", name);
        if custom {
            w.string_member("input", &FreeText::of(arguments).0);
        } else {
            w.string_member("arguments", if arguments.is_empty() { "{}" } else { arguments });
        }
        w.end_object();
        w.end_object();
        used.insert(id);
    }
    w.end_array();
}
