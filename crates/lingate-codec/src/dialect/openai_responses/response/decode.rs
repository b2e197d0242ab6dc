//! Whole answers, read.

use super::super::error;
use super::items::Items;
use super::{find_model, read};
use crate::ir::{ApiError, Event};
use crate::json::{Object, Raw};
use std::ops::Range;

/// Reads a whole answer.
pub(in super::super) fn decode(body: &[u8], out: &mut Vec<Event>) {
    answer(body, true, out);
}

/// As [`decode`], but content is left out. Gives back where the model's name stands.
pub(in super::super) fn tap(body: &[u8], out: &mut Vec<Event>) -> Option<Range<usize>> {
    answer(body, false, out);
    find_model(b"", body)
}

fn answer(body: &[u8], content: bool, out: &mut Vec<Event>) {
    let Ok(object) = Object::parse(body) else {
        let message = match body.trim_ascii() {
            [] => "the upstream's answer is empty",
            _ => "the upstream's answer is not a JSON object",
        };
        return out.push(Event::Error(ApiError::upstream(message)));
    };
    if object.get("output").is_none() && object.given("status").is_none() {
        let unsaid = || ApiError::upstream("the upstream's answer is not a response");
        return out.push(Event::Error(error::read(&object).unwrap_or_else(unsaid)));
    }
    out.push(Event::Start(read::start(&object)));
    terminal(&object, &mut Items::default(), content, out);
}

/// Reads a response object that ends an answer: what was not told before, unless `content` is unwanted, usage, finish
/// and end.
pub(in super::super) fn terminal(response: &Object<'_>, items: &mut Items, content: bool, out: &mut Vec<Event>) {
    let output = response.get("output");
    if let Some(output) = output.filter(|_| content) {
        items.finals(output, out);
    }
    items.complete(out);
    out.extend(read::usage(response).map(Event::Usage));
    let listed = |output: Raw<'_>| {
        let mut items = output.array().into_iter().flatten().filter_map(Raw::object);
        items.any(|item| item.string("type").is_some_and(|kind| read::is_call(&kind)))
    };
    let calls = items.any_calls() || output.is_some_and(listed);
    match read::finish(response, calls) {
        Ok(finish) => out.extend([Event::Finish(finish), Event::End]),
        Err(error) => out.push(Event::Error(error)),
    }
}
