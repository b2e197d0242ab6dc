//! A whole answer, read into the events that a stream of it would give.

use super::{read, words};
use crate::dialect::openai_chat::{error, stream::Calls};
use crate::ir::{ApiError, Event};
use crate::json::{Object, Raw};
use std::ops::Range;

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
    let Some(choice) = object.get("choices").and_then(read::first_choice) else {
        out.push(Event::Error(ApiError::upstream("the upstream's answer holds no choices")));
        return;
    };
    out.push(Event::Start(read::start(&object)));
    let mut calls = Calls::default();
    if let Some(message) = choice.given("message").or_else(|| choice.given("delta")).and_then(Raw::object) {
        read::content(&message, &mut read::Texts::default(), out);
        calls.read(&message, out);
    } else if let Some(text) = choice.string("text").filter(|text| !text.is_empty()) {
        out.push(Event::Text(text.into_owned()));
    }
    calls.end(out);
    read::logprobs(&choice, out);
    if let Some(usage) = object.given("usage").and_then(read::usage) {
        out.push(Event::Usage(usage));
    }
    let word = choice.string("finish_reason").unwrap_or_default();
    // A whole answer is complete by its length, so one that does not say why it ended has ended normally.
    match words::read(&word, calls.any()) {
        Some(reason) => {
            out.push(Event::Finish(words::finish(reason)));
            out.push(Event::End);
        }
        None => out.push(Event::Error(error::finished_by_error())),
    }
}

/// Usage, error and end of an answer that is relayed, and where its model's name stands. Its choices are looked at
/// no more closely than that there is one, and whether one of them says that it failed.
pub(in crate::dialect::openai_chat) fn tap(body: &[u8], out: &mut Vec<Event>) -> Option<Range<usize>> {
    let (mut model, mut choices, mut usage, mut odd) = (None, 0..0, None, false);
    let seen = Object::visit(body, |name, value| match name {
        b"model" => model = Some(value),
        b"choices" => choices = value,
        b"usage" => usage = Some(value),
        // What an error answer may hold, and names that cannot be told from these unread.
        b"error" | b"detail" | b"error_type" | b"error_message" => odd = true,
        _ => odd |= name.contains(&b'\\'),
    });
    let choices = &body[choices];
    let empty = choices.get(1..).is_none_or(|rest| rest.trim_ascii_start().starts_with(b"]"));
    if seen.is_err() || odd || empty || memchr::memmem::find(choices, br#""error""#).is_some() {
        decode(body, out);
        return model;
    }
    let usage = usage.and_then(|place| Raw::parse(&body[place]).ok()).and_then(read::usage);
    out.extend(usage.map(Event::Usage));
    out.push(Event::End);
    model
}
