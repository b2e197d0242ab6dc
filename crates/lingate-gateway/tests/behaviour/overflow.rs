//! Requests that are too long for a model go to the one that it overflows to.

use crate::setup::{UPSTREAM_KEY, ask, json, soon};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Reply, Step, Upstream};

/// The contexts that the models `s`, `m` and `l` have by their upstream's list.
const LIST: &str = r#"{"object":"list","data":[{"id":"s","max_model_len":100},{"id":"m","max_model_len":1000},{"id":"l","max_model_len":10000}]}"#;

/// Answers chats with the name of the model that was asked for, in the dialect of `backend`.
async fn upstream(backend: Tongue) -> Upstream {
    let up = Upstream::start().await;
    up.on(move |request| {
        if request.method == "GET" {
            return json(LIST);
        }
        let body = request.json();
        let model = body["model"].as_str().unwrap().to_owned();
        match body["stream"] == true {
            true => backend.streaming(vec![Step::bytes(backend.stream(&[&format!("I am {model}")]))]),
            false => json(backend.whole(&format!("I am {model}"))),
        }
    })
    .await;
    up
}

async fn gateway(kind: &str, up: &Upstream, models: &str) -> TestGateway {
    let yaml = format!(
        "clients: {{ auth: open }}\nendpoints:\n  - {{ name: up, type: {kind}, url: \"{}\", api_key: {UPSTREAM_KEY} }}\n\
         virtual_models:\n{models}",
        up.url("")
    );
    TestGateway::start(&yaml).await
}

/// A virtual model with one target.
fn model(name: &str, real: &str, more: &str) -> String {
    format!("  - {{ name: {name}, targets: [{{ endpoint: up, model: {real} }}], retry: {{ attempts: 1 }}, {more} }}\n")
}

fn chain() -> String {
    model("small", "s", "overflow_to: middle") + &model("middle", "m", "overflow_to: large") + &model("large", "l", "")
}

/// A chat of so many tokens, about.
fn chat(client: Tongue, model: &str, stream: bool, tokens: usize) -> ClientRequest {
    let body = client.body_saying(model, stream, &"word ".repeat(tokens));
    ClientRequest::post(client.path()).body(body.replace(r#""max_tokens":64,"#, r#""max_tokens":1,"#))
}

/// Waits until the upstream has been asked for its list, and that list is known.
async fn list_known(gateway: &TestGateway, model: &str) {
    let known = async {
        loop {
            let answer = ask(gateway, chat(Tongue::OpenAi, model, false, 400)).await;
            if answer.header("x-lingate-overflow").is_some() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    soon("the list", known).await;
}

#[tokio::test]
async fn a_request_goes_to_the_first_model_that_holds_it() {
    let up = upstream(Tongue::OpenAi).await;
    let gateway = gateway("vllm", &up, &chain()).await;
    // Nothing is known yet, and what is not known does not overflow.
    let answer = ask(&gateway, chat(Tongue::OpenAi, "small", false, 400)).await;
    assert!(answer.text().contains("I am s"), "{}", answer.text());
    list_known(&gateway, "small").await;
    for client in Tongue::ALL {
        for stream in [false, true] {
            for (tokens, real, overflow) in
                [(10, "s", None), (400, "m", Some("middle")), (4000, "l", Some("large")), (40_000, "l", Some("large"))]
            {
                let answer = ask(&gateway, chat(client, "small", stream, tokens)).await;
                let text = answer.text();
                assert!(answer.status == 200 && text.contains(&format!("I am {real}")), "{client:?} {tokens}: {text}");
                assert_eq!(answer.header("x-lingate-overflow"), overflow);
                assert!(text.contains("small") && !text.contains(&format!("\"model\":\"{real}\"")), "{text}");
            }
        }
    }
    // The answer's bound counts, too.
    let body = r#"{"model":"small","max_tokens":500,"messages":[{"role":"user","content":"hi"}]}"#;
    let answer = ask(&gateway, ClientRequest::post("/v1/chat/completions").body(body)).await;
    assert_eq!(answer.header("x-lingate-overflow"), Some("middle"));
    // A model that overflows to none takes everything.
    let answer = ask(&gateway, chat(Tongue::OpenAi, "large", false, 40_000)).await;
    assert_eq!((answer.header("x-lingate-overflow"), answer.status.as_u16()), (None, 200));
}

#[tokio::test]
async fn one_target_that_holds_it_is_enough() {
    let up = upstream(Tongue::OpenAi).await;
    let two =
        "  - { name: both, targets: [{ endpoint: up, model: m }, { endpoint: up, model: s }], overflow_to: large }\n";
    let unknown =
        "  - { name: part, targets: [{ endpoint: up, model: s }, { endpoint: up, model: new }], overflow_to: large }\n";
    let models = [two, unknown, &model("small", "s", "overflow_to: large"), &model("large", "l", "")].concat();
    let gateway = gateway("vllm", &up, &models).await;
    list_known(&gateway, "small").await;
    for (name, tokens, overflow) in [("both", 400, None), ("both", 4000, Some("large")), ("part", 4000, None)] {
        let answer = ask(&gateway, chat(Tongue::OpenAi, name, false, tokens)).await;
        assert_eq!(answer.header("x-lingate-overflow"), overflow, "{name} {tokens}");
    }
}

#[tokio::test]
async fn what_the_operator_says_of_ollama_s_context_is_known() {
    let up = upstream(Tongue::Ollama).await;
    let models = model("small", "s", "overflow_to: large, defaults: { num_ctx: 200 }") + &model("large", "l", "");
    let gateway = gateway("ollama", &up, &models).await;
    for (tokens, overflow) in [(50, None), (400, Some("large"))] {
        let answer = ask(&gateway, chat(Tongue::Ollama, "small", false, tokens)).await;
        assert_eq!(answer.header("x-lingate-overflow"), overflow, "{}", answer.text());
    }
}

/// Ollama's list may not tell, but it describes a model when asked.
#[tokio::test]
async fn ollama_is_asked_what_its_model_holds() {
    let up = Upstream::start().await;
    up.on(|request| match request.path.as_str() {
        "/api/show" => json(r#"{"model_info":{"llama.context_length":200}}"#),
        "/api/tags" => json(r#"{"models":[{"name":"s","model":"s"},{"name":"l","model":"l"}]}"#),
        _ => json(Tongue::Ollama.whole("x")),
    })
    .await;
    let models = model("small", "s", "overflow_to: large") + &model("large", "l", "");
    let gateway = gateway("ollama", &up, &models).await;
    list_known(&gateway, "small").await;
    let shows = || up.requests().into_iter().filter(|request| request.path == "/api/show").collect::<Vec<_>>();
    assert_eq!(shows().len(), 1);
    assert_eq!(shows()[0].json()["model"], "s");
}

/// What an upstream says of a request that is too long, and of one that is wrong.
const TOO_LONG: [(Tongue, &str); 3] = [
    (
        Tongue::OpenAi,
        r#"{"error":{"message":"no","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
    ),
    (
        Tongue::Anthropic,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#,
    ),
    (Tongue::Ollama, r#"{"error":"prompt too long; exceeded max context length by 3 tokens"}"#),
];

/// The models `s` and `m` refuse everything, with this body and status; no list tells their contexts.
async fn refusing(backend: Tongue, status: u16, refusal: &str) -> Upstream {
    let up = Upstream::start().await;
    let refusal = refusal.to_owned();
    up.on(move |request| {
        let body = request.json();
        match (body["model"].as_str(), body["stream"] == true) {
            (None, _) => Reply::json(404, "{}"),
            (Some("l"), true) => backend.streaming(vec![Step::bytes(backend.stream(&["I am l"]))]),
            (Some("l"), false) => json(backend.whole("I am l")),
            _ => Reply::json(status, refusal.clone()),
        }
    })
    .await;
    up
}

fn asked_for(up: &Upstream) -> Vec<String> {
    let chats = up.requests().into_iter().filter(|request| request.path != "/api/show");
    chats.filter_map(|request| Some(request.json()["model"].as_str()?.to_owned())).collect()
}

/// The upstream knows better: what it refuses as too long goes on, in every dialect.
#[tokio::test]
async fn a_refusal_for_length_goes_on() {
    for (backend, refusal) in TOO_LONG {
        // Under status 200 it is the first thing that is said.
        for status in [400, 200] {
            let up = refusing(backend, status, refusal).await;
            let gateway = gateway(backend.kind(), &up, &chain()).await;
            for client in Tongue::ALL {
                for stream in [false, true] {
                    let answer = ask(&gateway, chat(client, "small", stream, 1)).await;
                    let text = answer.text();
                    assert!(answer.status == 200 && text.contains("I am l"), "{client:?} {backend:?} {status}: {text}");
                    assert_eq!(answer.header("x-lingate-overflow"), Some("large"));
                    assert!(text.contains("small"), "{text}");
                }
            }
            assert_eq!(asked_for(&up)[..3], ["s", "m", "l"]);
            assert_eq!(asked_for(&up).len(), 18);
        }
    }
}

#[tokio::test]
async fn other_refusals_and_other_models_do_not() {
    let wrong = Tongue::OpenAi.refusal("max_tokens must be positive");
    for (refusal, name, asked) in
        [(wrong.as_str(), "small", "s"), (TOO_LONG[0].1, "alone", "m"), (TOO_LONG[0].1, "lost", "s")]
    {
        let up = refusing(Tongue::OpenAi, 400, refusal).await;
        // The model that `lost` overflows to is not served.
        let off = model("off", "l", "enabled: false") + &model("lost", "s", "overflow_to: off");
        let gateway = gateway("vllm", &up, &(chain() + &model("alone", "m", "") + &off)).await;
        let answer = ask(&gateway, chat(Tongue::OpenAi, name, true, 1)).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-lingate-overflow")), (400, None));
        assert_eq!(asked_for(&up), [asked]);
    }
}

/// The error is that of the model that tried last.
#[tokio::test]
async fn a_failure_of_the_larger_model_is_told() {
    let up = refusing(Tongue::OpenAi, 400, TOO_LONG[0].1).await;
    let models = model("small", "s", "overflow_to: middle") + &model("middle", "m", "");
    let gateway = gateway("vllm", &up, &models).await;
    let answer = ask(&gateway, chat(Tongue::Anthropic, "small", false, 1)).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-lingate-overflow")), (400, Some("middle")));
    Tongue::Anthropic.error(&answer);
}
