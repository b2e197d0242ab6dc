//! `/v1/completions` before every kind of backend, and the prompts of Ollama's clients behind which it stands.

use crate::setup::{Plan, ask, json, plain, post};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Reply, Step, Upstream};
use serde_json::{Value, json};

const PATH: &str = "/v1/completions";

/// An upstream's whole answer.
const WHOLE: &str = r#"{"id":"cmpl-1","object":"text_completion","created":1,"model":"real","choices":[{"index":0,"text":"ok","logprobs":null,"finish_reason":"stop","stop_reason":null}],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#;

fn chunk(rest: &str) -> String {
    format!("data: {{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1,\"model\":\"real\",{rest}}}\n\n")
}

fn piece(index: usize, text: &str, finish: &str) -> String {
    chunk(&format!(r#""choices":[{{"index":{index},"text":"{text}","logprobs":null,"finish_reason":{finish}}}]"#))
}

fn usage() -> String {
    chunk(r#""choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}"#)
}

/// An upstream's stream of two answers.
fn stream() -> String {
    let pieces = [
        piece(1, "no", "null"),
        piece(0, "a", "null"),
        piece(0, "b", r#""stop""#),
        piece(1, "pe", r#""length""#),
        usage(),
    ];
    pieces.concat() + "data: [DONE]\n\n"
}

fn streaming(stream: String) -> Reply {
    Tongue::OpenAi.streaming(vec![Step::bytes(stream)])
}

fn shown(theirs: &str) -> String {
    theirs.replace(r#""model":"real""#, r#""model":"m""#)
}

#[tokio::test]
async fn a_request_keeps_every_byte_but_the_models_under_all_names() {
    for path in [PATH, "/completions", "/api/openai/completions", "/api/openai/v1/completions"] {
        for kind in ["openai", "vllm", "together"] {
            let up = Upstream::start().await;
            let gateway = plain(kind, &up).await;
            up.once(json(WHOLE));
            let body = |model: &str| {
                format!(
                    "{{ \"prompt\" : [\"a\", \"b\\u0041\"],\r\n\"model\":\"{model}\",\"best_of\":1.0, \"echo\":true,\"x\":{{\"a\":1,\"a\":2}},\"n\":2}}"
                )
            };
            let answer = post(&gateway, path, body("m")).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, shown(WHOLE)), "{path} {kind}");
            let seen = up.next_request().await;
            assert_eq!((seen.path.as_str(), seen.text()), ("/v1/completions", body("real")), "{path} {kind}");
        }
    }
}

#[tokio::test]
async fn a_relayed_stream_hides_the_usage_that_nobody_asked_for() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    for (options, hidden) in [("", true), (r#","stream_options":{"include_usage":true}"#, false)] {
        up.once(streaming(stream()));
        let body = format!(r#"{{"model":"m","prompt":[1,2],"n":2,"stream":true{options}}}"#);
        let answer = post(&gateway, PATH, body).await;
        let theirs = if hidden { stream().replace(&usage(), "") } else { stream() };
        assert_eq!(answer.text(), shown(&theirs));
        assert_eq!(up.next_request().await.json()["stream_options"], json!({"include_usage": true}));
    }
    let metrics = ask(&gateway, ClientRequest::get("/metrics")).await.text();
    let counted = |kind: &str, tokens: u64| {
        metrics
            .lines()
            .any(|line| line.contains("token") && line.contains(kind) && line.ends_with(&format!(" {tokens}")))
    };
    assert!(counted("input", 6) && counted("output", 10), "{metrics}");
}

#[tokio::test]
async fn a_stream_that_breaks_ends_in_an_error() {
    for (kind, begun) in [
        ("vllm", piece(0, "a", "null")),
        (
            "ollama",
            "{\"model\":\"real\",\"created_at\":\"2026-01-02T03:04:05Z\",\"response\":\"a\",\"done\":false}\n".into(),
        ),
        ("anthropic", Tongue::Anthropic.opening() + &Tongue::Anthropic.delta("a")),
    ] {
        let up = Upstream::start().await;
        let gateway = plain(kind, &up).await;
        let typed = if kind == "ollama" { Tongue::Ollama } else { Tongue::OpenAi };
        up.once(typed.streaming(vec![Step::bytes(begun)]));
        let answer = post(&gateway, PATH, r#"{"model":"m","prompt":"p","stream":true}"#).await;
        let text = answer.text();
        assert!(text.contains(r#""text":"a""#) && !text.contains("[DONE]"), "{kind}: {text}");
        assert!(Tongue::OpenAi.stream_error(&text).is_some(), "{kind}: {text}");
    }
}

#[tokio::test]
async fn an_upstreams_refusal_keeps_its_status() {
    for tongue in Tongue::ALL {
        let up = Upstream::start().await;
        let gateway = plain(tongue.kind(), &up).await;
        up.once(Reply::json(429, tongue.refusal("too much")).header("retry-after", "7"));
        let answer = post(&gateway, PATH, r#"{"model":"m","prompt":"p"}"#).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("7")), "{tongue:?}");
        assert!(Tongue::OpenAi.error(&answer).contains("too much"), "{tongue:?}");
    }
}

/// What a backend of that kind is asked, and what the client gets.
async fn through(kind: &str, reply: Reply, body: &Value) -> (String, Value, String) {
    let up = Upstream::start().await;
    let gateway = plain(kind, &up).await;
    up.once(reply);
    let answer = post(&gateway, PATH, body.to_string()).await;
    assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
    let seen = up.next_request().await;
    (seen.path.clone(), seen.json(), answer.text())
}

#[tokio::test]
async fn a_prompt_becomes_a_message_where_there_are_only_chats() {
    for (kind, tongue, path) in
        [("anthropic", Tongue::Anthropic, "/v1/messages"), ("openwebui", Tongue::OpenAi, "/api/chat/completions")]
    {
        let body = json!({"model": "m", "prompt": ["Once"], "max_tokens": 9, "stop": "X", "user": "u"});
        let (asked, seen, answer) = through(kind, json(tongue.whole("ok")), &body).await;
        assert_eq!(asked, path);
        assert_eq!(seen["messages"], json!([{"role": "user", "content": "Once"}]), "{kind}");
        assert!(seen.get("prompt").is_none() && seen["max_tokens"] == 9, "{seen}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            (&answer["object"], &answer["model"], &answer["choices"], &answer["usage"]["total_tokens"]),
            (
                &json!("text_completion"),
                &json!("m"),
                &json!([{"index": 0, "text": "ok", "logprobs": null, "finish_reason": "stop"}]),
                &json!(8)
            )
        );
        let body = json!({"model": "m", "prompt": "Once", "stream": true});
        let theirs = tongue.streaming(vec![Step::bytes(tongue.stream(&["a", "b"]))]);
        let (_, _, answer) = through(kind, theirs, &body).await;
        assert!(answer.contains(r#""text":"a""#) && answer.ends_with("data: [DONE]\n\n"), "{answer}");
        assert!(!answer.contains("usage"), "nobody asked for it: {answer}");
    }
}

#[tokio::test]
async fn what_only_a_completion_can_say_is_refused_elsewhere() {
    for kind in ["anthropic", "openwebui", "ollama", "demo"] {
        let up = Upstream::start().await;
        let gateway = plain(kind, &up).await;
        for (param, members) in [
            ("prompt", json!({"prompt": ["a", "b"]})),
            ("prompt", json!({"prompt": [1, 2, 3]})),
            ("prompt", json!({"prompt": [[1], [2]]})),
            ("prompt", json!({"prompt": [{"text": "a"}]})),
            ("prompt", json!({"prompt": []})),
            ("prompt", json!({"prompt": 5})),
            ("prompt", json!({})),
            ("suffix", json!({"prompt": "a", "suffix": "b"})),
            ("echo", json!({"prompt": "a", "echo": true})),
            ("best_of", json!({"prompt": "a", "best_of": 2})),
            ("n", json!({"prompt": "a", "n": 2})),
            ("messages", json!({"prompt": "a", "messages": [{"role": "user", "content": "b"}]})),
        ] {
            if kind == "ollama" && param == "suffix" {
                continue;
            }
            let mut body = json!({"model": "m"});
            body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            let answer = post(&gateway, PATH, body.to_string()).await;
            assert_eq!(answer.status, 400, "{kind} {body}: {}", answer.text());
            Tongue::OpenAi.error(&answer);
            assert_eq!(answer.json()["error"]["param"], param, "{kind} {body}");
        }
        assert_eq!(up.request_count(), 0, "{kind}");
    }
    let up = Upstream::start().await;
    let gateway = plain("ollama", &up).await;
    let answer = post(&gateway, PATH, r#"{"model":"m","prompt":""}"#).await;
    assert_eq!((answer.status.as_u16(), up.request_count()), (400, 0), "an empty prompt would only load the model");
}

#[tokio::test]
async fn several_answers_are_never_one() {
    let up = Upstream::start().await;
    let plan = Plan { endpoint: "stream: never,", ..Plan::default() };
    let gateway = plan.start("vllm", &up).await;
    up.on(|request| json(if request.path.contains("chat") { Tongue::OpenAi.whole("ok") } else { WHOLE.to_owned() }))
        .await;
    let chat = r#""messages":[{"role":"user","content":"q"}]"#;
    for (path, members, taken) in [
        (PATH, r#""prompt":"a","n":2"#, false),
        (PATH, r#""prompt":["a","b"]"#, false),
        (PATH, r#""prompt":[[1],[2]]"#, false),
        (PATH, r#""prompt":[1,2]"#, true),
        (PATH, r#""prompt":["a"],"n":1"#, true),
        ("/v1/chat/completions", &format!(r#"{chat},"n":2"#), false),
        ("/v1/chat/completions", chat, true),
    ] {
        for stream in [true, false] {
            // Asked for as a whole, all of them are relayed.
            let status = if taken || !stream { 200 } else { 400 };
            let answer = post(&gateway, path, format!(r#"{{"model":"m",{members},"stream":{stream}}}"#)).await;
            assert_eq!(answer.status.as_u16(), status, "{members} {stream}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn ollama_continues_prompts_and_tells_of_its_tokens() {
    let line = |rest: &str| format!("{{\"model\":\"real\",\"created_at\":\"2026-01-02T03:04:05Z\",{rest}}}\n");
    let theirs = [
        line(r#""response":"o","logprobs":[{"token":"o","logprob":-0.5,"top_logprobs":[{"token":"o","logprob":-0.5},{"token":"a","logprob":-2}]}],"done":false"#),
        line(r#""response":"k","logprobs":[{"token":"k","logprob":-1}],"done":false"#),
        line(r#""response":"","done":true,"done_reason":"length","prompt_eval_count":3,"eval_count":2"#),
    ]
    .concat();
    let body = json!({"model": "m", "prompt": "Once", "suffix": "end", "logprobs": 2, "stream": true,
        "stream_options": {"include_usage": true}});
    let (path, seen, answer) = through("ollama", Tongue::Ollama.streaming(vec![Step::bytes(theirs)]), &body).await;
    assert_eq!(path, "/api/generate");
    assert_eq!(
        seen,
        json!({"model": "real", "prompt": "Once", "suffix": "end", "stream": true, "logprobs": true, "top_logprobs": 2})
    );
    let frames: Vec<Value> =
        answer.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let tokens: Vec<_> =
        frames.iter().map(|frame| &frame["choices"][0]["logprobs"]).filter(|l| l.is_object()).collect();
    assert_eq!(
        tokens,
        [
            &json!({"tokens": ["o"], "token_logprobs": [-0.5], "top_logprobs": [{"o": -0.5, "a": -2.0}], "text_offset": [0]}),
            &json!({"tokens": ["k"], "token_logprobs": [-1.0], "top_logprobs": null, "text_offset": [1]}),
        ]
    );
    assert_eq!(frames.last().unwrap()["usage"]["total_tokens"], 5);
    assert!(answer.contains(r#""finish_reason":"length""#), "{answer}");
}

#[tokio::test]
async fn ollamas_bare_prompts_are_continued_and_others_are_chats() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    up.on(|request| {
        let chat = request.path.contains("chat");
        match (chat, request.json()["stream"] == true) {
            (true, _) => json(Tongue::OpenAi.whole("ok")),
            (false, false) => json(WHOLE),
            (false, true) => streaming([piece(0, "o", "null"), piece(0, "k", r#""stop""#), usage()].concat()),
        }
    })
    .await;
    for (members, path, prompt) in [
        (r#""raw":true"#, "/v1/completions", json!("p")),
        (r#""suffix":"s""#, "/v1/completions", json!("p")),
        (r#""suffix":"s","system":"Be kind.""#, "/v1/completions", json!("Be kind.\n\np")),
        (r#""system":"Be kind.""#, "/v1/chat/completions", Value::Null),
        (r#""raw":false,"suffix":"","context":[],"template":"""#, "/v1/chat/completions", Value::Null),
    ] {
        let body = format!(r#"{{"model":"m","prompt":"p","stream":false,{members}}}"#);
        let answer = post(&gateway, "/api/generate", body).await;
        assert_eq!(answer.json()["response"], "ok", "{members}: {}", answer.text());
        assert_eq!((&answer.json()["prompt_eval_count"], &answer.json()["eval_count"]), (&json!(3), &json!(5)));
        let seen = up.next_request().await;
        assert_eq!((seen.path.as_str(), &seen.json()["prompt"]), (path, &prompt), "{members}");
        assert!(seen.json().get("raw").is_none(), "{members}");
    }
    let answer = post(&gateway, "/api/generate", r#"{"model":"m","prompt":"p","raw":true}"#).await;
    let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let texts: String = lines.iter().filter_map(|line| line["response"].as_str()).collect();
    assert_eq!((texts.as_str(), &lines.last().unwrap()["eval_count"]), ("ok", &json!(5)));
    up.next_request().await;

    for (param, members) in [
        ("template", r#""template":"{{ .Prompt }}""#),
        ("context", r#""context":[1,2]"#),
        ("template", r#""suffix":"s","template":"t""#),
        ("raw", r#""raw":true,"system":"s""#),
        ("images", r#""raw":true,"images":["iVBORw0KGgo="]"#),
    ] {
        let answer = post(&gateway, "/api/generate", format!(r#"{{"model":"m","prompt":"p",{members}}}"#)).await;
        assert_eq!(answer.status, 400, "{members}: {}", answer.text());
        assert!(Tongue::Ollama.error(&answer).contains(param), "{members}: {}", answer.text());
    }
    assert_eq!(up.request_count(), 6);
}

#[tokio::test]
async fn a_system_prompt_stands_before_each_text() {
    let up = Upstream::start().await;
    let plan = Plan { model: "system_prompt: Be kind., defaults: { max_completion_tokens: 7 },", ..Plan::default() };
    let gateway = plan.start("vllm", &up).await;
    up.on(|_| json(WHOLE)).await;
    for (prompt, expected) in [
        (r#""a""#, json!("Be kind.\n\na")),
        (r#"["a","b"]"#, json!(["Be kind.\n\na", "Be kind.\n\nb"])),
        ("[1,2]", json!([1, 2])),
    ] {
        post(&gateway, PATH, format!(r#"{{"model":"m","prompt":{prompt}}}"#)).await;
        assert_eq!(up.next_request().await.json(), json!({"model": "real", "prompt": expected, "max_tokens": 7}));
    }
}

#[tokio::test]
async fn keep_alive_is_judged_on_every_way() {
    for kind in ["ollama", "vllm"] {
        let up = Upstream::start().await;
        let gateway = plain(kind, &up).await;
        for bad in [r#""5""#, r#""soon""#, r#""""#, "true", "[]"] {
            for (path, members) in [
                ("/api/chat", r#""messages":[{"role":"user","content":"q"}]"#),
                ("/api/chat", r#""messages":[]"#),
                ("/api/generate", r#""prompt":"q""#),
                ("/api/generate", r#""prompt":"""#),
            ] {
                let body = format!(r#"{{"model":"m",{members},"keep_alive":{bad}}}"#);
                let answer = post(&gateway, path, body.clone()).await;
                assert_eq!(answer.status, 400, "{kind} {path} {body}: {}", answer.text());
                assert!(Tongue::Ollama.error(&answer).contains("keep_alive"), "{body}");
            }
        }
        assert_eq!(up.request_count(), 0, "{kind}");
    }
}
