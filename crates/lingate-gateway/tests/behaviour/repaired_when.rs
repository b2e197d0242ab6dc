//! When calls are made of text and when not: what the client asked for, and where thoughts go; for every client
//! dialect, in its own form and translated.

use crate::intercept::{DIALECTS, Relayed, all, data, said};
use crate::repaired::{CALL, body, calls, paris};
use crate::setup::{Plan, ask, json};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Reply, Step, Upstream};
use serde_json::{Value, json};

/// A call with no marks, as it stands in a JSON string.
const BARE: &str = r#"{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}"#;

/// A client with its request's body, and whether the upstream speaks another dialect.
struct Client {
    relayed: Relayed,
    body: Value,
    translated: bool,
}

/// Every client with a tool, in its own dialect and in another.
fn clients() -> impl Iterator<Item = Client> {
    all().into_iter().chain(all()).enumerate().map(|(index, relayed)| {
        let body = serde_json::from_str(&body(relayed.name, true)).unwrap();
        Client { relayed, body, translated: index >= 4 }
    })
}

impl Client {
    fn with(mut self, members: &Value) -> Self {
        for (key, value) in members.as_object().unwrap() {
            self.body[key] = value.clone();
        }
        self
    }

    /// The stream that the client gets of an upstream's with these texts, which `edit` may change.
    async fn gets(&self, model: &str, texts: &[&str], edit: impl Fn(String) -> String) -> String {
        let up = Upstream::start().await;
        let tongue = if self.relayed.kind == "ollama" { Tongue::OpenAi } else { Tongue::Ollama };
        let (kind, stream, stream_type) = match self.translated {
            true => (tongue.kind(), tongue.stream(texts), tongue.stream_type()),
            false => (self.relayed.kind, (self.relayed.stream)(texts), self.relayed.stream_type),
        };
        let endpoint = if kind == "vllm" { DIALECTS } else { "" };
        // Chats in another dialect than the upstream's default are translated only if it has none of its own.
        let endpoint = if self.translated { "" } else { endpoint };
        let gateway = Plan { endpoint, model, ..Plan::default() }.start(kind, &up).await;
        up.once(Reply::stream(stream_type, vec![Step::bytes(edit(stream))]));
        let request = self.relayed.request.clone().body(self.body.to_string());
        let answer = ask(&gateway, request).await;
        assert_eq!(answer.status, 200, "{}: {}", self.name(), answer.text());
        answer.text()
    }

    async fn calls(&self, model: &str, texts: &[&str]) -> Vec<(String, Value)> {
        calls(&self.gets(model, texts, |stream| stream).await)
    }

    fn name(&self) -> String {
        format!("{}, translated: {}", self.relayed.name, self.translated)
    }
}

#[tokio::test]
async fn an_answer_in_json_is_no_call() {
    for client in clients() {
        let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": false});
        let format = match client.relayed.name {
            "openai_chat" => {
                json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}})
            }
            "openai_responses" => json!({"text": {"format": {"type": "json_schema", "name": "x", "schema": schema}}}),
            "anthropic_messages" => json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
            _ => json!({"format": schema}),
        };
        assert_eq!(client.calls("", &[BARE]).await, [paris()], "{}", client.name());
        let client = client.with(&format);
        let fence = format!("```json\\n{BARE}\\n```");
        for text in [BARE, &fence] {
            let stream = client.gets("", &[text], |stream| stream).await;
            assert_eq!(calls(&stream), [], "{}: {stream}", client.name());
            let expected: Value = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            assert_eq!(said(&stream).0, expected, "{}", client.name());
        }
        assert_eq!(client.calls("", &[CALL]).await, [paris()], "{}: a call with marks", client.name());
    }
}

#[tokio::test]
async fn what_max_tokens_cut_off_is_a_call_only_if_the_operator_says_so() {
    let cut = r"<tool_call>\n<function=get_weather>\n<parameter=city>\nParis";
    for client in clients().filter(|client| client.relayed.name != "openai_responses") {
        let cut_off = |stream: String| {
            let stream = stream.replace(r#""finish_reason":"stop""#, r#""finish_reason":"length""#);
            stream
                .replace(r#""stop_reason":"end_turn""#, r#""stop_reason":"max_tokens""#)
                .replace(r#""done_reason":"stop""#, r#""done_reason":"length""#)
        };
        for (model, expected) in [("", vec![]), ("repair_cut_calls: true,", vec![paris()])] {
            let stream = client.gets(model, &[cut], cut_off).await;
            assert_eq!(calls(&stream), expected, "{}: {stream}", client.name());
            assert!(!stream.contains("tool_calls\"}") && !stream.contains(r#""tool_use","stop"#), "{stream}");
        }
        // A model that stopped of itself has said all.
        assert_eq!(client.calls("repair_cut_calls: true,", &[cut]).await, [], "{}", client.name());
    }
}

#[tokio::test]
async fn a_choice_of_tools_is_kept_to() {
    for client in clients() {
        let (none, forced, one) = match client.relayed.name {
            "openai_chat" => (
                json!({"tool_choice": "none"}),
                json!({"tool_choice": {"type": "function", "function": {"name": "get_weather"}}}),
                json!({"parallel_tool_calls": false}),
            ),
            "openai_responses" => (
                json!({"tool_choice": "none"}),
                json!({"tool_choice": {"type": "function", "name": "get_weather"}}),
                json!({"parallel_tool_calls": false}),
            ),
            "anthropic_messages" => (
                json!({"tool_choice": {"type": "none"}}),
                json!({"tool_choice": {"type": "tool", "name": "get_weather"}}),
                json!({"tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
            ),
            _ => continue,
        };
        let two = format!("{CALL}\\n{CALL}");
        let client = client.with(&none);
        assert_eq!(client.calls("", &[CALL]).await, [], "{}", client.name());
        let client = client.with(&forced);
        // Ollama knows no such choice.
        if !client.translated || client.relayed.kind == "ollama" {
            assert_eq!(client.calls("", &[CALL]).await, [paris()], "{}", client.name());
        }
        // What the model wrote is not thrown away: a server that takes it for calls itself gives all of them, too.
        let mut client = client.with(&one);
        if client.relayed.name != "anthropic_messages" {
            client.body.as_object_mut().unwrap().remove("tool_choice");
        }
        assert_eq!(client.calls("", &[&two]).await, [paris(), paris()], "{}", client.name());
    }
}

#[tokio::test]
async fn several_answers_and_functions_of_old_are_left_alone() {
    let chat = || clients().next().unwrap();
    let several = chat().with(&json!({"n": 2}));
    assert_eq!(several.calls("", &[CALL]).await, []);
    let mut old = chat();
    let function = old.body["tools"][0]["function"].clone();
    old.body.as_object_mut().unwrap().remove("tools");
    let old = old.with(&json!({"functions": [function]}));
    let stream = old.gets("", &[CALL], |stream| stream).await;
    assert_eq!(stream, Tongue::OpenAi.stream(&[CALL]).replace(r#""model":"real""#, r#""model":"m""#));
}

#[tokio::test]
async fn thoughts_make_no_calls_wherever_they_go() {
    let thought = format!("<think>I could {CALL}\\n{CALL}\\n</think>\\n\\nLet me look.\\n");
    let unclosed = format!("<think>Hm\\n{CALL}");
    for client in clients() {
        for model in ["", "reasoning: keep,", "reasoning: inline,", "reasoning: hide,"] {
            let stream = client.gets(model, &[&thought, CALL], |stream| stream).await;
            let (text, told) = said(&stream);
            assert_eq!(calls(&stream), [paris()], "{} {model}: {stream}", client.name());
            assert!(text.trim_end().ends_with("Let me look."), "{} {model}: {text}", client.name());
            let (in_text, in_thought) = (text.matches("<tool_call>").count(), told.matches("<tool_call>").count());
            let expected = match model {
                "reasoning: inline," => (2, 0),
                "reasoning: hide," => (0, 0),
                _ => (0, 2),
            };
            assert_eq!((in_text, in_thought), expected, "{} {model}: {stream}", client.name());
            assert_eq!(text.matches("<think>").count(), usize::from(model.contains("inline")), "{text}");
            let stream = client.gets(model, &[&unclosed], |stream| stream).await;
            assert_eq!(calls(&stream), [], "{} {model}: {stream}", client.name());
        }
    }
}

#[tokio::test]
async fn thoughts_of_their_own_make_no_calls_either() {
    let chunk = |delta: Value, finish: Value| {
        let chunk = json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "real",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        format!("data: {chunk}\n\n")
    };
    let call: Value = serde_json::from_str(&format!("\"{CALL}\"")).unwrap();
    let thought = format!("I could\n{}\n", call.as_str().unwrap());
    let stream = [
        chunk(json!({"role": "assistant", "reasoning_content": thought}), Value::Null),
        chunk(json!({"content": "Let me look.\n"}), Value::Null),
        chunk(json!({"content": call}), Value::Null),
        chunk(json!({}), json!("stop")),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    for client in clients() {
        for model in ["", "reasoning: inline,", "reasoning: hide,"] {
            let up = Upstream::start().await;
            let gateway = Plan { model, ..Plan::default() }.start("vllm", &up).await;
            up.once(Reply::stream("text/event-stream", vec![Step::bytes(stream.clone())]));
            let request = client.relayed.request.clone().body(client.body.to_string());
            let got = ask(&gateway, request).await.text();
            assert_eq!(calls(&got), [paris()], "{} {model}: {got}", client.name());
            let (text, told) = said(&got);
            assert_eq!(text.contains("I could"), model.contains("inline"), "{} {model}: {got}", client.name());
            assert_eq!(told.contains("I could"), model.is_empty(), "{} {model}: {got}", client.name());
        }
    }
}

#[tokio::test]
async fn whole_answers_keep_thoughts_and_calls_apart() {
    let text = format!("<think>I could\\n{CALL}\\n</think>\\n\\nLet me look.\\n{CALL}");
    for tongue in Tongue::ALL {
        for model in ["", "reasoning: inline,", "reasoning: hide,"] {
            let up = Upstream::start().await;
            let gateway = Plan { model, ..Plan::default() }.start("vllm", &up).await;
            up.once(json(Tongue::OpenAi.whole(&text)));
            let name = match tongue {
                Tongue::OpenAi => "openai_chat",
                Tongue::Anthropic => "anthropic_messages",
                Tongue::Ollama => "ollama",
            };
            let answer = ask(&gateway, ClientRequest::post(tongue.path()).body(body(name, false))).await;
            assert_eq!(answer.header("x-lingate-repaired"), Some("1"), "{tongue:?} {model}: {}", answer.text());
            let marks = answer.text().matches("I could").count();
            assert_eq!(marks, usize::from(!model.contains("hide")), "{tongue:?} {model}: {}", answer.text());
        }
    }
}

/// Free text that a model wrote as a call of the function that stands for the tool.
#[tokio::test]
async fn a_tool_that_takes_free_text_gets_its_text() {
    const PATCH: &str = r#"<tool_call>\n{\"name\": \"apply_patch\", \"arguments\": {\"input\": \"*** Begin Patch\\n+a\\n*** End Patch\"}}\n</tool_call>"#;
    let up = Upstream::start().await;
    let gateway = Plan::default().start("vllm", &up).await;
    let expected = "*** Begin Patch\n+a\n*** End Patch";
    for stream in [true, false] {
        let give = || match stream {
            true => Tongue::OpenAi.streaming(vec![Step::bytes(Tongue::OpenAi.stream(&["Well.\\n", PATCH]))]),
            false => json(Tongue::OpenAi.whole(&format!("Well.\\n{PATCH}"))),
        };
        up.once(give());
        let tools = json!([{"type": "custom", "name": "apply_patch"}]);
        let asked = json!({"model": "m", "input": "x", "store": false, "stream": stream, "tools": tools}).to_string();
        let got = ask(&gateway, ClientRequest::post("/v1/responses").body(asked)).await.text();
        let last =
            if stream { data(&got).last().unwrap()["response"].clone() } else { serde_json::from_str(&got).unwrap() };
        let call = &last["output"][1];
        assert_eq!((&call["type"], &call["name"]), (&json!("custom_tool_call"), &json!("apply_patch")), "{got}");
        assert_eq!(call["input"], expected, "{got}");
        up.once(give());
        let tools = json!([{"type": "custom", "custom": {"name": "apply_patch"}}]);
        let messages = json!([{"role": "user", "content": "x"}]);
        let asked = json!({"model": "m", "messages": messages, "stream": stream, "tools": tools}).to_string();
        let got = ask(&gateway, ClientRequest::post("/v1/chat/completions").body(asked)).await.text();
        let calls: Vec<Value> = if stream {
            data(&got)
                .iter()
                .filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array().cloned())
                .flatten()
                .collect()
        } else {
            data(&got)[0]["choices"][0]["message"]["tool_calls"].as_array().cloned().unwrap_or_default()
        };
        assert_eq!(calls[0]["type"], "custom", "{got}");
        let input: String = calls.iter().filter_map(|call| call["custom"]["input"].as_str()).collect();
        assert_eq!(input, expected, "{got}");
    }
}

/// A client that did not ask for thoughts gets them in a legal stream: blocks one after the other, none signed.
#[tokio::test]
async fn thoughts_that_nobody_asked_for_are_legal_blocks() {
    let texts = ["<think>Hm.</think>", "<think></think>\\n\\nLet me look.\\n", CALL];
    for client in clients().filter(|client| client.relayed.name == "anthropic_messages") {
        let client = client.with(&json!({"thinking": {"type": "disabled"}}));
        for (model, expected) in [
            ("", &["thinking", "text", "tool_use"][..]),
            ("reasoning: hide,", &["text", "tool_use"]),
            ("reasoning: inline,", &["text", "tool_use"]),
        ] {
            let stream = client.gets(model, &texts, |stream| stream).await;
            let (mut kinds, mut open) = (Vec::new(), None);
            for event in data(&stream) {
                match event["type"].as_str().unwrap() {
                    "content_block_start" => {
                        assert_eq!((open, event["index"].as_u64()), (None, Some(kinds.len() as u64)), "{stream}");
                        open = event["index"].as_u64();
                        kinds.push(event["content_block"]["type"].as_str().unwrap().to_owned());
                    }
                    "content_block_delta" => {
                        assert_eq!(event["index"].as_u64(), open, "{stream}");
                        assert_ne!(event["delta"]["type"], "signature_delta", "{stream}");
                    }
                    "content_block_stop" => assert_eq!(open.take(), event["index"].as_u64(), "{stream}"),
                    _ => assert_eq!(open, None, "{stream}"),
                }
            }
            // Text that an upstream announced and never sent stays an empty block.
            kinds.dedup();
            let kinds: Vec<&str> = kinds
                .iter()
                .map(String::as_str)
                .skip_while(|kind| *kind == "text" && expected[0] == "thinking")
                .collect();
            assert_eq!(kinds, expected, "{} {model}: {stream}", client.name());
        }
    }
}
