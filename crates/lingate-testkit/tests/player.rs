//! The player against a copying gateway: what must pass passes, what must fail fails and says why.
#![expect(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "test code: a failed unwrap fails the test")]

mod copying;

use std::time::Duration;

use lingate_testkit::{
    Reply, Upstream,
    golden::{Case, Failure, Player, Report, ScriptedUpstream, play, required_dialects},
    refused_addr,
};
use serde_json::{Value, json};

/// The cases that need no more than a copy.
const COPIED: [&str; 18] = [
    "audio_passthrough_vllm",
    "audio_usage_details_kept",
    "cache_native_untouched",
    "cmpl_passthrough_openai",
    "count_native",
    "emb_tokens_passthrough_openai",
    "head_client_key_not_forwarded",
    "sample_keep_alive_and_num_ctx_kept_for_ollama",
    "sse_crlf",
    "sse_event_and_id_fields",
    "sse_many_events_in_one_write",
    "sse_no_space_after_colon",
    "sse_utf8_split_mid_character",
    "st_a2a_native_unchanged",
    "st_l2l_native",
    "st_o2o_usage_shown_when_asked",
    "think_empty_signed_block_untouched",
    "think_replay_native_untouched",
];

async fn play_all(cases: Vec<Case>) -> Report {
    let upstream = ScriptedUpstream::start().await;
    let gateway = copying::start(upstream.addr()).await;
    Player::new(gateway.addr())
        .play_all(&cases, &upstream, &["strict-lossy", "strict-validate", "responses-state"])
        .await
}

#[tokio::test]
async fn a_copying_gateway_passes_its_own_dialects_and_no_others() {
    let (same, others): (Vec<_>, Vec<_>) = Case::load_all().unwrap().into_iter().partition(|case| {
        let (client, backend) = required_dialects(case);
        client == backend
    });
    let (same, others) = tokio::join!(play_all(same), play_all(others));
    assert_eq!(same.passed, COPIED, "{same}");
    assert_eq!(others.passed, Vec::<String>::new(), "{others}");
    assert_eq!(others.skipped.len() + same.skipped.len(), 5);
    assert_eq!(others.failed.len() + same.failed.len() + same.passed.len(), 208);
    for failure in &others.failed {
        assert!(!failure.mismatches.is_empty() && failure.to_string().contains("client asked: "), "{failure}");
    }
}

/// A case of one dialect whose upstream says `answer`.
fn case(more: Value) -> Case {
    let mut case = json!({
        "name": "made", "concept": "player", "client_dialect": "openai_chat", "backend_dialect": "openai_chat", "source": "here",
        "client_request": {"model": "fx-openai", "messages": []},
        "expected_backend_path": "/openai/v1/chat/completions",
        "expected_backend_request": {"model": "backend-model"},
        "expected_backend_headers": {"authorization": "Bearer sk-backend"},
        "backend_response": {"id": "resp-1", "choices": [{"message": {"content": "hello"}}]},
        "expected_client_response": {"choices": [{"message": {"content": "hello"}}]},
    });
    for (key, value) in more.as_object().unwrap() {
        case[key] = value.clone();
    }
    Case::from_json(&case).unwrap()
}

async fn play_one(case: &Case) -> Result<(), Failure> {
    let upstream = ScriptedUpstream::start().await;
    let gateway = copying::start(upstream.addr()).await;
    play(case, gateway.addr(), &upstream).await
}

async fn says(more: Value) -> String {
    play_one(&case(more)).await.unwrap_err().to_string()
}

#[tokio::test]
async fn the_right_expectations_pass() {
    play_one(&case(json!({}))).await.unwrap();
    play_one(&case(json!({"expected_client_text": {"$contains": "hello"}, "expected_client_headers": {"content-type": "application/json"}}))).await.unwrap();
    play_one(&case(json!({"expected_backend_calls": 1, "expected_status": {"$oneof": [200, 201]}}))).await.unwrap();
    play_one(&case(json!({"backend_status": 418, "expected_status": 418, "client_headers": {"x-more": "1"}})))
        .await
        .unwrap();
}

#[tokio::test]
async fn each_wrong_expectation_fails_with_its_place() {
    let wrong = [
        (json!({"expected_status": 201}), "\n    status: want 201, got 200"),
        (
            json!({"expected_client_headers": {"content-type": "text/plain"}}),
            "\n    headers.content-type: want \"text/plain\", got",
        ),
        (json!({"expected_backend_calls": 2}), "\n    backend_calls: want 2, got 1"),
        (
            json!({"expected_backend_request": {"model": "other"}}),
            "\n    backend_request.model: want \"other\", got \"backend-model\"",
        ),
        (
            json!({"expected_backend_headers": {"authorization": "$absent"}}),
            "\n    backend_headers.authorization: want $absent, got",
        ),
        (
            json!({"expected_backend_path": "/openai/v1/other"}),
            "\n    backend: want a call POST /openai/v1/other, got POST /openai/v1/chat/completions",
        ),
        (
            json!({"expected_backend_path": "/openai/v1/other"}),
            "\n    backend: want no other call, got POST /openai/v1/chat/completions",
        ),
        (json!({"expected_client_text": "x"}), "\n    body: want \"x\", got"),
        (
            json!({"expected_client_response": {"choices": [{"message": {"content": "bye"}}]}}),
            "\n    body.choices[0].message.content: want \"bye\", got \"hello\"",
        ),
        (
            json!({"backend_response_raw": "<html>"}),
            "\n    body: want JSON (expected value at line 1 column 1), got <html>",
        ),
        (
            json!({"expected_client_assembled": {}}),
            "\n    headers.content-type: want text/event-stream, got \"application/json\"",
        ),
    ];
    for (more, part) in wrong {
        let text = says(more.clone()).await;
        assert!(text.contains(part), "{more}\n{text}");
        assert!(text.starts_with("FAIL made (player)\n"), "{text}");
        assert!(text.contains("| client asked: POST /v1/chat/completions {\"model\":\"fx-openai\""), "{text}");
        assert!(text.contains("| gateway asked ("), "{text}");
        assert!(text.contains("| client got: "), "{text}");
    }
    let refused = says(
        json!({"client_request": {"model": "fx-nowhere"}, "expected_status": 404, "expected_client_response": {}}),
    )
    .await;
    assert!(refused.contains("got no call at all") && refused.contains("| gateway asked: nothing"), "{refused}");
}

fn chunk(delta: Value, finish: Value) -> String {
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                       "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    format!("data: {chunk}")
}

fn stream_case(stream: Value, more: Value) -> Case {
    let mut members = json!({"backend_stream": stream, "expected_client_assembled": {"content": "Hello"}});
    for (key, value) in more.as_object().unwrap() {
        members[key] = value.clone();
    }
    let mut members = case(members).members;
    members.retain(|key, _| !["backend_response", "expected_client_response"].contains(&key.as_str()));
    Case::from_json(&Value::Object(members)).unwrap()
}

#[tokio::test]
async fn streams_are_assembled_and_their_faults_found() {
    let (hel, lo, stop) = (
        chunk(json!({"content": "Hel"}), json!(null)),
        chunk(json!({"content": "lo"}), json!(null)),
        chunk(json!({}), json!("stop")),
    );
    let whole = json!([hel, lo, {"sleep_ms": 1}, stop, {"raw": "data: [DO"}, {"b64": "TkVdCgo="}]);
    play_one(&stream_case(whole.clone(), json!({}))).await.unwrap();
    let order = json!([{"choices": [{"delta": {"content": "Hel"}}]}, {"$done": true}]);
    play_one(&stream_case(whole.clone(), json!({"expected_client_stream": order}))).await.unwrap();
    let backwards = json!([{"$done": true}, {"choices": [{"delta": {"content": "Hel"}}]}]);
    let failure =
        play_one(&stream_case(whole.clone(), json!({"expected_client_stream": backwards}))).await.unwrap_err();
    assert!(failure.to_string().contains("stream: want event #1 in this order: "), "{failure}");
    let failure =
        play_one(&stream_case(whole, json!({"expected_client_assembled": {"content": "Bye"}}))).await.unwrap_err();
    assert!(failure.to_string().contains("assembled.content: want \"Bye\", got \"Hello\""), "{failure}");

    let cut = json!([hel, lo, stop, {"close": true}]);
    let failure = play_one(&stream_case(cut.clone(), json!({}))).await.unwrap_err().to_string();
    assert!(
        failure.contains("invariant: the stream was cut: ") && failure.contains("invariant: no [DONE]"),
        "{failure}"
    );
    assert!(failure.contains(" [cut: "), "{failure}");
    play_one(&stream_case(cut, json!({"no_invariants": true}))).await.unwrap();
}

#[tokio::test]
async fn alternatives_pass_for_the_base_and_report_the_nearest() {
    let other = json!({"expected_status": 418, "expected_client_response": {"id": "resp-1"}});
    play_one(&case(json!({"backend_status": 418, "alternatives": [other]}))).await.unwrap();
    let dropped = json!({"expected_client_response": "$remove"});
    play_one(&case(json!({"expected_client_response": {"id": "x"}, "alternatives": [dropped]}))).await.unwrap();
    let far = json!({"expected_status": 500, "expected_client_response": {"id": "x"}});
    let text = says(json!({"expected_status": 201, "expected_client_response": {"id": "y"}, "alternatives": [far, {"expected_status": 200}]})).await;
    assert!(
        text.starts_with("FAIL made (player) [nearest: alternative 2 of 2]\n    body.id: want \"y\", got \"resp-1\"\n"),
        "{text}"
    );
}

#[tokio::test]
async fn steps_carry_bound_values() {
    let bound = json!({"expected_client_response": {"id": {"$bind": "rid"}}});
    let uses = json!({"client_request": {"model": "fx-openai", "earlier": {"$ref": "rid"}},
                      "expected_backend_request": {"earlier": "resp-1"}, "expected_client_response": {"id": {"$ref": "rid"}}});
    play_one(&case(json!({"steps": [bound, uses]}))).await.unwrap();
    let other = json!({"expected_client_response": {"id": "resp-2"}});
    let text = says(json!({"steps": [bound, other, uses]})).await;
    assert!(text.starts_with("FAIL made (player) in step 1\n"), "{text}");
}

#[tokio::test]
async fn exchanges_are_taken_in_order() {
    let path = "/openai/v1/chat/completions";
    let exchanges = json!([
        {"path": path, "response": {"id": "a"}, "expect": {"step": 1}},
        {"path": path, "response": {"id": "b"}, "repeat": true},
        {"path": "/never", "optional": true},
    ]);
    let step = |number: u32, id: &str| json!({"client_request": {"model": "fx-openai", "step": number}, "expected_client_response": {"id": id}});
    play_one(&case(json!({"backend_exchanges": exchanges, "steps": [step(1, "a")]}))).await.unwrap_err();
    let first_only = json!([exchanges[0], exchanges[2]]);
    play_one(&case(json!({"backend_exchanges": first_only, "steps": [step(1, "a"), step(1, "a")]}))).await.unwrap();
    let text = says(json!({"backend_exchanges": first_only, "steps": [step(2, "a")]})).await;
    assert!(text.contains("backend_request.step: want 1, got 2"), "{text}");
}

#[tokio::test]
async fn a_gateway_that_is_down_silent_or_broken_fails_the_case() {
    let upstream = ScriptedUpstream::start().await;
    let text = play(&case(json!({})), refused_addr().await, &upstream).await.unwrap_err().to_string();
    assert!(text.contains("gateway: no answer: "), "{text}");

    let gateway = Upstream::start().await;
    gateway.once(Reply::hang());
    let player = Player::new(gateway.addr()).patience(Duration::from_millis(20));
    let text = player.play(&case(json!({})), &upstream).await.unwrap_err().to_string();
    assert!(text.contains("no answer head within 20ms"), "{text}");
    gateway.once(Reply::cut());
    let text = player.play(&case(json!({})), &upstream).await.unwrap_err().to_string();
    assert!(text.contains("gateway: no answer: "), "{text}");
}

#[tokio::test]
async fn keys_are_sent_as_the_dialect_wants_them() {
    let upstream = ScriptedUpstream::start().await;
    let gateway = Upstream::start().await;
    gateway.on(|_| Reply::json(200, "{}")).await;
    let plain = |dialect: &str| {
        let mut members = case(json!({"client_dialect": dialect, "expected_client_response": {}})).members;
        members.retain(|key, _| key != "backend_response");
        Case::from_json(&Value::Object(members)).unwrap()
    };
    let player = Player::new(gateway.addr()).key("vk-1");
    player.play(&plain("openai_chat"), &upstream).await.unwrap();
    player.play(&plain("anthropic"), &upstream).await.unwrap();
    let (openai, anthropic) = (gateway.next_request().await, gateway.next_request().await);
    assert_eq!((openai.header("authorization"), openai.header("x-api-key")), (Some("Bearer vk-1"), None));
    assert_eq!(
        (anthropic.header("x-api-key"), anthropic.header("anthropic-version")),
        (Some("vk-1"), Some("2023-06-01"))
    );
    assert_eq!(anthropic.path, "/v1/messages");
}
