//! Requests of other dialects, as IR, written for Anthropic; and what the decoder refuses.

use crate::{DIALECT, target};
use lingate_codec::dialect::{Target, Unsupported, path_of};
use lingate_codec::ids::legal_call_id;
use lingate_codec::ir::{
    Audio, Effort, Family, File, FileSource, Image, ImageSource, Loss, MaxTokens, Message, Number, Operation, Part,
    Reasoning, Request, ResponseFormat, Role, Tool, ToolCall, ToolChoice, ToolResult,
};
use lingate_codec::json::Raw;
use serde_json::{Value, json};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn raw(json: &str) -> Raw<'_> {
    Raw::parse(json.as_bytes()).expect("JSON")
}

fn number(json: &str) -> Option<Number<'_>> {
    Number::from_raw(raw(json))
}

/// A request of an OpenAI client with these messages.
fn openai(messages: Vec<Message<'_>>) -> Request<'_> {
    let mut request = Request::new(Operation::Chat, Family::OpenAi, "backend-model");
    request.messages = messages;
    request
}

fn question<'a>() -> Request<'a> {
    openai(vec![Message::text(Role::User, "Q")])
}

fn try_encode(request: &Request<'_>) -> Result<(Value, Vec<String>), Unsupported> {
    let mut loss = Loss::new();
    let mut out = Vec::new();
    DIALECT.encode_request(request, &target(), &mut loss, &mut out)?;
    let value = serde_json::from_slice(&out).expect("what is written is JSON");
    Ok((value, loss.paths(|concept| path_of(DIALECT, concept))))
}

fn encode(request: &Request<'_>) -> (Value, Vec<String>) {
    try_encode(request).expect("can be said")
}

fn call<'a>(id: &'a str, arguments: &'a str) -> Part<'a> {
    Part::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments: arguments.into(), cache_control: None })
}

fn result<'a>(id: &'a str, parts: Vec<Part<'a>>) -> Message<'a> {
    let result = ToolResult { call_id: id.into(), name: None, is_error: false, parts, cache_control: None };
    Message::new(Role::Tool, vec![Part::ToolResult(result)])
}

fn tool<'a>(name: &'a str, parameters: Option<Raw<'a>>) -> Tool<'a> {
    Tool::Function {
        name: name.into(),
        description: None,
        parameters,
        strict: None,
        cache_control: None,
        extra: Vec::new(),
    }
}

#[test]
fn a_bare_question() {
    let expected =
        json!({"model": "backend-model", "max_tokens": 4096, "messages": [{"role": "user", "content": "Q"}]});
    assert_eq!(encode(&question()), (expected, vec![]));
}

#[test]
fn system_prompts_go_where_they_belong() {
    let request = openai(vec![
        Message::text(Role::System, "One."),
        Message::text(Role::Developer, "Two."),
        Message::text(Role::User, "Hi"),
        Message::text(Role::Assistant, "Hello"),
        Message::text(Role::System, "Now in French."),
        Message::text(Role::User, "Bye"),
    ]);
    let (body, _) = encode(&request);
    assert_eq!(body["system"], json!([{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]));
    let expected = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "system", "content": "Now in French."},
        {"role": "user", "content": "Bye"},
    ]);
    assert_eq!(body["messages"], expected);

    let mut older = request;
    older.model = "claude-sonnet-4-5".into();
    let last = json!({"role": "user", "content": [{"type": "text", "text": "Now in French."}, {"type": "text", "text": "Bye"}]});
    assert_eq!(encode(&older).0["messages"][2], last);
}

#[test]
fn a_tool_loop() {
    let request = openai(vec![
        Message::text(Role::User, "W?"),
        Message::new(Role::Assistant, vec![Part::text(""), call("functions.f:0", ""), call("b", r#"{"a":1}"#)]),
        Message::text(Role::System, "Note."),
        result("functions.f:0", vec![Part::text("2C"), Part::text(" "), Part::text("windy")]),
        Message::text(Role::User, "So?"),
        result("b", vec![Part::text("")]),
        Message::new(Role::Assistant, vec![call("c", "{\"cut"), Part::text("Done. ")]),
    ]);
    let id = legal_call_id("functions.f:0", 64);
    let (body, losses) = encode(&request);
    let expected = json!([
        {"role": "user", "content": "W?"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": id, "name": "f", "input": {}},
            {"type": "tool_use", "id": "b", "name": "f", "input": {"a": 1}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": [
                {"type": "text", "text": "2C"}, {"type": "text", "text": "windy"},
            ]},
            {"type": "tool_result", "tool_use_id": "b"},
        ]},
        {"role": "system", "content": "Note."},
        {"role": "user", "content": "So?"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "c", "name": "f", "input": {"raw": "{\"cut"}},
            {"type": "text", "text": "Done."},
        ]},
    ]);
    assert_eq!(body["messages"], expected);
    assert_eq!(losses, Vec::<String>::new());
}

#[test]
fn thoughts_of_others_are_not_sent() {
    let thought = Part::Reasoning { text: "Hmm.".into(), signature: Some("SIG".into()) };
    let redacted = Part::RedactedReasoning { data: "ENC".into() };
    let mut request = openai(vec![Message::new(Role::Assistant, vec![thought, redacted, Part::text("A.")])]);
    assert_eq!(encode(&request).0["messages"], json!([{"role": "assistant", "content": "A."}]));
    request.family = Family::Anthropic;
    assert_eq!(encode(&request).0["messages"][0]["content"].as_array().map(Vec::len), Some(3));
    let unsigned = Part::Reasoning { text: "Hmm.".into(), signature: Some("".into()) };
    request.messages = vec![Message::new(Role::Assistant, vec![unsigned, Part::text("A.")])];
    assert_eq!(encode(&request).0["messages"], json!([{"role": "assistant", "content": "A."}]));
}

#[test]
fn pictures_and_documents() {
    let image = |source| Part::Image(Image { source, detail: None });
    let inline = |media_type: &'static str, data: &'static str| ImageSource::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    };
    let file = |media_type: &'static str, data: &'static str| {
        let source = FileSource::Base64 { media_type: media_type.into(), data: data.into() };
        Part::File(File { source, name: Some("a".into()) })
    };
    let source = |media_type: &str, data: &str| json!({"type": "base64", "media_type": media_type, "data": data});
    for (part, expected) in [
        (image(inline("", PNG)), Some(json!({"type": "image", "source": source("image/png", PNG)}))),
        (image(inline("image/jpg", "AAAA")), Some(json!({"type": "image", "source": source("image/jpeg", "AAAA")}))),
        (image(inline("image/bmp", "Qk0AAAAA")), None),
        (
            image(ImageSource::Url("https://x.invalid/a".into())),
            Some(json!({"type": "image", "source": {"type": "url", "url": "https://x.invalid/a"}})),
        ),
        (image(ImageSource::Url("data:image/png,x".into())), None),
        (image(ImageSource::FileId("f".into())), None),
        (
            file("application/pdf", "JVBERi0xLjQK"),
            Some(json!({"type": "document", "source": source("application/pdf", "JVBERi0xLjQK"), "title": "a"})),
        ),
        (
            file("text/plain", "aGk="),
            Some(
                json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}, "title": "a"}),
            ),
        ),
        (file("image/png", PNG), Some(json!({"type": "image", "source": source("image/png", PNG)}))),
        (file("application/zip", "UEsDBAAA"), None),
        (file("text/plain", "*"), None),
        (Part::File(File { source: FileSource::FileId("f".into()), name: None }), None),
        (Part::Audio(Audio { data: "".into(), format: "wav".into() }), None),
    ] {
        let request = openai(vec![Message::new(Role::User, vec![part, Part::text("?")])]);
        match (try_encode(&request), expected) {
            (Ok((body, _)), Some(expected)) => assert_eq!(body["messages"][0]["content"][0], expected),
            (Err(refused), None) => {
                assert_eq!(refused.path.as_deref(), Some("messages[0].content[0]"));
                assert!(refused.reason.ends_with("by the anthropic backend"), "{}", refused.reason);
            }
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn tools_and_choices() {
    let schema = r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A"}}}"##;
    let mut request = question();
    request.tools = vec![tool("f", Some(raw(schema))), tool("g", None), tool("h", Some(raw("{}")))];
    let empty = json!({"type": "object", "properties": {}});
    let (body, _) = encode(&request);
    let expected = json!([
        {"name": "f", "input_schema": serde_json::from_str::<Value>(schema).unwrap()},
        {"name": "g", "input_schema": empty},
        {"name": "h", "input_schema": empty},
    ]);
    assert_eq!((&body["tools"], &body["tool_choice"]), (&expected, &Value::Null));

    let allowed = |required| ToolChoice::Allowed { names: vec!["g".into()], required };
    for (choice, parallel, expected, tools) in [
        (Some(ToolChoice::Auto), None, json!({"type": "auto"}), 3),
        (Some(ToolChoice::None), Some(false), json!({"type": "none"}), 3),
        (Some(ToolChoice::Required), Some(true), json!({"type": "any"}), 3),
        (
            Some(ToolChoice::Named("g".into())),
            Some(false),
            json!({"type": "tool", "name": "g", "disable_parallel_tool_use": true}),
            3,
        ),
        (Some(allowed(true)), None, json!({"type": "any"}), 1),
        (Some(allowed(false)), None, json!({"type": "auto"}), 1),
        (None, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true}), 3),
        (None, Some(true), Value::Null, 3),
    ] {
        (request.tool_choice, request.parallel_tool_calls) = (choice, parallel);
        let (body, _) = encode(&request);
        assert_eq!((&body["tool_choice"], body["tools"].as_array().map(Vec::len)), (&expected, Some(tools)));
    }
    request.tools = vec![Tool::Hosted { kind: "web_search".into(), raw: raw("{}") }];
    assert_eq!(try_encode(&request).unwrap_err().path.as_deref(), Some("tools[0]"));
    let mut none = question();
    none.tool_choice = Some(ToolChoice::Auto);
    assert_eq!(encode(&none).0["tool_choice"], Value::Null, "there is nothing to choose from");
}

#[test]
fn sampling_hints_are_fitted_or_reported() {
    let mut request = question();
    request.sampling.temperature = number("1.7");
    request.sampling.top_p = number("0.9");
    request.sampling.top_k = number("40");
    request.sampling.seed = number("7");
    request.sampling.presence_penalty = number("0");
    request.sampling.frequency_penalty = number("0.5");
    request.sampling.logit_bias = Some(raw("{}"));
    request.stop = vec!["END".into(), "\n".into()];
    let (body, losses) = encode(&request);
    assert_eq!((&body["temperature"], &body["top_p"], &body["top_k"]), (&json!(1), &Value::Null, &json!(40)));
    assert_eq!(body["stop_sequences"], json!(["END"]));
    for absent in ["seed", "presence_penalty", "frequency_penalty", "logit_bias"] {
        assert_eq!(body.get(absent), None);
    }
    assert_eq!(losses, ["temperature", "top_p", "?", "?", "stop_sequences"], "seed and penalty have no path here");
    request.family = Family::Anthropic;
    let (body, losses) = encode(&request);
    assert_eq!((&body["temperature"], &body["top_p"]), (&json!(1.7), &json!(0.9)), "its own words pass as they are");
    assert_eq!(losses, ["?", "?"]);
}

#[test]
fn what_changes_the_answer_is_refused() {
    type Change = fn(&mut Request<'_>);
    let changes: [Change; 4] = [
        |request| request.logprobs = Some(true),
        |request| request.n = Some(2),
        |request| request.sampling.logit_bias = Some(Raw::parse(b"{\"5\":1}").unwrap()),
        |request| request.messages[0].parts = vec![Part::Audio(Audio { data: "".into(), format: "wav".into() })],
    ];
    for change in changes {
        let mut request = question();
        assert!(try_encode(&request).is_ok());
        change(&mut request);
        assert!(try_encode(&request).is_err());
    }
    let mut fine = question();
    (fine.n, fine.logprobs, fine.response_format) = (Some(1), Some(false), Some(ResponseFormat::Text));
    assert_eq!(encode(&fine).1, Vec::<String>::new());
}

#[test]
fn efforts_and_budgets() {
    let effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
    let on = |on| Reasoning { enabled: Some(on), ..Reasoning::default() };
    let budget = |tokens| Reasoning { enabled: Some(true), budget_tokens: Some(tokens), ..Reasoning::default() };
    let adaptive = json!({"type": "adaptive"});
    let enabled = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    let off = json!({"type": "disabled"});
    for (model, reasoning, max, thinking, level) in [
        ("backend-model", effort(Effort::High), Some(32000), &adaptive, Some("high")),
        ("backend-model", effort(Effort::High), Some(600), &adaptive, Some("high")),
        ("backend-model", effort(Effort::Minimal), None, &adaptive, Some("low")),
        ("backend-model", effort(Effort::None), None, &off, None),
        ("backend-model", on(true), None, &adaptive, None),
        ("backend-model", on(false), None, &off, None),
        ("backend-model", budget(9000), None, &adaptive, Some("xhigh")),
        ("claude-sonnet-4-5", effort(Effort::High), Some(32000), &enabled(4096), None),
        ("claude-sonnet-4-5", budget(8192), Some(4096), &enabled(4095), None),
        ("claude-sonnet-4-5", budget(1), Some(4096), &enabled(1024), None),
        ("claude-sonnet-4-5", budget(1024), Some(1024), &Value::Null, None),
        ("claude-sonnet-4-5", effort(Effort::Max), None, &enabled(2048), None),
        ("claude-3-5-haiku-latest", effort(Effort::High), None, &Value::Null, None),
        ("claude-3-5-haiku-latest", effort(Effort::None), None, &Value::Null, None),
    ] {
        let mut request = question();
        request.model = model.into();
        request.reasoning = Some(reasoning);
        request.max_tokens = max.map(MaxTokens::Limit);
        let (body, losses) = encode(&request);
        assert_eq!(&body["thinking"], thinking, "{model} {reasoning:?} {max:?}");
        assert_eq!(body["output_config"]["effort"].as_str(), level, "{model} {reasoning:?}");
        assert_eq!(body["max_tokens"], max.unwrap_or(4096));
        assert_eq!(losses.is_empty(), !thinking.is_null() || reasoning.is_off(), "{model} {reasoning:?}");
    }
}

#[test]
fn thinking_gives_way_to_what_it_does_not_go_with() {
    let mut request = question();
    request.reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
    request.tools = vec![tool("f", None)];
    request.sampling.temperature = number("0.2");
    let (body, losses) = encode(&request);
    assert_eq!((body.get("temperature"), losses.as_slice()), (None, ["temperature".to_owned()].as_slice()));
    request.tool_choice = Some(ToolChoice::Required);
    let (body, _) = encode(&request);
    assert_eq!((body.get("thinking"), &body["temperature"]), (None, &json!(0.2)), "a forced call");
    request.tool_choice = None;
    request.messages.push(Message::new(Role::Assistant, vec![call("a", "{}")]));
    request.messages.push(result("a", vec![Part::text("2C")]));
    assert_eq!(encode(&request).0["thinking"], json!({"type": "disabled"}), "the call came without a thought");
}

#[test]
fn forms_of_the_answer() {
    let mut request = question();
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: Some("n".into()),
        description: None,
        schema: raw(r#"{"type":"object"}"#),
        strict: Some(true),
    });
    let (body, losses) = encode(&request);
    assert_eq!(body["output_config"], json!({"format": {"type": "json_schema", "schema": {"type": "object"}}}));
    assert!(losses.is_empty());
    request.response_format = Some(ResponseFormat::JsonObject);
    assert_eq!(encode(&request).1, ["output_config.format"]);
}

#[test]
fn bounds_and_metadata() {
    let mut request = question();
    request.max_tokens = Some(MaxTokens::Unbounded);
    request.metadata.user = Some("u-7".into());
    request.metadata.pairs = Some(raw(r#"{"a":"b"}"#));
    request.metadata.service_tier = Some("priority".into());
    let mut loss = Loss::new();
    let mut out = Vec::new();
    let wide = Target { default_max_tokens: 64_000, ..target() };
    DIALECT.encode_request(&request, &wide, &mut loss, &mut out).unwrap();
    let body: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&body["max_tokens"], &body["metadata"]), (&json!(64_000), &json!({"user_id": "u-7"})));
    assert_eq!(loss.paths(|concept| path_of(DIALECT, concept)), ["metadata", "service_tier"]);
    assert_eq!(body.get("service_tier"), None);
    request.metadata.service_tier = Some("default".into());
    assert_eq!(encode(&request).0["service_tier"], "standard_only");
}

#[test]
fn bad_requests_name_the_member_at_fault() {
    let with = |member: &str| format!(r#"{{"model":"m","max_tokens":1,"messages":[],{member}}}"#);
    let turn = |block: &str| {
        format!(
            r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":"x"}},{{"role":"user","content":[{block}]}}]}}"#
        )
    };
    for (body, param) in [
        (with(r#""stream":1"#), "stream"),
        (with(r#""temperature":"0""#), "temperature"),
        (with(r#""stop_sequences":["a",1]"#), "stop_sequences[1]"),
        (with(r#""system":1"#), "system"),
        (with(r#""system":[{"type":"text","text":1}]"#), "system[0].text"),
        (with(r#""tools":[{"name":"f"},{}]"#), "tools[1].name"),
        (with(r#""tools":[{"name":"f","input_schema":[]}]"#), "tools[0].input_schema"),
        (with(r#""tool_choice":{"type":"tool"}"#), "tool_choice.name"),
        (with(r#""tool_choice":{"type":"x"}"#), "tool_choice.type"),
        (with(r#""thinking":{"type":"enabled","budget_tokens":"x"}"#), "thinking.budget_tokens"),
        (with(r#""output_config":{"format":{"type":"x"}}"#), "output_config.format.type"),
        (with(r#""metadata":{"user_id":1}"#), "metadata.user_id"),
        (turn(r#"{"type":"text","text":"a"},{"type":"text","text":1}"#), "messages[1].content[1].text"),
        (turn("1"), "messages[1].content[0]"),
        (turn(r#"{"text":"a"}"#), "messages[1].content[0].type"),
        (turn(r#"{"type":"image"}"#), "messages[1].content[0].source"),
        (turn(r#"{"type":"image","source":{"type":"url"}}"#), "messages[1].content[0].source.url"),
        (turn(r#"{"type":"tool_use","id":"a","name":"f","input":{}}"#), "messages[1].content[0]"),
        (turn(r#"{"type":"tool_result"}"#), "messages[1].content[0].tool_use_id"),
        (
            turn(r#"{"type":"tool_result","tool_use_id":"a","content":[{"type":"text"}]}"#),
            "messages[1].content[0].content[0].text",
        ),
        (r#"{"max_tokens":1,"messages":[{"role":"tool","content":""}]}"#.to_owned(), "messages[0].role"),
        (r#"{"max_tokens":1,"messages":[{"role":"user"}]}"#.to_owned(), "messages[0].content"),
        (r#"{"max_tokens":1,"messages":[7]}"#.to_owned(), "messages[0]"),
    ] {
        let error = DIALECT.decode_request(Operation::Chat, body.as_bytes()).expect_err(&body);
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)), "{body}");
        assert!(error.message.contains(param), "{}", error.message);
    }
    let error = DIALECT.decode_request(Operation::Chat, b"{\"messages\": [").unwrap_err();
    assert_eq!(error.code.as_deref(), Some("invalid_json"));
}

#[test]
fn results_are_messages_of_their_own() {
    let body = br#"{"max_tokens":1,"messages":[
        {"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"x": 1}}]},
        {"role":"user","content":[{"type":"text","text":"So?"},
            {"type":"tool_result","tool_use_id":"a","is_error":true,"content":"2C"},
            {"type":"tool_result","tool_use_id":"b","content":[{"type":"text","text":"x","cache_control":{}}]}]}]}"#;
    let request = DIALECT.decode_request(Operation::Chat, body).unwrap();
    let roles: Vec<_> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::Assistant, Role::Tool, Role::Tool, Role::User]);
    let [Part::ToolCall(call)] = request.messages[0].parts.as_slice() else { panic!("a call") };
    assert_eq!(call.arguments, r#"{"x": 1}"#);
    let [Part::ToolResult(first)] = request.messages[1].parts.as_slice() else { panic!("a result") };
    assert_eq!((first.name.as_deref(), first.is_error, first.parts.len()), (Some("f"), true, 1));
    let [Part::ToolResult(second)] = request.messages[2].parts.as_slice() else { panic!("a result") };
    assert_eq!((second.name.as_deref(), second.is_error), (None, false));
}
