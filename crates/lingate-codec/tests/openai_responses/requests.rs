//! Requests: what is refused, where configured members go, and the names of tools.

use lingate_codec::dialect::openai_responses::OpenAiResponses;
use lingate_codec::dialect::{Dialect, RelayWants};
use lingate_codec::ir::{ApiError, Operation, Part, Request, Role, Tool, ToolChoice};
use lingate_codec::json::{Edits, Object};
use serde_json::{Value, json};

fn decode(body: &str) -> Result<Request<'_>, ApiError> {
    OpenAiResponses.decode_request(Operation::Chat, body.as_bytes())
}

fn names(request: &Request<'_>) -> Vec<String> {
    let name = |tool: &Tool<'_>| match tool {
        Tool::Function { name, .. } => name.to_string(),
        Tool::Hosted { kind, .. } => format!("hosted {kind}"),
    };
    request.tools.iter().map(name).collect()
}

#[test]
fn what_is_malformed_is_named() {
    for (body, param) in [
        (json!({}), "input"),
        (json!({"input": 5}), "input"),
        (json!({"input": []}), "input"),
        (json!({"input": [7]}), "input[0]"),
        (json!({"input": [{"content": "x"}]}), "input[0].type"),
        (json!({"input": [{"role": "robot", "content": "x"}]}), "input[0].role"),
        (json!({"input": [{"role": "user"}]}), "input[0].content"),
        (json!({"input": [{"role": "user", "content": [{"text": "x"}]}]}), "input[0].content[0].type"),
        (json!({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}), "input[0].content[0].image_url"),
        (json!({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}), "input[0].content[0].file_data"),
        (json!({"input": [{"type": "function_call", "name": "f"}]}), "input[0].call_id"),
        (json!({"input": [{"type": "function_call", "call_id": "c"}]}), "input[0].name"),
        (json!({"input": [{"type": "custom_tool_call", "call_id": "c", "name": "f"}]}), "input[0].input"),
        (json!({"input": [{"type": "function_call_output", "call_id": "c"}]}), "input[0].output"),
        (json!({"input": [{"type": "reasoning", "summary": "s"}]}), "input[0].summary"),
        (json!({"input": [{"type": "item_reference", "id": "msg_1"}]}), "input[0]"),
        (json!({"input": [{"id": "msg_1"}]}), "input[0]"),
        (json!({"input": "x", "instructions": ["y"]}), "instructions"),
        (json!({"input": "x", "tools": [{"name": "f"}]}), "tools[0].type"),
        (json!({"input": "x", "tools": [{"type": "function"}]}), "tools[0].name"),
        (json!({"input": "x", "tools": [{"type": "function", "name": "f", "parameters": 1}]}), "tools[0].parameters"),
        (json!({"input": "x", "tools": [{"type": "namespace", "name": "n"}]}), "tools[0].tools"),
        (
            json!({"input": "x", "tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function"}]}]}),
            "tools[0].tools[0].name",
        ),
        (json!({"input": "x", "tool_choice": "sometimes"}), "tool_choice"),
        (json!({"input": "x", "tool_choice": {"type": "function"}}), "tool_choice.name"),
        (json!({"input": "x", "text": {"format": {"type": "json_schema", "name": "n"}}}), "text.format.schema"),
        (json!({"input": "x", "reasoning": {"effort": 3}}), "reasoning.effort"),
        (json!({"input": "x", "max_output_tokens": -1}), "max_output_tokens"),
        (json!({"input": "x", "include": "all"}), "include"),
        (json!({"input": "x", "background": true}), "background"),
        (json!({"input": "x", "previous_response_id": "resp_1"}), "previous_response_id"),
        (json!({"input": "x", "conversation": {"id": "conv_1"}}), "conversation"),
        (json!({"input": "x", "prompt": {"id": "pmpt_1"}}), "prompt"),
    ] {
        let body = body.to_string();
        let error = decode(&body).expect_err(&body);
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)), "{body}: {}", error.message);
    }
}

#[test]
fn items_of_one_turn_are_one_message() {
    let body = json!({"input": [
        {"role": "user", "content": "Q"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hmm."}]},
        {"role": "assistant", "content": "One."},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Two."}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": ""},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": {"x": 1}},
        {"type": "function_call_output", "call_id": "b", "output": "B"},
        {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "A"}]},
    ]})
    .to_string();
    let request = decode(&body).unwrap();
    let turns: Vec<_> = request.messages.iter().map(|message| (message.role, message.parts.len())).collect();
    let expected = [(Role::User, 1), (Role::Assistant, 2), (Role::Assistant, 3), (Role::Tool, 1), (Role::Tool, 1)];
    assert_eq!(turns, expected);
    let Part::ToolCall(call) = &request.messages[2].parts[1] else { panic!("a call") };
    assert_eq!((&*call.id, &*call.arguments), ("a", "{}"));
    let Part::ToolCall(call) = &request.messages[2].parts[2] else { panic!("a call") };
    assert_eq!(&*call.arguments, r#"{"x":1}"#);
    let Part::ToolResult(result) = &request.messages[3].parts[0] else { panic!("a result") };
    assert_eq!((&*result.call_id, result.name.as_deref()), ("b", Some("f")));
}

#[test]
fn tools_in_groups_have_names_of_their_own() {
    let long = "x".repeat(60);
    let function = |name: &str| json!({"type": "function", "name": name});
    let group = |name: &str, tools: Vec<Value>| json!({"type": "namespace", "name": name, "tools": tools});
    let body = json!({
        "input": [{"type": "function_call", "call_id": "c", "name": "js", "namespace": "gone"}],
        "tools": [
            function("n__f"),
            group("n", vec![function("f"), json!({"type": "custom", "name": "g"}), json!({"type": "web_search"})]),
            group("mcp__x__", vec![function("f")]),
            group("a.b", vec![function(&long)]),
        ],
        "tool_choice": {"type": "function", "name": "f", "namespace": "n"},
    })
    .to_string();
    let request = decode(&body).unwrap();
    let names = names(&request);
    assert_eq!(names[..2], ["n__f", "n__f_1"], "no two have one name");
    assert_eq!(names[2..5], ["n__g", "hosted web_search", "mcp__x__f"]);
    let legal = |name: &str| name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    assert!(legal(&names[5]), "{}", names[5]);
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("n__f_1".into())));
    let Part::ToolCall(call) = &request.messages[0].parts[0] else { panic!("a call") };
    assert_eq!(&*call.name, "gone__js");
    // The answer's encoder is told the same.
    let remembered = OpenAiResponses.remember(&Object::parse(body.as_bytes()).unwrap());
    let form = |at: usize| {
        let form = &remembered.tools[at];
        (form.name.as_str(), form.namespace.as_str(), form.own_name.as_str(), form.custom)
    };
    assert_eq!(form(0), ("n__f_1", "n", "f", false));
    assert_eq!(form(1), ("n__g", "n", "g", true));
    assert_eq!(form(2), ("mcp__x__f", "mcp__x__", "f", false));
}

#[test]
fn configured_members_have_their_places() {
    for (member, place) in [
        ("max_tokens", ("", "max_output_tokens")),
        ("max_completion_tokens", ("", "max_output_tokens")),
        ("max_output_tokens", ("", "max_output_tokens")),
        ("reasoning_effort", ("reasoning", "effort")),
        ("verbosity", ("text", "verbosity")),
        ("temperature", ("", "temperature")),
    ] {
        assert_eq!(OpenAiResponses.place(member), (place.0, vec![place.1.to_owned()]));
    }
}

#[test]
fn a_relayed_request_keeps_its_bytes() {
    let edited = |body: &str, wants: &RelayWants<'_>| {
        let object = Object::parse(body.as_bytes()).unwrap();
        let mut edits = Edits::new();
        OpenAiResponses.relay_edits(&object, wants, &mut edits);
        String::from_utf8(edits.apply_to_vec(&object)).unwrap()
    };
    let body = r#"{ "input": "x" ,"model":"m","stream":true,"stream_options":{"include_obfuscation":false},"n":1.10}"#;
    let wants = RelayWants { model: "real", ask_usage: true, ..RelayWants::default() };
    assert_eq!(edited(body, &wants), body.replace("\"m\"", "\"real\""), "usage always comes");
    let strip = ["n".to_owned(), "input".to_owned()];
    let wants = RelayWants { model: "real", stream: Some(false), system_prompt: "Be brief.", strip: &strip, ..wants };
    let expected = r#"{ "input": "x" ,"model":"real","stream":false,"instructions":"Be brief."}"#;
    assert_eq!(edited(body, &wants), expected);
    let body = r#"{"instructions":"Sing.","input":"x"}"#;
    let expected = r#"{"instructions":"Be brief.\n\nSing.","input":"x","model":"real","stream":false}"#;
    assert_eq!(edited(body, &wants), expected);
}
