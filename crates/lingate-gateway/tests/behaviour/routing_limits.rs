//! An endpoint's own limits on the way over targets: whose they are, and who is charged.

use crate::routing::{counts, good};
use crate::setup::{UPSTREAM_KEY, ask, soon};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Reply, Step, Upstream};

const OPENAI: Tongue = Tongue::OpenAi;

/// The end of a stream that says what it used.
const USED: &str = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"r\",\
    \"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\
    \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5,\"total_tokens\":8}}\n\n";

/// A model `m` before two endpoints with these members.
async fn two(endpoints: [&str; 2], model: &str) -> (Vec<Upstream>, TestGateway) {
    let (mut ups, mut yaml) = (Vec::new(), "clients: { auth: open }\nendpoints:\n".to_owned());
    for (index, more) in endpoints.iter().enumerate() {
        let up = Upstream::start().await;
        up.on(move |request| good(&request.json(), index)).await;
        let url = up.url("");
        yaml += &format!("  - {{ name: e{index}, type: vllm, url: \"{url}\", api_key: {UPSTREAM_KEY}, {more} }}\n");
        ups.push(up);
    }
    yaml += "virtual_models:\n  - { name: m, targets: [{ endpoint: e0, model: r }, { endpoint: e1, model: r }], ";
    let gateway = TestGateway::start(&format!("{yaml}{model} }}\n")).await;
    (ups, gateway)
}

/// An upstream that is another lingate says in the same words that its own endpoint is full: that was an attempt, and
/// the refusals of this one's limits are not touched.
#[tokio::test]
async fn the_limits_of_another_lingate_are_not_our_own() {
    for (status, code) in [(503, "endpoint_busy"), (429, "endpoint_rate_limited")] {
        for stream in [false, true] {
            let said = || {
                let error =
                    format!(r#"{{"error":{{"message":"full","type":"server_error","param":null,"code":"{code}"}}}}"#);
                Reply::json(status, error)
            };
            let (ups, gateway) = two(["breaker: { failures: 1 }", ""], "retry: { attempts: 1 }").await;
            ups[0].once(said());
            let answer = ask(&gateway, OPENAI.request(stream)).await;
            assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
            assert_eq!(answer.header("x-lingate-attempts"), Some("1"));
            assert_eq!(counts(&ups), [1, 0], "it was the one attempt");
            let metrics = gateway.gateway.metrics().render();
            assert!(metrics.contains("lingate_attempt_failures_total{model=\"m\",endpoint=\"e0\"} 1"), "{metrics}");
            // What is well, but busy, says nothing against the endpoint; another 503 does.
            let opened = u8::from(status == 503);
            let line = format!("lingate_circuit_opened_total{{endpoint=\"e0\"}} {opened}");
            assert!(metrics.contains(&line), "{metrics}");
        }
    }
}

/// Each answer says that it used 8 tokens. Those of the second one are no debt of the first.
#[tokio::test]
async fn a_second_one_beside_it_is_charged_to_its_own_endpoint() {
    for stream in [false, true] {
        let limits = ["limits: { tpm: 165 }, breaker: { failures: 0 }", "limits: { tpm: 1 }"];
        let (ups, gateway) = two(limits, "hedge: true, retry: { attempts: 1 }").await;
        for _ in 0..20 {
            assert!(ask(&gateway, OPENAI.request(false)).await.text().contains("from-0"));
        }
        ups[0].once(Reply::hang());
        if stream {
            let steps = OPENAI.opening() + &OPENAI.delta("from-1") + USED + &OPENAI.end();
            ups[1].once(OPENAI.streaming(vec![Step::bytes(steps)]));
        }
        let answer = ask(&gateway, OPENAI.request(stream)).await;
        assert!(answer.text().contains("from-1"), "{}", answer.text());
        soon("the loser's end", ups[0].next_disconnect()).await;
        // The first has 5 of its tokens left.
        assert!(ask(&gateway, OPENAI.request(false)).await.text().contains("from-0"));
        // By now it has none; and the second one has none either.
        let answer = ask(&gateway, OPENAI.request(false)).await;
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert_eq!(counts(&ups), [22, 1]);
    }
}
