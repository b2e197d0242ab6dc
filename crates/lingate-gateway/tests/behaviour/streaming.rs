//! Streams flow: each event as it comes, at the client's speed, and in as few writes as are needed.

use crate::setup::{plain, soon};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, End, RawClient, Reply, Step, Upstream};
use std::time::Duration;

const TEXTS: [&str; 4] = ["tok-0", "tok-1", "tok-2", "tok-3"];

/// The upstream waits after each text until the client has it: anything held back ends the test.
async fn each_event_reaches_the_client_at_once(client: Tongue, backend: Tongue) {
    let up = Upstream::start().await;
    let gateway = plain(backend.kind(), &up).await;
    let mut steps = vec![Step::bytes(backend.opening())];
    let mut gates = Vec::new();
    for text in TEXTS {
        let (gate, opener) = Step::gate();
        steps.extend([Step::bytes(backend.delta(text)), gate]);
        gates.push(opener);
    }
    steps.push(Step::bytes([backend.finish(), backend.end()].concat()));
    up.once(backend.streaming(steps));

    let mut answer = soon("the head", client.request(true).open(gateway.address)).await.unwrap();
    let what = format!("{client:?} from {backend:?}");
    assert_eq!(answer.status, 200, "{what}");
    assert_eq!(answer.headers["content-type"], client.stream_type(), "{what}");
    let mut all = String::new();
    for (index, (text, gate)) in TEXTS.iter().zip(gates).enumerate() {
        if !all.contains(text) {
            let got = soon(&format!("{text}, {what}"), answer.read_until(text)).await;
            all.push_str(std::str::from_utf8(&got).unwrap());
        }
        assert!(all.contains(text), "{what}: {all}");
        if let Some(next) = TEXTS.get(index + 1) {
            assert!(!all.contains(next), "{what}: {next} came before it was sent");
        }
        gate.notify_one();
    }
    let rest = answer.finish(Duration::from_secs(5)).await;
    assert_eq!(rest.end, End::Whole, "{what}");
    all.push_str(&rest.text());
    assert!(client.has_ended(&all), "{what}: {all}");
    assert!(client.stream_error(&all).is_none(), "{what}: {all}");
}

#[tokio::test]
async fn an_openai_client_gets_each_event_at_once() {
    for backend in Tongue::ALL {
        each_event_reaches_the_client_at_once(Tongue::OpenAi, backend).await;
    }
}

#[tokio::test]
async fn an_anthropic_client_gets_each_event_at_once() {
    for backend in Tongue::ALL {
        each_event_reaches_the_client_at_once(Tongue::Anthropic, backend).await;
    }
}

#[tokio::test]
async fn an_ollama_client_gets_each_event_at_once() {
    for backend in Tongue::ALL {
        each_event_reaches_the_client_at_once(Tongue::Ollama, backend).await;
    }
}

/// The head waits for the first event that means something, but no longer than `holdback`.
#[tokio::test]
async fn a_silent_stream_is_committed_after_the_holdback() {
    let up = Upstream::start().await;
    let plan = crate::setup::Plan { top: "holdback: 100ms\n", ..Default::default() };
    let gateway = plan.start("vllm", &up).await;
    let (gate, opener) = Step::gate();
    let rest = Tongue::OpenAi.stream(&["late"]);
    up.once(Tongue::OpenAi.streaming(vec![gate, Step::bytes(rest)]));
    let mut answer = soon("the head", Tongue::OpenAi.request(true).open(gateway.address)).await.unwrap();
    opener.notify_one();
    assert!(soon("the end", answer.read_until("[DONE]")).await.ends_with(b"data: [DONE]\n\n"));
}

/// A client that does not read stops its upstream: what the sockets hold is all that is taken from it.
async fn a_client_that_does_not_read_stops_its_upstream(client: Tongue, backend: Tongue) {
    const PIECE: usize = 64 * 1024;
    const OFFERED: usize = 4096;
    let up = Upstream::start().await;
    let gateway = plain(backend.kind(), &up).await;
    let (reply, sender) = Reply::channel(backend.stream_type());
    up.once(reply);
    let body = client.body("m", true);
    let path = client.path();
    let mut slow = RawClient::connect(gateway.address).await;
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    slow.send(head + &body).await.unwrap();
    up.next_request().await;
    sender.send(backend.opening()).await.unwrap();
    let piece = backend.delta(&"x".repeat(PIECE));
    let mut taken = 0;
    while taken < OFFERED {
        match tokio::time::timeout(Duration::from_secs(1), sender.send(piece.clone())).await {
            Ok(sent) => sent.unwrap(),
            Err(_) => break,
        }
        taken += 1;
    }
    let what = format!("{client:?} from {backend:?}");
    assert!(taken > 0, "{what}: nothing was taken");
    assert!(taken < OFFERED / 4, "{what}: {taken} pieces of 64 KiB were taken without a reader");
    // It reads again, so it goes on.
    slow.read_until("x".repeat(1000)).await.unwrap();
    let reading = tokio::spawn(async move { slow.read_until("tok-last").await.map(|bytes| bytes.len()) });
    soon("room again", sender.send(backend.delta("tok-last"))).await.unwrap();
    let read = reading.await.unwrap().unwrap();
    assert!(read > taken * PIECE - 2 * PIECE, "{what}: {read} of {taken} pieces");
}

#[tokio::test]
async fn a_relayed_stream_has_back_pressure() {
    a_client_that_does_not_read_stops_its_upstream(Tongue::OpenAi, Tongue::OpenAi).await;
}

#[tokio::test]
async fn a_translated_stream_has_back_pressure() {
    a_client_that_does_not_read_stops_its_upstream(Tongue::Ollama, Tongue::Anthropic).await;
}

/// Two hundred chunks that come at once do not go out as two hundred.
#[tokio::test]
async fn all_that_is_ready_goes_out_in_one_go() {
    for (client, backend) in [(Tongue::OpenAi, Tongue::OpenAi), (Tongue::Anthropic, Tongue::OpenAi)] {
        let up = Upstream::start().await;
        let gateway = plain(backend.kind(), &up).await;
        let deltas = (0..200).map(|index| backend.delta(&format!("w{index}")));
        let pieces = std::iter::once(backend.opening()).chain(deltas).chain([backend.finish() + &backend.end()]);
        let chunks: String = pieces.map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        up.once(Reply::raw(vec![Step::bytes(format!("{head}{chunks}0\r\n\r\n"))]));
        let request: ClientRequest = client.request(true);
        let answer = request.send(gateway.address).await.unwrap();
        assert!(client.has_ended(&answer.text()));
        assert!(answer.chunks.len() <= 12, "{} pieces for 200 events at once", answer.chunks.len());
    }
}
