//! Requests that are let go at any of the moments at which they wait: nothing of them is left.
//!
//! Each request is polled so and so often and then dropped, as by a client that leaves, for every number of polls up to
//! its end. Afterwards no place is held, nobody waits in a queue, no circuit is stuck with its probe, and each job is
//! cancelled once.

use crate::job_server::{Queue, Say, Script, whole};
use crate::routing::{Setting, refusal};
use crate::setup::{Plan, json, soon};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::Full;
use lingate_gateway::{Gateway, Peer};
use lingate_testkit::{Reply, Step, Upstream};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// No request is polled more often, not even by a machine that is slow to bring its pieces.
const MOST: usize = 200;
const LIMITS: &str = "limits: { concurrency: 1, queue: 3 }";

/// Handles a request and reads its answer, polling so often in all. True: that was enough for all of it.
async fn abandon(gateway: &Gateway, client: Tongue, stream: bool, mut polls: usize) -> bool {
    let body = Full::new(Bytes::from(client.body("m", stream)));
    let request = http::Request::post(client.path()).header("host", "localhost").body(body).unwrap();
    let peer = Peer { address: Some([127, 0, 0, 1].into()) };
    let mut count = move || polls.checked_sub(1).map(|left| polls = left).is_some();
    let mut handling = Box::pin(gateway.handle(request, peer));
    let head = poll_fn(|cx| match count() {
        true => handling.as_mut().poll(cx).map(Some),
        false => Poll::Ready(None),
    });
    let Some(answer) = soon("the head", head).await else { return false };
    drop(handling);
    let mut body = answer.into_body();
    loop {
        let frame = poll_fn(|cx| match count() {
            true => Pin::new(&mut body).poll_frame(cx).map(Some),
            false => Poll::Ready(None),
        });
        match soon("a frame", frame).await {
            None => return false,
            Some(None) => return true,
            Some(Some(_)) => {}
        }
    }
}

/// Lets a request go at every moment, and looks at what is left after each.
async fn at_every_moment(gateway: &TestGateway, client: Tongue, stream: bool, mut each: impl AsyncFnMut(usize)) {
    let (mut polls, mut through) = (0, 0);
    // How often it must be polled differs from one to the next.
    while through < 3 && polls < MOST {
        through = if abandon(&gateway.gateway, client, stream, polls).await { through + 1 } else { 0 };
        each(polls).await;
        polls += 1;
    }
    assert!(polls < MOST, "{client:?}, stream {stream}: it never came to its end");
    assert!(polls > 4, "{client:?}, stream {stream}: it did not wait at all");
}

/// Waits until all numbers of this metric are 0.
async fn none(gateway: &TestGateway, metric: &str, what: &str) {
    let told = async {
        let is_open = |line: &str| line.starts_with(metric) && !line.ends_with(" 0");
        while gateway.gateway.metrics().render().lines().any(is_open) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(&format!("{metric} to be 0 after {what}"), told).await;
}

async fn nothing_held(gateway: &TestGateway, what: &str) {
    none(gateway, "lingate_endpoint_inflight", what).await;
    none(gateway, "lingate_endpoint_queued", what).await;
    none(gateway, "lingate_inflight", what).await;
}

/// An answer in pieces that do not come together.
fn in_pieces(backend: Tongue, stream: bool) -> Reply {
    let pause = Step::Sleep(Duration::from_millis(1));
    let pieces: Vec<Bytes> = match stream {
        true => [backend.opening(), backend.delta("one"), backend.delta("two"), backend.finish() + &backend.end()]
            .map(Bytes::from)
            .into(),
        false => backend.whole("one two").as_bytes().chunks(60).map(Bytes::copy_from_slice).collect(),
    };
    let steps = pieces.into_iter().flat_map(|piece| [Step::Bytes(piece), pause.clone()]).collect();
    match stream {
        true => backend.streaming(steps),
        false => Reply::stream("application/json", steps),
    }
}

async fn paced(backend: Tongue) -> Upstream {
    let up = Upstream::start().await;
    up.on(move |request| in_pieces(backend, request.json()["stream"] == true)).await;
    up
}

/// As relayed, as intercepted and as re-encoded.
#[tokio::test]
async fn a_place_comes_back() {
    for model in ["", "reasoning: hide,"] {
        for backend in Tongue::ALL {
            for stream in [true, false] {
                let up = paced(backend).await;
                let endpoint = format!("{LIMITS},");
                let gateway = Plan { endpoint: &endpoint, model, ..Plan::default() }.start(backend.kind(), &up).await;
                at_every_moment(&gateway, Tongue::OpenAi, stream, async |polls| {
                    nothing_held(&gateway, &format!("{backend:?} stream {stream}: {polls} polls")).await;
                })
                .await;
            }
        }
    }
}

/// The one that waits is let go at any moment, some of which are those at which the place comes to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_waits_for_a_place_can_go_at_any_moment() {
    let up = paced(Tongue::OpenAi).await;
    let endpoint = format!("{LIMITS},");
    let gateway = Plan { endpoint: &endpoint, ..Plan::default() }.start("vllm", &up).await;
    for round in 0..200 {
        let others = (0..3).map(|number| {
            let data_plane = gateway.gateway.clone();
            tokio::spawn(async move { abandon(&data_plane, Tongue::OpenAi, true, number * 3 + round % 23).await })
        });
        let others: Vec<_> = others.collect();
        abandon(&gateway.gateway, Tongue::OpenAi, true, round % 17).await;
        for other in others {
            other.await.unwrap();
        }
        nothing_held(&gateway, &format!("round {round}")).await;
    }
    assert!(abandon(&gateway.gateway, Tongue::OpenAi, true, MOST).await, "it serves on");
}

/// The first target refuses, so there is a pause and a second attempt; and where it is slow, one beside it.
#[tokio::test]
async fn retries_and_hedges_leave_nothing() {
    for model in ["retry: { attempts: 3 }", "hedge: true, retry: { attempts: 3 }"] {
        for stream in [true, false] {
            let (ups, gateway) = Setting { endpoint: LIMITS, model, ..Setting::default() }.start(2).await;
            for _ in 0..25 {
                abandon(&gateway.gateway, Tongue::OpenAi, stream, MOST).await;
            }
            for (number, up) in ups.iter().enumerate() {
                let hedged = model.contains("hedge");
                up.on(move |request| match number == 0 && !hedged {
                    true => refusal(503),
                    false if number == 0 => Reply::hang(),
                    false => in_pieces(Tongue::OpenAi, request.json()["stream"] == true),
                })
                .await;
            }
            at_every_moment(&gateway, Tongue::OpenAi, stream, async |polls| {
                nothing_held(&gateway, &format!("{model}, stream {stream}: {polls} polls")).await;
            })
            .await;
        }
    }
}

/// Each of them is the probe of an open circuit.
#[tokio::test]
async fn a_probe_that_is_let_go_leaves_the_circuit_to_the_next() {
    for hedge in ["", "hedge: true,"] {
        for stream in [true, false] {
            let model = format!("{hedge} retry: {{ attempts: 1 }}");
            let endpoint = "breaker: { failures: 1, cooldown: 1ms }";
            let (ups, gateway) = Setting { endpoint, model: &model, ..Setting::default() }.start(1).await;
            let up = &ups[0];
            let open = async || {
                up.once(refusal(503));
                assert!(abandon(&gateway.gateway, Tongue::OpenAi, false, MOST).await);
                tokio::time::sleep(Duration::from_millis(3)).await;
            };
            up.on(|request| in_pieces(Tongue::OpenAi, request.json()["stream"] == true)).await;
            open().await;
            at_every_moment(&gateway, Tongue::OpenAi, stream, async |polls| {
                let told = gateway.gateway.metrics().render();
                let probing = "lingate_circuit_state{endpoint=\"e0\"} 1";
                assert!(!told.lines().any(|line| line == probing), "{polls} polls: it is being probed by nobody");
                assert!(abandon(&gateway.gateway, Tongue::OpenAi, false, MOST).await);
                none(&gateway, "lingate_circuit_state", "an answer").await;
                // The request that was let go may not have got as far as to take its reply.
                open().await;
            })
            .await;
        }
    }
}

/// However far it came, a job that was taken is over, or cancelled once.
#[tokio::test]
async fn no_job_is_left() {
    for stream in [true, false] {
        let done = serde_json::json!([whole("well")]);
        let states = [Say::state("IN_QUEUE"), Say::state("IN_PROGRESS")];
        let streams = [Say::pieces("IN_QUEUE", &[]), Say::pieces("IN_PROGRESS", &[])];
        let endpoint = format!("{LIMITS},");
        for polls in 0..60 {
            let script = Script {
                status: [states.to_vec(), vec![Say::done(&done)]].concat(),
                stream: [streams.to_vec(), vec![Say::done(&done)]].concat(),
                ..Script::default()
            };
            let queue = Queue::start(script, Plan { endpoint: &endpoint, ..Plan::default() }).await;
            let through = abandon(&queue.gateway.gateway, Tongue::OpenAi, stream, polls).await;
            nothing_held(&queue.gateway, &format!("{polls} polls")).await;
            soon("what goes on aside", queue.gateway.gateway.flush()).await;
            let (taken, cancelled) = (queue.calls("run"), queue.calls("cancel"));
            assert!(taken <= 1 && cancelled <= taken, "{polls} polls: {taken} jobs, cancelled {cancelled} times");
            let seen = queue.calls("status") + queue.calls("stream");
            assert!(
                cancelled == taken || seen >= 3,
                "stream {stream}, {polls} polls: {taken} jobs, cancelled {cancelled} times, looked {seen} times"
            );
            if through {
                assert_eq!(cancelled, 0, "stream {stream}, {polls} polls: it was over");
            }
        }
    }
}

/// A client that comes later gets its answer whatever the ones before did with their connections.
#[tokio::test]
async fn connections_of_abandoned_requests_are_not_used_again() {
    let up = paced(Tongue::OpenAi).await;
    let gateway = Plan::default().start("vllm", &up).await;
    at_every_moment(&gateway, Tongue::Anthropic, true, async |polls| {
        up.once(json(Tongue::OpenAi.whole("fine")));
        assert!(abandon(&gateway.gateway, Tongue::OpenAi, false, MOST).await, "{polls}");
    })
    .await;
}

/// An endpoint that a reload makes anew lets go of its connections, also of those that come back later.
#[tokio::test]
async fn an_endpoint_that_is_gone_keeps_no_connection() {
    let up = paced(Tongue::OpenAi).await;
    let gateway = Plan::default().start("vllm", &up).await;
    let (gate, open) = Step::gate();
    let whole = Tongue::OpenAi.whole("late");
    up.once(Reply::stream("application/json", vec![gate, Step::bytes(whole)]));
    let late = tokio::spawn({
        let data_plane = gateway.gateway.clone();
        async move { abandon(&data_plane, Tongue::OpenAi, false, MOST).await }
    });
    soon("the late one", up.next_request()).await;
    assert!(abandon(&gateway.gateway, Tongue::OpenAi, false, MOST).await);
    assert_eq!(up.open_connections(), 2);
    let yaml = Plan { endpoint: "timeouts: { total: 99s },", ..Plan::default() }.yaml("vllm", &up.url(""));
    gateway.gateway.reload(crate::support::config(&yaml)).unwrap();
    open.notify_one();
    assert!(late.await.unwrap());
    soon("closed connections", up.all_closed()).await;
}

/// A program that ends cuts its connections and then waits: a job that is let go a little later is cancelled, too.
#[tokio::test]
async fn whoever_waits_for_the_end_waits_for_jobs_under_way() {
    for stream in [true, false] {
        let queue = Queue::start(Script::default(), Plan::default()).await;
        let data_plane = queue.gateway.gateway.clone();
        let asked = tokio::spawn(async move { abandon(&data_plane, Tongue::OpenAi, stream, MOST).await });
        queue.called(if stream { "stream" } else { "status" }).await;
        let data_plane = queue.gateway.gateway.clone();
        let mut ended = tokio::spawn(async move { data_plane.flush().await });
        assert!(tokio::time::timeout(Duration::from_millis(30), &mut ended).await.is_err(), "the job is under way");
        asked.abort();
        soon("the end", ended).await.unwrap();
        assert_eq!(queue.calls("cancel"), 1);
    }
}
