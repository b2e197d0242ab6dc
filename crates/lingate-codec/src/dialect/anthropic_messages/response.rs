//! Whole answers, both ways.

use super::request::write_input;
use super::usage::{self, Counts, Seen};
use super::{MAX_CALL_ID, error};
use crate::dialect::AnswerContext;
use crate::ids::{free_call_id, legal_call_id};
use crate::ir::{Answer, ApiError, Block, Citation, Event, Start};
use crate::json::{Object, Raw, Writer};
use std::collections::HashSet;

/// Reads a whole answer.
pub(super) fn decode(body: &[u8], out: &mut Vec<Event>) {
    let Ok(object) = Object::parse(body) else {
        out.push(Event::Error(ApiError::upstream("the upstream's answer is not a JSON object")));
        return;
    };
    if object.given("error").is_some() || object.string("type").is_some_and(|kind| kind == "error") {
        let unsaid = || ApiError::upstream("the upstream answered with an error");
        out.push(Event::Error(error::read(&object).unwrap_or_else(unsaid)));
        return;
    }
    let Some(content) = object.given("content").and_then(Raw::array) else {
        out.push(Event::Error(ApiError::upstream("the upstream's answer has no content")));
        return;
    };
    let usage = object.given("usage").and_then(Raw::object);
    out.push(Event::Start(start(&object, usage.as_ref())));
    let mut calls = 0;
    for block in content.filter_map(Raw::object) {
        decode_block(&block, &mut calls, out);
    }
    if let Some(details) = object.given("stop_details").and_then(Raw::object) {
        refusal(&details, out);
    }
    if let Some(usage) = usage {
        out.push(Event::Usage(Counts::default().update(&usage)));
    }
    out.extend(usage::finish(&object).map(Event::Finish));
    out.push(Event::End);
}

/// The head of an answer: of a message, or of `message_start`.
pub(super) fn start(message: &Object<'_>, usage: Option<&Object<'_>>) -> Start {
    Start {
        id: message.string("id").unwrap_or_default().into(),
        model: message.string("model").unwrap_or_default().into(),
        service_tier: usage.and_then(|usage| usage.string("service_tier")).map(Into::into),
        ..Start::default()
    }
}

/// What the provider says in explaining a refusal.
pub(super) fn refusal(details: &Object<'_>, out: &mut Vec<Event>) {
    out.extend(details.string("explanation").filter(|text| !text.is_empty()).map(|text| Event::Refusal(text.into())));
}

fn decode_block(block: &Object<'_>, calls: &mut usize, out: &mut Vec<Event>) {
    let text = |key: &str| block.string(key).filter(|text| !text.is_empty()).map(String::from);
    match block.string("type").unwrap_or_default().as_ref() {
        "text" => {
            let Some(text) = text("text") else { return };
            out.push(Event::Text(text));
            for citation in block.given("citations").and_then(Raw::array).into_iter().flatten() {
                out.extend(citation.object().map(|citation| Event::Citation(read_citation(&citation))));
            }
            out.push(Event::TextEnd);
        }
        "thinking" => {
            out.extend(text("thinking").map(Event::Reasoning));
            out.extend(text("signature").map(Event::ReasoningSignature));
        }
        "redacted_thinking" => out.extend(text("data").map(Event::RedactedReasoning)),
        "tool_use" => {
            let call = *calls;
            *calls += 1;
            let id = text("id").unwrap_or_default();
            out.push(Event::ToolCallStart { call, id, name: text("name").unwrap_or_default() });
            if let Some(input) = block.given("input") {
                out.push(Event::ToolCallArguments { call, fragment: input.text().into_owned() });
            }
            out.push(Event::ToolCallEnd { call });
        }
        // What the provider's own tools did; the text tells what came of it.
        _ => {}
    }
}

/// Reads a citation of any kind.
pub(super) fn read_citation(citation: &Object<'_>) -> Citation {
    let text = |key: &str| citation.string(key).filter(|text| !text.is_empty());
    Citation {
        url: text("url").or_else(|| text("source")).unwrap_or_default().into(),
        title: text("title").or_else(|| text("document_title")).unwrap_or_default().into(),
        cited_text: text("cited_text").unwrap_or_default().into(),
        span: None,
    }
}

/// Appends a citation of a page on the web.
pub(super) fn write_citation(citation: &Citation, writer: &mut Writer<'_>) {
    writer.begin_object();
    writer.string_member("type", "web_search_result_location");
    writer.string_member("cited_text", &citation.cited_text);
    writer.string_member("url", &citation.url);
    writer.string_member("title", &citation.title);
    writer.string_member("encrypted_index", "");
    writer.end_object();
}

/// The answer's id: the upstream's own if it has this dialect's form.
pub(super) fn write_id(upstream: &str, context: &AnswerContext, writer: &mut Writer<'_>) {
    writer.key("id");
    if upstream.starts_with("msg_") { writer.string(upstream) } else { writer.string_of(&["msg_", &context.id]) }
}

/// The model's name, as the client shall see it.
pub(super) fn model_name<'m>(upstream: &'m str, context: &'m AnswerContext) -> &'m str {
    if context.model.is_empty() { upstream } else { &context.model }
}

/// An id that the client may send back; one that is missing or was given before is made.
pub(super) fn call_id(id: &str, taken: impl Fn(&str) -> bool, number: usize, context: &AnswerContext) -> String {
    if !id.is_empty() {
        let legal = legal_call_id(id, MAX_CALL_ID);
        if !taken(&legal) {
            return legal.into_owned();
        }
    }
    free_call_id(&context.id, number, taken)
}

/// Appends a whole answer.
pub(super) fn encode(answer: &Answer, context: &AnswerContext, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.begin_object();
    write_id(&answer.start.id, context, &mut writer);
    writer.string_member("type", "message");
    writer.string_member("role", "assistant");
    writer.string_member("model", model_name(&answer.start.model, context));
    writer.key("content");
    writer.begin_array();
    let mut ids = HashSet::new();
    let mut seen = Seen::default();
    for block in &answer.blocks {
        encode_block(block, context, &mut ids, &mut seen, &mut writer);
    }
    writer.end_array();
    usage::write_finish(answer.finish.as_ref(), seen, &mut writer);
    writer.key("usage");
    usage::write(&answer.usage, &mut writer);
    writer.end_object();
}

fn encode_block(
    block: &Block,
    context: &AnswerContext,
    ids: &mut HashSet<String>,
    seen: &mut Seen,
    writer: &mut Writer<'_>,
) {
    match block {
        Block::Text { text, .. } if text.is_empty() => {}
        Block::Text { text, citations } => {
            writer.begin_object();
            writer.string_member("type", "text");
            writer.string_member("text", text);
            let mut pages = citations.iter().filter(|citation| !citation.url.is_empty()).peekable();
            if pages.peek().is_some() {
                writer.key("citations");
                writer.begin_array();
                pages.for_each(|citation| write_citation(citation, writer));
                writer.end_array();
            }
            writer.end_object();
        }
        Block::Refusal { text } if text.is_empty() => {}
        Block::Refusal { text } => {
            seen.refusal = true;
            writer.begin_object();
            writer.string_member("type", "text");
            writer.string_member("text", text);
            writer.end_object();
        }
        Block::Reasoning { text, signature } => {
            writer.begin_object();
            writer.string_member("type", "thinking");
            writer.string_member("thinking", text);
            writer.string_member("signature", signature);
            writer.end_object();
        }
        Block::RedactedReasoning { data } => {
            writer.begin_object();
            writer.string_member("type", "redacted_thinking");
            writer.string_member("data", data);
            writer.end_object();
        }
        Block::ToolCall { call, id, name, arguments } => {
            seen.calls = true;
            let id = call_id(id, |id| ids.contains(id), *call, context);
            writer.begin_object();
            writer.string_member("type", "tool_use");
            writer.string_member("id", &id);
            writer.string_member("name", name);
            writer.key("input");
            write_input(arguments, writer);
            writer.end_object();
            ids.insert(id);
        }
    }
}
