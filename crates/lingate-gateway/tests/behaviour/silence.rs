//! Signs of life while a model thinks. Time is paused: it goes on by itself when everybody waits.

use crate::setup::{Plan, plain};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Answer, ClientRequest, End, OpenAnswer, RawClient, Reply, Step, Upstream};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// What `keep_alive` is where nobody says.
const EVERY: Duration = Duration::from_secs(4);
/// How long the model thinks.
const THOUGHT: Duration = Duration::from_secs(70);

fn pairs() -> impl Iterator<Item = (Tongue, Tongue)> {
    Tongue::ALL.into_iter().flat_map(|client| Tongue::ALL.map(|backend| (client, backend)))
}

/// Reads signs of life until the thought is over; each comes when it is due, in the client's form.
async fn read_signs(answer: &mut OpenAnswer, client: Tongue, what: &str) -> usize {
    let (begin, mut heard, mut signs) = (Instant::now(), Instant::now(), 0);
    while begin.elapsed() + EVERY < THOUGHT {
        let sign = answer.next_chunk().await.unwrap();
        let waited = heard.elapsed();
        let due = if signs == 0 { Duration::ZERO..=EVERY } else { EVERY..=EVERY };
        assert!(due.contains(&Duration::from_millis(round(waited))), "{what}: a sign after {waited:?}");
        assert_is_sign(&sign, client, what);
        heard = Instant::now();
        signs += 1;
    }
    signs
}

/// To the nearest second: the runtime's clock stands on milliseconds.
fn round(waited: Duration) -> u64 {
    u64::try_from((waited.as_millis() + 500) / 1000 * 1000).unwrap()
}

fn assert_is_sign(sign: &[u8], client: Tongue, what: &str) {
    let text = std::str::from_utf8(sign).unwrap();
    match client {
        Tongue::OpenAi => assert_eq!(text, ": keep-alive\n\n", "{what}"),
        Tongue::Anthropic => {
            let start = text.find("event: ping").unwrap();
            assert!(start == 0 || text.starts_with("event: message_start\n"), "{what}: {text}");
            assert_eq!(&text[start..], "event: ping\ndata: {\"type\":\"ping\"}\n\n", "{what}");
        }
        Tongue::Ollama => {
            let line: Value = serde_json::from_str(text).unwrap();
            assert_eq!(line["message"]["content"], "", "{what}");
            assert_eq!((&line["done"], &line["model"]), (&Value::Bool(false), &Value::from("m")), "{what}");
            assert!(line["created_at"].is_string() && text.ends_with("}\n"), "{what}: {text}");
        }
    }
}

async fn rest_of(answer: OpenAnswer) -> Answer {
    let rest = answer.finish(Duration::from_secs(100)).await;
    assert_eq!(rest.end, End::Whole);
    rest
}

#[tokio::test]
async fn a_client_hears_signs_of_life_before_the_upstream_answers() {
    for (client, backend) in pairs() {
        let what = format!("{client:?} from {backend:?}");
        let up = Upstream::start().await;
        let gateway = plain(backend.kind(), &up).await;
        let (_, gate) = Step::gate();
        up.once(backend.streaming(vec![Step::bytes(backend.stream(&["tok-0", "tok-1"]))]).held_by(&gate));
        tokio::time::pause();
        let begin = Instant::now();
        let mut answer = client.request(true).open(gateway.address).await.unwrap();
        assert_eq!(round(begin.elapsed()), 4000, "{what}");
        assert_eq!(answer.status.as_u16(), 200, "{what}");
        assert_eq!(answer.headers["content-type"], client.stream_type(), "{what}");
        assert_eq!(answer.headers["x-lingate-endpoint"], "up", "{what}");
        assert_eq!(answer.headers["x-lingate-attempts"], "1", "{what}");
        assert!(read_signs(&mut answer, client, &what).await >= 17, "{what}");
        gate.notify_one();
        let text = rest_of(answer).await.text();
        tokio::time::resume();
        assert!(text.contains("tok-0") && text.contains("tok-1") && client.has_ended(&text), "{what}: {text}");
        assert_eq!(up.request_count(), 1, "{what}");
    }
}

#[tokio::test]
async fn a_client_hears_signs_of_life_in_mid_stream() {
    for (client, backend) in pairs() {
        let what = format!("{client:?} from {backend:?}");
        let up = Upstream::start().await;
        let gateway = plain(backend.kind(), &up).await;
        let (gate, opener) = Step::gate();
        let rest = [backend.delta("tok-1"), backend.finish(), backend.end()].concat();
        let first = backend.opening() + &backend.delta("tok-0");
        up.once(backend.streaming(vec![Step::bytes(first), gate, Step::bytes(rest)]));
        let mut answer = client.request(true).open(gateway.address).await.unwrap();
        let mut all = String::from_utf8(answer.read_until("tok-0").await.to_vec()).unwrap();
        tokio::time::pause();
        assert!(read_signs(&mut answer, client, &what).await >= 17, "{what}");
        opener.notify_one();
        all.push_str(&rest_of(answer).await.text());
        tokio::time::resume();
        assert!(all.contains("tok-1") && client.has_ended(&all), "{what}: {all}");
        assert!(!all.contains("error"), "{what}: {all}");
    }
}

/// An upstream that sends what the client does not get to see leaves it in silence all the same.
#[tokio::test]
async fn what_the_client_does_not_see_breaks_no_silence() {
    let up = Upstream::start().await;
    let gateway = plain("anthropic", &up).await;
    let (reply, sender) = Reply::channel("text/event-stream");
    up.once(reply);
    let request = Tongue::Ollama.request(true);
    let first = Tongue::Anthropic.opening() + &Tongue::Anthropic.delta("tok-0");
    let (answer, sent) = tokio::join!(request.open(gateway.address), sender.send(first));
    sent.unwrap();
    let mut answer = answer.unwrap();
    answer.read_until("tok-0").await;
    tokio::time::pause();
    let begin = Instant::now();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send("event: ping\ndata: {\"type\":\"ping\"}\n\n").await.unwrap();
    }
    assert_is_sign(&answer.next_chunk().await.unwrap(), Tongue::Ollama, "pings upstream");
    assert_eq!(round(begin.elapsed()), 4000);
}

/// The OpenAI SDK takes a blank line after an `id:` for an event without data.
#[tokio::test]
async fn no_blank_line_follows_a_comment_once_an_id_was_sent() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    let (gate, opener) = Step::gate();
    let first = format!("id: 7\n{}{}", Tongue::OpenAi.opening(), Tongue::OpenAi.delta("tok-0"));
    let rest = Tongue::OpenAi.finish() + &Tongue::OpenAi.end();
    up.once(Tongue::OpenAi.streaming(vec![Step::bytes(first), gate, Step::bytes(rest)]));
    let mut answer = Tongue::OpenAi.request(true).open(gateway.address).await.unwrap();
    answer.read_until("tok-0").await;
    tokio::time::pause();
    assert_eq!(answer.next_chunk().await.unwrap(), ": keep-alive\n");
    opener.notify_one();
    assert!(rest_of(answer).await.text().ends_with("data: [DONE]\n\n"));
}

/// With the head out there is no status and no other target any more.
#[tokio::test]
async fn after_the_first_sign_an_error_is_told_inside_the_stream() {
    for (client, backend) in pairs() {
        let what = format!("{client:?} from {backend:?}");
        let up = Upstream::start().await;
        let plan = Plan { model: "retry: { attempts: 3 }, ", ..Plan::default() };
        let gateway = plan.start(backend.kind(), &up).await;
        let (_, gate) = Step::gate();
        up.once(Reply::json(503, backend.refusal("too much to do")).held_by(&gate));
        tokio::time::pause();
        let answer = client.request(true).open(gateway.address).await.unwrap();
        gate.notify_one();
        let text = rest_of(answer).await.text();
        tokio::time::resume();
        assert_eq!(client.stream_error(&text).as_deref(), Some("too much to do"), "{what}: {text}");
        assert!(!client.has_ended(&text), "{what}: {text}");
        assert_eq!(up.request_count(), 1, "{what}");
    }
}

/// Before it, both are as ever.
#[tokio::test]
async fn before_the_first_sign_another_target_is_tried() {
    let up = Upstream::start().await;
    let plan = Plan { model: "retry: { attempts: 2 }, ", ..Plan::default() };
    let gateway = plan.start("vllm", &up).await;
    up.once(Reply::json(503, Tongue::OpenAi.refusal("too much to do")));
    up.once(Tongue::OpenAi.streaming(vec![Step::bytes(Tongue::OpenAi.stream(&["tok-0"]))]));
    let answer = Tongue::OpenAi.request(true).send(gateway.address).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("x-lingate-attempts")), (200, Some("2")));
    assert!(answer.text().contains("tok-0") && !answer.text().contains(": keep-alive"));
}

/// An upstream that gives no stream, to a client that wants one, after a long thought.
#[tokio::test]
async fn a_whole_answer_follows_the_signs_as_a_stream() {
    for client in Tongue::ALL {
        let up = Upstream::start().await;
        let plan = Plan { endpoint: "stream: never, ", ..Plan::default() };
        let gateway = plan.start("vllm", &up).await;
        let (_, gate) = Step::gate();
        up.once(Reply::json(200, Tongue::OpenAi.whole("tok-0")).held_by(&gate));
        tokio::time::pause();
        let mut answer = client.request(true).open(gateway.address).await.unwrap();
        read_signs(&mut answer, client, "never").await;
        gate.notify_one();
        let text = rest_of(answer).await.text();
        tokio::time::resume();
        assert!(text.contains("tok-0") && client.has_ended(&text), "{client:?}: {text}");
    }
}

#[tokio::test]
async fn the_operators_words_follow_the_signs_where_there_are_some() {
    let up = Upstream::start().await;
    let plan = Plan { model: "fallback_message: 'come again', ", ..Plan::default() };
    let gateway = plan.start("vllm", &up).await;
    let (_, gate) = Step::gate();
    up.once(Reply::json(500, "{}").held_by(&gate));
    tokio::time::pause();
    let answer = Tongue::Anthropic.request(true).open(gateway.address).await.unwrap();
    gate.notify_one();
    let text = rest_of(answer).await.text();
    assert!(text.contains("come again") && Tongue::Anthropic.has_ended(&text), "{text}");
}

async fn raw(gateway: &TestGateway, request: &str) -> RawClient {
    let mut raw = RawClient::connect(gateway.address).await;
    let length = request.len();
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
    raw.send(head + request).await.unwrap();
    raw
}

#[tokio::test]
async fn a_client_that_leaves_in_silence_ends_the_upstream_call() {
    for head in [false, true] {
        let up = Upstream::start().await;
        let gateway = Plan { top: "keep_alive: 20ms\n", ..Plan::default() }.start("vllm", &up).await;
        let opening = Tongue::OpenAi.opening() + &Tongue::OpenAi.delta("tok-0");
        up.once(match head {
            true => Tongue::OpenAi.streaming(vec![Step::bytes(opening), Step::Hang]),
            false => Reply::hang(),
        });
        let mut client = raw(&gateway, &Tongue::OpenAi.body("m", true)).await;
        client.read_until(": keep-alive\n\n").await.unwrap();
        drop(client);
        up.next_disconnect().await;
        up.all_closed().await;
    }
}

#[tokio::test]
async fn a_stopping_server_ends_a_stream_that_only_waits() {
    let up = Upstream::start().await;
    let gateway = Plan { top: "keep_alive: 20ms\n", ..Plan::default() }.start("vllm", &up).await;
    up.once(Reply::hang());
    let mut answer = Tongue::OpenAi.request(true).open(gateway.address).await.unwrap();
    answer.next_chunk().await.unwrap();
    gateway.gateway.end_streams();
    let text = rest_of(answer).await.text();
    assert_eq!(Tongue::OpenAi.stream_error(&text).as_deref(), Some("the gateway is shutting down"), "{text}");
    up.next_disconnect().await;
}

/// Neither a client that wants no stream, nor one of a gateway that was told so, hears a sign.
#[tokio::test]
async fn without_a_stream_or_with_0s_there_are_no_signs() {
    for (stream, top) in [(false, ""), (true, "keep_alive: 0s\nholdback: 1s\n")] {
        let up = Upstream::start().await;
        let gateway = Plan { top, ..Plan::default() }.start("vllm", &up).await;
        let (_, gate) = Step::gate();
        let reply = match stream {
            true => Tongue::OpenAi.streaming(vec![Step::bytes(Tongue::OpenAi.stream(&["tok-0"]))]),
            false => Reply::json(200, Tongue::OpenAi.whole("tok-0")),
        };
        up.once(reply.held_by(&gate));
        tokio::time::pause();
        let request: ClientRequest = Tongue::OpenAi.request(stream).patience(THOUGHT);
        let (answer, ()) = tokio::join!(request.send(gateway.address), async {
            tokio::time::sleep(THOUGHT / 2).await;
            gate.notify_one();
        });
        tokio::time::resume();
        let text = answer.unwrap().text();
        assert!(text.contains("tok-0") && !text.contains("keep-alive"), "{text}");
    }
}
