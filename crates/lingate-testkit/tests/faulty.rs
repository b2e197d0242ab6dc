//! The faulty upstream's verbs, seen by a raw client without any gateway between.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lingate_testkit::faulty::reader::{Client, Ending, read};
use lingate_testkit::faulty::table::faults;
use lingate_testkit::faulty::{Ended, Scenario, TOLD, Tag};
use lingate_testkit::raw_client::Closed;
use lingate_testkit::{Faulty, RawClient};
use std::time::{Duration, Instant};

/// Asks for a chat as a stream or whole; the connection, with the request sent.
async fn ask(faulty: &Faulty, scenario: &str, stream: bool, tag: &Tag) -> RawClient {
    let (_, body) = Client::Chat.ask(&format!("chaos/{scenario}"), stream, &tag.prompt());
    send(faulty, "/v1/chat/completions", &body.to_string()).await
}

async fn send(faulty: &Faulty, path: &str, body: &str) -> RawClient {
    let mut client = RawClient::connect(faulty.addr()).await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer k-7\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.send(head + body).await.unwrap();
    client
}

/// All that comes until the server closes.
async fn all(faulty: &Faulty, scenario: &str, stream: bool) -> (String, Closed) {
    let (bytes, closed) = ask(faulty, scenario, stream, &Tag::new("t")).await.read_to_end().await;
    (String::from_utf8_lossy(&bytes).into_owned(), closed)
}

/// What comes up to these words.
async fn until(faulty: &Faulty, scenario: &str, stream: bool, wanted: &str) -> String {
    let mut client = ask(faulty, scenario, stream, &Tag::new("t")).await;
    String::from_utf8_lossy(&client.read_until(wanted).await.unwrap()).into_owned()
}

#[tokio::test]
async fn every_scenario_of_the_table_is_known() {
    for fault in faults().filter(|fault| fault.scenario != "refuse") {
        let scenario = Scenario::parse(fault.scenario).unwrap();
        scenario.at(0).unwrap();
    }
    let faulty = Faulty::start().await;
    let answer = Client::Chat.request("chaos/explode", false, "").send(faulty.addr()).await.unwrap();
    assert_eq!(answer.status, 418, "a verb that does not exist is the test's mistake");
}

#[tokio::test]
async fn connections_that_end_before_the_head() {
    let faulty = Faulty::start().await;
    assert_eq!(all(&faulty, "eof_before_head", true).await, (String::new(), Closed::Eof));
    assert_eq!(all(&faulty, "reset_before_head", true).await, (String::new(), Closed::Reset));
    let (text, _) = all(&faulty, "bad_status_line", true).await;
    assert!(text.starts_with("HTTQ/9"), "{text}");
    let (text, _) = all(&faulty, "bad_101", true).await;
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    let text = until(&faulty, "early_hints", false, "HTTP/1.1 200").await;
    assert!(text.starts_with("HTTP/1.1 103 "), "{text}");
    let tag = Tag::new("hangs");
    let client = ask(&faulty, "hang_before_head", true, &tag).await;
    faulty.when(tag.name(), "the request", |records| (!records.is_empty()).then_some(())).await;
    drop(client);
    let ended = faulty.when(tag.name(), "its end", |records| records[0].at.map(|_| records[0].ended)).await;
    assert_eq!(ended, Ended::Client);
}

#[tokio::test]
async fn bodies_that_break_off() {
    let faulty = Faulty::start().await;
    let (text, closed) = all(&faulty, "eof_after:2", true).await;
    assert!(text.contains("t-0002") && !text.contains("t-0003") && closed == Closed::Eof, "{text}");
    assert_eq!(faulty.records("t")[0].words, 2);
    assert_eq!(all(&faulty, "reset_after:2", true).await.1, Closed::Reset);
    let (text, _) = all(&faulty, "bad_chunk:1", true).await;
    assert!(text.contains("\r\nzz\r\n") && !text.contains("t-0002"), "{text}");
    let (text, _) = all(&faulty, "no_last_chunk", true).await;
    assert!(text.contains("[DONE]") && !text.ends_with("0\r\n\r\n"), "{text}");
    for (scenario, more) in [("cl_long", 10), ("cl_short", -1)] {
        let (text, _) = all(&faulty, scenario, false).await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length: usize = head.split_once("content-length: ").unwrap().1.parse().unwrap();
        let right = if more < 0 { length < body.len() } else { length == body.len() + 10 };
        assert!(right, "{scenario}: {length} of {}", body.len());
    }
    let text = until(&faulty, "trailing_garbage", true, "nobody asked for").await;
    assert!(text.contains("[DONE]\n\n\r\n0\r\n\r\ngarbage"), "{text}");
    let text = until(&faulty, "hugeline:1", true, &"x".repeat(100)).await;
    assert!(text.contains("t-0001") && !text.contains("t-0002"));
}

#[tokio::test]
async fn statuses_and_content() {
    let faulty = Faulty::start().await;
    let asked = |model: &'static str, stream| {
        let request =
            Client::Chat.request(model, stream, &Tag::new("s").prompt()).header("authorization", "Bearer k-7");
        let to = faulty.addr();
        async move { request.send(to).await.unwrap() }
    };
    let answer = asked("chaos/status:429,ra=seconds,body=text", false).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after"), &*answer.text()), (429, Some("7"), TOLD));
    let answer = asked("chaos/redirect:307", false).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (307, Some("/elsewhere")));
    let answer = asked("chaos/secret_echo", false).await;
    assert!(answer.text().contains("k-7") && answer.header("x-echo") == Some("Bearer k-7"));
    assert!(asked("chaos/html200", true).await.text().starts_with("<!doctype html>"));
    assert_eq!(asked("chaos/err200", true).await.json()["error"]["message"], TOLD);
    assert_eq!(asked("chaos/gzip", false).await.body[..2], [0x1f, 0x8b]);
    assert!(asked("chaos/ct:none", false).await.header("content-type").is_none());
    assert!(serde_json::from_slice::<serde_json::Value>(&asked("chaos/badjson", false).await.body).is_err());
    let double = asked("chaos/status:500,body=double_encoded", false).await.json();
    assert!(double["error"].as_str().unwrap().starts_with("{\"error\":"), "{double}");
}

#[tokio::test]
async fn oddities_of_streams() {
    let faulty = Faulty::start().await;
    for (scenario, has, has_not) in [
        ("no_done", "\"stop\"", "[DONE]"),
        ("no_done_nofinish", "t-0004", "\"stop\""),
        ("sse_bom", "\u{feff}data:", "[[["),
        ("sse_crlf", "\r\n\r\n", "}\n\n"),
        ("sse_no_space", "data:{", "data: {"),
        ("sse_multi_line", ",\ndata: ", "[[["),
        ("sse_comments", "retry: 1000\n", "[[["),
        ("err_event_after:1", TOLD, "[[["),
        ("null_fields", "\"tool_calls\":null", "[[["),
        ("empty_choices", "\"choices\":[]", "[[["),
    ] {
        let model = format!("chaos/{scenario}");
        let answer = Client::Chat.request(&model, true, &Tag::new("t").prompt()).send(faulty.addr()).await.unwrap();
        let text = answer.text();
        assert!(text.contains(has) && !text.contains(has_not), "{scenario}: {text}");
    }
}

/// The reader takes what a plain upstream says, in every form that it has, and nothing that is cut short.
#[tokio::test]
async fn the_strict_reader_reads_plain_answers() {
    let faulty = Faulty::start().await;
    let tag = Tag::new("plain");
    for client in Client::ALL.into_iter().filter(|client| *client != Client::Responses) {
        for stream in [false, true] {
            let answer = client.request("chaos/ok", stream, &tag.prompt()).send(faulty.addr()).await.unwrap();
            let seen = read(client, stream, &answer, false);
            assert_eq!((seen.ending, seen.text), (Ending::Normal, tag.text(tag.usual())), "{client:?} {stream}");
        }
        for scenario in ["chaos/eof_after:2", "chaos/no_done_nofinish", "chaos/event_after_done"] {
            let answer = client.request(scenario, true, &tag.prompt()).send(faulty.addr()).await.unwrap();
            let seen = read(client, true, &answer, false);
            assert!(matches!(seen.ending, Ending::Wrong(_)), "{client:?} {scenario}: {seen:?}");
        }
        let answer = client.request("chaos/err_event_after:2", true, &tag.prompt()).send(faulty.addr()).await.unwrap();
        let seen = read(client, true, &answer, true);
        assert_ne!(seen.ending, Ending::Normal, "{client:?}: an error, and an end all the same");
    }
}

#[tokio::test]
async fn attempts_and_time() {
    let faulty = Faulty::start().await;
    let tag = Tag::new("again");
    let request = Client::OllamaChat.request("chaos/seq:[status:503|latency:50]", false, &tag.prompt());
    assert_eq!(request.send(faulty.addr()).await.unwrap().status, 503);
    let started = Instant::now();
    assert_eq!(request.send(faulty.addr()).await.unwrap().status, 200);
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert_eq!(faulty.records(tag.name()).len(), 2);
    assert_eq!((faulty.requests(), faulty.sign_ins()), (2, 0));
}

#[tokio::test]
async fn jobs_go_through_their_states() {
    let faulty = Faulty::start().await;
    let get = |path: String| {
        let to = faulty.addr();
        async move { lingate_testkit::ClientRequest::get(&path).send(to).await.unwrap() }
    };
    for (scenario, end) in [("ok", "COMPLETED"), ("job:failed", "FAILED"), ("job:timed_out", "TIMED_OUT")] {
        let (_, chat) = Client::Chat.ask(&format!("chaos/{scenario}"), false, &Tag::new("job").prompt());
        let body = serde_json::json!({"input": {"openai_route": "/v1/chat/completions", "openai_input": chat}});
        let request = lingate_testkit::ClientRequest::post("/v2/e/run").json(&body);
        let job = request.send(faulty.addr()).await.unwrap().json();
        let path = format!("/v2/e/status/{}", job["id"].as_str().unwrap());
        assert_eq!(get(path.clone()).await.json()["status"], "IN_QUEUE");
        let last = get(path).await.json();
        assert_eq!(last["status"], end);
        let text = &last["output"][0]["choices"][0]["message"]["content"];
        assert_eq!(text.is_string(), end == "COMPLETED", "{last}");
    }
    assert_eq!(get("/v2/e/status/nope".to_owned()).await.status, 404);
    assert!(faulty.records("job").iter().all(|record| record.cancelled.is_none()));
    let last = faulty.requests() - 1;
    let cancelled = lingate_testkit::ClientRequest::post(&format!("/v2/e/cancel/job-{last}"));
    assert_eq!(cancelled.send(faulty.addr()).await.unwrap().json()["status"], "CANCELLED");
    assert!(faulty.records("job").last().unwrap().cancelled.is_some());
}
