//! Which target a request goes to.

use crate::routing::{Setting, counts, refusal};
use crate::setup::{ask, json};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Reply, Step};
use std::time::Duration;

const OPENAI: Tongue = Tongue::OpenAi;

/// A request of this conversation.
fn saying(text: &str, more: &str) -> ClientRequest {
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"system","content":"s"}},{{"role":"user","content":"{text}"}}{more}]}}"#
    );
    ClientRequest::post(OPENAI.path()).body(body)
}

#[tokio::test]
async fn each_in_turn() {
    let setting = Setting { model: "strategy: round_robin, sticky: off", ..Setting::default() };
    let (ups, gateway) = setting.start(3).await;
    for round in 0..4 {
        for index in 0..3 {
            let answer = ask(&gateway, OPENAI.request(false)).await;
            let expected = format!("e{index}");
            assert_eq!(answer.header("x-lingate-endpoint"), Some(expected.as_str()), "round {round}");
        }
    }
    assert_eq!(counts(&ups), [4, 4, 4]);
}

#[tokio::test]
async fn by_weight() {
    let weights = |index| ["weight: 3", "weight: 1", "weight: 0"][index];
    let setting = Setting { model: "strategy: weighted, sticky: off", target: weights, ..Setting::default() };
    let (ups, gateway) = setting.start(3).await;
    for _ in 0..400 {
        assert_eq!(ask(&gateway, OPENAI.request(false)).await.status.as_u16(), 200);
    }
    let counts = counts(&ups);
    assert!((270..=330).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
}

/// The higher priority first, whatever the strategy; the lower one when that fails.
#[tokio::test]
async fn the_strategy_is_for_equals() {
    for strategy in ["priority", "weighted", "round_robin", "least_latency"] {
        let model = format!("strategy: {strategy}");
        let priorities = |index| ["priority: 1", "priority: 7"][index];
        let setting = Setting { model: &model, target: priorities, ..Setting::default() };
        let (ups, gateway) = setting.start(2).await;
        for _ in 0..4 {
            ask(&gateway, OPENAI.request(false)).await;
        }
        assert_eq!(counts(&ups), [0, 4], "{strategy}");
        ups[1].once(refusal(503));
        assert_eq!(ask(&gateway, OPENAI.request(false)).await.header("x-lingate-endpoint"), Some("e0"), "{strategy}");
    }
}

#[tokio::test]
async fn the_slow_one_is_spared() {
    let setting = Setting { model: "strategy: least_latency, sticky: off", ..Setting::default() };
    let (ups, gateway) = setting.start(2).await;
    let slow = || Reply::stream("application/json", vec![Step::Sleep(Duration::from_millis(200)), body()]);
    fn body() -> Step {
        Step::bytes(OPENAI.whole("slow"))
    }
    ups[0].on(move |_| slow()).await;
    for _ in 0..20 {
        assert_eq!(ask(&gateway, OPENAI.request(false)).await.status.as_u16(), 200);
    }
    let counts = counts(&ups);
    assert!(counts[0] <= 2 && counts[1] >= 18, "{counts:?}");
}

/// A conversation keeps its target, and a target that is away moves no others.
#[tokio::test]
async fn conversations_stay() {
    for strategy in ["weighted", "round_robin", "least_latency"] {
        let model = format!("strategy: {strategy}");
        let setting = Setting { model: &model, ..Setting::default() };
        let (ups, gateway) = setting.start(3).await;
        let mut homes = Vec::new();
        let more = r#",{"role":"assistant","content":"yes?"},{"role":"user","content":"and then?"}"#;
        for number in 0..24 {
            let text = format!("talk {number}");
            let first = ask(&gateway, saying(&text, "")).await;
            let home = first.header("x-lingate-endpoint").unwrap().to_owned();
            let second = ask(&gateway, saying(&text, more)).await;
            assert_eq!(second.header("x-lingate-endpoint"), Some(home.as_str()), "{strategy}");
            homes.push(home);
        }
        assert!(counts(&ups).iter().all(|count| *count > 0), "{strategy}: {homes:?}");
        ups[1].on(|_| refusal(429).header("retry-after", "600")).await;
        for (number, home) in homes.iter().enumerate() {
            let answer = ask(&gateway, saying(&format!("talk {number}"), more)).await;
            let now = answer.header("x-lingate-endpoint").unwrap();
            assert_eq!(now == home, home != "e1", "{strategy}");
        }
        // Back again, all are at home.
        ups[1].on(|_| json(OPENAI.whole("back"))).await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(601)).await;
        tokio::time::resume();
        for (number, home) in homes.iter().enumerate() {
            let answer = ask(&gateway, saying(&format!("talk {number}"), more)).await;
            assert_eq!(answer.header("x-lingate-endpoint"), Some(home.as_str()), "{strategy}");
        }
    }
}
