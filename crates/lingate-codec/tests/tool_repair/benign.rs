//! Texts that look like calls and are none: documentation, code, quotations, what a web page told the model to do.

use crate::support::{Out, built_in, characters, run, short};
use lingate_codec::ir::FinishReason;
use lingate_codec::transform::Transform;
use lingate_codec::transform::tool_repair::{AdvertisedTool, ToolRepair};

/// The texts with their names.
fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    let file = include_str!("benign.txt").strip_prefix("=== ").unwrap();
    file.split("\n=== ").map(|entry| entry.split_once('\n').unwrap())
}

/// Tools as coding agents have them, and two that anyone may have.
fn tools() -> Vec<AdvertisedTool> {
    let tool = |name: &str, required: &[&str], optional: &[&str]| {
        let properties: Vec<String> =
            required.iter().chain(optional).map(|key| format!(r#""{key}":{{"type":"string"}}"#)).collect();
        let schema = format!(
            r#"{{"type":"object","properties":{{{}}},"required":{}}}"#,
            properties.join(","),
            serde_json::to_string(required).unwrap()
        );
        AdvertisedTool { name: name.to_owned(), schema: Some(schema.into_bytes()) }
    };
    vec![
        tool("read", &["filePath"], &["offset", "limit"]),
        tool("bash", &["command", "description"], &["timeout"]),
        tool("edit", &["filePath", "oldString", "newString"], &[]),
        tool("write", &["filePath", "content"], &[]),
        tool("task", &["description", "prompt"], &[]),
        tool("search", &["query"], &[]),
        tool("get_weather", &["city"], &[]),
    ]
}

/// What comes of a text if nothing is called.
fn untouched(text: &str, reason: FinishReason) -> Vec<Out> {
    vec![Out::Text(text.to_owned()), Out::Finish(reason)]
}

#[test]
fn none_becomes_a_call() {
    assert!(texts().count() >= 60, "there are {}", texts().count());
    let mut wrong = Vec::new();
    for (name, text) in texts() {
        for (text, reason) in [(text.to_owned(), FinishReason::Stop), (format!("{text}\n"), FinishReason::Length)] {
            let mut repair = ToolRepair::new(built_in(), tools());
            let out = short(&run(&mut repair, &[&text], reason));
            if out != untouched(&text, reason) || repair.changed() {
                wrong.push(format!("{name} ({reason:?}):\n{text}\n=> {out:?}\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn none_becomes_a_call_however_it_is_cut() {
    let catalogue = built_in();
    let answer =
        |pieces: &[&str]| short(&run(&mut ToolRepair::new(catalogue.clone(), tools()), pieces, FinishReason::Stop));
    for (name, text) in texts() {
        let expected = untouched(text, FinishReason::Stop);
        assert_eq!(answer(&characters(text)), expected, "{name}, one by one");
        for (at, _) in text.char_indices() {
            let (before, after) = text.split_at(at);
            assert_eq!(answer(&[before, after]), expected, "{name}, cut at {at}");
        }
    }
}

/// What looks a little like a call waits no longer than it takes to tell.
#[test]
fn text_flows_on() {
    for text in [
        "Well.\nSee [the results](http://x/y) and\n[task list](z).\n",
        "Well.\n- [ ] read it\n- [x] write it\n",
        "Well.\n{ \"title\": \"Tools\", \"list\": [1, 2] }\nThat is all.",
        "Well.\nread the docs, task by task\nbashful",
        "Well. I will read commentary to=functions.read json {\"filePath\":\"/a\"} in the middle of a line",
        "Well.\nAction: none so far.\nfunctools are for Python.",
        "Well.\n<p>Hello</p><preview> <tooltip> <tools for all> a < b",
        "Well.\n\n\n  \n    indented\n",
        "Well.\n```python\nprint(1)\n```\n~~~\nx\n~~~\n> quoted\n",
    ] {
        let mut repair = ToolRepair::new(built_in(), tools());
        let (mut out, mut came) = (Vec::new(), 0);
        for piece in characters(text) {
            repair.push(lingate_codec::ir::Event::Text(piece.to_owned()), &mut out);
            came += piece.len();
            let went = match &short(&out)[..] {
                [Out::Text(went)] => went.len(),
                _ => 0,
            };
            assert!(came - went <= 16, "{} bytes are held at {:?}", came - went, &text[..came]);
        }
    }
}
