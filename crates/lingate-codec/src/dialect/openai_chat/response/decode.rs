//! A whole answer, read into the events that a stream of it would give.

use super::read;
use crate::dialect::openai_chat::{error, stream::Calls};
use crate::dialect::{openai_answer as answer, openai_usage as usage};
use crate::ir::{ApiError, Event};
use crate::json::{Object, Raw};

/// Reads an answer of status 2xx.
pub(in crate::dialect::openai_chat) fn decode(body: &[u8], out: &mut Vec<Event>) {
    let Ok(object) = Object::parse(body) else {
        out.push(Event::Error(error::not_an_object(body)));
        return;
    };
    if let Some(error) = error::in_answer(&object) {
        out.push(Event::Error(error));
        return;
    }
    let Some(choice) = object.get("choices").and_then(answer::first_choice) else {
        out.push(Event::Error(ApiError::upstream("the upstream's answer holds no choices")));
        return;
    };
    out.push(Event::Start(answer::start(&object)));
    let mut calls = Calls::default();
    if let Some(message) = choice.given("message").or_else(|| choice.given("delta")).and_then(Raw::object) {
        read::content(&message, &mut read::Texts::default(), out);
        calls.read(&message, out);
    } else if let Some(text) = choice.string("text").filter(|text| !text.is_empty()) {
        out.push(Event::Text(text.into_owned()));
    }
    calls.end(out);
    read::logprobs(&choice, out);
    if let Some(usage) = object.given("usage").and_then(usage::read) {
        out.push(Event::Usage(usage));
    }
    let word = choice.string("finish_reason").unwrap_or_default();
    // A whole answer is complete by its length, so one that does not say why it ended has ended normally.
    match answer::read_finish(&word, calls.any()) {
        Some(reason) => {
            out.push(Event::Finish(answer::finish(reason)));
            out.push(Event::End);
        }
        None => out.push(Event::Error(error::finished_by_error())),
    }
}
