//! Log probabilities in the form that only this dialect has: four lists side by side.

use crate::ir::Logprob;
use crate::json::{Object, Raw, Writer};
use std::collections::HashSet;

/// Reads a choice's `logprobs`. Tokens without a number (the first one of a prompt that is echoed) are left out.
pub(super) fn read(choice: &Object<'_>) -> Vec<Logprob> {
    let Some(lists) = choice.given("logprobs").and_then(Raw::object) else { return Vec::new() };
    let list = |key: &str| lists.given(key).and_then(Raw::array).into_iter().flatten();
    let mut tops = list("top_logprobs");
    let pairs = list("tokens").zip(list("token_logprobs"));
    let read = pairs.filter_map(|(token, number)| {
        let top = tops.next().and_then(Raw::object);
        let top = top.iter().flat_map(Object::members);
        Some(Logprob {
            token: token.string()?.into_owned(),
            logprob: number.f64().filter(|number| number.is_finite())?,
            bytes: None,
            top: top
                .filter_map(|entry| Some(alternative(&entry.key, entry.value.f64().filter(|n| n.is_finite())?)))
                .collect(),
        })
    });
    read.collect()
}

fn alternative(token: &str, logprob: f64) -> Logprob {
    Logprob { token: token.to_owned(), logprob, bytes: None, top: Vec::new() }
}

/// Writes `logprobs` as a value. `offset` is where the first token stands in the answer's text, in characters, and
/// is moved past the last.
pub(super) fn write(tokens: &[Logprob], offset: &mut u64, w: &mut Writer<'_>) {
    w.begin_object();
    w.key("tokens");
    w.begin_array();
    tokens.iter().for_each(|token| w.string(&token.token));
    w.end_array();
    w.key("token_logprobs");
    w.begin_array();
    tokens.iter().for_each(|token| w.json(number(token.logprob).as_bytes()));
    w.end_array();
    w.key("top_logprobs");
    if tokens.iter().all(|token| token.top.is_empty()) {
        w.null();
    } else {
        w.begin_array();
        for token in tokens {
            w.begin_object();
            // Two tokens of the same text would be one member twice.
            let mut told = HashSet::new();
            for other in token.top.iter().filter(|other| told.insert(other.token.as_str())) {
                w.json_member(&other.token, &number(other.logprob));
            }
            w.end_object();
        }
        w.end_array();
    }
    w.key("text_offset");
    w.begin_array();
    for token in tokens {
        w.integer(*offset);
        *offset += token.token.chars().count() as u64;
    }
    w.end_array();
    w.end_object();
}

/// A double as JSON, which has none for infinity: OpenAI's own number for "hardly ever" stands for it.
fn number(value: f64) -> String {
    format!("{:?}", if value.is_finite() { value } else { -9999.0 })
}
