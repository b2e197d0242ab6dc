//! Clients that speak Responses, and upstreams that do.

use crate::setup::{Plan, ask, json, plain, post};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Reply, Step, Upstream};
use serde_json::{Value, json};

const RESPONSES: &str = "/v1/responses";

/// A whole answer of an upstream that speaks Responses.
fn answer(text: &str) -> Value {
    let part = json!({"type": "output_text", "text": text, "annotations": []});
    let item = json!({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]});
    json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "real",
           "output": [item], "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}})
}

fn event(data: &Value) -> Step {
    Step::bytes(format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap()))
}

/// A chat's stream of these deltas.
fn chat_stream(deltas: &[Value], finish: &str) -> Reply {
    let chunk = |delta: &Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "real", "choices": [choice]})
    };
    let mut all: Vec<_> = deltas.iter().map(|delta| chunk(delta, Value::Null).to_string()).collect();
    all.push(chunk(&json!({}), json!(finish)).to_string());
    all.push("[DONE]".to_owned());
    Reply::sse(all.iter().map(String::as_str))
}

/// The data of all events.
fn events(stream: &str) -> Vec<Value> {
    stream.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

/// A model that leaves out tools that its backend cannot run.
async fn dropping(kind: &str, up: &Upstream) -> TestGateway {
    Plan { model: "hosted_tools: drop,", ..Plan::default() }.start(kind, up).await
}

#[tokio::test]
async fn an_endpoint_that_speaks_it_gets_the_request_as_it_is() {
    for (kind, path) in [("vllm", RESPONSES), ("ollama", RESPONSES), ("openwebui", "/openai/responses")] {
        let up = Upstream::start().await;
        let plan = Plan {
            endpoint: "dialects: [openai_responses],",
            model: "system_prompt: Be brief., defaults: { max_tokens: 50, reasoning_effort: low },",
            ..Plan::default()
        };
        let gateway = plan.start(kind, &up).await;
        up.on(|_| json(answer("hello").to_string())).await;
        let body = r#"{"model":"m", "input":[{"odd":1.10}],"previous_response_id":"resp_0","instructions":"Sing."}"#;
        let got = post(&gateway, RESPONSES, body).await.json();
        let seen = up.next_request().await;
        assert_eq!(seen.path, path, "{kind}");
        let expected = r#"{"model":"real", "input":[{"odd":1.10}],"previous_response_id":"resp_0","instructions":"Be brief.\n\nSing.","max_output_tokens":50,"reasoning":{"effort":"low"}}"#;
        assert_eq!(seen.text(), expected);
        assert_eq!((&got["model"], &got["output"][0]["content"][0]["text"]), (&json!("m"), &json!("hello")));
        // A stream, too.
        let mut begun = answer("");
        begun["status"] = json!("in_progress");
        let created = json!({"type": "response.created", "sequence_number": 0, "response": begun});
        let done = json!({"type": "response.completed", "sequence_number": 1, "response": answer("hello")});
        let (created, done) = (event(&created), event(&done));
        up.once(Reply::stream("text/event-stream", vec![created, done]));
        let stream = post(&gateway, RESPONSES, r#"{"model":"m","input":"hi","stream":true}"#).await.text();
        let models: Vec<_> = events(&stream).iter().map(|event| event["response"]["model"].clone()).collect();
        assert_eq!(models, [json!("m"), json!("m")], "{stream}");
    }
}

#[tokio::test]
async fn every_kind_serves_a_client_that_speaks_it() {
    for backend in Tongue::ALL {
        let up = Upstream::start().await;
        let gateway = plain(backend.kind(), &up).await;
        up.on(move |_| json(backend.whole("hello"))).await;
        let got = post(&gateway, RESPONSES, r#"{"model":"m","input":"hi","instructions":"Sing."}"#).await.json();
        assert_eq!((&got["object"], &got["status"]), (&json!("response"), &json!("completed")));
        assert_eq!((&got["model"], &got["instructions"]), (&json!("m"), &json!("Sing.")));
        assert_eq!(got["output"][0]["content"][0]["text"], "hello", "{got}");
        up.on(move |_| backend.streaming(vec![Step::bytes(backend.stream(&["hel", "lo"]))])).await;
        let stream = post(&gateway, RESPONSES, r#"{"model":"m","input":"hi","stream":true}"#).await.text();
        let events = events(&stream);
        assert_eq!(events[0]["type"], "response.created", "{stream}");
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.completed", "{stream}");
        assert_eq!(last["response"]["output"][0]["content"][0]["text"], "hello");
    }
}

/// Codex declares an editor for free text and tools in groups, and knows their calls in that form only.
#[tokio::test]
async fn calls_come_back_in_the_form_in_which_their_tools_were_declared() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    let call = |index: u8, id: &str, name: &str, arguments: &str| {
        json!({"tool_calls": [{"index": index, "id": id, "type": "function",
                               "function": {"name": name, "arguments": arguments}}]})
    };
    let deltas = [
        call(0, "call_a", "apply_patch", r#"{"input":"*** Begin \"Patch\"\n"}"#),
        call(1, "call_b", "multi_agent_v1__spawn_agent", r#"{"task":"t"}"#),
    ];
    up.once(chat_stream(&deltas, "tool_calls"));
    let body = json!({
        "model": "m", "stream": true, "input": "Edit.",
        "tools": [
            {"type": "custom", "name": "apply_patch", "description": "Edits."},
            {"type": "namespace", "name": "multi_agent_v1", "description": "Agents.",
             "tools": [{"type": "function", "name": "spawn_agent", "parameters": {"type": "object", "properties": {}}}]},
        ],
    });
    let stream = post(&gateway, RESPONSES, body.to_string()).await.text();
    let seen = up.next_request().await.json();
    let names: Vec<_> =
        seen["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].as_str()).collect();
    assert_eq!(names, [Some("apply_patch"), Some("multi_agent_v1__spawn_agent")]);
    let events = events(&stream);
    let output = &events.last().unwrap()["response"]["output"];
    assert_eq!(
        (&output[0]["type"], &output[0]["name"], &output[0]["call_id"], &output[0]["input"]),
        (&json!("custom_tool_call"), &json!("apply_patch"), &json!("call_a"), &json!("*** Begin \"Patch\"\n")),
        "{stream}"
    );
    assert_eq!(
        (&output[1]["type"], &output[1]["name"], &output[1]["namespace"], &output[1]["arguments"]),
        (&json!("function_call"), &json!("spawn_agent"), &json!("multi_agent_v1"), &json!("{\"task\":\"t\"}")),
    );
    // They are sent back in that form, and understood.
    up.once(chat_stream(&[json!({"content": "ok"})], "stop"));
    let mut next = body;
    let outputs = [
        json!({"type": "custom_tool_call_output", "call_id": "call_a", "output": "Done."}),
        json!({"type": "function_call_output", "call_id": "call_b", "output": "agent 1"}),
    ];
    next["input"] = output.as_array().unwrap().iter().chain(&outputs).cloned().collect();
    post(&gateway, RESPONSES, next.to_string()).await;
    let seen = up.next_request().await.json();
    let calls: Vec<_> = seen["messages"][0]["tool_calls"].as_array().unwrap().iter().collect();
    assert_eq!(calls[0]["function"]["arguments"], json!(r#"{"input":"*** Begin \"Patch\"\n"}"#));
    assert_eq!(calls[1]["function"]["name"], "multi_agent_v1__spawn_agent");
    assert_eq!(
        (&seen["messages"][1]["content"], &seen["messages"][2]["content"]),
        (&json!("Done."), &json!("agent 1"))
    );
}

#[tokio::test]
async fn tools_of_a_provider_are_refused_or_left_out() {
    let tools = json!([{"type": "function", "name": "f", "parameters": null}, {"type": "web_search"}]);
    let history = json!([
        {"role": "user", "content": "Search."},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"role": "user", "content": "More."},
    ]);
    let body = json!({"model": "m", "input": history, "tools": tools}).to_string();
    for backend in Tongue::ALL {
        let up = Upstream::start().await;
        let refused = post(&plain(backend.kind(), &up).await, RESPONSES, body.clone()).await;
        assert_eq!((refused.status.as_u16(), up.request_count()), (400, 0));
        up.on(move |_| json(backend.whole("hello"))).await;
        let taken = post(&dropping(backend.kind(), &up).await, RESPONSES, body.clone()).await;
        assert_eq!((taken.status.as_u16(), taken.header("x-lingate-dropped")), (200, Some("tools[1]")));
        let seen = up.next_request().await.json();
        assert_eq!(seen["tools"].as_array().unwrap().len(), 1, "{seen}");
    }
    let up = Upstream::start().await;
    let body = json!({"model": "m", "input": "Search.", "tools": tools}).to_string();
    let refused = post(&plain("vllm", &up).await, RESPONSES, body).await.json();
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("web_search") && message.contains("`hosted_tools: drop`"), "{message}");
    assert_eq!(refused["error"]["param"], "tools[1]");
}

#[tokio::test]
async fn another_dialect_goes_by_it_when_the_endpoints_own_cannot_say_it() {
    let up = Upstream::start().await;
    let plan = Plan { endpoint: "dialects: [openai_responses],", ..Plan::default() };
    let gateway = plan.start("openai", &up).await;
    up.on(|_| json(answer("A paper.").to_string())).await;
    let document = json!({"type": "document", "source": {"type": "url", "url": "https://doc.invalid/a.pdf"}});
    let body = json!({"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": [document]}]});
    let got = post(&gateway, "/v1/messages", body.to_string()).await.json();
    assert_eq!((&got["type"], &got["content"][0]["text"]), (&json!("message"), &json!("A paper.")));
    let seen = up.next_request().await;
    assert_eq!(seen.path, RESPONSES);
    let part = json!({"type": "input_file", "file_url": "https://doc.invalid/a.pdf"});
    assert_eq!(seen.json()["input"][0]["content"], json!([part]));
    // What neither can say is refused in the words of the endpoint's own dialect.
    let body = json!({"model": "m", "max_tokens": 99, "stop_sequences": ["a", "b", "c", "d", "e"],
                      "messages": [{"role": "user", "content": "Q"}]});
    let refused = post(&gateway, "/v1/messages", body.to_string()).await;
    assert!(refused.status == 400 && refused.text().contains("at most 4 stop texts"), "{}", refused.text());
    // What its own dialect can say goes that way.
    up.on(|_| json(Tongue::OpenAi.whole("hello"))).await;
    assert_eq!(ask(&gateway, Tongue::Anthropic.request(false)).await.status, 200);
    assert_eq!(up.next_request().await.path, "/v1/chat/completions");
}

#[tokio::test]
async fn what_only_a_server_with_memory_can_answer_is_refused() {
    let up = Upstream::start().await;
    let (without, with) =
        (plain("vllm", &up).await, Plan { endpoint: "dialects: [openai_responses],", ..Plan::default() });
    let with = with.start("vllm", &up).await;
    for (member, value) in [("conversation", json!("conv_1")), ("prompt", json!({"id": "pmpt_1"}))] {
        let mut body = json!({"model": "m", "input": "hi"});
        body[member] = value;
        let refused = post(&without, RESPONSES, body.to_string()).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]["param"]), (400, &json!(member)));
    }
    let body = r#"{"model":"m","input":[{"role":"user","content":"hi"},{"type":"item_reference","id":"msg_1"}]}"#;
    let refused = post(&without, RESPONSES, body).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["param"]), (400, &json!("input[1]")));
    for gateway in [&without, &with] {
        let refused = post(gateway, RESPONSES, r#"{"model":"m","input":"hi","background":true}"#).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]["param"]), (400, &json!("background")));
        let refused = post(gateway, RESPONSES, r#"{"model":"m"}"#).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]["param"]), (400, &json!("input")));
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn a_stream_that_breaks_does_not_end_as_if_it_were_whole() {
    for backend in Tongue::ALL {
        let up = Upstream::start().await;
        let gateway = plain(backend.kind(), &up).await;
        let begun = backend.opening() + &backend.delta("hel");
        up.once(backend.streaming(vec![Step::bytes(begun), Step::Cut]));
        let stream = post(&gateway, RESPONSES, r#"{"model":"m","input":"hi","stream":true}"#).await.text();
        let events = events(&stream);
        let last = events.last().unwrap()["type"].as_str().unwrap();
        assert!(last == "response.failed" || last == "error", "{stream}");
        assert!(!stream.contains("response.completed"));
    }
}
