//! Calls of tools that the client knows as free-form, or inside of a namespace.

use super::{call, context, finish, output, read, response, types, written};
use lingate_codec::dialect::openai_responses::OpenAiResponses;
use lingate_codec::dialect::{Dialect, ToolForm};
use lingate_codec::ir::{Answer, Block, Event};
use lingate_codec::json::Object;
use serde_json::json;

fn tools() -> Vec<ToolForm> {
    let form = |name: &str, own_name: &str, namespace: &str, custom| ToolForm {
        name: name.into(),
        own_name: own_name.into(),
        namespace: namespace.into(),
        custom,
        search: name == "tool_search",
    };
    vec![
        form("apply_patch", "apply_patch", "", true),
        form("agents__spawn", "spawn", "agents", false),
        form("tool_search", "tool_search", "", false),
    ]
}

#[test]
fn free_text_is_unpacked_as_it_comes() {
    let mut events = call(0, "c1", "apply_patch", &["{\"in", "put\":\"*** Be", "gin\\", "n\\u00e", "9\\\"\"", "}"]);
    events.extend([finish(), Event::End]);
    let stream = written(&events, context(tools()));
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(types(&stream), expected);
    let deltas: Vec<_> = stream.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(deltas, ["*** Be", "gin", "\n", "é\""]);
    assert_eq!(
        output(&events, &context(tools())),
        json!([{"id": "ctc_q1w2_0", "type": "custom_tool_call", "status": "completed", "call_id": "c1",
            "name": "apply_patch", "input": "*** Begin\né\""}])
    );
}

#[test]
fn the_clients_search_for_tools_is_an_item_of_its_own() {
    let mut events = call(0, "c1", "tool_search", &["{\"query\":", "\n \"git hub\"}"]);
    events.extend([finish(), Event::End]);
    let stream = written(&events, context(tools()));
    let expected = ["created", "in_progress", "output_item.added", "output_item.done", "completed"];
    assert_eq!(types(&stream), expected);
    let item = |status: &str, arguments: serde_json::Value| {
        json!({"id": "tsc_q1w2_0", "type": "tool_search_call", "status": status, "call_id": "c1",
            "execution": "client", "arguments": arguments})
    };
    assert_eq!(stream[2]["item"], item("in_progress", json!({})));
    let done = item("completed", json!({"query": "git hub"}));
    assert_eq!(stream[3]["item"], done);
    assert_eq!(output(&events, &context(tools())), json!([done]));
}

/// The client does not say again what a search found, and knows the calls of it by their group.
#[test]
fn tools_that_a_search_found_are_remembered() {
    let body = include_bytes!("../golden/matrix/responses_tool_search/client.openai_responses.json");
    let remembered = OpenAiResponses.remember(&Object::parse(body).unwrap());
    let names: Vec<_> = remembered.tools.iter().map(|form| (&*form.name, &*form.namespace, form.search)).collect();
    assert_eq!(names, [("tool_search", "", true), ("mcp__github__list_issues", "mcp__github", false)]);
}

#[test]
fn namespaces_are_restored() {
    let mut events = call(0, "c1", "agents__spawn", &["{}"]);
    events.extend(call(1, "c2", "spawn", &["{}"]));
    events.extend([finish(), Event::End]);
    let output = output(&events, &context(tools()));
    assert_eq!((&output[0]["name"], &output[0]["namespace"]), (&json!("spawn"), &json!("agents")));
    assert_eq!((&output[1]["name"], output[1].get("namespace")), (&json!("spawn"), None));
}

#[test]
fn a_custom_call_becomes_the_call_of_a_function() {
    let item = |input: &str| {
        json!({"id": "ctc_1", "type": "custom_tool_call", "status": "completed",
        "call_id": "c1", "name": "apply_patch", "input": input})
    };
    let delta = |text: &str| json!({"type": "response.custom_tool_call_input.delta", "output_index": 0, "item_id": "ctc_1", "delta": text});
    let added = json!({"type": "response.output_item.added", "output_index": 0, "item": item("")});
    for (input, deltas) in [("a\n\"b", vec![delta("a\n"), delta("\"b")]), ("a\n\"b", vec![delta("a\n")]), ("", vec![])]
    {
        let mut events = vec![added.clone()];
        events.extend(deltas);
        events.push(json!({"type": "response.completed", "response": response("completed", &json!([item(input)]))}));
        let answer = Answer::fold(read(&events));
        let [Block::ToolCall { arguments, .. }] = answer.blocks.as_slice() else { panic!("{:?}", answer.blocks) };
        assert_eq!(serde_json::from_str::<serde_json::Value>(arguments).unwrap(), json!({"input": input}));
        // And back again, for a client that knows it so.
        let mut back = read(&events);
        back.retain(|event| !matches!(event, Event::Start(_)));
        assert_eq!(output(&back, &context(tools()))[0]["input"], input);
    }
}

#[test]
fn a_call_that_is_cut_off_says_so() {
    for (name, fragment, member, text) in
        [("f", "{\"a\":", "arguments", "{\"a\":"), ("apply_patch", "{\"input\":\"ab\\", "input", "ab")]
    {
        let mut events = call(0, "c1", name, &[fragment]);
        events.extend([finish(), Event::End]);
        let output = output(&events, &context(tools()));
        assert_eq!((&output[0]["status"], &output[0][member]), (&json!("incomplete"), &json!(text)));
    }
}

#[test]
fn long_and_equal_ids_become_such_as_can_be_sent_back() {
    let long = "x".repeat(80);
    let mut events = call(0, &long, "f", &["{}"]);
    for number in 1..4 {
        events.extend(call(number, if number == 3 { "" } else { "same" }, "f", &["{}"]));
    }
    events.extend([finish(), Event::End]);
    let output = output(&events, &context(vec![]));
    let ids: Vec<_> = (0..4).map(|at| output[at]["call_id"].as_str().unwrap()).collect();
    assert_eq!((ids[0].len(), ids[1]), (64, "same"));
    assert!(ids[2] != "same" && !ids[3].is_empty() && ids[2] != ids[3], "{ids:?}");
}
