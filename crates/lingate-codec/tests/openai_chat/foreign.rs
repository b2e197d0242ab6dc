//! Requests of other families, written for an OpenAI-compatible upstream.

use super::{NARROW, WIDE, encode};
use lingate_codec::ir::*;
use lingate_codec::json::Raw;
use serde_json::{Value, json};

fn raw(text: &str) -> Raw<'_> {
    Raw::parse(text.as_bytes()).unwrap()
}

fn request(family: Family) -> Request<'static> {
    let mut request = Request::new(Operation::Chat, family, "backend-model");
    request.messages = vec![Message::text(Role::User, "Q")];
    request
}

fn written(request: &Request<'_>) -> Value {
    encode(request, &NARROW, &mut Loss::new()).unwrap()
}

fn lost(request: &Request<'_>) -> Vec<String> {
    let mut loss = Loss::new();
    encode(request, &NARROW, &mut loss).unwrap();
    loss.paths(|_| "a concept")
}

fn extra(path: &str, key: &'static str, value: &'static str) -> Extra<'static> {
    Extra { path: path.into(), key: key.into(), value: raw(value) }
}

fn result(id: &'static str, is_error: bool, parts: Vec<Part<'static>>) -> Message<'static> {
    let result = ToolResult { call_id: id.into(), name: None, is_error, parts, cache_control: None };
    Message::new(Role::Tool, vec![Part::ToolResult(result)])
}

fn image() -> Part<'static> {
    let source = ImageSource::Base64 { media_type: "image/png".into(), data: "iVBORw0KGgo=".into() };
    Part::Image(Image { source, detail: None })
}

#[test]
fn blocks_become_strings_and_thoughts_stay_behind() {
    let mut request = request(Family::Anthropic);
    let marked = Part::Text { text: "Two.".into(), cache_control: Some(raw(r#"{"type":"ephemeral"}"#)) };
    request.messages = vec![
        Message::new(Role::System, vec![Part::text("One."), marked.clone()]),
        Message::new(Role::User, vec![Part::text("a"), marked, image()]),
        Message::new(
            Role::Assistant,
            vec![
                Part::Reasoning { text: "Hmm.".into(), signature: Some("SIG".into()) },
                Part::RedactedReasoning { data: "ENC".into() },
                Part::text("Answer."),
            ],
        ),
    ];
    let value = written(&request);
    assert_eq!(value["messages"][0], json!({"role": "system", "content": "One.\n\nTwo."}));
    assert_eq!(
        value["messages"][1]["content"],
        json!([{"type": "text", "text": "a"}, {"type": "text", "text": "Two."},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}])
    );
    assert_eq!(value["messages"][2], json!({"role": "assistant", "content": "Answer."}));
    assert_eq!(lost(&request), ["a concept", "cache_control"]);
    let vllm = encode(&request, &WIDE, &mut Loss::new()).unwrap();
    assert_eq!(vllm["messages"][2], json!({"role": "assistant", "content": "Answer.", "reasoning_content": "Hmm."}));
    for secret in ["SIG", "ENC"] {
        assert!(!vllm.to_string().contains(secret));
    }
}

#[test]
fn pictures_of_results_follow_the_run_of_results() {
    let call = |id: &'static str| {
        Part::ToolCall(ToolCall { id: id.into(), name: "shot".into(), arguments: "".into(), cache_control: None })
    };
    let mut request = request(Family::Anthropic);
    request.messages = vec![
        Message::new(Role::Assistant, vec![call("t1"), call("t2")]),
        result("t1", true, vec![Part::text("a"), image(), Part::text("b")]),
        result("t2", false, vec![image()]),
        Message::text(Role::User, "So?"),
        result("t3", false, vec![image()]),
    ];
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}});
    assert_eq!(
        written(&request)["messages"],
        json!([
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "shot", "arguments": "{}"}},
                {"id": "t2", "type": "function", "function": {"name": "shot", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "t1", "content": "a\nb"},
            {"role": "tool", "tool_call_id": "t2", "content": ""},
            {"role": "user", "content": [picture, picture]},
            {"role": "user", "content": "So?"},
            {"role": "tool", "tool_call_id": "t3", "content": ""},
            {"role": "user", "content": [picture]},
        ])
    );
    assert_eq!(lost(&request), ["is_error"]);
}

#[test]
fn tools_get_what_openai_needs() {
    let function = |name: &'static str, parameters: Option<&'static str>| Tool::Function {
        name: name.into(),
        description: None,
        parameters: parameters.map(raw),
        strict: None,
        cache_control: None,
        extra: vec![extra("tools[0].input_examples", "input_examples", "[]")],
    };
    let mut request = request(Family::Anthropic);
    request.tools = vec![
        function("a", None),
        function("b", Some(r#"{"type":"object"}"#)),
        function("c", Some(r##"{"type":"object","properties":{"x":{"$ref":"#/d"}},"d":1}"##)),
    ];
    request.tool_choice = Some(ToolChoice::Named("b".into()));
    request.parallel_tool_calls = Some(false);
    let value = written(&request);
    let empty = json!({"type": "object", "properties": {}});
    assert_eq!(value["tools"][0], json!({"type": "function", "function": {"name": "a", "parameters": empty}}));
    assert_eq!(value["tools"][1]["function"]["parameters"], empty);
    assert_eq!(value["tools"][2]["function"]["parameters"]["d"], 1);
    assert_eq!(value["tool_choice"], json!({"type": "function", "function": {"name": "b"}}));
    assert_eq!(value["parallel_tool_calls"], false);
    assert_eq!(lost(&request), ["tools[0].input_examples"]);
    // Without tools, a choice among none is not said: OpenAI refuses it.
    request.tools.clear();
    request.tool_choice = Some(ToolChoice::Auto);
    let value = written(&request);
    assert!(value.get("tool_choice").is_none() && value.get("parallel_tool_calls").is_none());
}

#[test]
fn parameters_are_respelt_dropped_or_refused() {
    let mut request = request(Family::Ollama);
    request.stream = true;
    request.max_tokens = Some(MaxTokens::Unbounded);
    request.sampling.top_k = Number::from_raw(raw("40"));
    request.sampling.repetition_penalty = Number::from_raw(raw("1.10"));
    request.sampling.seed = Number::from_raw(raw("7"));
    request.stop = vec!["A".into()];
    request.response_format =
        Some(ResponseFormat::JsonSchema { name: None, description: None, schema: raw("{}"), strict: None });
    request.reasoning = Some(Reasoning { enabled: Some(false), ..Reasoning::default() });
    request.special = vec![
        (Concept::KeepAlive, extra("keep_alive", "keep_alive", "\"5m\"")),
        (Concept::ContextLength, extra("options.num_ctx", "num_ctx", "8192")),
        (Concept::Context, extra("context", "context", "[]")),
    ];
    request.extra = vec![extra("options.foo", "foo", "1")];
    let value = written(&request);
    assert_eq!(
        value,
        json!({"model": "backend-model", "messages": [{"role": "user", "content": "Q"}], "stream": true,
            "stream_options": {"include_usage": true}, "seed": 7, "stop": ["A"], "reasoning_effort": "none",
            "response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": {}}}})
    );
    assert_eq!(lost(&request), ["a concept", "a concept", "options.foo"]);
    let vllm = encode(&request, &WIDE, &mut Loss::new()).unwrap();
    assert_eq!((&vllm["top_k"], &vllm["repetition_penalty"]), (&json!(40), &json!(1.1)));
    request.max_tokens = Some(MaxTokens::Limit(9));
    assert_eq!(written(&request)["max_tokens"], 9);
    assert_eq!(encode(&request, &WIDE, &mut Loss::new()).unwrap()["max_completion_tokens"], 9);
}

#[test]
fn thinking_is_said_in_openai_s_words() {
    let effort = |reasoning| {
        let mut request = request(Family::Anthropic);
        request.reasoning = Some(reasoning);
        (written(&request).get("reasoning_effort").cloned(), !lost(&request).is_empty())
    };
    let base = Reasoning { enabled: Some(true), ..Reasoning::default() };
    assert_eq!(effort(Reasoning { budget_tokens: Some(2048), ..base }), (Some(json!("medium")), false));
    assert_eq!(effort(Reasoning { effort: Some(Effort::XHigh), ..base }), (Some(json!("xhigh")), false));
    assert_eq!(effort(base), (None, true));
    assert_eq!(effort(Reasoning { adaptive: true, ..base }), (None, false));
}

#[test]
fn what_changes_the_answer_is_refused() {
    let refused = |change: &dyn Fn(&mut Request<'static>)| {
        let mut request = request(Family::Anthropic);
        change(&mut request);
        let refusal = encode(&request, &NARROW, &mut Loss::new()).unwrap_err();
        assert!(refusal.reason.contains("together"), "{refusal:?}");
        refusal.concept
    };
    let user = |part: Part<'static>| vec![Message::new(Role::User, vec![part])];
    assert_eq!(refused(&|r| r.stop = ["1", "2", "3", "4", "5"].map(Into::into).to_vec()), Concept::Stop);
    assert_eq!(
        refused(&|r| r.tools = vec![Tool::Hosted { kind: "web_search_20250305".into(), raw: raw("{}") }]),
        Concept::Tools
    );
    assert_eq!(
        refused(&|r| r.messages = user(Part::Opaque(Opaque { kind: "search_result".into(), raw: raw("{}") }))),
        Concept::Messages
    );
    let file = |source| Part::File(File { source, name: None });
    assert_eq!(refused(&|r| r.messages = user(file(FileSource::Url("https://a".into())))), Concept::Messages);
    assert_eq!(refused(&|r| r.messages = user(file(FileSource::FileId("f".into())))), Concept::Messages);
    assert_eq!(
        refused(&|r| r.messages = user(Part::Image(Image { source: ImageSource::FileId("f".into()), detail: None }))),
        Concept::Images
    );
    assert_eq!(
        refused(&|r| r.special = vec![(Concept::Template, extra("template", "template", "\"{{ x }}\""))]),
        Concept::Template
    );
    let thread = extra("thread", "thread", r#"{"type":"create"}"#);
    assert_eq!(refused(&|r| r.special = vec![(Concept::Thread, thread.clone())]), Concept::Thread);
}

#[test]
fn documents_and_askers() {
    let mut request = request(Family::Anthropic);
    let pdf = FileSource::Base64 { media_type: "application/pdf".into(), data: "JVBERi0=".into() };
    request.messages = vec![Message::new(
        Role::User,
        vec![
            Part::File(File { source: pdf, name: None }),
            Part::File(File { source: FileSource::Text("words".into()), name: Some("a.txt".into()) }),
        ],
    )];
    request.metadata.user = Some("u".into());
    request.metadata.service_tier = Some("standard_only".into());
    let value = written(&request);
    assert_eq!(
        value["messages"][0]["content"],
        json!([{"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
            {"type": "text", "text": "words"}])
    );
    assert_eq!((&value["user"], &value["service_tier"]), (&json!("u"), &json!("default")));
    request.metadata.user = Some("x".repeat(65).into());
    assert_eq!(lost(&request), ["a concept", "title"]);
}
