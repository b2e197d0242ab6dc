//! Endpoints that fail are left alone for a while, and then asked once.

use crate::routing::{Setting, counts, refusal};
use crate::setup::{ask, soon};
use crate::support::{TestGateway, config};
use crate::tongue::Tongue;
use lingate_testkit::{Step, Upstream};
use std::time::Duration;

const OPENAI: Tongue = Tongue::OpenAi;
const BREAKER: &str = "breaker: { failures: 2, cooldown: 10s }";

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Two upstreams of which the first failed until its circuit opened.
async fn open() -> (Vec<Upstream>, TestGateway) {
    let (ups, gateway) = Setting { endpoint: BREAKER, ..Setting::default() }.start(2).await;
    for _ in 0..2 {
        ups[0].once(refusal(503));
        assert_eq!(who(&gateway).await, ("e1".to_owned(), "2".to_owned()));
    }
    (ups, gateway)
}

/// Who answers, at which attempt.
async fn who(gateway: &TestGateway) -> (String, String) {
    let answer = ask(gateway, OPENAI.request(false)).await;
    let header = |name| answer.header(name).unwrap_or_default().to_owned();
    (header("x-lingate-endpoint"), header("x-lingate-attempts"))
}

fn metric(gateway: &TestGateway, name: &str) -> String {
    let all = gateway.gateway.metrics().render();
    let line = all.lines().find_map(|line| line.strip_prefix(&format!("{name}{{endpoint=\"e0\"}} ")));
    line.unwrap_or_else(|| panic!("no {name}: {all}")).to_owned()
}

#[tokio::test]
async fn an_open_circuit_costs_no_attempt() {
    let (ups, gateway) = open().await;
    for _ in 0..3 {
        assert_eq!(who(&gateway).await, ("e1".to_owned(), "1".to_owned()));
    }
    assert_eq!(counts(&ups), [2, 5]);
    assert_eq!(metric(&gateway, "lingate_circuit_state"), "2");
    assert_eq!(metric(&gateway, "lingate_circuit_opened_total"), "1");
}

#[tokio::test]
async fn one_probe_closes_it() {
    let (ups, gateway) = open().await;
    pass(Duration::from_secs(10)).await;
    let (_, gate) = Step::gate();
    ups[0].once(crate::setup::json(OPENAI.whole("well")).held_by(&gate));
    let probe = tokio::spawn({
        let address = gateway.address;
        async move { OPENAI.request(false).send(address).await.unwrap() }
    });
    while ups[0].request_count() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(metric(&gateway, "lingate_circuit_state"), "1");
    // Meanwhile all others go elsewhere.
    for _ in 0..3 {
        assert_eq!(who(&gateway).await.0, "e1");
    }
    gate.notify_one();
    assert!(soon("the probe", probe).await.unwrap().text().contains("well"));
    assert_eq!(who(&gateway).await.0, "e0");
    assert_eq!(metric(&gateway, "lingate_circuit_state"), "0");
}

#[tokio::test]
async fn a_probe_that_fails_doubles_the_wait() {
    let (ups, gateway) = open().await;
    pass(Duration::from_secs(10)).await;
    ups[0].once(refusal(503));
    assert_eq!(who(&gateway).await, ("e1".to_owned(), "2".to_owned()));
    pass(Duration::from_secs(15)).await;
    assert_eq!(who(&gateway).await, ("e1".to_owned(), "1".to_owned()));
    pass(Duration::from_secs(6)).await;
    assert_eq!(who(&gateway).await.0, "e0");
    assert_eq!(metric(&gateway, "lingate_circuit_opened_total"), "1");
}

/// A probe whose client leaves says nothing: the next request probes.
#[tokio::test]
async fn a_probe_whose_client_leaves_is_followed_by_another() {
    let (ups, gateway) = open().await;
    pass(Duration::from_secs(10)).await;
    let (_, gate) = Step::gate();
    ups[0].once(refusal(503).held_by(&gate));
    let address = gateway.address;
    let probe = tokio::spawn(async move { OPENAI.request(false).send(address).await });
    while ups[0].request_count() < 3 {
        tokio::task::yield_now().await;
    }
    probe.abort();
    soon("the disconnect", ups[0].next_disconnect()).await;
    assert_eq!(who(&gateway).await.0, "e0");
}

#[tokio::test]
async fn neither_busy_nor_bad_requests_open_it() {
    let (ups, gateway) = Setting { endpoint: BREAKER, ..Setting::default() }.start(2).await;
    for status in [400, 429, 404, 429, 422, 400] {
        ups[0].once(refusal(status).header("retry-after", "0"));
        ask(&gateway, OPENAI.request(false)).await;
    }
    assert_eq!(ups[0].request_count(), 6);
    assert_eq!(metric(&gateway, "lingate_circuit_state"), "0");
}

/// The last one is asked all the same; of several, the one that was left alone the longest.
#[tokio::test]
async fn somebody_is_always_asked() {
    let (ups, gateway) = Setting { endpoint: BREAKER, ..Setting::default() }.start(1).await;
    for count in 1..=4 {
        ups[0].once(refusal(500));
        ups[0].once(refusal(500));
        ask(&gateway, OPENAI.request(false)).await;
        assert_eq!(ups[0].request_count(), count * 2);
    }
    assert_eq!(who(&gateway).await.0, "e0");
    assert_eq!(metric(&gateway, "lingate_circuit_state"), "0");

    let (ups, gateway) = open().await;
    pass(Duration::from_secs(1)).await;
    for _ in 0..2 {
        ups[1].once(refusal(500));
        ups[1].once(refusal(500));
        ask(&gateway, OPENAI.request(false)).await;
    }
    let before = counts(&ups);
    assert_eq!(who(&gateway).await.0, "e0");
    assert_eq!(counts(&ups), [before[0] + 1, before[1]]);
}

#[tokio::test]
async fn a_reload_forgets_nothing() {
    let (ups, gateway) = open().await;
    let setting = Setting { endpoint: BREAKER, model: "display_name: Other", ..Setting::default() };
    gateway.gateway.reload(config(&setting.yaml(&ups))).unwrap();
    assert_eq!(who(&gateway).await, ("e1".to_owned(), "1".to_owned()));
    let setting = Setting { endpoint: "breaker: { failures: 3 }", ..Setting::default() };
    gateway.gateway.reload(config(&setting.yaml(&ups))).unwrap();
    assert_eq!(who(&gateway).await.0, "e0", "a changed endpoint begins anew");
    assert_eq!(metric(&gateway, "lingate_circuit_state"), "0");
}
