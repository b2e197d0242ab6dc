//! Whole answers, both ways.

use super::logprobs;
use crate::dialect::{AnswerContext, openai_answer, openai_error as error, openai_usage as usage};
use crate::ir::{Answer, ApiError, Block, Event};
use crate::json::{Object, Writer};

/// What the ids of answers begin with.
pub(super) const ID_PREFIX: &str = "cmpl-";

/// Reads an answer of status 2xx.
pub(super) fn decode(body: &[u8], out: &mut Vec<Event>) {
    let Ok(object) = Object::parse(body) else {
        out.push(Event::Error(error::not_an_object(body)));
        return;
    };
    if let Some(error) = error::in_answer(&object) {
        out.push(Event::Error(error));
        return;
    }
    let Some(choice) = object.get("choices").and_then(openai_answer::first_choice) else {
        out.push(Event::Error(ApiError::upstream("the upstream's answer holds no choices")));
        return;
    };
    out.push(Event::Start(openai_answer::start(&object)));
    if let Some(text) = choice.string("text").filter(|text| !text.is_empty()) {
        out.push(Event::Text(text.into_owned()));
    }
    let tokens = logprobs::read(&choice);
    if !tokens.is_empty() {
        out.push(Event::Logprobs(tokens));
    }
    if let Some(usage) = object.given("usage").and_then(usage::read) {
        out.push(Event::Usage(usage));
    }
    let word = choice.string("finish_reason").unwrap_or_default();
    // A whole answer is complete by its length, so one that does not say why it ended has ended normally.
    match openai_answer::read_finish(&word, false) {
        Some(reason) => {
            out.push(Event::Finish(openai_answer::finish(reason)));
            out.push(Event::End);
        }
        None => out.push(Event::Error(error::finished_by_error())),
    }
}

/// Appends an answer. Thoughts and calls have no place in one.
pub(super) fn encode(answer: &Answer, context: &AnswerContext, out: &mut Vec<u8>) {
    let said = answer.blocks.iter().filter_map(|block| match block {
        Block::Text { text, .. } | Block::Refusal { text } => Some(text.as_str()),
        _ => None,
    });
    let mut writer = Writer::new(out);
    let w = &mut writer;
    w.begin_object();
    openai_answer::head("text_completion", ID_PREFIX, &answer.start, context, w);
    w.key("choices");
    w.begin_array();
    w.begin_object();
    w.integer_member("index", 0);
    w.key("text");
    w.string_of(&said.collect::<Vec<_>>());
    w.key("logprobs");
    if answer.logprobs.is_empty() {
        w.null();
    } else {
        logprobs::write(&answer.logprobs, &mut 0, w);
    }
    let reason = answer.finish.as_ref().map(|finish| finish.reason);
    w.string_member("finish_reason", openai_answer::finish_word(reason, false));
    w.end_object();
    w.end_array();
    if answer.usage.is_known() {
        w.key("usage");
        usage::write(&answer.usage, w);
    }
    w.end_object();
}
