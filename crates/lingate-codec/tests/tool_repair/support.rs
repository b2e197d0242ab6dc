//! Answers through the transform, and what came out in short.

use lingate_codec::ir::{Event, Finish, FinishReason};
use lingate_codec::transform::Transform;
use lingate_codec::transform::tool_repair::{AdvertisedTool, Catalogue, Pattern, PatternKind, Selection, ToolRepair};
use serde_json::Value;
use std::sync::{Arc, LazyLock};

pub(crate) static FILE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("corpus.json")).expect("the corpus is JSON"));

pub(crate) fn tools(list: &Value) -> Vec<AdvertisedTool> {
    let tool = |tool: &Value| AdvertisedTool {
        name: tool["name"].as_str().unwrap().to_owned(),
        schema: Some(tool["parameters"].to_string().into_bytes()),
    };
    list.as_array().unwrap().iter().map(tool).collect()
}

pub(crate) fn all_tools() -> Vec<AdvertisedTool> {
    tools(&FILE["tools"])
}

pub(crate) fn built_in() -> Arc<Catalogue> {
    Arc::new(Catalogue::build(&[], &Selection::All).unwrap())
}

pub(crate) fn pattern(row: &Value) -> Pattern {
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let mapping = |key: &str| {
        let members = row[key].as_object().into_iter().flatten();
        members.map(|(from, to)| (from.clone(), to.as_str().unwrap().to_owned())).collect()
    };
    Pattern {
        name: text("name").unwrap(),
        kind: match row["kind"].as_str().unwrap() {
            "fence" => PatternKind::Fence,
            "xml" => PatternKind::Xml,
            "bracket" => PatternKind::Bracket,
            "action" => PatternKind::Action,
            _ => PatternKind::Inline,
        },
        regex: text("regex").unwrap(),
        tool_name: text("tool_name"),
        tool_name_group: row["tool_name_group"].as_u64().map(|group| u32::try_from(group).unwrap()),
        tool_name_json_path: text("tool_name_json_path"),
        tool_name_mapping: mapping("tool_name_mapping"),
        parameter_mapping: mapping("parameter_mapping"),
        enabled: true,
        priority: row["priority"].as_u64().map_or(50, |priority| u32::try_from(priority).unwrap()),
    }
}

/// What came out, text put together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Out {
    Text(String),
    Reasoning(String),
    Call(String, String),
    Finish(FinishReason),
}

pub(crate) fn finish(reason: FinishReason) -> Event {
    Event::Finish(Finish { reason, stop_sequence: None })
}

pub(crate) fn short(events: &[Event]) -> Vec<Out> {
    let mut out: Vec<Out> = Vec::new();
    let mut names = Vec::new();
    for event in events {
        match event {
            Event::Text(more) => match out.last_mut() {
                Some(Out::Text(text)) => text.push_str(more),
                _ => out.push(Out::Text(more.clone())),
            },
            Event::Reasoning(more) => out.push(Out::Reasoning(more.clone())),
            Event::ToolCallStart { call, id, name } => {
                assert_eq!(*call, names.len(), "calls are numbered without gaps");
                assert!(id.starts_with("call_") && !names.contains(id), "ids are unique: {id}");
                names.push(id.clone());
                out.push(Out::Call(name.clone(), String::new()));
            }
            Event::ToolCallArguments { fragment, .. } => match out.last_mut() {
                Some(Out::Call(_, arguments)) => arguments.push_str(fragment),
                other => panic!("arguments after {other:?}"),
            },
            Event::Finish(finish) => out.push(Out::Finish(finish.reason)),
            _ => {}
        }
    }
    out
}

pub(crate) fn run(repair: &mut ToolRepair, pieces: &[&str], reason: FinishReason) -> Vec<Event> {
    let mut out = Vec::new();
    for piece in pieces {
        repair.push(Event::Text((*piece).to_owned()), &mut out);
    }
    repair.push(finish(reason), &mut out);
    repair.push(Event::End, &mut out);
    assert!(!repair.holds(), "nothing is held after the end");
    out
}

/// As a stream of single characters.
pub(crate) fn characters(text: &str) -> Vec<&str> {
    text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).collect()
}
