//! What is tried again, when, and what the client is told of it.

use crate::setup::{UPSTREAM_KEY, ask, json, soon};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Answer, ClientRequest, Reply, Step, Upstream};
use std::time::Duration;

const OPENAI: Tongue = Tongue::OpenAi;

/// A model `m` with these targets, in this order. `endpoint`, `model` are further members, `top` are further lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) target: fn(usize) -> &'static str,
    pub(crate) model: &'a str,
    pub(crate) top: &'a str,
}

impl Default for Setting<'_> {
    fn default() -> Self {
        Self { endpoint: "breaker: { failures: 0 }", target: |_| "", model: "", top: "" }
    }
}

impl Setting<'_> {
    pub(crate) fn yaml(&self, ups: &[Upstream]) -> String {
        let mut yaml = format!("clients: {{ auth: open }}\n{}\nendpoints:\n", self.top);
        for (index, up) in ups.iter().enumerate() {
            let (url, more) = (up.url(""), self.endpoint);
            yaml += &format!("  - {{ name: e{index}, type: vllm, url: \"{url}\", api_key: {UPSTREAM_KEY}, {more} }}\n");
        }
        let target = |index| format!("{{ endpoint: e{index}, model: real{index}, {} }}", (self.target)(index));
        let targets: Vec<_> = (0..ups.len()).map(target).collect();
        yaml + &format!("virtual_models:\n  - {{ name: m, targets: [{}], {} }}\n", targets.join(", "), self.model)
    }

    /// So many upstreams, each of which says its number; and a gateway before them.
    pub(crate) async fn start(&self, count: usize) -> (Vec<Upstream>, TestGateway) {
        let mut ups = Vec::new();
        for index in 0..count {
            let up = Upstream::start().await;
            up.on(move |request| good(&request.json(), index)).await;
            ups.push(up);
        }
        let gateway = TestGateway::start(&self.yaml(&ups)).await;
        (ups, gateway)
    }
}

/// What upstream `index` answers.
pub(crate) fn good(request: &serde_json::Value, index: usize) -> Reply {
    let text = format!("from-{index}");
    match request["stream"] == true {
        true => OPENAI.streaming(vec![Step::bytes(OPENAI.stream(&[&text]))]),
        false => json(OPENAI.whole(&text)),
    }
}

pub(crate) fn refusal(status: u16) -> Reply {
    Reply::json(status, OPENAI.refusal("no"))
}

pub(crate) fn counts(ups: &[Upstream]) -> Vec<u64> {
    ups.iter().map(Upstream::request_count).collect()
}

fn told(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (answer.status.as_u16(), answer.header("x-lingate-endpoint"), answer.header("x-lingate-attempts"))
}

#[tokio::test]
async fn a_failure_says_who_and_how_often() {
    let (ups, gateway) = Setting::default().start(2).await;
    for stream in [false, true] {
        ups[0].once(refusal(503));
        ups[1].once(refusal(500));
        let answer = ask(&gateway, OPENAI.request(stream)).await;
        assert_eq!(told(&answer), (500, Some("e1"), Some("2")));
        ups[0].once(refusal(400));
        let answer = ask(&gateway, OPENAI.request(stream)).await;
        assert_eq!(told(&answer), (400, Some("e0"), Some("1")));
    }
}

#[tokio::test]
async fn the_clients_own_words_keep_the_headers() {
    let setting = Setting { model: "fallback_message: sorry", ..Setting::default() };
    let (ups, gateway) = setting.start(2).await;
    ups.iter().for_each(|up| up.once(refusal(503)));
    let answer = ask(&gateway, OPENAI.request(false)).await;
    assert_eq!(told(&answer), (200, Some("e1"), Some("2")));
    assert_eq!(answer.header("x-lingate-fallback"), Some("1"));
}

/// The shortest of the times, in whole seconds, whatever form they came in.
#[tokio::test]
async fn the_client_is_told_when_to_come_back() {
    let (ups, gateway) = Setting::default().start(2).await;
    for (first, second, expected) in [
        (("retry-after", "30"), ("retry-after", "7"), Some("7")),
        (("retry-after", "9"), ("retry-after-ms", "8200"), Some("9")),
        (("retry-after", "999999999"), ("retry-after", "soon"), Some("3600")),
        (("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), ("x-other", "1"), Some("0")),
        (("retry-after", "soon"), ("retry-after", "-1"), None),
    ] {
        for (up, (name, value)) in ups.iter().zip([first, second]) {
            up.once(refusal(503).header(name, value));
        }
        let answer = ask(&gateway, OPENAI.request(false)).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, expected), "{first:?} {second:?}");
        assert_eq!(answer.header("retry-after-ms"), None);
    }
}

#[tokio::test]
async fn a_short_wish_of_the_only_target_is_heard() {
    let (ups, gateway) = Setting::default().start(1).await;
    ups[0].once(refusal(429).header("retry-after-ms", "300"));
    let begin = std::time::Instant::now();
    let answer = ask(&gateway, OPENAI.request(false)).await;
    assert_eq!(told(&answer), (200, Some("e0"), Some("2")));
    assert!(begin.elapsed() >= Duration::from_millis(300));
    // A long one is the client's to wait for; and so is one without a time.
    for reply in [refusal(429).header("retry-after", "6"), refusal(503).header("retry-after", "6"), refusal(429)] {
        ups[0].once(reply);
        let answer = ask(&gateway, OPENAI.request(false)).await;
        assert_eq!(answer.header("x-lingate-attempts"), Some("1"));
    }
}

/// A target that is busy for a while is passed by until then, where there are others.
#[tokio::test]
async fn a_busy_target_is_left_alone_for_as_long_as_it_wants() {
    let (ups, gateway) = Setting::default().start(2).await;
    ups[0].once(refusal(429).header("retry-after", "60"));
    assert_eq!(told(&ask(&gateway, OPENAI.request(false)).await), (200, Some("e1"), Some("2")));
    assert_eq!(told(&ask(&gateway, OPENAI.request(true)).await), (200, Some("e1"), Some("1")));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    assert_eq!(told(&ask(&gateway, OPENAI.request(false)).await), (200, Some("e0"), Some("1")));
    assert_eq!(counts(&ups), [2, 2]);
}

/// What was sent is sent again only where the model says so: it may cost twice.
#[tokio::test]
async fn what_was_sent_is_sent_again_by_choice() {
    let opening = || Step::bytes(OPENAI.opening());
    type Made = fn(Step) -> Reply;
    let cases: [(Made, bool); 4] = [
        (|_| Reply::cut(), false),
        (|_| Reply::cut(), true),
        (|opening| OPENAI.streaming(vec![opening, Step::Reset]), true),
        (|opening| OPENAI.streaming(vec![opening, Step::Cut]), true),
    ];
    for (model, expected) in [("", false), ("retry: { after_send: true }", true)] {
        let (ups, gateway) = Setting { model, ..Setting::default() }.start(2).await;
        for (index, (reply, stream)) in cases.iter().enumerate() {
            ups[0].once(reply(opening()));
            let answer = ask(&gateway, OPENAI.request(*stream)).await;
            let text = answer.text();
            assert_eq!(text.contains("from-1"), expected, "{index}: {text}");
            assert_eq!(answer.status.as_u16(), if expected { 200 } else { 502 }, "{index}: {text}");
        }
        assert_eq!(ups[1].request_count(), if expected { 4 } else { 0 });
    }
}

/// A stream that ends before it began is an empty answer, where those count as failed.
#[tokio::test]
async fn a_stream_without_a_word_is_empty() {
    for (model, expected) in [("", 502), ("retry: { on_empty: true }", 200)] {
        let (ups, gateway) = Setting { model, ..Setting::default() }.start(2).await;
        ups[0].once(OPENAI.streaming(vec![]));
        assert_eq!(ask(&gateway, OPENAI.request(true)).await.status.as_u16(), expected);
    }
}

/// An error inside a 200 counts as what it says: the client's fault stays the client's.
#[tokio::test]
async fn an_error_event_that_blames_the_client_is_final() {
    let (ups, gateway) = Setting::default().start(2).await;
    let error = r#"{"error":{"message":"too long","type":"invalid_request_error","param":null,"code":null}}"#;
    ups[0].once(OPENAI.streaming(vec![Step::sse(error)]));
    let answer = ask(&gateway, OPENAI.request(true)).await;
    assert_eq!(told(&answer), (400, Some("e0"), Some("1")), "{}", answer.text());
    ups[0].once(json(error));
    assert_eq!(told(&ask(&gateway, OPENAI.request(false)).await), (400, Some("e0"), Some("1")));
    assert_eq!(ups[1].request_count(), 0);
}

/// A credential that was refused is not better a moment later; another endpoint has its own.
#[tokio::test]
async fn a_refused_credential_is_not_shown_twice() {
    let (ups, gateway) = Setting::default().start(1).await;
    ups[0].once(refusal(401));
    assert_eq!(told(&ask(&gateway, OPENAI.request(false)).await), (502, Some("e0"), Some("1")));
    let setting = Setting { model: "retry: { attempts: 9 }", ..Setting::default() };
    let (ups, gateway) = setting.start(3).await;
    ups.iter().for_each(|up| up.once(refusal(403)));
    assert_eq!(ask(&gateway, OPENAI.request(false)).await.status.as_u16(), 403);
    assert_eq!(counts(&ups), [1, 1, 1]);
}

/// The table's attempts are those of the request: with more of them than targets the round begins anew.
#[tokio::test]
async fn attempts_go_round() {
    let setting = Setting { model: "retry: { attempts: 4 }", ..Setting::default() };
    let (ups, gateway) = setting.start(3).await;
    ups.iter().for_each(|up| up.once(refusal(503)));
    let answer = ask(&gateway, OPENAI.request(false)).await;
    assert_eq!(told(&answer), (200, Some("e0"), Some("4")));
    assert_eq!(counts(&ups), [2, 1, 1]);
}

/// The head that a sign of life commits stands for the attempt that the pause leads to.
#[tokio::test]
async fn signs_of_life_go_out_in_pauses() {
    let (ups, gateway) = Setting { top: "keep_alive: 1s", ..Setting::default() }.start(1).await;
    ups[0].once(refusal(503).header("retry-after", "3"));
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    let mut answer = OPENAI.request(true).open(gateway.address).await.unwrap();
    assert_eq!(begin.elapsed().as_secs(), 1);
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.headers["x-lingate-attempts"], "2");
    assert_eq!(answer.next_chunk().await.unwrap(), ": keep-alive\n\n");
    assert_eq!(answer.next_chunk().await.unwrap(), ": keep-alive\n\n");
    let rest = answer.finish(Duration::from_secs(100)).await;
    assert!((3..5).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    assert!(OPENAI.has_ended(&rest.text()), "{}", rest.text());
    assert_eq!(counts(&ups), [2]);
}

/// After a sign of life there is no other target.
#[tokio::test]
async fn nothing_is_tried_again_after_a_sign_of_life() {
    let (ups, gateway) = Setting { top: "keep_alive: 1s", ..Setting::default() }.start(2).await;
    let (_, gate) = Step::gate();
    ups[0].once(refusal(503).held_by(&gate));
    tokio::time::pause();
    let mut answer = OPENAI.request(true).open(gateway.address).await.unwrap();
    assert_eq!(answer.next_chunk().await.unwrap(), ": keep-alive\n\n");
    gate.notify_one();
    let rest = answer.finish(Duration::from_secs(100)).await.text();
    assert!(OPENAI.stream_error(&rest).is_some(), "{rest}");
    assert_eq!(counts(&ups), [1, 0]);
}

/// When everything fails, upstreams do not get twice the load.
#[tokio::test]
async fn retries_have_a_budget() {
    let (ups, gateway) = Setting::default().start(2).await;
    // With a time, so that there are no pauses.
    ups[0].on(|_| refusal(503).header("retry-after", "0")).await;
    let mut answered = 0;
    for _ in 0..160 {
        answered += u64::from(ask(&gateway, OPENAI.request(false)).await.status.as_u16() == 200);
    }
    // A hundred, and one for each five requests.
    assert!((125..=132).contains(&answered), "{answered}");
    assert_eq!(counts(&ups), [160, answered]);
    let metrics = gateway.gateway.metrics().render();
    assert!(metrics.contains(&format!("lingate_retries_total{{model=\"m\"}} {answered}")), "{metrics}");
    assert!(metrics.contains("lingate_attempt_failures_total{model=\"m\",endpoint=\"e0\"} 160"), "{metrics}");
}

#[tokio::test]
async fn embeddings_and_relayed_paths_walk_alike() {
    let (ups, gateway) = Setting::default().start(2).await;
    let vector = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"real1"}"#;
    for (path, body, reply) in [
        ("/v1/embeddings", r#"{"model":"m","input":"a"}"#, vector),
        ("/v1/moderations", r#"{"model":"m","input":"a"}"#, r#"{"results" : [ ]}"#),
    ] {
        let request = || ClientRequest::post(path).body(body);
        for status in [429, 503, 401] {
            ups[0].once(refusal(status).header("retry-after", "0"));
            ups[1].once(json(reply));
            let answer = ask(&gateway, request()).await;
            assert_eq!(told(&answer), (200, Some("e1"), Some("2")), "{path} {status}: {}", answer.text());
            assert_eq!(soon("the second", ups[1].next_request()).await.json()["model"], "real1");
        }
        ups[0].once(refusal(400));
        assert_eq!(told(&ask(&gateway, request()).await), (400, Some("e0"), Some("1")), "{path}");
        ups[0].once(refusal(503).header("retry-after", "30"));
        ups[1].once(refusal(503).header("retry-after", "20"));
        let answer = ask(&gateway, request()).await;
        assert_eq!(told(&answer), (503, Some("e1"), Some("2")), "{path}");
        assert_eq!(answer.header("retry-after"), Some("20"), "{path}");
        assert!(answer.text().contains("no"));
    }
}

/// What an endpoint's own limits refuse was never sent: it takes no attempt from the others.
#[tokio::test]
async fn what_is_not_sent_is_no_attempt() {
    let setting = Setting { endpoint: "breaker: { failures: 0 }, limits: { rpm: 1 }", ..Setting::default() };
    let (ups, gateway) = setting.start(3).await;
    assert_eq!(ask(&gateway, OPENAI.request(false)).await.header("x-lingate-endpoint"), Some("e0"));
    ups[1].once(refusal(503));
    let answer = ask(&gateway, OPENAI.request(false)).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-lingate-endpoint")), (200, Some("e2")));
    assert_eq!(counts(&ups), [1, 1, 1]);
    // All have used up theirs: the client is told when to come back.
    let answer = ask(&gateway, OPENAI.request(false)).await;
    assert_eq!(answer.status.as_u16(), 429);
    assert!(answer.header("retry-after").is_some());
}
