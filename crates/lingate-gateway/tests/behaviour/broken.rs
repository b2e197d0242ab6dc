//! Streams that break, stall or lie after they have begun: the client is told inside the stream, never that all is well.

use crate::setup::{Plan, ask, plain, soon};
use crate::tongue::Tongue;
use lingate_testkit::{Answer, End, Reply, Step, Upstream};

const LIMITS: Plan<'static> = Plan { top: "timeouts: { stream_idle: 200ms }\n", endpoint: "", model: "" };

fn begun(backend: Tongue, rest: Vec<Step>) -> Reply {
    let start = backend.opening() + &backend.delta("tok-0");
    backend.streaming([vec![Step::bytes(start)], rest].concat())
}

async fn broken(plan: Plan<'_>, client: Tongue, backend: Tongue, reply: Reply) -> (String, String) {
    let up = Upstream::start().await;
    let gateway = plan.start(backend.kind(), &up).await;
    let hangs = format!("{reply:?}").contains("Hang");
    up.once(reply);
    let answer = ask(&gateway, client.request(true)).await;
    if hangs {
        soon("closed connections", up.all_closed()).await;
    }
    let what = format!("{client:?} from {backend:?}");
    (told(client, &answer, &what), answer.text())
}

/// The error that ends the answer.
fn told(client: Tongue, answer: &Answer, what: &str) -> String {
    let text = answer.text();
    assert_eq!(answer.status, 200, "{what}");
    assert_eq!(answer.end, End::Whole, "{what}: an error is told in the stream, whose transport ends in order");
    assert!(text.contains("tok-0"), "{what}: {text}");
    assert!(!client.has_ended(&text), "{what} looks like success: {text}");
    client.stream_error(&text).unwrap_or_else(|| panic!("{what} is not told: {text}"))
}

#[tokio::test]
async fn a_cut_stream_is_told() {
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            for rest in [vec![Step::Cut], vec![Step::Sleep(std::time::Duration::from_millis(20)), Step::Reset], vec![]]
            {
                broken(Plan::default(), client, backend, begun(backend, rest)).await;
            }
        }
    }
}

/// A frame that stops in its middle is not passed on as if it were whole.
#[tokio::test]
async fn a_stream_cut_inside_an_event_is_told() {
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            for cut in [vec![Step::Cut], vec![]] {
                let half = backend.delta("half");
                let half = half[..half.len() - 12].to_owned();
                let rest = [vec![Step::bytes(half)], cut].concat();
                let (_, text) = broken(Plan::default(), client, backend, begun(backend, rest)).await;
                let json = text.lines().map(|line| line.strip_prefix("data:").unwrap_or(line));
                for line in json.filter(|line| line.trim_start().starts_with('{')) {
                    serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("{text}"));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_told() {
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            let (message, _) = broken(LIMITS, client, backend, begun(backend, vec![Step::Hang])).await;
            assert!(message.contains("200ms"), "{message}");
        }
    }
}

/// Silence is counted from the last byte, not from the beginning.
#[tokio::test]
async fn a_slow_stream_is_not_silent() {
    let up = Upstream::start().await;
    let gateway = LIMITS.start("vllm", &up).await;
    let pause = || Step::Sleep(std::time::Duration::from_millis(60));
    let mut rest = Vec::new();
    for _ in 0..8 {
        rest.extend([pause(), Step::bytes(Tongue::OpenAi.delta("tok"))]);
    }
    rest.push(Step::bytes(Tongue::OpenAi.finish() + &Tongue::OpenAi.end()));
    up.once(begun(Tongue::OpenAi, rest));
    let answer = ask(&gateway, Tongue::OpenAi.request(true)).await;
    assert!(Tongue::OpenAi.has_ended(&answer.text()), "{}", answer.text());
}

#[tokio::test]
async fn a_call_that_takes_too_long_in_all_is_told() {
    let plan = Plan { top: "timeouts: { total: 300ms }\n", ..Plan::default() };
    for client in Tongue::ALL {
        let mut rest = Vec::new();
        for _ in 0..100 {
            rest.extend([Step::Sleep(std::time::Duration::from_millis(50)), Step::bytes(Tongue::OpenAi.delta("tok"))]);
        }
        broken(plan, client, Tongue::OpenAi, begun(Tongue::OpenAi, rest)).await;
        // Before the head it is a status.
        let up = Upstream::start().await;
        let gateway = plan.start("vllm", &up).await;
        up.once(Reply::hang());
        let answer = ask(&gateway, client.request(true)).await;
        assert_eq!(answer.status, 504);
        client.error(&answer);
    }
}

/// One event may hold 4 MiB; more is an upstream gone mad.
#[tokio::test]
async fn an_endless_event_is_told() {
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            let event = backend.delta("huge");
            let (head, _) = event.split_at(event.find("huge").unwrap());
            let mut rest = vec![Step::bytes(head.to_owned())];
            rest.extend((0..80).map(|_| Step::bytes("x".repeat(64 * 1024))));
            rest.push(Step::Hang);
            let (message, text) = broken(Plan::default(), client, backend, begun(backend, rest)).await;
            assert!(message.contains("larger"), "{message}");
            assert!(text.len() < 100_000);
        }
    }
}

#[tokio::test]
async fn an_error_event_in_a_stream_is_told() {
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            let rest = backend.error_event("the words") + &backend.delta("after") + &backend.finish() + &backend.end();
            let reply = begun(backend, vec![Step::bytes(rest)]);
            let up = Upstream::start().await;
            let gateway = plain(backend.kind(), &up).await;
            up.once(reply);
            let answer = ask(&gateway, client.request(true)).await;
            let message = told(client, &answer, &format!("{client:?} from {backend:?}"));
            assert!(message.contains("the words"), "{message}");
            assert!(!answer.text().contains("after"), "nothing follows an error: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_frame_that_is_no_json_is_told() {
    for client in [Tongue::OpenAi, Tongue::Anthropic, Tongue::Ollama] {
        let rest = vec![Step::bytes("data: {\"choices\":[\n\n"), Step::Hang];
        broken(LIMITS, client, Tongue::OpenAi, begun(Tongue::OpenAi, rest)).await;
        let rest = vec![Step::bytes("{\"message\":\n"), Step::Hang];
        broken(LIMITS, client, Tongue::Ollama, begun(Tongue::Ollama, rest)).await;
    }
}

/// Some servers never write `[DONE]`; a finish reason says that the answer is complete.
#[tokio::test]
async fn a_finished_stream_without_terminator_is_complete() {
    for client in Tongue::ALL {
        for backend in [Tongue::OpenAi, Tongue::Anthropic] {
            let up = Upstream::start().await;
            let gateway = plain(backend.kind(), &up).await;
            up.once(begun(backend, vec![Step::bytes(backend.finish())]));
            let answer = ask(&gateway, client.request(true)).await;
            let what = format!("{client:?} from {backend:?}: {}", answer.text());
            assert_eq!(client.stream_error(&answer.text()), None, "{what}");
            assert!(client == backend || client.has_ended(&answer.text()), "{what}");
        }
    }
}

/// Seven upstreams' worth of nothing: an answer without a single event is no answer.
#[tokio::test]
async fn an_empty_stream_is_a_bad_gateway() {
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            let up = Upstream::start().await;
            let gateway = plain(backend.kind(), &up).await;
            up.once(backend.streaming(vec![]));
            let answer = ask(&gateway, client.request(true)).await;
            assert_eq!(answer.status, 502, "{client:?} from {backend:?}: {}", answer.text());
            client.error(&answer);
        }
    }
}

#[tokio::test]
async fn streams_that_are_open_when_the_server_stops_are_told() {
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            let up = Upstream::start().await;
            let gateway = plain(backend.kind(), &up).await;
            up.once(begun(backend, vec![Step::Hang]));
            let mut answer = client.request(true).open(gateway.address).await.unwrap();
            let start = answer.read_until("tok-0").await;
            gateway.gateway.end_streams();
            let rest = soon("the end", answer.finish(std::time::Duration::from_secs(5))).await;
            let whole = Answer { body: [start, rest.body.clone()].concat().into(), ..rest };
            let message = told(client, &whole, &format!("{client:?} from {backend:?}"));
            assert!(message.contains("shutting down"), "{message}");
            soon("closed connections", up.all_closed()).await;
        }
    }
}
