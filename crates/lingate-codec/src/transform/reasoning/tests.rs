//! Where thoughts are found and where not, in every cut of the text.

use super::{Mode, Reasoning};
use crate::ir::{Event, Finish, FinishReason, Usage};
use crate::transform::Transform;
use proptest::prelude::*;

fn finish() -> Event {
    Event::Finish(Finish { reason: FinishReason::Stop, stop_sequence: None })
}

/// Thought and text that come out of these events, in order, merged; and whether anything was changed.
fn run(mode: Mode, split: bool, events: impl IntoIterator<Item = Event>) -> (Vec<Event>, bool) {
    let mut transform = Reasoning::new(mode, split);
    let mut out = Vec::new();
    for event in events {
        transform.push(event, &mut out);
    }
    let mut merged: Vec<Event> = Vec::new();
    for event in out {
        match (merged.last_mut(), event) {
            (Some(Event::Text(text)), Event::Text(more)) | (Some(Event::Reasoning(text)), Event::Reasoning(more)) => {
                text.push_str(&more);
            }
            (_, event) => merged.push(event),
        }
    }
    assert!(!transform.holds());
    (merged, transform.changed())
}

/// A text cut at these places, and the end.
fn answer(text: &str, cuts: &[usize]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut from = 0;
    for at in cuts.iter().copied().chain([text.len()]).filter(|at| text.is_char_boundary(*at)) {
        if at > from {
            events.push(Event::Text(text[from..at].to_owned()));
            from = at;
        }
    }
    events.extend([finish(), Event::End]);
    events
}

/// Thought and text, where the text is cut nowhere, everywhere, and at each place.
fn split(text: &str) -> (String, String, bool) {
    let whole = run(Mode::Keep, true, answer(text, &[]));
    for at in 0..text.len() {
        assert_eq!(run(Mode::Keep, true, answer(text, &[at])), whole, "{text:?} cut at {at}");
    }
    let all: Vec<usize> = (0..text.len()).collect();
    assert_eq!(run(Mode::Keep, true, answer(text, &all)), whole, "{text:?} cut everywhere");
    let (mut thought, mut said) = (String::new(), String::new());
    for event in whole.0 {
        match event {
            Event::Reasoning(text) => thought.push_str(&text),
            Event::Text(text) => said.push_str(&text),
            _ => {}
        }
    }
    (thought, said, whole.1)
}

#[test]
fn thoughts_at_the_beginning_are_found() {
    for (text, thought, said) in [
        ("<think>a</think>b", "a", "b"),
        ("\n <think>\nwhy\n\nso\n</think>\n\nHello < you", "why\n\nso", "Hello < you"),
        ("<think>\n\n</think>\n\nHi", "", "Hi"),
        ("<thinking>a <b> </c></thinking>x", "a <b> </c>", "x"),
        ("<thought>a</thought>b", "a", "b"),
        ("<reasoning>a</reasoning>b", "a", "b"),
        ("<seed:think>a</seed:think>b", "a", "b"),
        ("[THINK]a[/THINK]b", "a", "b"),
        ("◁think▷é◁/think▷ü", "é", "ü"),
        ("<|thinking|>a<|/thinking|>b", "a", "b"),
        ("<|begin_of_thought|>a<|end_of_thought|>b", "a", "b"),
        ("<|START_THINKING|>a<|END_THINKING|>b", "a", "b"),
        // Two thoughts, and text that looks like a third.
        ("<think>a</think>\n<think>b</think>c <think>d</think>", "ab", "c <think>d</think>"),
        // Never closed: the answer was cut within the thought.
        ("<think>a </thi", "a </thi", ""),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>", "a", "b"),
        ("<|channel|>analysis<|message|>a<|channel|>final<|message|>b <|end|> c", "a", "b <|end|> c"),
        ("<|start|>assistant<|channel|>final<|message|>b<|return|>\n", "", "b"),
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary to=functions.f<|message|>{}",
            "a",
            "<|start|>assistant<|channel|>commentary to=functions.f<|message|>{}",
        ),
        ("analysisWe need to greet.assistantfinalHello!", "We need to greet.", "Hello!"),
    ] {
        assert_eq!(split(text), (thought.to_owned(), said.to_owned(), true), "{text:?}");
    }
}

#[test]
fn other_text_is_left_alone() {
    for text in [
        "",
        " \n",
        "Hello",
        "Use <think> tags: <think>a</think>",
        "`<think>a</think>`",
        "```\n<think>a</think>\n```",
        "<thin",
        "<think",
        "<thinker>a</thinker>",
        "a</think>b",
        "<THINK>a</THINK>",
        "analysis of this: assistantfinal",
        "analysis",
        "analysisResult = 5",
        " analysisWe need.assistantfinalHi",
        "Final: <|channel|>analysis<|message|>a<|end|>",
        "<|channel|>commentary<|message|>a<|end|>",
        "final: the thought was this",
    ] {
        assert_eq!(split(text), (String::new(), text.to_owned(), false), "{text:?}");
    }
}

#[test]
fn what_is_no_text_lets_go_of_what_is_held() {
    let call = || Event::ToolCallStart { call: 0, id: "c".into(), name: "f".into() };
    let text = |text: &str| Event::Text(text.to_owned());
    let (events, changed) = run(Mode::Keep, true, [text("<thi"), call(), text("<think>a</think>"), Event::End]);
    assert_eq!(events, [text("<thi"), call(), text("<think>a</think>"), Event::End]);
    assert!(!changed);
    // Counts may come with every piece.
    let counts = Event::Usage(Usage::default());
    let (events, _) = run(Mode::Keep, true, [text("<thi"), counts.clone(), text("nk>a</think>b"), Event::End]);
    assert_eq!(events, [counts, Event::Reasoning("a".into()), text("b"), Event::End]);
    // A thought of its own kind: the server knows how to tell them.
    let native = [Event::Reasoning("a".into()), text("<think>b</think>"), Event::End];
    assert_eq!(run(Mode::Keep, true, native.clone()), (native.to_vec(), false));
}

#[test]
fn reasoning_is_put_into_the_text_or_left_out() {
    let text = |text: &str| Event::Text(text.to_owned());
    let events = || {
        [
            Event::Reasoning("a".into()),
            Event::Reasoning("b".into()),
            Event::ReasoningSignature("s".into()),
            Event::RedactedReasoning("r".into()),
            Event::Usage(Usage { output_tokens: Some(7), ..Usage::default() }),
            text("c"),
            Event::Reasoning("d".into()),
            finish(),
            Event::End,
        ]
    };
    let counts = events()[4].clone();
    let (inline, changed) = run(Mode::Inline, true, events());
    assert!(changed);
    let expected = [text("<think>ab"), counts.clone(), text("</think>\n\nc<think>d</think>\n\n"), finish(), Event::End];
    assert_eq!(inline, expected);
    let (hidden, changed) = run(Mode::Hide, true, events());
    assert!(changed);
    assert_eq!(hidden, [counts, text("c"), finish(), Event::End]);
    let (inline, _) = run(Mode::Inline, true, answer("[THINK]\na\n[/THINK]\nb", &[3, 9]));
    assert_eq!(inline, [text("<think>a</think>\n\nb"), finish(), Event::End]);
    assert!(!run(Mode::Hide, true, answer("b", &[])).1, "nothing was there to hide");
}

#[test]
fn frames_may_be_passed_over_when_nothing_is_looked_for() {
    let mut transform = Reasoning::new(Mode::Keep, true);
    assert!(transform.alarm().is_none(), "a marker may come");
    let mut out = Vec::new();
    transform.push(Event::Text("  <".into()), &mut out);
    assert!(transform.alarm().is_none() && transform.holds() && out.is_empty());
    transform.push(Event::Text("p>".into()), &mut out);
    assert!(transform.alarm().is_some_and(|alarm| !alarm.is_met_by(b"<think>")) && !transform.holds());
    assert_eq!(out, [Event::Text("  <p>".into())]);
    assert!(Reasoning::new(Mode::Keep, false).alarm().is_some());
    assert!(Reasoning::new(Mode::Hide, false).alarm().is_none(), "thoughts must be seen");
}

/// Texts made of what thoughts are marked with, and junk.
fn texts() -> impl Strategy<Value = String> {
    let markers = super::markers::OPENINGS.iter().map(|opening| opening.marker.to_owned());
    let others = [
        "</think>",
        "</thinking>",
        "[/THINK]",
        "◁/think▷",
        "<|end|>",
        "<|return|>",
        "<|start|>assistant",
        "<|channel|>final",
        "analysis",
        "We",
        "assistantfinal",
        "<",
        "</",
        " ",
        "\n\n",
        "a",
        "é",
        "🙂",
        "<tool_call>",
    ];
    let part = prop::sample::select(markers.chain(others.map(str::to_owned)).collect::<Vec<_>>());
    let junk = prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    prop::collection::vec(prop_oneof![9 => part, 1 => junk], 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn cuts_do_not_matter(text in texts(), at in any::<prop::sample::Index>(), split in any::<bool>(), mode in 0..3) {
        let mode = [Mode::Keep, Mode::Inline, Mode::Hide][usize::try_from(mode).unwrap()];
        let whole = run(mode, split, answer(&text, &[]));
        let all: Vec<usize> = (0..text.len()).collect();
        prop_assert_eq!(&run(mode, split, answer(&text, &all)), &whole, "one by one");
        prop_assert_eq!(&run(mode, split, answer(&text, &[at.index(text.len() + 1)])), &whole);
        if !whole.1 {
            let said: String = whole.0.iter().filter_map(|event| match event {
                Event::Text(text) => Some(text.as_str()),
                _ => None,
            }).collect();
            prop_assert_eq!(said, text, "what is not changed comes out as it came");
        }
    }
}
