//! What differs between the targets of one model: their time, and what they can take.

use crate::routing::{Setting, counts, good, refusal};
use crate::setup::{UPSTREAM_KEY, ask, json};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Step, Upstream};

const OPENAI: Tongue = Tongue::OpenAi;

/// A pause that is longer than the time left is not begun; it is the target's own `total` that counts.
#[tokio::test]
async fn a_target_s_total_bounds_its_pauses() {
    let target = |_| "timeouts: { total: 150ms }";
    let short = Setting { target, ..Setting::default() };
    let target = |_| "timeouts: { total: 20s }";
    let long = Setting { target, top: "timeouts: { total: 150ms }", ..Setting::default() };
    let all = Setting { top: "timeouts: { total: 150ms }", ..Setting::default() };
    for (setting, status, attempts) in [(short, 503, "1"), (long, 200, "2"), (all, 503, "1")] {
        let (ups, gateway) = setting.start(1).await;
        ups[0].once(refusal(503).header("retry-after-ms", "300"));
        let answer = ask(&gateway, OPENAI.request(false)).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-lingate-attempts")), (status, Some(attempts)));
    }
}

/// A model whose targets speak these dialects. `model`: its further members.
async fn mixed(kinds: &[&str], model: &str) -> (Vec<Upstream>, TestGateway) {
    let (mut ups, mut endpoints, mut targets) = (Vec::new(), String::new(), Vec::new());
    for (index, kind) in kinds.iter().enumerate() {
        let up = Upstream::start().await;
        up.on(move |request| good(&request.json(), index)).await;
        endpoints += &format!(
            "  - {{ name: e{index}, type: {kind}, url: \"{}\", api_key: {UPSTREAM_KEY}, breaker: {{ failures: 0 }} }}\n",
            up.url("")
        );
        targets.push(format!("{{ endpoint: e{index}, model: r }}"));
        ups.push(up);
    }
    let yaml = format!(
        "clients: {{ auth: open }}\nendpoints:\n{endpoints}virtual_models:\n  - {{ name: m, targets: [{}], {model} }}\n",
        targets.join(", ")
    );
    let gateway = TestGateway::start(&yaml).await;
    (ups, gateway)
}

/// A request for two answers, which Ollama cannot give.
fn two_answers(stream: bool) -> ClientRequest {
    let body = format!(r#"{{"model":"m","n":2,"stream":{stream},"messages":[{{"role":"user","content":"x"}}]}}"#);
    ClientRequest::post(OPENAI.path()).body(body)
}

fn told(answer: &lingate_testkit::Answer) -> (u16, Option<&str>, Option<&str>) {
    (answer.status.as_u16(), answer.header("x-lingate-endpoint"), answer.header("x-lingate-attempts"))
}

#[tokio::test]
async fn a_target_that_cannot_take_a_request_is_passed_by() {
    for model in ["retry: { attempts: 1 }", "hedge: true", "strategy: round_robin, sticky: off"] {
        let (ups, gateway) = mixed(&["ollama", "vllm"], model).await;
        for stream in [false, true, false] {
            let answer = ask(&gateway, two_answers(stream)).await;
            assert_eq!(told(&answer), (200, Some("e1"), Some("1")), "{model}: {}", answer.text());
        }
        assert_eq!(counts(&ups), [0, 3], "{model}");
        // What it can take still goes there.
        ups[0].once(json(Tongue::Ollama.whole("from-0")));
        let plain = mixed_text(&gateway, &ups).await;
        assert!(plain.contains("from-0"), "{model}: {plain}");
    }
}

/// Asks until the first target was asked.
async fn mixed_text(gateway: &TestGateway, ups: &[Upstream]) -> String {
    loop {
        let answer = ask(gateway, OPENAI.request(false)).await;
        if ups[0].request_count() > 0 {
            return answer.text();
        }
    }
}

/// Nobody can take it: the client is told so, by the first.
#[tokio::test]
async fn what_no_target_takes_is_the_client_s_fault() {
    let (ups, gateway) = mixed(&["ollama", "anthropic"], "").await;
    for stream in [false, true] {
        let answer = ask(&gateway, two_answers(stream)).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(OPENAI.error(&answer).contains("ollama"), "{}", answer.text());
    }
    assert_eq!(counts(&ups), [0, 0]);
}

/// A target that failed is asked again when those after it cannot take the request; in the end it is its failure that
/// the client hears of.
#[tokio::test]
async fn who_failed_speaks_for_those_who_cannot() {
    let (ups, gateway) = mixed(&["vllm", "ollama"], "retry: { attempts: 3 }").await;
    ups[0].once(refusal(503));
    assert_eq!(told(&ask(&gateway, two_answers(false)).await), (200, Some("e0"), Some("2")));
    (0..3).for_each(|_| ups[0].once(refusal(503)));
    assert_eq!(told(&ask(&gateway, two_answers(false)).await), (503, Some("e0"), Some("3")));
    ups[0].once(refusal(429));
    assert_eq!(told(&ask(&gateway, two_answers(false)).await), (429, Some("e0"), Some("1")));
    assert_eq!(counts(&ups), [6, 0]);
}

/// One that is not well is asked where those that are cannot take the request.
#[tokio::test]
async fn who_is_not_well_is_better_than_who_cannot() {
    let (ups, gateway) = mixed(&["ollama", "vllm"], "retry: { attempts: 1 }").await;
    ups[1].once(refusal(429).header("retry-after", "60"));
    assert_eq!(told(&ask(&gateway, two_answers(false)).await), (429, Some("e1"), Some("1")));
    assert_eq!(told(&ask(&gateway, two_answers(false)).await), (200, Some("e1"), Some("1")));
    assert_eq!(counts(&ups), [0, 2]);
}

/// The second one beside a slow target is no other if it cannot take the request.
#[tokio::test]
async fn what_cannot_take_a_request_is_not_asked_beside() {
    let (ups, gateway) = mixed(&["vllm", "ollama"], "hedge: true").await;
    for _ in 0..20 {
        ask(&gateway, OPENAI.request(false)).await;
    }
    let (_, gate) = Step::gate();
    ups[0].once(refusal(503).held_by(&gate));
    let address = gateway.address;
    let asking = tokio::spawn(async move { two_answers(false).send(address).await.unwrap() });
    while !gateway.gateway.metrics().render().contains("lingate_hedges_total{model=\"m\"} 1") {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    gate.notify_one();
    // Nobody else can take it, so the same one is asked again.
    assert_eq!(told(&crate::setup::soon("the answer", asking).await.unwrap()), (200, Some("e0"), Some("2")));
    assert_eq!(counts(&ups), [22, 0]);
}

/// Ollama embeds no token ids.
#[tokio::test]
async fn embeddings_pass_by_alike() {
    let (ups, gateway) = mixed(&["ollama", "vllm"], "retry: { attempts: 1 }").await;
    let vector = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"r"}"#;
    ups[1].once(json(vector));
    let request = || ClientRequest::post("/v1/embeddings").body(r#"{"model":"m","input":[1,2,3]}"#);
    let answer = ask(&gateway, request()).await;
    assert_eq!(told(&answer), (200, Some("e1"), Some("1")), "{}", answer.text());
    assert_eq!(counts(&ups), [0, 1]);
    let (ups, gateway) = mixed(&["ollama", "ollama"], "").await;
    let answer = ask(&gateway, request()).await;
    assert_eq!((answer.status.as_u16(), counts(&ups)), (400, vec![0, 0]), "{}", answer.text());
}
