//! A whole answer, read into the events that a stream of it would give.

use super::{read, words};
use crate::dialect::openai_chat::{error, stream::Calls};
use crate::ir::{ApiError, Event};
use crate::json::{Object, Raw};
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::LazyLock;

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
    static FAILED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""error""#));
    let (mut model, mut choices, mut usage, mut odd) = (None, &b""[..], None, false);
    let seen = Object::visit(body, |name, start, value| match name {
        b"model" => model = Some(start..start + value.bytes().len()),
        b"choices" => choices = value.bytes(),
        b"usage" => usage = Some(value),
        // What an error answer may hold, and names that cannot be told from these unread.
        b"error" | b"detail" | b"error_type" | b"error_message" => odd = true,
        _ => odd |= name.contains(&b'\\'),
    });
    let empty = choices.get(1..).is_none_or(|rest| rest.trim_ascii_start().starts_with(b"]"));
    if seen.is_err() || odd || empty || FAILED.find(choices).is_some() {
        decode(body, out);
        return model;
    }
    out.extend(usage.and_then(read::usage).map(Event::Usage));
    out.push(Event::End);
    model
}
