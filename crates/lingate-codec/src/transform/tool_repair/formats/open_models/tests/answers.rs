//! The same cases as answers: text before them, through the transform, whole and cut at every byte.

use super::advertised;
use super::cases::{CASES, NONE, SHARED, SHARED_NONE};
use crate::ir::{Event, Finish, FinishReason};
use crate::transform::Transform;
use crate::transform::tool_repair::{Catalogue, Selection, ToolRepair};
use std::sync::Arc;

/// Text and calls that go out, and the patterns that made the calls.
type Outcome = (String, Vec<(String, String)>, Vec<String>);

fn answer(catalogue: &Arc<Catalogue>, pieces: &[&str]) -> Outcome {
    let mut repair = ToolRepair::new(Arc::clone(catalogue), advertised());
    let mut out = Vec::new();
    for piece in pieces {
        repair.push(Event::Text((*piece).to_owned()), &mut out);
    }
    repair.push(Event::Finish(Finish { reason: FinishReason::Stop, stop_sequence: None }), &mut out);
    repair.push(Event::End, &mut out);
    let (mut text, mut calls) = (String::new(), Vec::new());
    for event in out {
        match event {
            Event::Text(more) => text += &more,
            Event::ToolCallStart { name, .. } => calls.push((name, String::new())),
            Event::ToolCallArguments { fragment, .. } => calls.last_mut().unwrap().1 += &fragment,
            _ => {}
        }
    }
    (text, calls, repair.repaired().iter().map(|(name, _)| name.to_string()).collect())
}

/// The answer in one piece, cut at each place in turn, and character by character: the same each time.
#[track_caller]
fn however_cut(catalogue: &Arc<Catalogue>, text: &str) -> Outcome {
    let whole = answer(catalogue, &[text]);
    for cut in (1..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
        assert_eq!(answer(catalogue, &[&text[..cut], &text[cut..]]), whole, "cut at {cut}: {text}");
    }
    let characters: Vec<&str> = text.split("").filter(|piece| !piece.is_empty()).collect();
    assert_eq!(answer(catalogue, &characters), whole, "in characters: {text}");
    whole
}

fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::build(&[], &Selection::All).unwrap())
}

#[test]
fn answers_become_calls_however_they_are_cut() {
    let catalogue = catalogue();
    // Those of which more calls follow are among the shared ones.
    for (name, text, calls, rest) in CASES.iter().chain(SHARED).filter(|case| !case.3.contains("[TOOL_CALLS]")) {
        for before in ["", "Let me look.\n"] {
            let text = format!("{before}{text}");
            let (left, made, patterns) =
                if before.is_empty() { answer(&catalogue, &[&text]) } else { however_cut(&catalogue, &text) };
            let calls: Vec<_> = calls.iter().map(|(tool, json)| ((*tool).to_owned(), (*json).to_owned())).collect();
            assert_eq!(made, calls, "{name}: {text}");
            assert_eq!(
                left.split_whitespace().collect::<Vec<_>>(),
                format!("{before}{rest}").split_whitespace().collect::<Vec<_>>(),
                "{name}: {text}"
            );
            assert_eq!(patterns, [*name], "{text}");
        }
    }
}

#[test]
fn other_answers_stay_as_they_are() {
    let catalogue = catalogue();
    for text in NONE.iter().map(|case| case.1).chain(SHARED_NONE.iter().copied()) {
        for before in ["", "Let me look.\n"] {
            let text = format!("{before}{text}");
            assert_eq!(however_cut(&catalogue, &text), (text, Vec::new(), Vec::new()));
        }
    }
}
