//! Requests of other families, encoded: what each part of them becomes here, what is lost, what is refused.

use crate::support::{encode, try_encode};
use lingate_codec::ir::{
    Audio, Concept, Effort, Extra, Family, File, FileSource, Image, ImageSource, MaxTokens, Message, Metadata, Number,
    Opaque, Operation, Part, Reasoning, Request, ResponseFormat, Role, Tool, ToolCall, ToolChoice, ToolResult,
};
use lingate_codec::json::Raw;
use serde_json::{Value, json};

fn raw(text: &'static str) -> Raw<'static> {
    Raw::parse(text.as_bytes()).unwrap()
}

fn chat(family: Family, messages: Vec<Message<'static>>) -> Request<'static> {
    Request { messages, ..Request::new(Operation::Chat, family, "backend-model") }
}

fn openai(parts: Vec<Part<'static>>) -> Request<'static> {
    chat(Family::OpenAi, vec![Message::new(Role::User, parts)])
}

fn body(request: &Request<'_>) -> Value {
    let (body, lost) = encode(request);
    assert_eq!(lost, Vec::<String>::new());
    body
}

fn call(id: &'static str, name: &'static str, arguments: &'static str) -> Part<'static> {
    Part::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), cache_control: None })
}

fn result(id: &'static str, parts: Vec<Part<'static>>) -> Message<'static> {
    let result = ToolResult { call_id: id.into(), name: None, is_error: false, parts, cache_control: None };
    Message::new(Role::Tool, vec![Part::ToolResult(result)])
}

fn function(name: &'static str) -> Tool<'static> {
    Tool::Function {
        name: name.into(),
        description: None,
        parameters: None,
        strict: None,
        cache_control: None,
        extra: vec![],
    }
}

fn image(source: ImageSource<'static>) -> Part<'static> {
    Part::Image(Image { source, detail: None })
}

fn extra(path: &'static str, value: &'static str) -> Extra<'static> {
    Extra { path: path.into(), key: path.rsplit('.').next().unwrap_or(path).into(), value: raw(value) }
}

#[test]
fn text_parts_become_one_string_and_pictures_stand_beside_it() {
    let picture = ImageSource::Base64 { media_type: "image/png".into(), data: "iVBO".into() };
    let request = openai(vec![Part::text("One. "), image(picture), Part::text(""), Part::text("Two.")]);
    let expected = json!([{"role": "user", "content": "One. \n\nTwo.", "images": ["iVBO"]}]);
    assert_eq!(body(&request)["messages"], expected);
}

#[test]
fn system_prompts_stay_where_they_are() {
    let request = chat(
        Family::OpenAi,
        vec![
            Message::text(Role::Developer, "a"),
            Message::text(Role::User, "b"),
            Message::new(Role::System, vec![Part::text("c"), Part::text("d")]),
        ],
    );
    let expected = json!([{"role": "system", "content": "a"}, {"role": "user", "content": "b"},
        {"role": "system", "content": "c\n\nd"}]);
    assert_eq!(body(&request)["messages"], expected);
}

#[test]
fn what_the_model_said_keeps_its_thought_but_no_foreign_signature() {
    let request = chat(
        Family::Anthropic,
        vec![Message::new(
            Role::Assistant,
            vec![
                Part::Reasoning { text: "Hmm.".into(), signature: Some("SIGABC".into()) },
                Part::Reasoning { text: "".into(), signature: Some("SIGDEF".into()) },
                Part::RedactedReasoning { data: "SECRET".into() },
                Part::text("Ans"),
                Part::text("wer."),
                Part::Refusal { text: " No.".into() },
            ],
        )],
    );
    let (body, lost) = encode(&request);
    assert_eq!(body["messages"], json!([{"role": "assistant", "content": "Answer. No.", "thinking": "Hmm."}]));
    // What nobody but its maker can read.
    assert_eq!(lost, ["Thinking"]);
    assert!(!body.to_string().contains("SIG") && !body.to_string().contains("SECRET"));
}

#[test]
fn calls_have_objects_and_results_names() {
    let request = chat(
        Family::Anthropic,
        vec![
            Message::new(
                Role::Assistant,
                vec![
                    Part::text("Checking."),
                    call("toolu_1", "get_weather", r#"{"city":"Oslo"}"#),
                    call("toolu_2", "get_time", ""),
                    call("toolu_3", "f", r#"{"cut"#),
                    call("toolu_4", "g", "[1]"),
                ],
            ),
            result("toolu_1", vec![Part::text("2C")]),
            result(
                "toolu_2",
                vec![
                    Part::text("10:00"),
                    image(ImageSource::Base64 { media_type: "image/png".into(), data: "iVBO".into() }),
                ],
            ),
            result("stray", vec![]),
        ],
    );
    let expected = json!([
        {"role": "assistant", "content": "Checking.", "tool_calls": [
            {"id": "toolu_1", "function": {"name": "get_weather", "arguments": {"city": "Oslo"}}},
            {"id": "toolu_2", "function": {"name": "get_time", "arguments": {}}},
            {"id": "toolu_3", "function": {"name": "f", "arguments": {"raw": "{\"cut"}}},
            {"id": "toolu_4", "function": {"name": "g", "arguments": {"raw": "[1]"}}},
        ]},
        {"role": "tool", "content": "2C", "tool_name": "get_weather", "tool_call_id": "toolu_1"},
        {"role": "tool", "content": "10:00", "images": ["iVBO"], "tool_name": "get_time", "tool_call_id": "toolu_2"},
        {"role": "tool", "content": "", "tool_call_id": "stray"},
    ]);
    assert_eq!(body(&request)["messages"], expected);
}

#[test]
fn parameters_become_options() {
    let mut request = openai(vec![Part::text("Q")]);
    let number = |text: &'static str| Number::from_raw(raw(text));
    request.sampling.temperature = number("0.30");
    request.sampling.top_p = number("0.8");
    request.sampling.seed = number("7");
    request.sampling.presence_penalty = number("0.1");
    request.sampling.frequency_penalty = number("0.2");
    request.sampling.top_k = number("5");
    request.sampling.min_p = number("0.05");
    request.sampling.repetition_penalty = number("1.2");
    request.stop = vec!["END".into()];
    request.max_tokens = Some(MaxTokens::Limit(99));
    request.logprobs = Some(true);
    request.top_logprobs = Some(2);
    let expected = json!({
        "model": "backend-model", "messages": [{"role": "user", "content": "Q"}], "stream": false,
        "logprobs": true, "top_logprobs": 2,
        "options": {"temperature": 0.30, "top_p": 0.8, "seed": 7, "stop": ["END"], "presence_penalty": 0.1,
            "frequency_penalty": 0.2, "num_predict": 99, "top_k": 5, "min_p": 0.05, "repeat_penalty": 1.2},
    });
    assert_eq!(body(&request), expected);
    request.max_tokens = Some(MaxTokens::FillContext);
    assert_eq!(body(&request)["options"]["num_predict"], -2);
    request.max_tokens = Some(MaxTokens::Unbounded);
    assert_eq!(body(&request)["options"]["num_predict"], -1);
}

#[test]
fn nothing_is_invented() {
    let mut request = openai(vec![Part::text("Q")]);
    request.stream = true;
    request.response_format = Some(ResponseFormat::Text);
    request.reasoning = Some(Reasoning::default());
    request.tool_choice = Some(ToolChoice::Auto);
    request.n = Some(1);
    request.sampling.logit_bias = Some(raw("{}"));
    let expected = json!({"model": "backend-model", "messages": [{"role": "user", "content": "Q"}], "stream": true});
    assert_eq!(body(&request), expected);
}

#[test]
fn forms_of_the_answer() {
    let mut request = openai(vec![Part::text("Q")]);
    request.response_format = Some(ResponseFormat::JsonObject);
    assert_eq!(body(&request)["format"], "json");
    let schema = raw(r#"{"type":"object","additionalProperties":false}"#);
    let name = Some("city".into());
    request.response_format = Some(ResponseFormat::JsonSchema { name, description: None, schema, strict: Some(true) });
    assert_eq!(body(&request)["format"], json!({"type": "object", "additionalProperties": false}));
}

#[test]
fn efforts_become_levels_of_thinking() {
    let think = |reasoning: Reasoning| {
        let mut request = openai(vec![Part::text("Q")]);
        request.reasoning = Some(reasoning);
        body(&request)["think"].clone()
    };
    let effort = |effort: Effort| think(Reasoning { effort: Some(effort), ..Reasoning::default() });
    assert_eq!(effort(Effort::None), false);
    assert_eq!(effort(Effort::Minimal), "low");
    assert_eq!(effort(Effort::Low), "low");
    assert_eq!(effort(Effort::Medium), "medium");
    assert_eq!(effort(Effort::High), "high");
    assert_eq!(effort(Effort::XHigh), "max");
    assert_eq!(effort(Effort::Max), "max");
    let low = Some(Effort::Low);
    assert_eq!(think(Reasoning { adaptive: true, effort: low, ..Reasoning::default() }), "low");
    assert_eq!(think(Reasoning { adaptive: true, ..Reasoning::default() }), true);
    assert_eq!(think(Reasoning { enabled: Some(true), ..Reasoning::default() }), true);
    assert_eq!(think(Reasoning { enabled: Some(false), effort: low, ..Reasoning::default() }), false);
    let budget = Reasoning { enabled: Some(true), budget_tokens: Some(2048), ..Reasoning::default() };
    assert_eq!(think(budget), "medium");
}

#[test]
fn tools() {
    let mut request = openai(vec![Part::text("Q")]);
    request.tools = vec![function("f"), function("g")];
    let empty = json!({"type": "object", "properties": {}});
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": empty}});
    assert_eq!(body(&request)["tools"], json!([tool("f"), tool("g")]));
    request.tool_choice = Some(ToolChoice::Allowed { names: vec!["g".into()], required: false });
    assert_eq!(body(&request)["tools"], json!([tool("g")]));
    request.tool_choice = Some(ToolChoice::None);
    assert!(body(&request).get("tools").is_none());
    for forced in [
        ToolChoice::Required,
        ToolChoice::Named("f".into()),
        ToolChoice::Allowed { names: vec!["f".into()], required: true },
    ] {
        request.tool_choice = Some(forced);
        assert_eq!(try_encode(&request).unwrap_err().concept, Concept::ToolChoice);
    }
    request.tool_choice = None;
    request.tools.push(Tool::Hosted { kind: "web_search".into(), raw: raw("{}") });
    assert_eq!(try_encode(&request).unwrap_err().concept, Concept::Tools);
}

#[test]
fn a_conversation_that_is_kept_elsewhere_is_refused() {
    let mut request = openai(vec![]);
    request.special.push((Concept::Thread, extra("thread", r#"{"type":"create"}"#)));
    let refusal = try_encode(&request).unwrap_err();
    assert_eq!((refusal.concept, refusal.path.as_deref()), (Concept::Thread, Some("thread")));
}

#[test]
fn what_says_nothing_is_no_loss() {
    let mut request = openai(vec![]);
    request.metadata = Metadata { user: None, pairs: Some(raw("{}")), service_tier: Some("auto".into()) };
    request.special.push((Concept::Store, extra("store", "false")));
    body(&request);
}

#[test]
fn hints_are_dropped_and_reported() {
    let mut request = openai(vec![]);
    request.messages[0].name = Some("Ann".into());
    request.messages[0].parts.push(Part::Text { text: "Q".into(), cache_control: Some(raw("{}")) });
    request.messages[0].parts.push(Part::Image(Image {
        source: ImageSource::Base64 { media_type: "image/png".into(), data: "iVBO".into() },
        detail: Some("high".into()),
    }));
    request.messages[0].extra.push(extra("messages[0].foo", "1"));
    let failed = ToolResult {
        call_id: "x".into(),
        name: Some("f".into()),
        is_error: true,
        parts: vec![Part::text("no")],
        cache_control: Some(raw("{}")),
    };
    request.messages.push(Message::new(Role::Tool, vec![Part::ToolResult(failed)]));
    let strict = Tool::Function {
        name: "f".into(),
        description: Some("d".into()),
        parameters: Some(raw("{}")),
        strict: Some(true),
        cache_control: None,
        extra: vec![extra("tools[0].function.bar", "2")],
    };
    request.tools.push(strict);
    request.parallel_tool_calls = Some(false);
    request.metadata =
        Metadata { user: Some("u".into()), pairs: Some(raw(r#"{"run":"1"}"#)), service_tier: Some("flex".into()) };
    request.special.push((Concept::Store, extra("store", "true")));
    request.special.push((Concept::Modalities, extra("modalities", r#"["text"]"#)));
    request.extra.push(extra("baz", "3"));
    let (body, mut lost) = encode(&request);
    lost.sort();
    assert_eq!(
        lost,
        [
            "Metadata",
            "ParallelToolCalls",
            "ServiceTier",
            "User",
            "baz",
            "cache_control",
            "image_url.detail",
            "is_error",
            "messages[0].foo",
            "messages[].name",
            "store",
            "tools[0].function.bar",
            "tools[0].function.strict",
        ]
    );
    let sent = body.to_string();
    for word in ["cache_control", "strict", "foo", "bar", "baz", "store", "Ann", "flex", "modalities"] {
        assert!(!sent.contains(word), "{word}: {sent}");
    }
}

#[test]
fn what_changes_the_answer_is_refused() {
    let pdf = FileSource::Base64 { media_type: "application/pdf".into(), data: "JVBE".into() };
    for part in [
        image(ImageSource::Url("https://img.invalid/a.png".into())),
        image(ImageSource::FileId("file_1".into())),
        Part::File(File { source: pdf, name: None }),
        Part::Audio(Audio { data: "AAAA".into(), format: "wav".into() }),
        Part::Opaque(Opaque { kind: "hologram".into(), raw: raw("{}") }),
    ] {
        let refused = try_encode(&openai(vec![part])).unwrap_err();
        assert_eq!(refused.concept, Concept::Messages);
        assert!(refused.reason.ends_with("by the ollama backend"), "{}", refused.reason);
    }
    let refusal = |change: &dyn Fn(&mut Request<'static>)| {
        let mut request = openai(vec![Part::text("Q")]);
        change(&mut request);
        try_encode(&request).unwrap_err().concept
    };
    assert_eq!(refusal(&|request| request.n = Some(2)), Concept::N);
    assert_eq!(refusal(&|request| request.sampling.logit_bias = Some(raw(r#"{"1":2}"#))), Concept::LogitBias);
    assert_eq!(refusal(&|request| request.max_tokens = Some(MaxTokens::Limit(0))), Concept::MaxTokens);
    for (concept, value) in [
        (Concept::Modalities, r#"["text","audio"]"#),
        (Concept::AudioOutput, "{}"),
        (Concept::WebSearch, "{}"),
        (Concept::McpServers, "[]"),
        (Concept::Template, "\"x\""),
        (Concept::Suffix, "\"x\""),
    ] {
        assert_eq!(refusal(&|request| request.special.push((concept, extra("x", value)))), concept);
    }
}

#[test]
fn a_prompt_is_one_string() {
    let mut request = openai(vec![Part::text("def f(")]);
    request.operation = Operation::TextCompletion;
    request.messages.insert(0, Message::text(Role::System, "Be brief."));
    request.special.push((Concept::Suffix, extra("suffix", "\"return 1\"")));
    request.max_tokens = Some(MaxTokens::Limit(9));
    let expected = json!({"model": "backend-model", "prompt": "def f(", "system": "Be brief.", "suffix": "return 1",
        "stream": false, "options": {"num_predict": 9}});
    assert_eq!(body(&request), expected);
    request.messages.push(Message::text(Role::Assistant, "x"));
    assert_eq!(try_encode(&request).unwrap_err().concept, Concept::Messages);
}
