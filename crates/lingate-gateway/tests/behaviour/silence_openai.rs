//! Signs of life for the clients of OpenAI's other dialects, Responses and completions: relayed and re-encoded.

use crate::setup::{Plan, ask};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, End, OpenAnswer, Reply, Step, Upstream};
use serde_json::{Value, json};
use std::time::Duration;

const SIGN: &str = ": keep-alive\n\n";

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Responses,
    Completions,
}

use Form::{Completions, Responses};

impl Form {
    fn request(self, previous: &Value) -> ClientRequest {
        match self {
            Responses => ClientRequest::post("/v1/responses")
                .json(&json!({"model": "m", "input": "hi", "stream": true, "previous_response_id": previous})),
            Completions => {
                ClientRequest::post("/v1/completions").json(&json!({"model": "m", "prompt": "hi", "stream": true}))
            }
        }
    }
}

/// A client before a backend.
struct Case {
    form: Form,
    kind: &'static str,
    endpoint: &'static str,
    /// Whose framing and errors the backend has.
    tongue: Tongue,
    /// Its stream up to `tok-0`, and from `tok-1` on.
    halves: [String; 2],
}

fn cases() -> Vec<Case> {
    let chat = |form| {
        move |tongue: Tongue| Case {
            form,
            // Of the kinds that speak OpenAI's chat, this one has no completions.
            kind: if tongue == Tongue::OpenAi { "openwebui" } else { tongue.kind() },
            endpoint: "",
            tongue,
            halves: [
                tongue.opening() + &tongue.delta("tok-0"),
                [tongue.delta("tok-1"), tongue.finish(), tongue.end()].concat(),
            ],
        }
    };
    let mut all: Vec<_> = Tongue::ALL.into_iter().map(chat(Responses)).collect();
    all.extend([Tongue::OpenAi, Tongue::Anthropic].map(chat(Completions)));
    let own = |form, kind, endpoint, tongue, halves| Case { form, kind, endpoint, tongue, halves };
    all.push(own(Responses, "vllm", "dialects: [openai_responses], ", Tongue::OpenAi, responses()));
    all.push(own(Completions, "vllm", "", Tongue::OpenAi, completions()));
    all.push(own(Completions, "ollama", "", Tongue::Ollama, generated()));
    all
}

/// The stream of an upstream that speaks Responses.
fn responses() -> [String; 2] {
    let response = |status: &str, output: Value| {
        json!({"id": "resp_up", "object": "response", "created_at": 1, "status": status, "model": "real",
            "output": output})
    };
    let part = json!({"type": "output_text", "text": "tok-0tok-1", "annotations": []});
    let message = |status: &str, content: Value| json!({"type": "message", "id": "msg_up", "status": status, "role": "assistant", "content": content});
    let done = message("completed", json!([part]));
    let delta = |text: &str| {
        json!({"type": "response.output_text.delta", "item_id": "msg_up", "output_index": 0, "content_index": 0,
            "delta": text})
    };
    let events = [
        json!({"type": "response.created", "response": response("in_progress", json!([]))}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": message("in_progress", json!([]))}),
        delta("tok-0"),
        delta("tok-1"),
        json!({"type": "response.output_item.done", "output_index": 0, "item": done}),
        json!({"type": "response.completed", "response": response("completed", json!([done]))}),
    ];
    let mut frames = events.into_iter().enumerate().map(|(number, mut event)| {
        event["sequence_number"] = number.into();
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
    });
    [frames.by_ref().take(3).collect(), frames.collect()]
}

/// The stream of an upstream that speaks completions.
fn completions() -> [String; 2] {
    let chunk = |text: &str, finish: Value| {
        let choice = json!({"index": 0, "text": text, "logprobs": null, "finish_reason": finish});
        let chunk = json!({"id": "c", "object": "text_completion", "created": 1, "model": "real", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    [chunk("tok-0", Value::Null), chunk("tok-1", json!("stop")) + "data: [DONE]\n\n"]
}

/// The stream of Ollama's `/api/generate`.
fn generated() -> [String; 2] {
    let line = |text: &str, done: bool| {
        let line = json!({"model": "real", "created_at": "2026-01-02T03:04:05Z", "response": text, "done": done});
        format!("{line}\n")
    };
    [line("tok-0", false), line("tok-1", false) + &line("", true)]
}

impl Case {
    fn name(&self) -> String {
        format!("{:?} from {} {}", self.form, self.kind, self.endpoint)
    }

    fn relays(&self) -> bool {
        self.kind == "vllm"
    }

    async fn start(&self, up: &Upstream) -> TestGateway {
        // An account's key, where the kind has one, is the plan's.
        Plan { endpoint: self.endpoint, ..Plan::default() }.start(self.kind, up).await
    }

    fn streaming(&self, steps: Vec<Step>) -> Reply {
        self.tongue.streaming(steps)
    }

    /// A whole stream is in order: nothing but comments besides its events.
    fn assert_whole(&self, text: &str) {
        let what = self.name();
        assert!(text.contains("tok-0") && text.contains("tok-1"), "{what}: {text}");
        match self.form {
            Responses => {
                let all = in_order(text);
                assert_eq!(all.first().unwrap()["type"], "response.created", "{what}: {text}");
                assert_eq!(all.last().unwrap()["type"], "response.completed", "{what}: {text}");
            }
            Completions => {
                assert!(text.ends_with("data: [DONE]\n\n"), "{what}: {text}");
                assert!(!text.contains("error"), "{what}: {text}");
            }
        }
    }

    /// A stream ends in an error of the client's form, and in nothing else.
    fn assert_failed(&self, text: &str, message: Option<&str>) {
        let what = self.name();
        assert!(!text.contains("[DONE]") && !text.contains("response.completed"), "{what}: {text}");
        let error = match self.form {
            Completions => Tongue::OpenAi.stream_error(text),
            Responses => {
                let last = data(text).last().unwrap().clone();
                let error = if last["type"] == "error" { &last } else { &last["response"]["error"] };
                error["message"].as_str().map(str::to_owned)
            }
        };
        let error = error.unwrap_or_else(|| panic!("{what}: no error in {text}"));
        assert!(message.is_none_or(|message| message == error), "{what}: {error}");
    }
}

/// The data of all events of a stream. Every other line is a comment, an event's name or blank.
fn data(text: &str) -> Vec<Value> {
    let known = |line: &&str| !(line.is_empty() || line.starts_with(": ") || line.starts_with("event: "));
    let lines = text.lines().filter(known);
    lines.map(|line| serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap()).collect()
}

/// The same, of a Responses stream whose numbers run on without a gap.
fn in_order(text: &str) -> Vec<Value> {
    let all = data(text);
    for (number, event) in all.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{text}");
    }
    all
}

/// Three signs, four seconds apart, and not a byte more.
async fn read_signs(answer: &mut OpenAnswer, what: &str) {
    for _ in 0..3 {
        assert_eq!(answer.next_chunk().await.unwrap(), SIGN, "{what}");
    }
}

/// Time goes on as it does outside: what is stored takes some.
async fn rest_of(answer: OpenAnswer) -> String {
    let rest = answer.finish(Duration::from_secs(10)).await;
    assert_eq!(rest.end, End::Whole);
    rest.text()
}

/// Who saw the ending of a Responses stream can go on from it.
async fn goes_on(case: &Case, gateway: &TestGateway, up: &Upstream, text: &str) {
    if case.form == Completions {
        return;
    }
    let id = in_order(text).last().unwrap()["response"]["id"].clone();
    up.next_request().await;
    up.once(case.streaming(vec![Step::bytes(case.halves.concat())]));
    let next = ask(gateway, case.form.request(&id)).await;
    assert_eq!(next.status, 200, "{}: {}", case.name(), next.text());
    let seen = up.next_request().await.text();
    assert!(seen.contains("tok-0") && !seen.contains("previous_response_id"), "{}: {seen}", case.name());
    assert_eq!(in_order(&next.text())[0]["response"]["previous_response_id"], id, "{}", case.name());
}

#[tokio::test]
async fn signs_come_before_the_upstream_answers() {
    for case in cases() {
        let up = Upstream::start().await;
        let gateway = case.start(&up).await;
        let (_, gate) = Step::gate();
        up.once(case.streaming(vec![Step::bytes(case.halves.concat())]).held_by(&gate));
        tokio::time::pause();
        let mut answer = case.form.request(&Value::Null).open(gateway.address).await.unwrap();
        assert_eq!(answer.headers["content-type"], "text/event-stream");
        read_signs(&mut answer, &case.name()).await;
        tokio::time::resume();
        gate.notify_one();
        let text = rest_of(answer).await;
        case.assert_whole(&text);
        goes_on(&case, &gateway, &up, &text).await;
    }
}

#[tokio::test]
async fn signs_come_in_mid_stream() {
    for case in cases() {
        let up = Upstream::start().await;
        let gateway = case.start(&up).await;
        let (gate, opener) = Step::gate();
        let [first, rest] = case.halves.each_ref().map(|half| Step::bytes(half.clone()));
        up.once(case.streaming(vec![first, gate, rest]));
        let mut answer = case.form.request(&Value::Null).open(gateway.address).await.unwrap();
        let mut text = String::from_utf8(answer.read_until("tok-0").await.to_vec()).unwrap();
        tokio::time::pause();
        read_signs(&mut answer, &case.name()).await;
        tokio::time::resume();
        opener.notify_one();
        text.push_str(&rest_of(answer).await);
        case.assert_whole(&text);
        goes_on(&case, &gateway, &up, &text).await;
    }
}

/// An upstream that gives no stream, after a long thought.
#[tokio::test]
async fn a_whole_answer_follows_the_signs_and_is_stored() {
    let tongue = Tongue::Anthropic;
    let up = Upstream::start().await;
    let gateway = Plan { endpoint: "stream: never, ", ..Plan::default() }.start(tongue.kind(), &up).await;
    let (_, gate) = Step::gate();
    up.once(Reply::json(200, tongue.whole("tok-0tok-1")).held_by(&gate));
    tokio::time::pause();
    let mut answer = Responses.request(&Value::Null).open(gateway.address).await.unwrap();
    read_signs(&mut answer, "never").await;
    tokio::time::resume();
    gate.notify_one();
    let text = rest_of(answer).await;
    let id = in_order(&text).last().unwrap()["response"]["id"].as_str().unwrap().to_owned();
    let stored = ask(&gateway, ClientRequest::get(&format!("/v1/responses/{id}"))).await;
    assert_eq!(stored.json()["output"][0]["content"][0]["text"], "tok-0tok-1", "{}", stored.text());
}

/// A Responses client gets a whole answer that failed, which goes on from what it asked for, and is not stored.
#[tokio::test]
async fn a_refusal_after_the_signs_is_told_inside_the_stream() {
    for case in cases() {
        let up = Upstream::start().await;
        let gateway = case.start(&up).await;
        let mut previous = Value::Null;
        if case.form == Responses {
            up.once(case.streaming(vec![Step::bytes(case.halves.concat())]));
            let first = ask(&gateway, case.form.request(&previous)).await.text();
            previous = in_order(&first).last().unwrap()["response"]["id"].clone();
            up.next_request().await;
        }
        let (_, gate) = Step::gate();
        up.once(Reply::json(503, case.tongue.refusal("too much to do")).held_by(&gate));
        let request = case.form.request(&previous);
        // What was stored is looked up in its own time.
        let (answer, ()) = tokio::join!(request.open(gateway.address), async {
            up.next_request().await;
            tokio::time::pause();
        });
        let mut answer = answer.unwrap();
        read_signs(&mut answer, &case.name()).await;
        tokio::time::resume();
        gate.notify_one();
        let text = rest_of(answer).await;
        case.assert_failed(&text, Some("too much to do"));
        if case.form == Responses {
            let all = in_order(&text);
            let types: Vec<_> = all.iter().map(|event| event["type"].as_str().unwrap()).collect();
            assert_eq!(types, ["response.created", "response.in_progress", "response.failed"], "{text}");
            assert!(all.iter().all(|event| event["response"]["previous_response_id"] == previous), "{text}");
            let id = all[2]["response"]["id"].as_str().unwrap();
            assert_eq!(ask(&gateway, ClientRequest::get(&format!("/v1/responses/{id}"))).await.status, 404);
        }
    }
}

#[tokio::test]
async fn a_break_after_the_signs_is_told_inside_the_stream() {
    for case in cases() {
        let up = Upstream::start().await;
        let gateway = case.start(&up).await;
        let (gate, opener) = Step::gate();
        up.once(case.streaming(vec![Step::bytes(case.halves[0].clone()), gate, Step::Cut]));
        let mut answer = case.form.request(&Value::Null).open(gateway.address).await.unwrap();
        let mut text = String::from_utf8(answer.read_until("tok-0").await.to_vec()).unwrap();
        tokio::time::pause();
        read_signs(&mut answer, &case.name()).await;
        tokio::time::resume();
        opener.notify_one();
        text.push_str(&rest_of(answer).await);
        case.assert_failed(&text, None);
        if case.form == Responses && !case.relays() {
            assert_eq!(in_order(&text).last().unwrap()["type"], "response.failed", "{text}");
        }
    }
}

/// A server that stops, too, lets an answer begin before it fails.
#[tokio::test]
async fn a_stopping_server_fails_the_answer_that_is_waited_for() {
    let up = Upstream::start().await;
    let gateway = Plan { top: "keep_alive: 20ms\n", ..Plan::default() }.start("vllm", &up).await;
    up.once(Reply::hang());
    let mut answer = Responses.request(&Value::Null).open(gateway.address).await.unwrap();
    assert_eq!(answer.next_chunk().await.unwrap(), SIGN);
    gateway.gateway.end_streams();
    let text = rest_of(answer).await;
    let last = in_order(&text).pop().unwrap();
    assert_eq!(last["type"], "response.failed", "{text}");
    assert_eq!(last["response"]["error"]["message"], "the gateway is shutting down", "{text}");
}
