//! A second target beside one that is slow to begin.

use crate::routing::{Setting, counts, good, refusal};
use crate::setup::{ask, soon};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Answer, Reply, Step, Upstream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

const OPENAI: Tongue = Tongue::OpenAi;

/// Two upstreams whose quickness is known.
async fn learned() -> (Vec<Upstream>, TestGateway) {
    let (ups, gateway) = Setting { model: "hedge: true", ..Setting::default() }.start(2).await;
    for number in 0..20 {
        ask(&gateway, OPENAI.request(number % 2 == 0)).await;
    }
    (ups, gateway)
}

fn asking(gateway: &TestGateway, stream: bool) -> JoinHandle<Answer> {
    let address = gateway.address;
    tokio::spawn(async move { OPENAI.request(stream).send(address).await.unwrap() })
}

/// How many requests ended so, as the metrics of both targets say.
fn ended(gateway: &TestGateway, outcome: &str) -> u64 {
    let all = gateway.gateway.metrics().render();
    let lines = all.lines().filter(|line| line.starts_with("lingate_requests_total") && line.contains(outcome));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn the_second_answers_where_the_first_hangs() {
    for stream in [false, true] {
        let (ups, gateway) = learned().await;
        let before = counts(&ups);
        ups[0].once(Reply::hang());
        let answer = ask(&gateway, OPENAI.request(stream)).await;
        assert!(answer.text().contains("from-1"), "{}", answer.text());
        assert_eq!(answer.header("x-lingate-endpoint"), Some("e1"));
        assert_eq!(answer.header("x-lingate-attempts"), Some("2"));
        soon("the loser's end", ups[0].next_disconnect()).await;
        assert_eq!(counts(&ups), [before[0] + 1, before[1] + 1]);
        assert_eq!((ended(&gateway, "ok"), ended(&gateway, "cancelled")), (21, 0), "one request is one request");
        assert!(gateway.gateway.metrics().render().contains("lingate_hedges_total{model=\"m\"} 1"));
    }
}

#[tokio::test]
async fn the_first_may_still_win() {
    for stream in [false, true] {
        let (ups, gateway) = learned().await;
        let (_, gate) = Step::gate();
        ups[0].once(good(&serde_json::json!({ "stream": stream }), 0).held_by(&gate));
        ups[1].once(Reply::hang());
        let asked = asking(&gateway, stream);
        soon("the second", ups[1].next_request()).await;
        gate.notify_one();
        let answer = soon("the answer", asked).await.unwrap();
        assert!(answer.text().contains("from-0"), "{}", answer.text());
        assert_eq!(answer.header("x-lingate-endpoint"), Some("e0"));
        assert_eq!(answer.header("x-lingate-attempts"), Some("2"));
        soon("the loser's end", ups[1].next_disconnect()).await;
        assert_eq!((ended(&gateway, "ok"), ended(&gateway, "cancelled")), (21, 0));
    }
}

/// One that fails leaves the race to the other.
#[tokio::test]
async fn a_failure_loses() {
    for (first, second) in [(0, 1), (1, 0)] {
        let (ups, gateway) = learned().await;
        let ((_, fails), (_, answers)) = (Step::gate(), Step::gate());
        ups[first].once(refusal(503).held_by(&fails));
        ups[second].once(good(&serde_json::json!({}), second).held_by(&answers));
        let asked = asking(&gateway, false);
        soon("the second", ups[1].next_request()).await;
        fails.notify_one();
        let metrics = || gateway.gateway.metrics().render();
        let failed = format!("lingate_attempt_failures_total{{model=\"m\",endpoint=\"e{first}\"}} 1");
        while !metrics().contains(&failed) {
            tokio::task::yield_now().await;
        }
        answers.notify_one();
        let answer = soon("the answer", asked).await.unwrap();
        assert!(answer.text().contains(&format!("from-{second}")), "{}", answer.text());
        assert_eq!((ended(&gateway, "ok"), ended(&gateway, "error")), (21, 0));
    }
}

/// Both fail: the table decides, and the hedge was no retry.
#[tokio::test]
async fn both_may_fail() {
    let (ups, gateway) = learned().await;
    let (_, gate) = Step::gate();
    ups[0].once(refusal(503).held_by(&gate));
    ups[1].once(refusal(500));
    let asked = asking(&gateway, false);
    soon("the second", ups[1].next_request()).await;
    gate.notify_one();
    let answer = soon("the answer", asked).await.unwrap();
    assert_eq!(answer.status.as_u16(), 200, "a third attempt: {}", answer.text());
    assert_eq!(answer.header("x-lingate-attempts"), Some("3"));
    assert_eq!((ended(&gateway, "ok"), ended(&gateway, "error")), (21, 0));
}

/// The client leaves: both are cancelled, and it is one request.
#[tokio::test]
async fn a_client_that_leaves_cancels_both() {
    let (ups, gateway) = learned().await;
    ups.iter().for_each(|up| up.once(Reply::hang()));
    let asked = asking(&gateway, true);
    soon("the second", ups[1].next_request()).await;
    asked.abort();
    for up in &ups {
        soon("the end", up.next_disconnect()).await;
    }
    assert_eq!((ended(&gateway, "ok"), ended(&gateway, "cancelled")), (20, 1));
}

/// Before enough is known, and where it is not wished, there is no second one.
#[tokio::test]
async fn nothing_is_hedged_without_reason() {
    for (model, samples) in [("hedge: true", 19), ("", 25)] {
        let (ups, gateway) = Setting { model, ..Setting::default() }.start(2).await;
        for _ in 0..samples {
            ask(&gateway, OPENAI.request(false)).await;
        }
        let (_, gate) = Step::gate();
        ups[0].once(good(&serde_json::json!({}), 0).held_by(&gate));
        let asked = asking(&gateway, false);
        while ups[0].request_count() < samples + 1 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        gate.notify_one();
        assert!(soon("the answer", asked).await.unwrap().text().contains("from-0"));
        assert_eq!(ups[1].request_count(), 0, "{model}");
    }
}

/// A head that a sign of life committed ends the choosing: no second one joins.
#[tokio::test]
async fn a_race_goes_on_behind_signs_of_life() {
    let (ups, gateway) = learned().await;
    let (_, gate) = Step::gate();
    ups[0].once(Reply::hang());
    ups[1].once(good(&serde_json::json!({ "stream": true }), 1).held_by(&gate));
    tokio::time::pause();
    let mut answer = OPENAI.request(true).open(gateway.address).await.unwrap();
    assert_eq!(answer.next_chunk().await.unwrap(), ": keep-alive\n\n");
    assert_eq!(answer.headers["x-lingate-attempts"], "2");
    gate.notify_one();
    let rest = answer.finish(Duration::from_secs(100)).await.text();
    tokio::time::resume();
    assert!(rest.contains("from-1") && OPENAI.has_ended(&rest), "{rest}");
    soon("the loser's end", ups[0].next_disconnect()).await;
}

/// Who was overtaken was slower than the winner, and is the second choice from then on.
#[tokio::test]
async fn who_is_overtaken_counts_as_slow() {
    let setting = Setting { model: "hedge: true, strategy: least_latency, sticky: off", ..Setting::default() };
    let (ups, gateway) = setting.start(2).await;
    for _ in 0..20 {
        ask(&gateway, OPENAI.request(false)).await;
    }
    let (gates, hangs) = ([Step::gate().1, Step::gate().1], Arc::new(AtomicUsize::new(0)));
    for (index, up) in ups.iter().enumerate() {
        let (gate, hangs) = (gates[index].clone(), hangs.clone());
        up.on(move |request| match hangs.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::hang(),
            1 => good(&request.json(), index).held_by(&gate),
            _ => good(&request.json(), index),
        })
        .await;
    }
    let asked = asking(&gateway, false);
    while hangs.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    // Longer than any answer before.
    tokio::time::sleep(Duration::from_millis(300)).await;
    gates.iter().for_each(|gate| gate.notify_one());
    let winner = soon("the answer", asked).await.unwrap();
    // What is known of targets lasts over reloads; from now on there is no second one that a slow machine may bring in.
    let alone = Setting { model: "strategy: least_latency, sticky: off", ..Setting::default() };
    gateway.gateway.reload(crate::support::config(&alone.yaml(&ups))).unwrap();
    for _ in 0..5 {
        let answer = ask(&gateway, OPENAI.request(false)).await;
        assert_eq!(answer.header("x-lingate-endpoint"), winner.header("x-lingate-endpoint"));
    }
}
