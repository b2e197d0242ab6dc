//! The demo models as a client sees them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{DemoAnswer, MODELS, answer, models_body};

const CREATED: u64 = 1_800_000_000;

fn ask(request: &Value) -> DemoAnswer {
    answer(request.to_string().as_bytes(), CREATED)
}

fn text(answer: &DemoAnswer) -> String {
    String::from_utf8(answer.pieces.iter().flat_map(|piece| piece.bytes.to_vec()).collect()).unwrap()
}

fn whole(request: &Value) -> Value {
    let answer = ask(request);
    assert_eq!((answer.status, answer.content_type, answer.pieces.len()), (200, "application/json", 1));
    serde_json::from_str(&text(&answer)).unwrap()
}

/// The message, how it finished, and the usage as prompt, completion and reasoning.
fn outcome(answer: &Value) -> (Value, String, [u64; 3]) {
    let (choice, usage) = (&answer["choices"][0], &answer["usage"]);
    let count = |at: &str| usage.pointer(at).unwrap().as_u64().unwrap();
    let counts =
        [count("/prompt_tokens"), count("/completion_tokens"), count("/completion_tokens_details/reasoning_tokens")];
    assert_eq!(count("/total_tokens"), counts[0] + counts[1]);
    (choice["message"].clone(), choice["finish_reason"].as_str().unwrap().to_owned(), counts)
}

fn content(request: &Value) -> String {
    whole(request)["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

fn user(model: &str, content: impl Into<Value>) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": content.into()}]})
}

fn with(mut request: Value, members: &Value) -> Value {
    for (key, value) in members.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

/// A stream's events without `[DONE]`, which must be the last.
fn events(answer: &DemoAnswer) -> Vec<Value> {
    assert_eq!((answer.status, answer.content_type), (200, "text/event-stream"));
    let all = text(answer);
    let data = all.strip_suffix("data: [DONE]\n\n").unwrap();
    let mut events = Vec::new();
    for event in data.split_terminator("\n\n") {
        let event: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!((&event["object"], &event["created"]), (&json!("chat.completion.chunk"), &json!(CREATED)));
        events.push(event);
    }
    assert!(events.iter().all(|event| event["id"] == events[0]["id"] && event["model"] == events[0]["model"]));
    events
}

/// The stream put together again: reasoning, content, (id, name, arguments) of the call, finish reason.
fn folded(answer: &DemoAnswer) -> (String, String, [String; 3], String) {
    let mut folded = (String::new(), String::new(), [const { String::new() }; 3], String::new());
    let add = |to: &mut String, value: &Value| to.push_str(value.as_str().unwrap_or_default());
    for event in events(answer) {
        let choice = &event["choices"][0];
        add(&mut folded.0, &choice["delta"]["reasoning_content"]);
        add(&mut folded.1, &choice["delta"]["content"]);
        let call = &choice["delta"]["tool_calls"][0];
        for (part, at) in folded.2.iter_mut().zip(["/id", "/function/name", "/function/arguments"]) {
            add(part, call.pointer(at).unwrap_or(&Value::Null));
        }
        add(&mut folded.3, &choice["finish_reason"]);
    }
    folded
}

fn weather_tools() -> Value {
    let parameters = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}},
        "required": ["city", "unit"],
    });
    json!([
        {"type": "function", "function": {"name": "get_weather", "description": "…", "parameters": parameters}},
        {"type": "function", "function": {"name": "get_time"}},
    ])
}

#[test]
fn an_answer_in_full() {
    let body = br#"{"model":"demo-echo","messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Hello, \"world\"!"}]}"#;
    let answer = answer(body, CREATED);
    assert_eq!(answer.pieces[0].after, Duration::ZERO);
    assert_eq!(
        text(&answer),
        concat!(
            r#"{"id":"chatcmpl-demo-ID","object":"chat.completion","created":1800000000,"model":"demo-echo","#,
            r#""choices":[{"index":0,"message":{"role":"assistant","content":"Hello, \"world\"!"},"finish_reason":"stop"}],"#,
            r#""usage":{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6,"#,
            r#""prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#
        )
        .replace("ID", &super::seed(body))
    );
}

#[test]
fn a_stream_in_full() {
    let body = br#"{"model":"demo-think","messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true},"max_tokens":11}"#;
    let answer = answer(body, CREATED);
    let head = format!(
        r#"data: {{"id":"chatcmpl-demo-{}","object":"chat.completion.chunk","created":1800000000,"model":"demo-think","choices":["#,
        super::seed(body)
    );
    let mut expected = format!("{head}{}", r#"{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}"#);
    expected.push_str("\n\n");
    for word in ["You", " wrote", " 1", " word.", " I", " will", " say", " it", " back", " to", " you."] {
        let choice = json!({"index": 0, "delta": {"reasoning_content": word}, "finish_reason": null});
        expected.push_str(&format!("{head}{choice}]}}\n\n"));
    }
    expected.push_str(&format!("{head}{}\n\n", r#"{"index":0,"delta":{},"finish_reason":"length"}]}"#));
    expected.push_str(&format!(
        "{head}{}\n\ndata: [DONE]\n\n",
        concat!(
            r#"],"usage":{"prompt_tokens":1,"completion_tokens":11,"total_tokens":12,"#,
            r#""prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":11}}}"#
        )
    ));
    assert_eq!(text(&answer), expected);
}

#[test]
fn the_same_body_gets_the_same_bytes_and_another_another_id() {
    for model in MODELS {
        let request = with(user(model.0, "one two"), &json!({"tools": weather_tools(), "stream": true}));
        assert_eq!(ask(&request), ask(&request));
    }
    assert_ne!(whole(&user("demo-echo", "a"))["id"], whole(&user("demo-echo", "b"))["id"]);
}

#[test]
fn streams_and_whole_answers_say_the_same() {
    for request in [
        user("demo-echo", "  Zażółć gęślą\n\n jaźń \u{1f600} "),
        user("demo-think", "one two three"),
        user("my-own-name", "one two three"),
        with(user("demo-tool", "Oslo, \"now\" \u{1f600}\u{1f600}\u{1f600}"), &json!({"tools": weather_tools()})),
        with(user("demo-think", "Oslo"), &json!({"tools": weather_tools(), "tool_choice": "required"})),
        with(user("demo-echo", "a b c d"), &json!({"max_tokens": 2})),
    ] {
        let (message, finish, _) = outcome(&whole(&request));
        let or_empty = |at: &str| message.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let call =
            ["/tool_calls/0/id", "/tool_calls/0/function/name", "/tool_calls/0/function/arguments"].map(or_empty);
        // The ids come from the body, which is another one here.
        let (reasoning, content, streamed_call, streamed_finish) =
            folded(&ask(&with(request, &json!({"stream": true}))));
        assert_eq!((reasoning, content), (or_empty("/reasoning_content"), or_empty("/content")));
        assert_eq!((&streamed_call[1..], streamed_finish), (&call[1..], finish));
    }
}

#[test]
fn words_come_at_a_pace() {
    let paces = |model: &str| -> Vec<u128> {
        let answer = ask(&with(user(model, "one two"), &json!({"stream": true})));
        answer.pieces.iter().map(|piece| piece.after.as_millis()).collect()
    };
    assert_eq!(paces("demo-echo"), [0, 15, 15, 0, 0]);
    assert_eq!(paces("demo-slow"), [0, 1000, 1000, 0, 0]);
    assert_eq!(ask(&user("demo-slow", "one two")).pieces[0].after, Duration::from_secs(1));
}

#[test]
fn usage_in_a_stream_only_if_asked_for() {
    let request = with(user("demo-echo", "one two"), &json!({"stream": true}));
    assert!(events(&ask(&request)).iter().all(|event| event.get("usage").is_none()));
    let request = with(request, &json!({"stream_options": {"include_usage": true}}));
    let events = events(&ask(&request));
    let (last, others) = events.split_last().unwrap();
    assert!(others.iter().all(|event| event.get("usage").is_none()));
    assert_eq!((&last["choices"], &last["usage"]["total_tokens"]), (&json!([]), &json!(4)));
}

#[test]
fn echo_speaks_of_images_and_greets_the_silent() {
    let png = format!("data:image/png;base64,{}==", "A".repeat(90));
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let says = |parts: Value| content(&user("demo-echo", parts));
    let what = json!({"type": "text", "text": "What is this?"});
    assert_eq!(says(json!([what, image(&png)])), "I see 1 image (image/png, 67 bytes). What is this?");
    assert_eq!(says(json!([image(&png)])), "I see 1 image (image/png, 67 bytes).");
    assert_eq!(
        says(json!([image("https://x.invalid/a.png"), {"type": "image_url", "image_url": png}])),
        "I see 2 images (a link; image/png, 67 bytes)."
    );
    let many = vec![image("https://x.invalid/"); 7];
    assert_eq!(says(json!(many)), "I see 7 images (a link; a link; a link; a link; …).");
    assert_eq!(says(json!([what, {"type": "text", "text": "Tell!"}])), "What is this?\nTell!");
    assert_eq!(says(json!("")), "Hello! Say something, and I will say it back.");
    let alone = json!({"model": "m", "messages": [{"role": "system", "content": "x"}]});
    assert!(content(&alone).starts_with("Hello!"));
}

#[test]
fn thinking_is_counted_and_can_be_switched_off() {
    let (message, finish, usage) = outcome(&whole(&user("demo-think", "one two")));
    assert_eq!(message["reasoning_content"], "You wrote 2 words. I will say them back to you.");
    assert_eq!((message["content"].as_str().unwrap(), finish.as_str(), usage), ("one two", "stop", [2, 13, 11]));
    let off = with(user("demo-think", "one two"), &json!({"reasoning_effort": "none"}));
    assert_eq!(outcome(&whole(&off)).0, json!({"role": "assistant", "content": "one two"}));
}

#[test]
fn max_tokens_and_stop_end_an_answer() {
    let ends = |members: Value| {
        let (message, finish, usage) = outcome(&whole(&with(user("demo-echo", "one two three"), &members)));
        (message["content"].as_str().unwrap().to_owned(), finish, usage[1])
    };
    let ended = |text: &str, finish: &str, count| (text.to_owned(), finish.to_owned(), count);
    assert_eq!(ends(json!({"max_tokens": 2})), ended("one two", "length", 2));
    assert_eq!(ends(json!({"max_tokens": 3})), ended("one two three", "stop", 3));
    assert_eq!(ends(json!({"max_tokens": 1, "max_completion_tokens": 2})), ended("one two", "length", 2));
    assert_eq!(ends(json!({"stop": " th"})), ended("one two", "stop", 2));
    assert_eq!(ends(json!({"stop": ["three", "w", ""]})), ended("one t", "stop", 2));
    assert_eq!(ends(json!({"stop": "three", "max_tokens": 1})), ended("one", "length", 1));
    assert_eq!(ends(json!({"stop": null, "max_tokens": null})), ended("one two three", "stop", 3));
    let long = "word ".repeat(100_000);
    let (message, finish, usage) = outcome(&whole(&user("demo-echo", long.as_str())));
    assert_eq!((finish.as_str(), usage[1], message["content"].as_str().unwrap().len()), ("length", 4096, 5 * 4096 - 1));
    assert!(ask(&with(user("demo-echo", long), &json!({"stream": true}))).pieces.len() < 4200);
}

#[test]
fn a_tool_is_called_and_its_answer_told() {
    let request = with(user("demo-tool", "Oslo today"), &json!({"tools": weather_tools()}));
    let (message, finish, usage) = outcome(&whole(&request));
    let call = &message["tool_calls"][0];
    assert_eq!((&message["content"], finish.as_str(), usage), (&Value::Null, "tool_calls", [2, 3, 0]));
    assert_eq!((&call["type"], &call["function"]["name"]), (&json!("function"), &json!("get_weather")));
    assert_eq!(call["function"]["arguments"], r#"{"city":"Oslo today","unit":"C"}"#);
    let id = call["id"].as_str().unwrap().to_owned();
    assert!(id.len() <= 40 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{id}");

    let mut request = request;
    let result = json!({"role": "tool", "tool_call_id": id, "content": [{"type": "text", "text": "18 degrees"}]});
    let messages = request["messages"].as_array_mut().unwrap();
    messages.extend([message, result]);
    let told = whole(&request);
    let (message, finish, usage) = outcome(&told);
    assert_eq!(message["content"], "The tool get_weather answered: \"18 degrees\".");
    assert_eq!((finish.as_str(), usage), ("stop", [2 + 3 + 2, 6, 0]));

    let messages = request["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "user", "content": "Bergen"}));
    let (message, ..) = outcome(&whole(&request));
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], r#"{"city":"Bergen","unit":"C"}"#);
    assert_ne!(message["tool_calls"][0]["id"], id, "a conversation's calls have ids of their own");
}

#[test]
fn several_results_are_told_in_order() {
    let calls = ["a", "b"]
        .map(|id| json!({"id": id, "type": "function", "function": {"name": format!("f_{id}"), "arguments": "{}"}}));
    let result = |id: &str, text: &str| json!({"role": "tool", "tool_call_id": id, "content": text});
    let messages = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": calls},
        result("b", "2"), result("a", "1"), result("nobody's", "0"),
    ]);
    let request =
        json!({"model": "demo-tool", "messages": messages, "tools": weather_tools(), "tool_choice": "required"});
    let expected = "The tool f_b answered: \"2\". The tool f_a answered: \"1\". The tool answered: \"0\".";
    assert_eq!(content(&request), expected);
}

#[test]
fn tool_choice_is_obeyed() {
    let called = |model: &str, choice: Value| {
        let request = with(user(model, "x"), &json!({"tools": weather_tools(), "tool_choice": choice}));
        let (message, ..) = outcome(&whole(&request));
        message.pointer("/tool_calls/0/function/name").map(|name| name.as_str().unwrap().to_owned())
    };
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    let allowed =
        |mode: &str| json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [named("get_time")]}});
    for (model, choice, expected) in [
        ("demo-tool", Value::Null, Some("get_weather")),
        ("demo-tool", json!("auto"), Some("get_weather")),
        ("demo-tool", json!("none"), None),
        ("demo-tool", named("get_time"), Some("get_time")),
        ("demo-tool", allowed("auto"), Some("get_time")),
        ("demo-echo", Value::Null, None),
        ("demo-echo", json!("auto"), None),
        ("demo-echo", json!("required"), Some("get_weather")),
        ("any-name", named("get_time"), Some("get_time")),
        ("any-name", allowed("required"), Some("get_time")),
        ("any-name", allowed("auto"), None),
    ] {
        assert_eq!(called(model, choice.clone()).as_deref(), expected, "{model} {choice}");
    }
    assert_eq!(content(&user("demo-tool", "no tools here")), "no tools here");
}

#[test]
fn a_wanted_form_is_kept() {
    let asked = |format: Value| content(&with(user("demo-echo", "Oslo"), &json!({"response_format": format})));
    assert_eq!(asked(json!({"type": "text"})), "Oslo");
    assert_eq!(asked(json!({"type": "json_object"})), r#"{"text":"Oslo"}"#);
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string"}}, "required": ["n", "s"]});
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    assert_eq!(asked(format), r#"{"n":1,"s":"Oslo"}"#);
}

#[test]
fn errors_have_openais_form() {
    let message = json!([{"role": "user", "content": "x"}]);
    let bad = |members: Value| with(user("demo-echo", "x"), &members).to_string();
    let long_name = "m".repeat(300);
    for (body, param) in [
        ("{".to_owned(), None),
        (String::new(), None),
        ("[]".to_owned(), None),
        (json!({"messages": message}).to_string(), Some("model")),
        (json!({"model": 5, "messages": message}).to_string(), Some("model")),
        (json!({"model": long_name, "messages": message}).to_string(), Some("model")),
        (json!({"model": "demo-error"}).to_string(), Some("messages")),
        (bad(json!({"messages": []})), Some("messages")),
        (bad(json!({"messages": ["x"]})), Some("messages")),
        (bad(json!({"messages": [{"content": "x"}]})), Some("messages")),
        (bad(json!({"messages": [{"role": "user", "content": 5}]})), Some("messages")),
        (bad(json!({"max_tokens": 0})), Some("max_tokens")),
        (bad(json!({"max_completion_tokens": "many"})), Some("max_completion_tokens")),
        (bad(json!({"stop": 5})), Some("stop")),
        (bad(json!({"n": 2})), Some("n")),
        (bad(json!({"stream": "yes"})), Some("stream")),
        (bad(json!({"tools": {}})), Some("tools")),
        (bad(json!({"tool_choice": "required"})), Some("tool_choice")),
        (bad(json!({"tool_choice": "perhaps"})), Some("tool_choice")),
        (bad(json!({"tool_choice": {"type": "function", "function": {"name": "f"}}})), Some("tool_choice")),
    ] {
        let answer = answer(body.as_bytes(), CREATED);
        assert_eq!((answer.status, answer.content_type, answer.pieces.len()), (400, "application/json", 1), "{body}");
        let error: Value = serde_json::from_str(&text(&answer)).unwrap();
        let error = &error["error"];
        assert_eq!((error["type"].as_str(), error["param"].as_str()), (Some("invalid_request_error"), param), "{body}");
        assert!(!error["message"].as_str().unwrap().is_empty() && error["code"].is_null());
    }
    for stream in [false, true] {
        let answer = ask(&with(user("demo-error", "x"), &json!({"stream": stream})));
        assert_eq!((answer.status, answer.content_type), (500, "application/json"));
        let error: Value = serde_json::from_str(&text(&answer)).unwrap();
        assert_eq!((&error["error"]["type"], &error["error"]["code"]), (&json!("server_error"), &json!("demo_error")));
    }
}

#[test]
fn the_models_are_listed() {
    let list: Value = serde_json::from_slice(&models_body()).unwrap();
    assert_eq!(list["object"], "list");
    let data = list["data"].as_array().unwrap();
    let ids: Vec<_> = data.iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["demo-echo", "demo-think", "demo-tool", "demo-slow", "demo-error"]);
    assert!(data.iter().all(|model| model["object"] == "model" && model["max_model_len"] == 8192));
}
