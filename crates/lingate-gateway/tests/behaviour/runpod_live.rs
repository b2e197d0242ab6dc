//! Jobs of RunPod as streams: pieces as they come, what a client hears while it waits, and clients that leave.

use crate::job_server::{ID, Queue, Say, Script, whole};
use crate::setup::{Plan, ask, soon};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{RawClient, Step};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Pieces, then the end, then nothing more.
fn streams(pieces: &[Value]) -> Script {
    let stream = vec![
        Say::pieces("IN_QUEUE", &[]),
        Say::pieces("IN_PROGRESS", &pieces[..1]),
        Say::pieces("COMPLETED", &pieces[1..]),
        Say::pieces("COMPLETED", &[]),
    ];
    Script { stream, status: vec![Say::done(&json!(pieces))], ..Script::default() }
}

async fn text_of(script: Script, plan: Plan<'_>, client: Tongue) -> String {
    let queue = Queue::start(script, plan).await;
    let answer = ask(&queue.gateway, client.request(true)).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    assert_eq!(queue.calls("cancel"), 0);
    answer.text()
}

/// All that the client's stream says.
fn said(client: Tongue, stream: &str) -> String {
    let data = stream.lines().filter_map(|line| serde_json::from_str::<Value>(line.trim_start_matches("data:")).ok());
    let text = |frame: Value| match client {
        Tongue::OpenAi => frame["choices"][0]["delta"]["content"].as_str().map(str::to_owned),
        Tongue::Anthropic => frame["delta"]["text"].as_str().map(str::to_owned),
        Tongue::Ollama => frame["message"]["content"].as_str().map(str::to_owned),
    };
    data.filter_map(text).collect()
}

#[tokio::test]
async fn pieces_of_every_form_become_the_clients_stream() {
    let sse = Tongue::OpenAi.stream(&["tok-0", "tok-1"]);
    let cuts = |size: usize| sse.as_bytes().chunks(size).map(|cut| json!(std::str::from_utf8(cut).unwrap())).collect();
    let chunk = |content: Value, finish: Value| {
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "real",
                "choices": [{ "index": 0, "delta": { "content": content }, "finish_reason": finish }] })
    };
    let forms: [Vec<Value>; 9] = [
        cuts(1),
        cuts(7),
        cuts(100),
        vec![json!([chunk(json!("tok-0"), json!(null))]), json!([chunk(json!("tok-1"), json!("stop"))])],
        vec![chunk(json!(["tok", "-0"]), json!(null)), chunk(json!(["tok-1"]), json!(null))],
        vec![
            json!({ "choices": [{ "tokens": ["tok", "-0"] }] }),
            json!({ "choices": [{ "tokens": ["tok-1"] }], "usage": { "input": 3, "output": 2 } }),
        ],
        vec![json!("tok-0"), json!("tok-1")],
        vec![json!(["tok", "-0"]), json!(["tok-1"])],
        vec![
            json!({ "response": "tok-0", "done": false }),
            json!({ "response": "tok-1", "done": true, "done_reason": "stop" }),
        ],
    ];
    for (number, pieces) in forms.iter().enumerate() {
        for client in Tongue::ALL {
            let stream = text_of(streams(pieces), Plan::default(), client).await;
            assert_eq!(said(client, &stream), "tok-0tok-1", "form {number}: {stream}");
            assert!(client.has_ended(&stream) && !stream.contains("error"), "form {number}: {stream}");
        }
    }
}

#[tokio::test]
async fn pieces_arrive_before_the_job_is_done() {
    for client in Tongue::ALL {
        let (_, gate) = Step::gate();
        let mut script = streams(&[json!("tok-0"), json!("tok-1")]);
        script.stream[2] = script.stream[2].clone().held_by(&gate);
        let queue = Queue::start(script, Plan::default()).await;
        let mut answer = client.request(true).open(queue.gateway.address).await.unwrap();
        let first = answer.read_until("tok-0").await;
        assert!(!String::from_utf8_lossy(&first).contains("tok-1"));
        gate.notify_one();
        answer.read_until("tok-1").await;
        assert!(client.has_ended(&answer.finish(Duration::from_secs(5)).await.text()));
    }
}

#[tokio::test]
async fn what_is_not_streamed_comes_as_one() {
    for output in [json!([whole("tok-0")]), json!(whole("tok-0")), json!("tok-0"), json!({ "text": ["tok-0"] })] {
        for client in Tongue::ALL {
            let script = Script {
                stream: vec![Say::pieces("IN_PROGRESS", &[]), Say::pieces("COMPLETED", &[])],
                status: vec![Say::done(&output)],
                ..Script::default()
            };
            let stream = text_of(script, Plan::default(), client).await;
            assert_eq!(said(client, &stream), "tok-0", "{stream}");
            assert!(client.has_ended(&stream), "{stream}");
        }
    }
}

#[tokio::test]
async fn nothing_is_told_twice() {
    let [first, second] = ["tok-0", "tok-1"].map(|text| json!(text));
    let both = [first.clone(), second.clone()];
    // The last look's pieces again and again.
    let mut repeated = streams(&both);
    repeated.stream.truncate(3);
    // All of it besides, with the end.
    let mut besides = streams(&both);
    besides.stream[3] = Say::ok(json!({ "id": ID, "status": "COMPLETED", "stream": [], "output": both }));
    // A look that was lost on the way: `/status` has what it would have brought.
    let mut lost = streams(&both);
    lost.stream[2] = Say::status(502, "<html>");
    for (what, script) in [("repeated", repeated), ("besides", besides), ("lost", lost.clone())] {
        let stream = text_of(script, Plan::default(), Tongue::OpenAi).await;
        assert_eq!(said(Tongue::OpenAi, &stream), "tok-0tok-1", "{what}: {stream}");
        assert_eq!(stream.matches("[DONE]").count(), 1, "{what}: {stream}");
    }
    // What the client was told before is no part of the output.
    let stream = text_of(lost, Plan { model: "job_status: true,", ..Plan::default() }, Tongue::OpenAi).await;
    assert_eq!(said(Tongue::OpenAi, &stream), "tok-0tok-1", "{stream}");
}

/// RunPod's documents show bare lists; where the job stands, `/status` says then.
#[tokio::test]
async fn pieces_without_a_state_are_streamed_too() {
    let piece = |text: &str| Say::ok(json!([{ "output": text }]));
    let stream = vec![Say::ok("[]"), Say::ok("[]"), piece("tok-0"), Say::ok("[]"), piece("tok-1"), Say::ok("[]")];
    let status =
        vec![Say::state("IN_QUEUE"), Say::state("IN_PROGRESS"), Say::state("IN_PROGRESS"), Say::state("COMPLETED")];
    let queue = Queue::start(Script { stream, status, ..Script::default() }, Plan::default()).await;
    let stream = ask(&queue.gateway, Tongue::OpenAi.request(true)).await.text();
    assert_eq!(said(Tongue::OpenAi, &stream), "tok-0tok-1", "{stream}");
    assert_eq!((stream.matches("[DONE]").count(), queue.calls("stream"), queue.calls("status")), (1, 7, 4));
}

#[tokio::test]
async fn a_job_that_fails_in_mid_stream_is_an_error_in_the_stream() {
    for client in Tongue::ALL {
        let mut script = streams(&[json!("tok-0"), json!("tok-1")]);
        script.stream[2] = Say::ok(json!({ "status": "FAILED", "error": "out of memory" }));
        let stream = text_of(script, Plan::default(), client).await;
        assert_eq!(said(client, &stream), "tok-0");
        assert_eq!(client.stream_error(&stream).as_deref(), Some("the job failed: out of memory"), "{stream}");
        assert!(!client.has_ended(&stream), "{stream}");
        // What was lost and cannot be had again is no orderly end.
        let mut script = streams(&[json!("tok-0"), json!("tok-1")]);
        script.stream[2] = Say::status(502, "<html>");
        script.status = vec![Say::done(&json!("something else"))];
        let stream = text_of(script, Plan::default(), client).await;
        assert_eq!(client.stream_error(&stream).as_deref(), Some("a part of the job's output was lost on the way"));
    }
}

/// Time is paused.
#[tokio::test]
async fn a_client_hears_after_a_second_that_its_job_lives() {
    for client in Tongue::ALL {
        let queue = Queue::start(Script::default(), Plan::default()).await;
        tokio::time::pause();
        let begin = tokio::time::Instant::now();
        let mut answer = client.request(true).open(queue.gateway.address).await.unwrap();
        assert_eq!((begin.elapsed().as_millis() + 250) / 500, 2, "{client:?}");
        for sign in 0..3 {
            assert!(!answer.next_chunk().await.unwrap().is_empty());
            assert_eq!((begin.elapsed().as_millis() + 250) / 500, 2 + 8 * sign, "{client:?}");
        }
        tokio::time::resume();
        drop(answer);
        queue.called("cancel").await;
    }
}

#[tokio::test]
async fn a_client_that_wants_to_know_is_told_what_its_job_waits_for() {
    let plan = Plan { model: "job_status: true,", ..Plan::default() };
    for client in Tongue::ALL {
        let mut script = streams(&[json!("tok-0"), json!("tok-1")]);
        script.stream.insert(1, Say::pieces("IN_PROGRESS", &[]));
        script.stream.insert(1, Say::pieces("IN_QUEUE", &[]));
        let stream = text_of(script, plan, client).await;
        let waits = "The job waits in the queue, 2 jobs waiting, a worker is starting (cold start)";
        let at = |text: &str| stream.find(text).unwrap_or_else(|| panic!("no {text}: {stream}"));
        assert!(at(waits) < at("The worker is busy") && at("The worker is busy") < at("tok-0"), "{stream}");
        assert_eq!(stream.matches("The job waits").count(), 1, "{stream}");
        assert_eq!(said(client, &stream), "tok-0tok-1", "{stream}");
        assert!(client.has_ended(&stream), "{stream}");
    }
    // Nothing of it stands in whole answers, nor where nobody asked for it.
    let whole = Script { status: vec![Say::done(&json!(whole("tok-0")))], ..Script::default() };
    let queue = Queue::start(whole, plan).await;
    assert!(!ask(&queue.gateway, Tongue::OpenAi.request(false)).await.text().contains("queue"));
    assert!(!text_of(streams(&[json!("a"), json!("b")]), Plan::default(), Tongue::OpenAi).await.contains("queue"));
}

/// Time is paused: it goes on by itself when everybody waits.
#[tokio::test]
async fn a_long_wait_is_told_every_quarter_of_a_minute_and_looked_at_every_five_seconds() {
    let plan = Plan { model: "job_status: true,", endpoint: "timeouts: { first_byte: 100s },", ..Plan::default() };
    let queue = Queue::start(Script::default(), plan).await;
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    let answer = Tongue::OpenAi.request(true).patience(Duration::from_secs(1000)).send(queue.gateway.address).await;
    let (stream, waited) = (answer.unwrap().text(), begin.elapsed().as_secs());
    tokio::time::resume();
    assert_eq!(waited, 100, "{stream}");
    let told: Vec<u64> =
        stream.lines().filter_map(|line| line.split_once(" s so far.")?.0.rsplit_once(' ')?.1.parse().ok()).collect();
    assert!(
        (5..=6).contains(&told.len()) && told.windows(2).all(|pair| (15..=20).contains(&(pair[1] - pair[0]))),
        "{told:?}"
    );
    assert!(stream.contains(": keep-alive\n\n"), "{stream}");
    let error = Tongue::OpenAi.stream_error(&stream).unwrap();
    assert_eq!(error, "the job was not taken up in time (100 s)");
    // At first often, then every four to five seconds.
    assert!((30..=45).contains(&queue.calls("stream")), "{}", queue.calls("stream"));
    queue.called("cancel").await;
}

async fn leaves(gateway: &TestGateway, stream: bool) -> RawClient {
    let body = Tongue::OpenAi.body("m", stream);
    let mut raw = RawClient::connect(gateway.address).await;
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    raw.send(head + &body).await.unwrap();
    raw
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_job_at_once() {
    let mut times = Vec::new();
    for stream in [false, true] {
        for operation in ["run", if stream { "stream" } else { "status" }] {
            let queue = Queue::start(Script::default(), Plan::default()).await;
            for _ in 0..3 {
                let raw = leaves(&queue.gateway, stream).await;
                queue.called(operation).await;
                let left = Instant::now();
                drop(raw);
                let cancel = queue.called("cancel").await;
                times.push(left.elapsed());
                assert_eq!(cancel.path, format!("/v2/ep/cancel/{ID}"));
            }
            assert_eq!(queue.calls("cancel"), 3);
        }
    }
    times.sort();
    assert!(times[0] < Duration::from_millis(100), "the queue was told only after {times:?}");
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_stream_cancels_its_job() {
    for client in Tongue::ALL {
        let mut script = streams(&[json!("tok-0"), json!("tok-1")]);
        script.stream.truncate(2);
        script.stream.push(Say::pieces("IN_PROGRESS", &[]));
        let queue = Queue::start(script, Plan::default()).await;
        let mut answer = client.request(true).open(queue.gateway.address).await.unwrap();
        answer.read_until("tok-0").await;
        drop(answer);
        queue.called("cancel").await;
        assert_eq!(queue.calls("cancel"), 1);
    }
}

#[tokio::test]
async fn a_job_whose_client_left_before_it_had_a_name_is_cancelled_when_it_has_one() {
    let (_, gate) = Step::gate();
    let script = Script { run: vec![Say::state("IN_QUEUE").held_by(&gate)], ..Script::default() };
    let queue = Queue::start(script, Plan::default()).await;
    let raw = leaves(&queue.gateway, false).await;
    queue.called("run").await;
    drop(raw);
    // The gateway has noticed: it answers others meanwhile.
    ask(&queue.gateway, lingate_testkit::ClientRequest::get("/health")).await;
    assert_eq!(queue.calls("cancel"), 0);
    gate.notify_one();
    queue.called("cancel").await;
}

#[tokio::test]
async fn a_gateway_that_stops_waits_for_its_cancellations() {
    let (_, gate) = Step::gate();
    let script = Script { cancel: vec![Say::state("CANCELLED").held_by(&gate)], ..Script::default() };
    let queue = Queue::start(script, Plan::default()).await;
    let raw = leaves(&queue.gateway, false).await;
    queue.called("status").await;
    drop(raw);
    queue.called("cancel").await;
    let mut flushed = std::pin::pin!(queue.gateway.gateway.flush());
    assert!(tokio::time::timeout(Duration::ZERO, flushed.as_mut()).await.is_err(), "the queue has not answered yet");
    gate.notify_one();
    soon("the cancellation", flushed).await;
}

#[tokio::test]
async fn what_is_over_is_not_cancelled() {
    // The answer's end is seen before the queue says that the job is done.
    let sse = Tongue::OpenAi.stream(&["tok-0"]);
    let script = Script { stream: vec![Say::pieces("IN_PROGRESS", &[json!(sse)])], ..Script::default() };
    let queue = Queue::start(script, Plan::default()).await;
    for _ in 0..3 {
        let answer = ask(&queue.gateway, Tongue::OpenAi.request(true)).await;
        assert!(answer.text().contains("[DONE]"));
    }
    assert_eq!((queue.calls("stream"), queue.calls("cancel")), (3, 0));
}

#[tokio::test]
async fn a_silent_job_is_given_up_in_mid_stream() {
    let mut script = streams(&[json!("tok-0"), json!("tok-1")]);
    script.stream.truncate(2);
    script.stream.push(Say::pieces("IN_PROGRESS", &[]));
    let plan = Plan { endpoint: "timeouts: { stream_idle: 100ms },", ..Plan::default() };
    let queue = Queue::start(script, plan).await;
    let answer = soon("the end", ask(&queue.gateway, Tongue::OpenAi.request(true))).await;
    let error = Tongue::OpenAi.stream_error(&answer.text()).unwrap();
    assert_eq!(error, "the job did not answer in time (0 s)");
    queue.called("cancel").await;
}
