//! State of the Responses API before an upstream that takes Responses as they are, and has a state of its own.

use crate::setup::{CLIENT_KEY, Plan, ask, json};
use crate::support::TestGateway;
use lingate_testkit::{Answer, ClientRequest, Reply, Upstream};
use serde_json::{Value, json};

const NATIVE: Plan<'static> = Plan { endpoint: "dialects: [openai_responses], ", model: "", top: "" };

fn response(id: &str, output: &Value) -> Value {
    json!({"id": id, "object": "response", "created_at": 1, "status": "completed", "model": "real", "output": output,
        "previous_response_id": null, "store": true, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "usage": {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2}})
}

fn message(id: &str, text: &str) -> Value {
    json!({"type": "message", "id": id, "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

/// The stream of an answer that is one message, as an upstream writes it.
fn stream(id: &str, text: &str) -> String {
    let mut going = response(id, &json!([]));
    going["status"] = json!("in_progress");
    going["usage"] = Value::Null;
    let mut empty = message("msg_up", "");
    (empty["status"], empty["content"]) = (json!("in_progress"), json!([]));
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    let at = json!({"item_id": "msg_up", "output_index": 0, "content_index": 0});
    let with = |mut extra: Value| {
        extra.as_object_mut().unwrap().extend(at.as_object().unwrap().clone());
        extra
    };
    let events = [
        ("response.created", json!({"response": going})),
        ("response.in_progress", json!({"response": going})),
        ("response.output_item.added", json!({"output_index": 0, "item": empty})),
        ("response.content_part.added", with(json!({"part": part("")}))),
        ("response.output_text.delta", with(json!({"delta": text, "logprobs": []}))),
        ("response.output_text.done", with(json!({"text": text, "logprobs": []}))),
        ("response.content_part.done", with(json!({"part": part(text)}))),
        ("response.output_item.done", json!({"output_index": 0, "item": message("msg_up", text)})),
        ("response.completed", json!({"response": response(id, &json!([message("msg_up", text)]))})),
    ];
    let mut out = String::new();
    for (number, (name, mut event)) in events.into_iter().enumerate() {
        event["type"] = json!(name);
        event["sequence_number"] = json!(number);
        out.push_str(&format!("event: {name}\ndata: {event}\n\n"));
    }
    out
}

async fn create(gateway: &TestGateway, body: Value) -> Answer {
    let mut body = body;
    body["model"] = json!("m");
    ask(gateway, ClientRequest::post("/v1/responses").json(&body)).await
}

fn events(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn a_known_answer_is_put_into_the_request_and_the_answer_says_so() {
    for streamed in [false, true] {
        let up = Upstream::start().await;
        let gateway = NATIVE.start("vllm", &up).await;
        up.on(move |request| {
            let id = format!("resp_up{}", request.number);
            if streamed {
                let frames = stream(&id, "yes");
                Reply::stream("text/event-stream", vec![lingate_testkit::Step::bytes(frames)])
            } else {
                json(response(&id, &json!([message("msg_up", "yes")])).to_string())
            }
        })
        .await;
        let first = create(&gateway, json!({"input": "a", "stream": streamed})).await;
        assert_eq!(up.next_request().await.json()["input"], "a");
        let id = if streamed { events(&first)[0]["response"]["id"].clone() } else { first.json()["id"].clone() };
        let body = json!({"input": "b", "stream": streamed, "previous_response_id": id, "metadata": {"n": "1"}});
        let second = create(&gateway, body).await;
        assert_eq!(second.status, 200, "{}", second.text());
        let seen = up.next_request().await;
        assert_eq!(seen.path, "/v1/responses");
        let seen = seen.json();
        assert_eq!(seen.get("previous_response_id"), None);
        assert_eq!(seen["metadata"], json!({"n": "1"}));
        assert_eq!(
            seen["input"],
            json!([
                {"type": "message", "role": "user", "content": "a"},
                message("msg_up", "yes"),
                {"type": "message", "role": "user", "content": "b"}
            ])
        );
        let responses: Vec<Value> = if streamed {
            let events = events(&second);
            assert_eq!(events.len(), 9);
            events.into_iter().filter(|event| event["response"].is_object()).map(|e| e["response"].clone()).collect()
        } else {
            vec![second.json()]
        };
        assert_eq!(responses.len(), if streamed { 3 } else { 1 });
        for response in &responses {
            assert_eq!((&response["previous_response_id"], &response["model"]), (&id, &json!("m")));
        }
        let last = responses.last().unwrap();
        let path = format!("/v1/responses/{}", last["id"].as_str().unwrap());
        assert_eq!(ask(&gateway, ClientRequest::get(&path)).await.json(), *last);
    }
}

#[tokio::test]
async fn reasoning_that_only_its_maker_could_read_is_not_said_again() {
    let up = Upstream::start().await;
    let gateway = NATIVE.start("vllm", &up).await;
    let empty = json!({"type": "reasoning", "id": "rs_1", "summary": []});
    let sealed = json!({"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "x"});
    up.once(json(response("resp_1", &json!([empty, message("msg_1", "yes")])).to_string()));
    up.once(json(response("resp_2", &json!([sealed, message("msg_2", "yes")])).to_string()));
    up.on(|_| json(response("resp_9", &json!([])).to_string())).await;
    for id in ["resp_1", "resp_2"] {
        assert_eq!(create(&gateway, json!({"input": "a"})).await.json()["id"], id);
        up.next_request().await;
    }
    for (id, count) in [("resp_1", 3), ("resp_2", 4)] {
        let body = json!({"input": "b", "previous_response_id": id, "store": false});
        assert_eq!(create(&gateway, body).await.status, 200);
        let input = up.next_request().await.json()["input"].clone();
        assert_eq!(input.as_array().unwrap().len(), count, "{input}");
        assert_eq!(input.to_string().contains("rs_2"), id == "resp_2", "{input}");
        assert_eq!(input.to_string().contains("msg_"), id == "resp_2", "{input}");
    }
}

#[tokio::test]
async fn state_of_the_upstream_is_passed_on_and_not_stored_in_part() {
    let up = Upstream::start().await;
    let gateway = NATIVE.start("vllm", &up).await;
    up.on(|_| json(response("resp_up", &json!([message("msg_up", "yes")])).to_string())).await;
    for state in [json!({"previous_response_id": "resp_theirs"}), json!({"conversation": "conv_1"})] {
        let mut body = state.clone();
        body["input"] = json!("b");
        let answer = create(&gateway, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let seen = up.next_request().await.json();
        for (name, value) in state.as_object().unwrap() {
            assert_eq!(&seen[name], value);
        }
        // Its beginning is not known here.
        assert_eq!(ask(&gateway, ClientRequest::get("/v1/responses/resp_up")).await.status, 404);
    }
}

/// What the upstream would know is another client's all the same.
#[tokio::test]
async fn an_id_of_another_client_is_never_passed_on() {
    let up = Upstream::start().await;
    let keys = "clients:\n  auth: keys\n  keys:\n    - { name: one, key: ck-canary-client-52ab }\n    - { name: two, key: ck-second-client-31cd }\n";
    let gateway = Plan { top: keys, ..NATIVE }.start("vllm", &up).await;
    up.on(|_| json(response("resp_up", &json!([message("msg_up", "secret")])).to_string())).await;
    let with = |key: &str, body: Value| {
        let request = ClientRequest::post("/v1/responses").header("authorization", &format!("Bearer {key}"));
        request.json(&body)
    };
    let first = json!({"model": "m", "input": "a"});
    assert_eq!(ask(&gateway, with(CLIENT_KEY, first)).await.status, 200);
    let reference = |id: &str| json!([{"type": "item_reference", "id": id}]);
    for body in [
        json!({"model": "m", "input": "b", "previous_response_id": "resp_up"}),
        json!({"model": "m", "input": reference("msg_up")}),
    ] {
        let foreign = ask(&gateway, with("ck-second-client-31cd", body)).await;
        assert_eq!((foreign.status.as_u16(), up.request_count()), (400, 1), "{}", foreign.text());
    }
    up.next_request().await;
    let unknown = json!({"model": "m", "input": reference("msg_theirs")});
    assert_eq!(ask(&gateway, with(CLIENT_KEY, unknown)).await.status, 200);
    assert_eq!(up.next_request().await.json()["input"], reference("msg_theirs"));
}

/// The upstream may have a copy of its own, which is not to be gone on from either.
#[tokio::test]
async fn a_deleted_answer_is_not_asked_for_upstream() {
    let up = Upstream::start().await;
    let gateway = NATIVE.start("vllm", &up).await;
    up.on(|_| json(response("resp_up", &json!([message("msg_up", "yes")])).to_string())).await;
    assert_eq!(create(&gateway, json!({"input": "a"})).await.status, 200);
    let delete = || ClientRequest::new("DELETE", "/v1/responses/resp_up");
    assert_eq!(ask(&gateway, delete()).await.json()["deleted"], true);
    assert_eq!(ask(&gateway, delete()).await.status, 404);
    assert_eq!(ask(&gateway, ClientRequest::get("/v1/responses/resp_up")).await.status, 404);
    for body in [
        json!({"input": "b", "previous_response_id": "resp_up"}),
        json!({"input": [{"type": "item_reference", "id": "msg_up"}]}),
    ] {
        let refused = create(&gateway, body).await;
        assert_eq!((refused.status.as_u16(), up.request_count()), (400, 1), "{}", refused.text());
    }
}

/// As the documents say it: lingate keeps the answer, its upstream none.
#[tokio::test]
async fn an_upstream_may_be_told_to_keep_nothing() {
    let up = Upstream::start().await;
    let gateway = Plan { model: "force: { store: false },", ..NATIVE }.start("vllm", &up).await;
    up.on(|_| json(response("resp_up", &json!([message("msg_up", "yes")])).to_string())).await;
    assert_eq!(create(&gateway, json!({"input": "a"})).await.status, 200);
    assert_eq!(up.next_request().await.json()["store"], false);
    let body = json!({"input": "b", "previous_response_id": "resp_up"});
    assert_eq!(create(&gateway, body).await.status, 200);
    let seen = up.next_request().await.json();
    assert_eq!((seen["input"].as_array().map(Vec::len), seen.get("previous_response_id")), (Some(3), None));
}

/// The client must not believe in an id that means nothing.
#[tokio::test]
async fn an_answer_that_cannot_be_stored_says_so_and_is_good() {
    let long = format!("resp_{}", "x".repeat(300));
    for streamed in [false, true] {
        let up = Upstream::start().await;
        let gateway = NATIVE.start("vllm", &up).await;
        let id = long.clone();
        up.on(move |_| match streamed {
            true => Reply::stream("text/event-stream", vec![lingate_testkit::Step::bytes(stream(&id, "yes"))]),
            false => json(response(&id, &json!([message("msg_up", "yes")])).to_string()),
        })
        .await;
        let answer = create(&gateway, json!({"input": "a", "stream": streamed})).await;
        let last = if streamed { events(&answer).last().unwrap()["response"].clone() } else { answer.json() };
        assert_eq!((&last["status"], &last["store"]), (&json!("completed"), &json!(false)));
        assert_eq!(last["output"][0]["content"][0]["text"], "yes");
        let metrics = ask(&gateway, ClientRequest::get("/metrics")).await.text();
        assert!(metrics.contains("lingate_responses_unstored_total 1"), "{metrics}");
    }
}
