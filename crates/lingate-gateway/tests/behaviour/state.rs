//! State of the Responses API before an upstream that has none: who can go on from what, and for how long.

use crate::setup::{CLIENT_KEY, Plan, ask, json, start_in};
use crate::support::TestGateway;
use lingate_testkit::{Answer, ClientRequest, Reply, Upstream};
use serde_json::{Value, json};

const KEYS: &str = "clients:\n  auth: keys\n  keys:\n    - { name: one, key: ck-canary-client-52ab }\n    - { name: two, key: ck-second-client-31cd }\n";
const OTHER_KEY: &str = "ck-second-client-31cd";

/// The upstream's answers to chats: whole or streamed, as asked.
async fn says(up: &Upstream, text: &'static str) {
    up.on(move |request| {
        if request.json()["stream"] != json!(true) {
            return json(chat(text));
        }
        let chunk = |delta: Value, finish: Value| {
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "real",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
            .to_string()
        };
        let frames = [
            chunk(json!({"role": "assistant", "content": text}), Value::Null),
            chunk(json!({}), json!("stop")),
            "[DONE]".into(),
        ];
        Reply::sse(frames.iter().map(String::as_str))
    })
    .await;
}

fn chat(text: &str) -> String {
    let message = json!({"role": "assistant", "content": text});
    json!({"id": "c", "object": "chat.completion", "created": 1, "model": "real",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    .to_string()
}

async fn create(gateway: &TestGateway, key: &str, body: Value) -> Answer {
    let mut body = body;
    body["model"] = json!("m");
    ask(gateway, ClientRequest::post("/v1/responses").header("authorization", &format!("Bearer {key}")).json(&body))
        .await
}

/// Creates an answer that must come, and gives its id.
async fn created(gateway: &TestGateway, key: &str, body: Value) -> String {
    let answer = create(gateway, key, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn call(gateway: &TestGateway, key: &str, method: &str, path: &str) -> Answer {
    ask(gateway, ClientRequest::new(method, path).header("authorization", &format!("Bearer {key}"))).await
}

fn messages(request: &lingate_testkit::Request) -> Vec<(String, String)> {
    let body = request.json();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    body["messages"].as_array().unwrap().iter().map(|m| (text(&m["role"]), text(&m["content"]))).collect()
}

/// The answer of a stream's last event, and all its events.
fn events(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn a_conversation_goes_on_over_many_turns_whole_and_streamed() {
    for stream in [false, true] {
        let up = Upstream::start().await;
        let gateway = Plan::default().start("vllm", &up).await;
        says(&up, "yes").await;
        let mut previous = Value::Null;
        let mut expected = Vec::new();
        for turn in 0..5 {
            let question = format!("question {turn}");
            let body = json!({"input": question, "previous_response_id": previous, "stream": stream,
                "instructions": (turn == 0).then_some("Only now.")});
            let answer = create(&gateway, "k", body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let seen = up.next_request().await;
            assert!(!seen.text().contains("previous_response_id"), "{}", seen.text());
            expected.push(("user".to_owned(), question));
            let mut wanted = expected.clone();
            if turn == 0 {
                wanted.insert(0, ("system".to_owned(), "Only now.".to_owned()));
            }
            assert_eq!(messages(&seen), wanted, "turn {turn}, stream {stream}");
            expected.push(("assistant".to_owned(), "yes".to_owned()));
            let responses: Vec<Value> = if stream {
                events(&answer)
                    .into_iter()
                    .filter(|e| e["response"].is_object())
                    .map(|e| e["response"].clone())
                    .collect()
            } else {
                vec![answer.json()]
            };
            assert!(responses.len() == 1 || responses.len() == 3, "created, in_progress, completed");
            for response in &responses {
                assert_eq!(response["previous_response_id"], previous, "turn {turn}: {response}");
                assert_ne!(response["store"], json!(false));
            }
            let last = responses.last().unwrap();
            assert_eq!(last["status"], "completed");
            previous = last["id"].clone();
        }
    }
}

#[tokio::test]
async fn items_of_any_kind_are_said_again() {
    let up = Upstream::start().await;
    let gateway = Plan::default().start("vllm", &up).await;
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "real",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]});
    up.once(json(answer.to_string()));
    let tools = json!([{"type": "function", "name": "f", "parameters": {"type": "object"}}]);
    let first = created(&gateway, "k", json!({"input": "go", "tools": tools})).await;
    up.next_request().await;
    says(&up, "done").await;
    let result = json!([{"type": "function_call_output", "call_id": "call_1", "output": "7"}]);
    created(&gateway, "k", json!({"input": result, "previous_response_id": first, "tools": tools})).await;
    let seen = up.next_request().await.json();
    let messages = seen["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3, "{seen}");
    assert_eq!(messages[1]["tool_calls"][0]["id"], "call_1");
    assert_eq!(messages[2], json!({"role": "tool", "tool_call_id": "call_1", "content": "7"}));
}

/// An id that is another's, was deleted, or never was: the same answer, and nothing goes upstream.
/// Open WebUI goes on from an answer and says all calls and results of the turn again.
#[tokio::test]
async fn a_call_that_is_said_again_is_the_same_call() {
    let up = Upstream::start().await;
    let gateway = Plan::default().start("vllm", &up).await;
    let tools = json!([{"type": "function", "name": "look", "parameters": {"type": "object"}}]);
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "look", "arguments": "{}"});
    let result = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": format!("seen {id}")});
    let turns = [
        (json!([{"role": "user", "content": "hi"}]), "call_1"),
        (json!([call("call_1"), result("call_1")]), "call_2"),
        (json!([call("call_1"), result("call_1"), call("call_2"), result("call_2")]), "call_3"),
    ];
    let mut previous = Value::Null;
    for (turn, (input, next)) in turns.into_iter().enumerate() {
        let asked = json!([{"id": next, "type": "function", "function": {"name": "look", "arguments": "{}"}}]);
        let mut answer: Value = serde_json::from_str(&chat("")).unwrap();
        answer["choices"][0] = json!({"index": 0, "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": null, "tool_calls": asked}});
        up.once(json(answer.to_string()));
        let body = json!({"input": input, "tools": tools, "previous_response_id": previous});
        previous = json!(created(&gateway, "k", body).await);
        let seen = up.next_request().await.json();
        let ids = |name: &str| -> Vec<Value> {
            let messages = seen["messages"].as_array().unwrap().iter();
            messages.map(|m| m.pointer(name).cloned().unwrap_or_default()).filter(|id| !id.is_null()).collect()
        };
        let expected: Vec<Value> = (1..=turn).map(|number| json!(format!("call_{number}"))).collect();
        assert_eq!(ids("/tool_calls/0/id"), expected, "turn {turn}: {seen}");
        assert_eq!(ids("/tool_call_id"), expected, "turn {turn}: {seen}");
    }
}

#[tokio::test]
async fn an_answer_is_its_makers_alone() {
    let up = Upstream::start().await;
    let gateway = Plan { top: KEYS, ..Plan::default() }.start("vllm", &up).await;
    says(&up, "yes").await;
    let id = created(&gateway, CLIENT_KEY, json!({"input": "mine"})).await;
    let path = format!("/v1/responses/{id}");
    let refused = async |key: &str, id: &str| {
        let answer = create(&gateway, key, json!({"input": "who?", "previous_response_id": id})).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(error["code"], "previous_response_not_found");
        assert_eq!(error["param"], "previous_response_id");
        assert_eq!(error["type"], "invalid_request_error");
        error["message"].as_str().unwrap().replace(id, "ID")
    };
    let count = up.request_count();
    let foreign = refused(OTHER_KEY, &id).await;
    assert_eq!(foreign, refused(CLIENT_KEY, "resp_never").await);
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/cancel")),
        ("GET", format!("{path}/input_items")),
    ] {
        let answer = call(&gateway, OTHER_KEY, method, &path).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error", "{}", answer.text());
    }
    assert_eq!(call(&gateway, CLIENT_KEY, "GET", &path).await.status, 200);
    let deleted = call(&gateway, CLIENT_KEY, "DELETE", &path).await;
    assert_eq!(deleted.json(), json!({"id": id, "object": "response", "deleted": true}));
    assert_eq!(call(&gateway, CLIENT_KEY, "DELETE", &path).await.status, 404);
    assert_eq!(call(&gateway, CLIENT_KEY, "GET", &path).await.status, 404);
    assert_eq!(foreign, refused(CLIENT_KEY, &id).await);
    assert_eq!(up.request_count(), count);
    assert_eq!(ask(&gateway, ClientRequest::get(&path)).await.status, 401);
}

#[tokio::test]
async fn a_stored_answer_can_be_asked_for() {
    let up = Upstream::start().await;
    let gateway = Plan::default().start("vllm", &up).await;
    says(&up, "yes").await;
    let input = json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]);
    let answer = create(&gateway, "k", json!({"input": input})).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    for prefix in ["", "/v1", "/api/openai", "/api/openai/v1"] {
        let path = format!("{prefix}/responses/{id}");
        let got = call(&gateway, "k", "GET", &path).await;
        assert_eq!((got.status.as_u16(), got.json()), (200, answer.json()), "{path}");
        let cancelled = call(&gateway, "k", "POST", &format!("{path}/cancel")).await;
        assert_eq!(cancelled.status, 400);
        assert_eq!(cancelled.json()["error"]["message"], "Cannot cancel a synchronous response.");
        let items = call(&gateway, "k", "GET", &format!("{path}/input_items?order=asc&limit=1")).await.json();
        assert_eq!((&items["object"], &items["has_more"]), (&json!("list"), &json!(true)));
        assert_eq!(items["data"][0]["content"][0], json!({"type": "input_text", "text": "a"}));
        let after = items["last_id"].as_str().unwrap();
        let items = call(&gateway, "k", "GET", &format!("{path}/input_items?order=asc&after={after}")).await.json();
        assert_eq!(items["data"][0]["content"][0]["text"], "b");
        assert_eq!((items["data"].as_array().unwrap().len(), &items["has_more"]), (1, &json!(false)));
    }
    for query in ["?stream=true", "/input_items?limit=0"] {
        let answer = call(&gateway, "k", "GET", &format!("/v1/responses/{id}{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
    // The items of a later answer are all that its model saw.
    let later = created(&gateway, "k", json!({"input": "c", "previous_response_id": id})).await;
    let items = call(&gateway, "k", "GET", &format!("/v1/responses/{later}/input_items?order=asc")).await.json();
    let texts: Vec<_> = items["data"].as_array().unwrap().iter().map(|i| i["content"][0]["text"].clone()).collect();
    assert_eq!(texts, ["a", "b", "yes", "c"]);
}

#[tokio::test]
async fn answers_survive_a_restart() {
    let up = Upstream::start().await;
    says(&up, "yes").await;
    let folder = tempfile::tempdir().unwrap();
    let yaml = Plan { top: KEYS, ..Plan::default() }.yaml("vllm", &up.url(""));
    let gateway = start_in(&yaml, folder.path()).await;
    let id = created(&gateway, CLIENT_KEY, json!({"input": "My name is Ada."})).await;
    drop(gateway);
    let gateway = start_in(&yaml, folder.path()).await;
    created(&gateway, CLIENT_KEY, json!({"input": "Who am I?", "previous_response_id": id})).await;
    up.next_request().await;
    assert_eq!(messages(&up.next_request().await)[0], ("user".to_owned(), "My name is Ada.".to_owned()));
}

#[tokio::test]
async fn what_is_not_stored_is_not_found_and_says_so() {
    // An answer that is kept for no time has expired when it is asked for.
    for (top, request, says_stored) in [
        ("responses_store: 1us", json!({}), true),
        ("responses_store: off", json!({}), false),
        ("responses_store: off", json!({"store": true}), false),
        ("responses_store: 24h", json!({"store": false}), false),
    ] {
        for stream in [false, true] {
            let up = Upstream::start().await;
            let gateway = Plan { top, ..Plan::default() }.start("vllm", &up).await;
            says(&up, "yes").await;
            let mut request = request.clone();
            request["input"] = json!("x");
            request["stream"] = json!(stream);
            let answer = create(&gateway, "k", request).await;
            let response = if stream { events(&answer).last().unwrap()["response"].clone() } else { answer.json() };
            assert_eq!(response["store"], json!(says_stored), "{top}: {response}");
            let id = response["id"].as_str().unwrap();
            let later = create(&gateway, "k", json!({"input": "y", "previous_response_id": id})).await;
            assert_eq!(later.status, 400, "{top}");
            assert_eq!(later.json()["error"]["code"], "previous_response_not_found");
            assert_eq!(call(&gateway, "k", "GET", &format!("/v1/responses/{id}")).await.status, 404, "{top}");
        }
    }
}

#[tokio::test]
async fn state_that_lingate_does_not_have_is_refused_by_name() {
    let up = Upstream::start().await;
    let gateway = Plan::default().start("vllm", &up).await;
    for (body, param) in [
        (json!({"background": true}), "background"),
        (json!({"conversation": "conv_1"}), "conversation"),
        (json!({"conversation": {"id": "conv_1"}}), "conversation"),
        (json!({"conversation": "conv_1", "previous_response_id": "resp_1"}), "previous_response_id"),
        (json!({"previous_response_id": 7}), "previous_response_id"),
        (json!({"store": "yes"}), "store"),
        (json!({"input": [{"type": "item_reference", "id": "msg_never"}]}), "input[0]"),
    ] {
        let mut body = body;
        if body.get("input").is_none() {
            body["input"] = json!("x");
        }
        let answer = create(&gateway, "k", body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert_eq!(answer.json()["error"]["param"], param, "{body}");
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn items_can_be_referred_to() {
    let up = Upstream::start().await;
    let gateway = Plan { top: KEYS, ..Plan::default() }.start("vllm", &up).await;
    says(&up, "yes").await;
    let reference = |answer: &Answer| json!({"type": "item_reference", "id": answer.json()["output"][0]["id"]});
    let user = |text: &str| json!({"role": "user", "content": text});
    let first = create(&gateway, CLIENT_KEY, json!({"input": [user("a")]})).await;
    let input = json!([user("a"), reference(&first), user("b")]);
    let second = create(&gateway, CLIENT_KEY, json!({"input": input})).await;
    assert_eq!(second.status, 200, "{}", second.text());
    let input = json!([user("a"), reference(&first), user("b"), reference(&second), user("c")]);
    let third = create(&gateway, CLIENT_KEY, json!({"input": input})).await;
    assert_eq!(third.status, 200, "{}", third.text());
    up.next_request().await;
    up.next_request().await;
    let texts: Vec<_> = messages(&up.next_request().await).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["a", "yes", "b", "yes", "c"]);
    // What stands in the conversation already is not said twice.
    let input = json!([reference(&third), user("d")]);
    let body = json!({"input": input, "previous_response_id": third.json()["id"]});
    created(&gateway, CLIENT_KEY, body).await;
    assert_eq!(messages(&up.next_request().await).len(), 7);
    // Another client's items are nobody's.
    let foreign = create(&gateway, OTHER_KEY, json!({"input": [reference(&first)]})).await;
    assert_eq!((foreign.status.as_u16(), &foreign.json()["error"]["param"]), (400, &json!("input[0]")));
}

/// Whoever saw the ending of a stream can go on from it at once.
#[tokio::test]
async fn the_ending_of_a_stream_comes_when_the_answer_is_stored() {
    let up = Upstream::start().await;
    let gateway = Plan::default().start("vllm", &up).await;
    says(&up, "yes").await;
    for _ in 0..20 {
        let body = json!({"model": "m", "input": "x", "stream": true});
        let mut open = ClientRequest::post("/v1/responses").json(&body).open(gateway.address).await.unwrap();
        let seen = open.read_until("\"response.completed\"").await;
        let text = String::from_utf8(seen.to_vec()).unwrap();
        let id = text.split("\"id\":\"resp_").nth(1).unwrap().split('"').next().unwrap();
        let answer = call(&gateway, "k", "GET", &format!("/v1/responses/resp_{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}
