//! The upstream's own calls beside found ones.

use crate::support::{all_tools, built_in, finish};
use lingate_codec::ir::{Event, FinishReason, Usage};
use lingate_codec::transform::Transform;
use lingate_codec::transform::tool_repair::ToolRepair;

fn repair(events: Vec<Event>) -> (Vec<Event>, bool) {
    let mut repair = ToolRepair::new(built_in(), all_tools()).with_seed("s");
    let mut out = Vec::new();
    for event in events {
        repair.push(event, &mut out);
    }
    (out, repair.changed())
}

fn start(call: usize, id: &str) -> Event {
    Event::ToolCallStart { call, id: id.into(), name: "ping".into() }
}

fn arguments(call: usize, fragment: &str) -> Event {
    Event::ToolCallArguments { call, fragment: fragment.into() }
}

#[test]
fn empty_and_null_arguments_become_an_object() {
    for pieces in [&[][..], &[""], &["null"], &["nu", "ll"], &[" "]] {
        for ends in [true, false] {
            let mut events = vec![start(0, "a")];
            events.extend(pieces.iter().map(|piece| arguments(0, piece)));
            events.extend(ends.then_some(Event::ToolCallEnd { call: 0 }));
            events.extend([finish(FinishReason::ToolCalls), Event::End]);
            let (out, changed) = repair(events);
            assert_eq!(out[..2], [start(0, "a"), arguments(0, "{}")], "{pieces:?}");
            assert!(changed);
        }
    }
}

#[test]
fn other_calls_pass_as_they_are() {
    let events = vec![
        Event::Text("One moment.".into()),
        start(0, "a"),
        arguments(0, "n"),
        arguments(0, "o {"),
        start(1, "a"),
        arguments(1, "{\"a\":"),
        arguments(1, "null}"),
        Event::ToolCallEnd { call: 1 },
        finish(FinishReason::Stop),
        Event::End,
    ];
    let (out, changed) = repair(events.clone());
    assert!(!changed);
    let mut expected = events;
    expected.splice(2..4, [arguments(0, "no {")]);
    assert_eq!(out, expected);
}

#[test]
fn found_calls_are_numbered_with_the_upstreams() {
    let text = r#"<tool_call>{"name":"ping","arguments":{}}</tool_call>"#;
    let (out, changed) = repair(vec![
        start(0, "a"),
        arguments(0, "{}"),
        Event::Text(text.into()),
        start(1, "b"),
        arguments(1, "{}"),
        Event::Usage(Usage::default()),
        finish(FinishReason::ToolCalls),
        Event::End,
    ]);
    assert!(changed);
    let expected = [
        start(0, "a"),
        arguments(0, "{}"),
        start(1, "call_s_0"),
        arguments(1, "{}"),
        Event::ToolCallEnd { call: 1 },
        start(2, "b"),
        arguments(2, "{}"),
    ];
    assert_eq!(out[..7], expected);
}

#[test]
fn a_failed_answer_makes_no_call() {
    let fence = "```json\n{\"name\":\"ping\",\"arguments\":{}}\n```";
    let error = lingate_codec::ir::ApiError::new(502, "gone");
    let (out, changed) = repair(vec![Event::Text(fence.into()), Event::Error(error.clone())]);
    assert_eq!(out, [Event::Text(fence.into()), Event::Error(error)]);
    assert!(!changed);
}

#[test]
fn usage_does_not_wait_and_blocks_end_in_order() {
    let (out, _) = repair(vec![
        Event::Text("<tool_".into()),
        Event::Usage(Usage::default()),
        Event::TextEnd,
        Event::Text("call>".into()),
        finish(FinishReason::Stop),
        Event::End,
    ]);
    let expected = [
        Event::Usage(Usage::default()),
        Event::Text("<tool_".into()),
        Event::TextEnd,
        Event::Text("call>".into()),
        finish(FinishReason::Stop),
        Event::End,
    ];
    assert_eq!(out, expected);
}
