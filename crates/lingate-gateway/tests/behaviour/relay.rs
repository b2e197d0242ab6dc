//! Relay: what client and upstream share a dialect for passes byte by byte, but for the few members lingate edits.

use crate::setup::{Plan, ask, json, plain, post};
use crate::tongue::Tongue;
use lingate_testkit::{Reply, Step, Upstream};
use serde_json::json;

/// Everything that a parse and a new text would change: numbers, order, escapes, white space, doubles inside.
const ODD: &str = r#" "zeta" : 1.10,"big":123456789012345678901234567890 , "exp":1e2,"esc":"\u0041\/é\ud83d\ude00","deep":{"b":[1 ,2.0,{"a":null,"a":-0}],"a":{}},	"temperature":0.70"#;

#[tokio::test]
async fn a_request_keeps_every_byte_but_the_models() {
    for (tongue, extra) in [(Tongue::OpenAi, ""), (Tongue::Anthropic, r#""max_tokens":64,"#), (Tongue::Ollama, "")] {
        let up = Upstream::start().await;
        let gateway = plain(tongue.kind(), &up).await;
        up.on(move |_| json(tongue.whole("ok"))).await;
        let body = |model: &str| {
            format!(
                "{{\r\n {ODD},\"model\" : \"{model}\",\n{extra}\"messages\":[ {{\"content\":\"hi\",\"role\":\"user\",\"odd\":1.0}}],\"stream\":false }}\n"
            )
        };
        let answer = post(&gateway, tongue.path(), body("m")).await;
        assert_eq!(answer.status, 200, "{tongue:?}: {}", answer.text());
        assert_eq!(up.next_request().await.text(), body("real"), "{tongue:?}");
        assert_eq!(answer.header("x-lingate-dropped"), None, "{tongue:?}");
    }
}

#[tokio::test]
async fn a_stream_is_asked_for_its_usage() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    up.on(|_| Tongue::OpenAi.streaming(vec![Step::bytes(Tongue::OpenAi.stream(&["a"]))])).await;
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    let cases = [
        (r#""stream":true"#, json!({"include_usage": true})),
        (r#""stream":true,"stream_options":null"#, json!({"include_usage": true})),
        (
            r#""stream":true,"stream_options":{"include_usage":false,"x":1.50}"#,
            json!({"include_usage": true, "x": 1.5}),
        ),
        (r#""stream":true,"stream_options":{"include_usage":true}"#, json!({"include_usage": true})),
    ];
    for (members, options) in cases {
        post(&gateway, "/v1/chat/completions", format!(r#"{{"model":"m",{messages},{members},"n":1.0}}"#)).await;
        let seen = up.next_request().await;
        assert_eq!(seen.json()["stream_options"], options, "{members}");
        assert!(seen.text().starts_with(&format!(r#"{{"model":"real",{messages},"stream":true"#)), "{}", seen.text());
        assert!(seen.text().contains(r#""n":1.0"#), "{}", seen.text());
    }
}

#[tokio::test]
async fn an_answer_keeps_every_byte_but_the_models() {
    for tongue in Tongue::ALL {
        let up = Upstream::start().await;
        let gateway = plain(tongue.kind(), &up).await;
        let theirs = tongue.whole("o\\u006b").replacen('{', &format!("{{{ODD}, "), 1);
        up.once(json(theirs.clone()));
        let answer = ask(&gateway, tongue.request(false)).await;
        assert_eq!(answer.text(), theirs.replace(r#""model":"real""#, r#""model":"m""#), "{tongue:?}");
    }
}

#[tokio::test]
async fn an_answer_keeps_the_upstreams_model_where_configured() {
    for stream in [false, true] {
        let up = Upstream::start().await;
        let plan = Plan { model: "response_model: upstream,", ..Plan::default() };
        let gateway = plan.start("vllm", &up).await;
        let theirs = if stream { Tongue::OpenAi.stream(&["a"]) } else { Tongue::OpenAi.whole("a") };
        up.once(if stream {
            Tongue::OpenAi.streaming(vec![Step::bytes(theirs.clone())])
        } else {
            json(theirs.clone())
        });
        assert_eq!(ask(&gateway, Tongue::OpenAi.request(stream)).await.text(), theirs);
    }
}

/// Comments, ids, retries, odd events, carriage returns: all an upstream's stream holds.
fn odd_stream() -> String {
    let usage = r#"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#;
    let delta = Tongue::OpenAi.delta("h\\u00e9llo é😀");
    let tail = [Tongue::OpenAi.finish(), format!("{usage}\n\n"), Tongue::OpenAi.end()].concat();
    let head = Tongue::OpenAi.opening();
    format!(
        ": keep-alive\n\n{head}id: 7\nretry: 100\n{delta}: two\n: lines\n\ndata:{{\"model\" : \"real\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"x\"}}}}],\"n\":1.10}}\r\n\r\n{tail}"
    )
}

fn without_usage(stream: &str) -> String {
    let start = stream
        .find(r#"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[],"usage""#);
    let start = start.unwrap();
    let end = start + stream[start..].find("\n\n").unwrap() + 2;
    format!("{}{}", &stream[..start], &stream[end..])
}

fn renamed(stream: &str) -> String {
    stream.replace(r#""model":"real""#, r#""model":"m""#).replace(r#""model" : "real""#, r#""model" : "m""#)
}

#[tokio::test]
async fn a_stream_keeps_every_byte_but_the_models_and_usage_unasked() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    let theirs = odd_stream();
    let once = || up.once(Tongue::OpenAi.streaming(vec![Step::bytes(odd_stream())]));
    once();
    let answer = ask(&gateway, Tongue::OpenAi.request(true)).await;
    assert_eq!(answer.text(), renamed(&without_usage(&theirs)));
    once();
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}"#;
    let answer = post(&gateway, "/v1/chat/completions", body).await;
    assert_eq!(answer.text(), renamed(&theirs));
}

#[tokio::test]
async fn native_anthropic_and_ollama_streams_keep_every_byte_but_the_models() {
    for tongue in [Tongue::Anthropic, Tongue::Ollama] {
        let up = Upstream::start().await;
        let gateway = plain(tongue.kind(), &up).await;
        let ping = if tongue == Tongue::Anthropic { "event: ping\ndata: {\"type\": \"ping\"}\n\n" } else { "" };
        let theirs = tongue.opening() + ping + &tongue.stream(&["a", "é"])[tongue.opening().len()..];
        up.once(tongue.streaming(vec![Step::bytes(theirs.clone())]));
        let answer = ask(&gateway, tongue.request(true)).await;
        assert_eq!(answer.text(), renamed(&theirs), "{tongue:?}");
    }
}

/// What differs from one request to the next: ids of lingate's own and times.
fn timeless(answer: &lingate_testkit::Answer) -> String {
    let id = answer.header("x-lingate-request-id").unwrap().replace('-', "");
    let mut text = answer.text().replace(&id, "ID");
    for member in [r#""created":"#, r#""created_at":"#, r#"_duration":"#] {
        let parts: Vec<_> = text.split(member).map(str::to_owned).collect();
        let tails = parts[1..].iter().map(|part| &part[part.find([',', '}']).unwrap()..]);
        text = std::iter::once(parts[0].as_str()).chain(tails).collect::<Vec<_>>().join(member);
    }
    text
}

async fn each_cut_gives_the_same(client: Tongue, backend: Tongue, stream: String) {
    let up = Upstream::start().await;
    let gateway = plain(backend.kind(), &up).await;
    let mut expected = None;
    let cuts: Vec<_> = lingate_testkit::recuts(stream.as_bytes()).collect();
    // Some at a time: which request gets which cut does not matter.
    for some in cuts.chunks(16) {
        for pieces in some {
            up.once(backend.streaming(pieces.iter().cloned().map(Step::bytes).collect()));
        }
        let asking = some.iter().map(|_| ask(&gateway, client.request(true)));
        for answer in futures_util::future::join_all(asking).await {
            let text = timeless(&answer);
            assert!(client.has_ended(&text), "{text}");
            let expected = expected.get_or_insert_with(|| text.clone());
            assert_eq!(&text, expected, "{client:?} from {backend:?}, cut near {}", some[0][0].len());
        }
    }
}

#[tokio::test]
async fn a_relayed_stream_may_be_cut_anywhere() {
    each_cut_gives_the_same(Tongue::OpenAi, Tongue::OpenAi, odd_stream()).await;
}

#[tokio::test]
async fn a_relayed_line_stream_may_be_cut_anywhere() {
    each_cut_gives_the_same(Tongue::Ollama, Tongue::Ollama, Tongue::Ollama.stream(&["é😀"])).await;
}

#[tokio::test]
async fn a_translated_stream_may_be_cut_anywhere() {
    each_cut_gives_the_same(Tongue::Anthropic, Tongue::OpenAi, odd_stream()).await;
    each_cut_gives_the_same(Tongue::OpenAi, Tongue::Anthropic, Tongue::Anthropic.stream(&["é", "😀"])).await;
    each_cut_gives_the_same(Tongue::Anthropic, Tongue::Ollama, Tongue::Ollama.stream(&["é", "😀"])).await;
}

#[tokio::test]
async fn a_model_is_also_served_as_latest() {
    let up = Upstream::start().await;
    let yaml = Plan::default().yaml("ollama", &up.url(""))
        + "  - { name: \"n:latest\", targets: [{ endpoint: up, model: other }] }\n";
    let gateway = crate::support::TestGateway::start(&yaml).await;
    up.on(|_| json(Tongue::Ollama.whole("ok"))).await;
    for (asked, real) in [("m", "real"), ("m:latest", "real"), ("n", "other"), ("n:latest", "other")] {
        let answer = post(&gateway, "/api/chat", Tongue::Ollama.body(asked, false)).await;
        assert_eq!(up.next_request().await.json()["model"], real);
        assert_eq!(answer.json()["model"], asked);
    }
}

/// What reaches the upstream of a body, for each client dialect's spelling.
async fn sent(kind: &str, plan: Plan<'_>, tongue: Tongue, members: &str) -> serde_json::Value {
    let up = Upstream::start().await;
    let gateway = plan.start(kind, &up).await;
    up.once(Reply::json(500, "{}"));
    let body = tongue.body("m", false).replacen('{', &format!("{{{members}"), 1);
    post(&gateway, tongue.path(), body).await;
    assert_eq!(up.request_count(), 1, "{members}");
    up.next_request().await.json()
}

#[tokio::test]
async fn strip_takes_members_out() {
    let plan = Plan { endpoint: "strip: [user, seed, top_p],", ..Plan::default() };
    let members = r#""user":"u","seed":1,"top_p":0.5,"top_k":3,"#;
    let seen = sent("vllm", plan, Tongue::OpenAi, members).await;
    assert_eq!((seen.get("user"), seen.get("seed"), seen.get("top_p")), (None, None, None));
    assert_eq!(seen["top_k"], 3);
    // From another dialect, and out of Ollama's options.
    let seen = sent("ollama", plan, Tongue::OpenAi, members).await;
    assert_eq!(seen["options"].get("seed"), None, "{seen}");
    assert_eq!(seen["options"].get("top_p"), None, "{seen}");
    let seen = sent("ollama", plan, Tongue::Ollama, r#""options":{"seed":1,"top_p":0.5,"num_ctx":9},"#).await;
    assert_eq!(seen["options"], json!({"num_ctx": 9}));
}

#[tokio::test]
async fn defaults_stand_in_and_force_overrides() {
    let plan =
        Plan { model: "defaults: { temperature: 0.5, odd: { a: [1] } }, force: { top_p: 0.9 },", ..Plan::default() };
    let seen = sent("vllm", plan, Tongue::OpenAi, r#""top_p":0.1,"#).await;
    assert_eq!((&seen["temperature"], &seen["top_p"], &seen["odd"]), (&json!(0.5), &json!(0.9), &json!({"a": [1]})));
    let seen = sent("vllm", plan, Tongue::OpenAi, r#""temperature":1.0,"odd":false,"#).await;
    assert_eq!((&seen["temperature"], &seen["top_p"], &seen["odd"]), (&json!(1.0), &json!(0.9), &json!(false)));
    // In an Anthropic client's request for the same model.
    let seen = sent("vllm", plan, Tongue::Anthropic, r#""temperature":0.25,"#).await;
    assert_eq!((&seen["temperature"], &seen["top_p"]), (&json!(0.25), &json!(0.9)));
}

#[tokio::test]
async fn both_spellings_of_the_token_limit_are_one_member() {
    let defaults = Plan { model: "defaults: { max_tokens: 100 },", ..Plan::default() };
    let seen = sent("vllm", defaults, Tongue::OpenAi, r#""max_completion_tokens":5,"#).await;
    assert_eq!((seen.get("max_tokens"), &seen["max_completion_tokens"]), (None, &json!(5)));
    let seen = sent("vllm", defaults, Tongue::OpenAi, "").await;
    assert_eq!(seen["max_tokens"], 100);
    let force = Plan { model: "force: { max_tokens: 7 },", ..Plan::default() };
    for own in [r#""max_completion_tokens":5,"#, r#""max_tokens":5,"#, ""] {
        let seen = sent("vllm", force, Tongue::OpenAi, own).await;
        assert_eq!((&seen["max_tokens"], seen.get("max_completion_tokens")), (&json!(7), None), "{own}");
    }
    let seen = sent("ollama", force, Tongue::OpenAi, r#""max_completion_tokens":5,"#).await;
    assert_eq!(seen["options"]["num_predict"], 7, "{seen}");
    let seen = sent("ollama", defaults, Tongue::Ollama, r#""options":{"num_predict":5},"#).await;
    assert_eq!(seen["options"], json!({"num_predict": 5}));
}

#[tokio::test]
async fn ollamas_num_ctx_goes_into_its_options() {
    let plan = Plan { model: "defaults: { num_ctx: 8192 },", ..Plan::default() };
    let seen = sent("ollama", plan, Tongue::OpenAi, r#""temperature":0.5,"#).await;
    assert_eq!(seen["options"], json!({"temperature": 0.5, "num_ctx": 8192}));
    let seen = sent("ollama", plan, Tongue::Ollama, r#""options":{"num_ctx":5,"x":1},"#).await;
    assert_eq!(seen["options"], json!({"num_ctx": 5, "x": 1}));
    let seen = sent("ollama", plan, Tongue::Ollama, "").await;
    assert_eq!(seen["options"], json!({"num_ctx": 8192}));
}

#[tokio::test]
async fn a_configured_system_prompt_comes_before_everything() {
    let plan = Plan { model: "system_prompt: \"be \\\"kind\\\"\",", ..Plan::default() };
    for (kind, tongue) in [
        ("vllm", Tongue::OpenAi),
        ("vllm", Tongue::Anthropic),
        ("vllm", Tongue::Ollama),
        ("ollama", Tongue::OpenAi),
        ("ollama", Tongue::Ollama),
    ] {
        let seen = sent(kind, plan, tongue, "").await;
        let wanted = json!([{"role": "system", "content": "be \"kind\""}, {"role": "user", "content": "hi"}]);
        assert_eq!(seen["messages"], wanted, "{kind} for {tongue:?}");
    }
    for tongue in [Tongue::Anthropic, Tongue::OpenAi] {
        let seen = sent("anthropic", plan, tongue, "").await;
        assert!(seen["system"].to_string().contains(r#"be \"kind\""#), "{seen}");
    }
}
