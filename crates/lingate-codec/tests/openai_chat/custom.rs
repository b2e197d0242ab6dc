//! Tools that take free text (`custom`), for servers that know such and for those that get a function in their place.

use super::{NARROW, OpenAiChat, WIDE, context, decode, encode, events_of};
use lingate_codec::dialect::{AnswerContext, Dialect, Stamp, ToolForm};
use lingate_codec::ir::{Answer, Block, Event, Loss};
use lingate_codec::json::Object;
use serde_json::{Value, json};

const REQUEST: &str = r#"{"model":"m","messages":[{"role":"user","content":"x"},
    {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"custom","custom":{"name":"sh","input":"ls \"a\"\n"}},
        {"id":"c2","type":"custom","custom":{"name":"gone","input":""}}]},
    {"role":"tool","tool_call_id":"c1","content":"R"},{"role":"tool","tool_call_id":"c2","content":"S"}],"stream":false,
    "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}},
        {"type":"custom","custom":{"name":"sh","description":"Shell.","format":{"type":"grammar","grammar":{"syntax":"regex","definition":"a+"}}}}],
    "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[
        {"type":"custom","custom":{"name":"sh"}},{"type":"function","function":{"name":"f"}}]}}}"#;

fn knowing() -> AnswerContext {
    let request = Object::parse(REQUEST.as_bytes()).unwrap();
    AnswerContext { tools: OpenAiChat.remember(&request).tools, ..context(false) }
}

/// A call in these fragments.
fn call(name: &str, fragments: &[&str]) -> Vec<Event> {
    let mut events = vec![Event::ToolCallStart { call: 0, id: "c9".into(), name: name.into() }];
    events.extend(fragments.iter().map(|text| Event::ToolCallArguments { call: 0, fragment: (*text).into() }));
    events.extend([Event::ToolCallEnd { call: 0 }, Event::End]);
    events
}

/// The entries of `tool_calls` in the deltas of a stream.
fn deltas(events: &[Event]) -> Vec<Value> {
    let mut encoder = OpenAiChat.stream_encoder(knowing());
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.push(event, Stamp::default(), &mut out));
    let frames = String::from_utf8(out).unwrap();
    let chunks = frames.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    chunks.map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0].clone()).filter(|call| !call.is_null()).collect()
}

#[test]
fn they_stay_where_they_are_taken() {
    let value = encode(&decode(REQUEST).unwrap(), &WIDE, &mut Loss::new()).unwrap();
    assert_eq!(value, serde_json::from_str::<Value>(REQUEST).unwrap());
}

#[test]
fn elsewhere_a_function_stands_for_each() {
    let mut loss = Loss::new();
    let value = encode(&decode(REQUEST).unwrap(), &NARROW, &mut loss).unwrap();
    let tool = &value["tools"][1];
    assert_eq!((&tool["type"], &tool["function"]["name"]), (&json!("function"), &json!("sh")));
    let schema = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"],
        "additionalProperties": false});
    assert_eq!(tool["function"]["parameters"], schema);
    let description = "Shell.\n\nThe input must follow this regex grammar:\na+";
    assert_eq!(tool["function"]["description"], description);
    assert_eq!(loss.paths(|_| "?"), ["tools[1].custom.format"]);
    let calls = &value["messages"][1]["tool_calls"];
    let call = |id: &str, name: &str, input: &str| {
        let arguments = json!({"input": input}).to_string();
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    };
    assert_eq!(calls, &json!([call("c1", "sh", "ls \"a\"\n"), call("c2", "gone", "")]));
    let allowed = &value["tool_choice"]["allowed_tools"]["tools"];
    assert_eq!(allowed[0], json!({"type": "function", "function": {"name": "sh"}}));
}

#[test]
fn only_servers_that_take_them_get_the_request_unread() {
    let relayed = |body: &str, target| {
        OpenAiChat.can_relay(lingate_codec::ir::Operation::Chat, &Object::parse(body.as_bytes()).unwrap(), target)
    };
    assert!(relayed(REQUEST, &WIDE) && !relayed(REQUEST, &NARROW));
    let word = r#"{"messages":[],"tools":[{"type":"function","function":{"name":"custom"}}]}"#;
    assert!(relayed(word, &NARROW), "a name is no type");
}

#[test]
fn their_calls_go_back_as_free_text() {
    let form = |name: &str| ToolForm { name: name.into(), own_name: name.into(), custom: true, ..ToolForm::default() };
    assert_eq!(knowing().tools, [form("sh")]);
    let events = call("sh", &["{\"in", "put\":\"l", "s \\", "\"a\\\"\"", "}"]);
    let more = |text: &str| json!({"index": 0, "custom": {"input": text}});
    let first = json!({"index": 0, "id": "c9", "type": "custom", "custom": {"name": "sh", "input": ""}});
    assert_eq!(deltas(&events), [first, more("l"), more("s "), more("\"a\"")]);
    // Arguments of another form are told at the end, as they are.
    assert_eq!(deltas(&call("sh", &["ls"]))[1..], [more("ls")]);
    let function = deltas(&call("f", &[]));
    assert_eq!(function[1], json!({"index": 0, "function": {"arguments": "{}"}}));
    let mut whole = Vec::new();
    OpenAiChat.encode_response(&Answer::fold(events), &knowing(), Stamp::default(), &mut whole);
    let message = serde_json::from_slice::<Value>(&whole).unwrap()["choices"][0]["message"].clone();
    assert_eq!(
        message["tool_calls"],
        json!([{"id": "c9", "type": "custom", "custom": {"name": "sh", "input": "ls \"a\""}}])
    );
}

#[test]
fn calls_of_a_server_that_knows_them_are_read() {
    let whole = r#"{"choices":[{"message":{"tool_calls":[{"id":"c9","type":"custom","custom":{"name":"sh","input":"{\"a\n"}},
        {"id":"c8","type":"custom","custom":{"name":"sh","input":""}}]},"finish_reason":"tool_calls"}]}"#;
    let mut events = Vec::new();
    OpenAiChat.decode_response(lingate_codec::ir::Operation::Chat, whole.as_bytes(), &mut events);
    let chunk = |call: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{call}]}},\"finish_reason\":null}}]}}\n\n"
        )
    };
    let stream = [
        chunk(r#"{"index":0,"id":"c9","type":"custom","custom":{"name":"sh","input":""}}"#),
        chunk(r#"{"index":0,"custom":{"input":"{\"a"}}"#),
        chunk(r#"{"index":0,"custom":{"input":"\n"}}"#),
        chunk(r#"{"index":1,"id":"c8","type":"custom","custom":{"name":"sh","input":""}}"#),
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n"
            .to_owned(),
    ]
    .concat();
    for events in [events, events_of(&[stream.as_bytes()])] {
        let blocks = Answer::fold(events).blocks;
        let calls = blocks.iter().map(|block| match block {
            Block::ToolCall { id, arguments, .. } => (&**id, serde_json::from_str::<Value>(arguments).unwrap()),
            other => panic!("{other:?}"),
        });
        assert_eq!(calls.collect::<Vec<_>>(), [("c9", json!({"input": "{\"a\n"})), ("c8", json!({"input": ""}))]);
    }
}
