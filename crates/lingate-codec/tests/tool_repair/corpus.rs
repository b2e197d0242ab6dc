//! The corpus: malformed calls seen in the wild and what must not become one, as whole answers and cut everywhere.

use crate::support::{FILE, Out, characters, pattern, run, short, tools};
use lingate_codec::ir::{Event, FinishReason};
use lingate_codec::transform::Transform;
use lingate_codec::transform::tool_repair::{Catalogue, Pattern, Selection, ToolRepair};
use serde_json::Value;
use std::sync::Arc;

struct Row<'a> {
    row: &'a Value,
    catalogue: Arc<Catalogue>,
    reason: FinishReason,
}

impl<'a> Row<'a> {
    fn new(row: &'a Value) -> Self {
        let patterns: Vec<Pattern> = row["patterns"].as_array().into_iter().flatten().map(pattern).collect();
        let catalogue = Catalogue::build(&patterns, &Selection::All).unwrap();
        let reason = if row["finish"] == "length" { FinishReason::Length } else { FinishReason::Stop };
        Self { row, catalogue: Arc::new(catalogue), reason }
    }

    fn answer(&self, pieces: &[&str]) -> (Vec<Out>, bool) {
        let list = if self.row["tools"].is_array() { &self.row["tools"] } else { &FILE["tools"] };
        let mut repair = ToolRepair::new(Arc::clone(&self.catalogue), tools(list))
            .with_seed("s")
            .accepting_cut_values(self.row["accept_cut"] == true);
        let mut events = Vec::new();
        if let Some(thought) = self.row["reasoning"].as_str() {
            repair.push(Event::Reasoning(thought.to_owned()), &mut events);
        }
        events.extend(run(&mut repair, pieces, self.reason));
        let counted: u32 = repair.repaired().iter().map(|(_, many)| many).sum();
        let calls = events.iter().filter(|event| matches!(event, Event::ToolCallStart { .. })).count();
        assert_eq!(counted as usize, calls, "{}: every call is counted", self.row);
        (short(&events), repair.changed())
    }

    fn expected(&self) -> (Vec<Out>, bool) {
        let mut calls = false;
        let out = |part: &Value| {
            if let Some(text) = part["text"].as_str() {
                return Out::Text(text.to_owned());
            }
            if let Some(text) = part["reasoning"].as_str() {
                return Out::Reasoning(text.to_owned());
            }
            calls = true;
            Out::Call(part["call"].as_str().unwrap().to_owned(), part["arguments"].to_string())
        };
        let mut expected: Vec<Out> = self.row["expect"].as_array().unwrap().iter().map(out).collect();
        let reason = if calls && self.reason == FinishReason::Stop { FinishReason::ToolCalls } else { self.reason };
        expected.push(Out::Finish(reason));
        (expected, calls)
    }
}

/// Arguments compare as values: the order of members is the model's.
fn values(out: Vec<Out>) -> Vec<(Out, Option<Value>)> {
    let value = |out| match out {
        Out::Call(name, arguments) => {
            let value = serde_json::from_str(&arguments).expect("arguments are JSON");
            (Out::Call(name, String::new()), Some(value))
        }
        other => (other, None),
    };
    out.into_iter().map(value).collect()
}

fn rows() -> impl Iterator<Item = Row<'static>> {
    FILE["rows"].as_array().unwrap().iter().map(Row::new)
}

#[test]
fn whole_answers() {
    let mut wrong = Vec::new();
    for row in rows() {
        let (out, changed) = row.answer(&[row.row["text"].as_str().unwrap()]);
        let (expected, calls) = row.expected();
        if values(out.clone()) != values(expected) || changed != calls {
            wrong.push(format!("{}\n  became {out:?}", row.row));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn cut_at_every_place() {
    for row in rows() {
        let text = row.row["text"].as_str().unwrap();
        let whole = row.answer(&[text]);
        assert_eq!(row.answer(&characters(text)), whole, "one by one: {}", row.row);
        for (at, _) in text.char_indices() {
            let (before, after) = text.split_at(at);
            assert_eq!(row.answer(&[before, after]), whole, "cut at {at}: {}", row.row);
        }
    }
}

#[test]
fn every_row_is_there() {
    let has = |number: u32| rows().any(|row| row.row["row"] == number.to_string().as_str());
    // 37 and 38 concern the upstream's own calls: `native.rs`.
    let missing: Vec<u32> = (1..=39).filter(|number| !matches!(number, 37 | 38) && !has(*number)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
