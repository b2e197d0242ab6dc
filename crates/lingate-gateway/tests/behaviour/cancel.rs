//! Clients that leave, and what becomes of connections.

use crate::setup::{ask, plain, soon};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Disconnect, RawClient, Reply, Step, Upstream};
use std::time::{Duration, Instant};

/// The upstream must notice within so long, each time.
const GUARD: Duration = Duration::from_secs(1);
/// And within so long at the best of several times: a machine under load may stall once.
const PROMPT: Duration = Duration::from_millis(100);
const ROUNDS: usize = 5;

async fn noticed(up: &Upstream, left: Instant) -> Duration {
    tokio::time::timeout(GUARD, up.next_disconnect()).await.expect("the upstream must notice that its client left");
    left.elapsed()
}

fn assert_prompt(mut times: Vec<Duration>) {
    times.sort();
    assert!(times[0] < PROMPT, "the upstream was told only after {times:?}");
}

async fn raw_request(gateway: &TestGateway, client: Tongue, stream: bool) -> RawClient {
    let body = client.body("m", stream);
    let mut raw = RawClient::connect(gateway.address).await;
    let path = client.path();
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    raw.send(head + &body).await.unwrap();
    raw
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_ends_the_upstream_call() {
    for stream in [true, false] {
        let up = Upstream::start().await;
        let gateway = plain("vllm", &up).await;
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            up.once(Reply::hang());
            let raw = raw_request(&gateway, Tongue::OpenAi, stream).await;
            soon("the request", up.next_request()).await;
            let left = Instant::now();
            if round % 2 == 0 {
                drop(raw)
            } else {
                raw.reset()
            }
            times.push(noticed(&up, left).await);
        }
        assert_prompt(times);
        soon("closed connections", up.all_closed()).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_inside_a_whole_answer_ends_the_upstream_call() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        up.once(Reply::stream("application/json", vec![Step::bytes("{\"id\":"), Step::Hang]));
        let raw = raw_request(&gateway, Tongue::OpenAi, false).await;
        soon("the request", up.next_request()).await;
        let left = Instant::now();
        drop(raw);
        times.push(noticed(&up, left).await);
    }
    assert_prompt(times);
}

#[tokio::test]
async fn a_client_that_leaves_between_events_ends_the_upstream_call() {
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            let up = Upstream::start().await;
            let gateway = plain(backend.kind(), &up).await;
            let mut times = Vec::new();
            for _ in 0..3 {
                let start = backend.opening() + &backend.delta("tok-0");
                up.once(backend.streaming(vec![Step::bytes(start), Step::Hang]));
                let mut raw = raw_request(&gateway, client, true).await;
                raw.read_until("tok-0").await.unwrap();
                let left = Instant::now();
                drop(raw);
                times.push(noticed(&up, left).await);
            }
            assert_prompt(times);
            soon("closed connections", up.all_closed()).await;
        }
    }
}

/// A small generator of numbers, the same in each run.
fn numbers(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    }
}

#[tokio::test]
async fn leaving_at_any_byte_leaves_nothing_behind() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    let mut next = numbers(7);
    let stream = Tongue::OpenAi.stream(&["tok-0", "tok-1", "tok-2"]);
    for _ in 0..100 {
        let cut = next(stream.len());
        let client = Tongue::ALL[next(3)];
        let (first, _) = stream.split_at(cut);
        up.once(Tongue::OpenAi.streaming(vec![Step::bytes(first.to_owned()), Step::Hang]));
        let raw = raw_request(&gateway, client, true).await;
        soon("the request", up.next_request()).await;
        if next(2) == 0 {
            tokio::task::yield_now().await;
        }
        let left = Instant::now();
        if next(2) == 0 {
            drop(raw)
        } else {
            raw.reset()
        }
        noticed(&up, left).await;
    }
    soon("closed connections", up.all_closed()).await;
    // It serves on.
    up.once(Reply::json(200, Tongue::OpenAi.whole("fine")));
    let answer = ask(&gateway, Tongue::OpenAi.request(false)).await;
    assert_eq!(Tongue::OpenAi.text(&answer.json()), "fine");
}

#[tokio::test]
async fn a_finished_exchange_leaves_its_connection_to_the_next() {
    for backend in Tongue::ALL {
        let up = Upstream::start().await;
        let gateway = plain(backend.kind(), &up).await;
        up.on(move |request| {
            if request.json()["stream"] == true {
                // The last chunk of the body comes apart from the stream's own end, as it does from real servers.
                backend.streaming(vec![Step::bytes(backend.stream(&["a", "b"]))])
            } else {
                Reply::json(200, backend.whole("ab"))
            }
        })
        .await;
        for index in 0..50 {
            for client in Tongue::ALL {
                let answer = ask(&gateway, client.request(index % 2 == 0)).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        }
        // The next request may overtake the last chunk of a stream, so a second connection may be made once.
        assert!(up.connection_count() <= 2, "{backend:?}: {} connections", up.connection_count());
    }
}

#[tokio::test]
async fn an_end_that_comes_late_still_leaves_the_connection() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    for _ in 0..10 {
        let (gate, opener) = Step::gate();
        up.once(Tongue::OpenAi.streaming(vec![Step::bytes(Tongue::OpenAi.stream(&["a"])), gate]));
        let answer = ask(&gateway, Tongue::OpenAi.request(true)).await;
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "the client need not wait for more than the end");
        opener.notify_one();
        // The next request goes out only after the upstream has ended its reply.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(up.connection_count(), 1);
}

#[tokio::test]
async fn an_upstream_that_never_ends_its_body_is_let_go() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    up.once(Tongue::OpenAi.streaming(vec![Step::bytes(Tongue::OpenAi.stream(&["a"])), Step::Hang]));
    let answer = ask(&gateway, Tongue::OpenAi.request(true)).await;
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    soon("closed connections", up.all_closed()).await;
}

#[tokio::test]
async fn a_cancelled_exchange_never_leaves_its_connection() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    for stream in [true, false] {
        up.once(Tongue::OpenAi.streaming(vec![Step::bytes(Tongue::OpenAi.opening()), Step::Hang]));
        let raw = raw_request(&gateway, Tongue::OpenAi, stream).await;
        let cancelled = soon("the request", up.next_request()).await.connection;
        drop(raw);
        let gone = soon("the disconnect", up.next_disconnect()).await;
        assert!(matches!(gone, Disconnect::InReply { connection, .. } if connection == cancelled));
        up.once(Reply::json(200, Tongue::OpenAi.whole("fine")));
        ask(&gateway, Tongue::OpenAi.request(false)).await;
        assert_ne!(up.next_request().await.connection, cancelled);
    }
}

/// Many at once, half of them leaving at some point: nobody ever gets a byte of another's answer.
#[tokio::test]
async fn answers_never_mix() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    up.on(|request| {
        let body = request.json();
        let tag = body["messages"][0]["content"].as_str().unwrap().to_owned();
        let texts = vec![tag.as_str(); 20];
        let steps =
            Tongue::OpenAi.stream(&texts).as_bytes().chunks(700).map(|part| Step::bytes(part.to_vec())).collect();
        Tongue::OpenAi.streaming(steps)
    })
    .await;
    let address = gateway.address;
    let one = |number: usize| async move {
        let tag = format!("tag-{number:05}-");
        let client = Tongue::ALL[number % 3];
        let body = client.body_saying("m", true, &tag);
        let mut answer = ClientRequest::post(client.path()).body(body).open(address).await.unwrap();
        let leaves = number.is_multiple_of(2);
        let mut all = Vec::new();
        while let Some(chunk) = answer.next_chunk().await {
            all.extend_from_slice(&chunk);
            if leaves && all.len() > (number * 37) % 3000 {
                break;
            }
        }
        let text = String::from_utf8_lossy(&all).into_owned();
        let (own, others) = (text.matches(&tag).count(), text.matches("tag-").count());
        if leaves { others - own.min(others) <= 1 } else { own == 20 && others == 20 && client.has_ended(&text) }
    };
    for batch in 0..12 {
        let all = futures_util::future::join_all((0..25).map(|index| one(batch * 25 + index))).await;
        assert!(all.iter().all(|good| *good), "batch {batch}: {all:?}");
    }
}
