//! Jobs of RunPod whose answers are read whole: what is submitted, how it is looked after, what comes of it.

use crate::job_server::{ID, Queue, Say, Script, whole};
use crate::setup::{Plan, UPSTREAM_KEY, ask, post};
use crate::tongue::Tongue;
use lingate_testkit::{Answer, ClientRequest};
use serde_json::{Value, json};

const WAITS: [&str; 2] = ["IN_QUEUE", "IN_PROGRESS"];

/// A job that waits, runs, and gives this.
fn gives(output: &Value) -> Script {
    let mut status: Vec<_> = WAITS.map(Say::state).into();
    status.push(Say::done(output));
    Script { status, ..Script::default() }
}

/// A job that ends in this way.
fn ends(say: Say) -> Script {
    Script { status: vec![Say::state("IN_PROGRESS"), say], ..Script::default() }
}

async fn answer_of(queue: &Queue, client: Tongue, stream: bool) -> Answer {
    ask(&queue.gateway, client.request(stream)).await
}

#[tokio::test]
async fn a_job_is_submitted_looked_after_and_answered() {
    for client in Tongue::ALL {
        let queue = Queue::start(gives(&json!([whole("tok-0")])), Plan::default()).await;
        let answer = answer_of(&queue, client, false).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        assert_eq!(client.text(&answer.json()), "tok-0", "{}", answer.text());
        let submitted = queue.called("run").await;
        assert_eq!(submitted.path, "/v2/ep/run");
        assert_eq!(submitted.header("authorization"), Some(&*format!("Bearer {UPSTREAM_KEY}")));
        let input = &submitted.json()["input"];
        assert_eq!(input["openai_route"], "/v1/chat/completions");
        assert_eq!(
            (&input["openai_input"]["model"], &input["openai_input"]["messages"][0]["content"]),
            (&json!("real"), &json!("hi"))
        );
        let look = queue.called("status").await;
        assert_eq!(look.header("authorization"), submitted.header("authorization"));
        assert_eq!((queue.calls("run"), queue.calls("status"), queue.calls("cancel")), (1, 3, 0));
    }
}

#[tokio::test]
async fn every_end_of_a_job_is_an_error_in_the_clients_dialect() {
    let sdk =
        json!({ "error_type": "<class 'ValueError'>", "error_message": "no such model", "error_traceback": "File x" });
    for (say, status, message) in [
        (
            Say::ok(json!({ "id": ID, "status": "FAILED", "error": "out of memory" })),
            502,
            "the job failed: out of memory",
        ),
        (
            Say::ok(json!({ "id": ID, "status": "FAILED", "error": sdk.to_string() })),
            502,
            "the job failed: no such model",
        ),
        (Say::ok(json!({ "id": ID, "status": "FAILED", "error": UPSTREAM_KEY })), 502, "the job failed: ***"),
        (Say::state("FAILED"), 502, "the job failed"),
        (Say::state("CANCELLED"), 502, "the job was cancelled on RunPod's side"),
        (Say::state("TIMED_OUT"), 504, "the job took longer than RunPod allows it"),
        (Say::state("EXPLODED"), 502, "the job is in a state that is not known"),
        (Say::state("COMPLETED"), 502, "the job was completed without any output"),
        (Say::done(&json!({ "error": { "message": "bad prompt", "code": 400 } })), 400, "bad prompt"),
        (
            Say::done(&json!([{ "object": "error", "message": "too long", "type": "BadRequestError", "code": 400 }])),
            400,
            "too long",
        ),
        (Say::done(&json!([{ "error": "CUDA is not available" }])), 502, "CUDA is not available"),
        (
            Say::done(&json!({ "images": [] })),
            502,
            "the worker's output has a form that is not known: see `worker` of this endpoint",
        ),
    ] {
        for client in Tongue::ALL {
            let queue = Queue::start(ends(say.clone()), Plan::default()).await;
            let answer = answer_of(&queue, client, false).await;
            assert_eq!((answer.status.as_u16(), client.error(&answer).as_str()), (status, message), "{say:?}");
            let streamed = Script { stream: vec![Say::pieces("IN_PROGRESS", &[]), say.clone()], ..ends(say.clone()) };
            let queue = Queue::start(streamed, Plan::default()).await;
            let answer = answer_of(&queue, client, true).await;
            assert_eq!(client.error(&answer), message, "streamed: {say:?}");
            assert_eq!(answer.status.as_u16(), status, "streamed: {say:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_submission_is_a_refusal() {
    for (status, expected) in [(429, 429), (400, 400), (401, 502), (500, 500), (503, 503)] {
        let say = Say::status(status, json!({ "error": "not now" }));
        let queue = Queue::start(Script { run: vec![say], ..Script::default() }, Plan::default()).await;
        let answer = answer_of(&queue, Tongue::OpenAi, false).await;
        assert_eq!(answer.status.as_u16(), expected, "{}", answer.text());
        assert!(Tongue::OpenAi.error(&answer).contains("not now"), "{}", answer.text());
        assert_eq!(queue.up.request_count(), 1);
    }
}

#[tokio::test]
async fn another_target_is_tried_after_a_failed_job() {
    let mut script = gives(&json!(whole("tok-0")));
    script.run = vec![Say::status(429, json!({ "error": "busy" })), Say::state("IN_QUEUE"), Say::state("IN_QUEUE")];
    script.status.insert(0, Say::state("FAILED"));
    let retry = "targets: [{ endpoint: up, model: a }, { endpoint: up, model: b }], retry: { attempts: 3 },";
    let yaml_model = retry;
    let queue = Queue::start(script, Plan::default()).await;
    let yaml = Plan { endpoint: "poll_interval: 10ms,", ..Plan::default() }
        .yaml("runpod", &queue.up.url("/v2/ep"))
        .replace("targets: [{ endpoint: up, model: real }], retry: { attempts: 1 },", yaml_model);
    let gateway = crate::support::TestGateway::start(&yaml).await;
    let answer = ask(&gateway, Tongue::OpenAi.request(false)).await;
    assert_eq!(answer.header("x-lingate-attempts"), Some("3"), "{}", answer.text());
    assert_eq!(Tongue::OpenAi.text(&answer.json()), "tok-0");
}

#[tokio::test]
async fn ids_that_do_not_belong_into_a_path_are_refused() {
    let long = "x".repeat(129);
    for id in ["a/b", "../../v1/pods", "a?b", "a b", "é", long.as_str()] {
        let run = vec![Say::ok(json!({ "id": id, "status": "IN_QUEUE" }))];
        let queue = Queue::start(Script { run, ..Script::default() }, Plan::default()).await;
        let answer = answer_of(&queue, Tongue::OpenAi, false).await;
        assert_eq!(answer.status.as_u16(), 502, "{}", answer.text());
        assert_eq!(answer.json()["error"]["code"], "job_bad_id");
        assert_eq!(queue.up.request_count(), 1, "{id}");
    }
    for (run, code) in [(json!({ "status": "IN_QUEUE" }), "job_bad_id"), (json!("hello"), "upstream_not_api")] {
        let queue = Queue::start(Script { run: vec![Say::ok(run)], ..Script::default() }, Plan::default()).await;
        assert_eq!(answer_of(&queue, Tongue::OpenAi, false).await.json()["error"]["code"], code);
    }
}

#[tokio::test]
async fn looks_that_fail_are_repeated_within_bounds() {
    let flaps = || {
        let unknown = || Say::status(404, json!({ "error": "job not found" }));
        vec![unknown(), unknown(), Say::status(502, "<html>"), Say::ok("not JSON"), Say::status(429, "{}")]
    };
    let mut script = gives(&json!(whole("tok-0")));
    script.status.splice(0..0, flaps());
    let strange =
        [Say::state("WAITING_FOR_GODOT"), Say::state("IN_QUEUE"), Say::state("IN_PROGRESS"), Say::state("IN_QUEUE")];
    script.status.splice(5..5, strange);
    let queue = Queue::start(script, Plan::default()).await;
    let answer = answer_of(&queue, Tongue::OpenAi, false).await;
    assert_eq!(Tongue::OpenAi.text(&answer.json()), "tok-0", "{}", answer.text());
    assert_eq!(queue.calls("cancel"), 0);

    for (say, words) in [
        (Say::status(404, "{}"), "the queue does not know the job any more"),
        (Say::status(500, "{}"), "the queue answers 500 about the job"),
        (Say::ok("<html>"), "the queue's answers about the job cannot be read"),
    ] {
        let queue = Queue::start(Script { status: vec![say], ..Script::default() }, Plan::default()).await;
        let answer = answer_of(&queue, Tongue::OpenAi, false).await;
        assert_eq!((answer.status.as_u16(), Tongue::OpenAi.error(&answer).as_str()), (502, words));
        queue.called("cancel").await;
        assert_eq!(queue.calls("status"), 6);
    }
    let refused = Script { status: vec![Say::status(401, "{}")], ..Script::default() };
    let queue = Queue::start(refused, Plan::default()).await;
    let answer = answer_of(&queue, Tongue::OpenAi, false).await;
    assert_eq!((answer.status.as_u16(), queue.calls("status")), (502, 1));
}

#[tokio::test]
async fn a_job_that_takes_too_long_is_cancelled() {
    for (endpoint, state, words) in [
        ("timeouts: { first_byte: 100ms },", "IN_QUEUE", "the job was not taken up in time (0 s)"),
        ("timeouts: { total: 100ms },", "IN_PROGRESS", "the job did not answer in time (0 s)"),
    ] {
        for stream in [false, true] {
            let script =
                Script { status: vec![Say::state(state)], stream: vec![Say::pieces(state, &[])], ..Script::default() };
            let queue = Queue::start(script, Plan { endpoint, ..Plan::default() }).await;
            let answer = answer_of(&queue, Tongue::Anthropic, stream).await;
            assert_eq!((answer.status.as_u16(), Tongue::Anthropic.error(&answer).as_str()), (504, words));
            let cancel = queue.called("cancel").await;
            assert_eq!((cancel.method.as_str(), cancel.text().as_str()), ("POST", "{}"));
            assert_eq!(queue.calls("cancel"), 1);
        }
    }
}

#[tokio::test]
async fn a_worker_of_ollama_gets_a_prompt() {
    let script =
        gives(&json!({ "model": "real", "response": "tok-0", "done": true, "prompt_eval_count": 3, "eval_count": 5 }));
    let queue = Queue::start(script, Plan { endpoint: "worker: ollama,", ..Plan::default() }).await;
    let answer = post(
        &queue.gateway,
        "/v1/chat/completions",
        r#"{"model":"m","max_tokens":9,"stop":"END","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}]}"#,
    )
    .await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "tok-0", "{}", answer.text());
    assert_eq!(answer.json()["usage"]["total_tokens"], 8);
    assert_eq!(
        queue.called("run").await.json()["input"],
        json!({ "model": "real", "prompt": "System: Be brief.\n\nUser: hi\n\nAssistant:", "stream": false,
                "options": { "num_predict": 9, "stop": ["END"] } })
    );
    let image = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]}"#;
    let refused = post(&queue.gateway, "/v1/chat/completions", image).await;
    assert_eq!((refused.status.as_u16(), queue.calls("run")), (400, 1), "{}", refused.text());
}

#[tokio::test]
async fn texts_are_continued() {
    let text = |text: &str| {
        json!([{ "id": "c", "object": "text_completion", "created": 1, "model": "real",
        "choices": [{ "index": 0, "text": text, "finish_reason": "stop" }] }])
    };
    for output in [text("tok-0"), json!([{ "choices": [{ "tokens": ["tok", "-0"] }] }])] {
        let queue = Queue::start(gives(&output), Plan::default()).await;
        let answer = post(&queue.gateway, "/v1/completions", r#"{"model":"m","prompt":"Once"}"#).await;
        assert_eq!(answer.json()["choices"][0]["text"], "tok-0", "{}", answer.text());
        let input = &queue.called("run").await.json()["input"];
        assert_eq!(
            (&input["openai_route"], &input["openai_input"]["prompt"]),
            (&json!("/v1/completions"), &json!("Once"))
        );
    }
}

#[tokio::test]
async fn embeddings_are_jobs_too() {
    let openai = json!({ "object": "list", "model": "real", "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, 1] }],
        "usage": { "prompt_tokens": 4, "total_tokens": 4 } });
    for output in [openai.clone(), json!([openai]), json!([[0.5, 1]]), json!({ "embeddings": [[0.5, 1]] })] {
        // Held back too long, so it is looked after; and at once.
        let done = |say| Script { run: vec![say], ..gives(&output) };
        for script in [done(Say::state("IN_QUEUE")), done(Say::done(&output))] {
            let queue = Queue::start(script, Plan::default()).await;
            let answer = post(&queue.gateway, "/v1/embeddings", r#"{"model":"m","input":["a"]}"#).await;
            assert_eq!(answer.json()["data"][0]["embedding"], json!([0.5, 1]), "{}", answer.text());
            let ollama = post(&queue.gateway, "/api/embed", r#"{"model":"m","input":"a"}"#).await;
            assert_eq!(ollama.json()["embeddings"], json!([[0.5, 1]]), "{}", ollama.text());
            let run = queue.called("runsync").await;
            assert_eq!(run.path, "/v2/ep/runsync?wait=10000");
            assert_eq!(
                run.json()["input"],
                json!({ "openai_route": "/v1/embeddings", "openai_input": { "model": "real", "input": ["a"] } })
            );
        }
    }
    let worker = Plan { endpoint: "worker: ollama,", ..Plan::default() };
    let queue = Queue::start(gives(&json!([[1, 2]])), worker).await;
    post(&queue.gateway, "/v1/embeddings", r#"{"model":"m","input":"a"}"#).await;
    assert_eq!(queue.called("runsync").await.json()["input"], json!({ "model": "real", "sentences": ["a"] }));
    let failed = Queue::start(gives(&json!({ "error": "no such model" })), Plan::default()).await;
    let answer = post(&failed.gateway, "/v1/embeddings", r#"{"model":"m","input":"a"}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["message"]), (502, &json!("no such model")));
}

#[tokio::test]
async fn lists_do_not_fail_and_ask_nothing() {
    let plan = Plan { endpoint: "expose_models: true,", ..Plan::default() };
    let queue = Queue::start(Script::default(), plan).await;
    for path in ["/v1/models", "/api/tags"] {
        let answer = ask(&queue.gateway, ClientRequest::get(path)).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        assert!(answer.text().contains(r#""m"#), "{}", answer.text());
    }
    assert_eq!(queue.up.request_count(), 0);
}
