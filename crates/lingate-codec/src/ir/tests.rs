//! The fold, and the arithmetic of usage.

use super::{Answer, Block, Effort, Event, Usage};

fn text(text: &str) -> Event {
    Event::Text(text.to_owned())
}

#[test]
fn the_fold_keeps_order_and_joins_what_belongs_together() {
    let answer = Answer::fold([
        Event::Reasoning("a".into()),
        Event::Reasoning("b".into()),
        Event::ReasoningSignature("S".into()),
        text("One"),
        text("."),
        Event::TextEnd,
        text("Two."),
        Event::ToolCallStart { call: 0, id: "x".into(), name: "f".into() },
        Event::ToolCallStart { call: 1, id: "y".into(), name: "g".into() },
        Event::ToolCallArguments { call: 0, fragment: "{".into() },
        Event::ToolCallArguments { call: 1, fragment: "{}".into() },
        Event::ToolCallArguments { call: 0, fragment: "}".into() },
        Event::End,
    ]);
    assert_eq!(answer.reasoning(), "ab");
    assert_eq!(answer.text(), "One.Two.");
    assert_eq!(answer.blocks.len(), 5);
    assert_eq!(answer.blocks[3], Block::ToolCall { call: 0, id: "x".into(), name: "f".into(), arguments: "{}".into() });
}

#[test]
fn later_usage_wins_member_by_member() {
    let mut usage = Usage { input_tokens: Some(34_824), output_tokens: Some(1), ..Usage::default() };
    usage.update(&Usage { input_tokens: Some(34_347), cache_read_input_tokens: Some(30_464), ..Usage::default() });
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(34_347), Some(1)));
    assert_eq!(usage.fresh_input_tokens(), 3_883);
}

#[test]
fn claims_of_more_cached_than_read_never_wrap() {
    let usage = Usage {
        input_tokens: Some(10),
        cache_read_input_tokens: Some(u64::MAX),
        cache_creation_input_tokens: Some(u64::MAX),
        ..Usage::default()
    };
    assert_eq!(usage.fresh_input_tokens(), 0);
}

#[test]
fn efforts_by_word_and_budget() {
    assert_eq!(Effort::from_word("xhigh"), Some(Effort::XHigh));
    assert_eq!(Effort::from_word("extreme"), None);
    assert_eq!(Effort::from_budget(2048), Effort::Medium);
    assert_eq!(Effort::from_budget(32_000), Effort::Max);
}
