//! The route table, row by row, and paths that must never match.

use super::*;
use proptest::prelude::*;

fn get(path: &str) -> Found<'_> {
    find(&Method::GET, path, &[])
}

fn post(path: &str) -> Found<'_> {
    find(&Method::POST, path, &[])
}

fn unknown(family: PathFamily) -> Found<'static> {
    Found::Unknown { family }
}

const CHAT: Found<'static> = Found::Route(Route::Chat(DialectId::OpenAiChat, Operation::Chat));

#[test]
fn openai_paths_have_four_prefixes() {
    for prefix in ["", "/v1", "/api/openai", "/api/openai/v1"] {
        for (path, expected) in [
            ("/chat/completions", CHAT),
            ("/completions", Found::Route(Route::Chat(DialectId::OpenAiCompletions, Operation::TextCompletion))),
            ("/embeddings", Found::Route(Route::Embeddings(EmbeddingsId::OpenAi))),
            ("/responses", Found::Route(Route::Chat(DialectId::OpenAiResponses, Operation::Chat))),
            ("/responses/resp_1/cancel", Found::Route(Route::StoredResponse("resp_1".into(), ResponsePart::Cancel))),
            ("/audio/speech", Found::Route(Route::PassThrough("/audio/speech"))),
        ] {
            assert_eq!(post(&format!("{prefix}{path}")), expected, "{prefix}{path}");
        }
        assert_eq!(get(&format!("{prefix}/models")), Found::Route(Route::Models));
        assert_eq!(get(&format!("{prefix}/models/a")), Found::Route(Route::Model("a".into())));
        let stored = |part| Found::Route(Route::StoredResponse("resp_1".into(), part));
        assert_eq!(get(&format!("{prefix}/responses/resp_1")), stored(ResponsePart::Itself));
        assert_eq!(get(&format!("{prefix}/responses/resp_1/input_items")), stored(ResponsePart::InputItems));
        let delete = format!("{prefix}/responses/resp_1");
        assert_eq!(find(&Method::DELETE, &delete, &[]), stored(ResponsePart::Itself));
    }
    for path in
        ["/v1/v1/chat/completions", "/api/v1/completions", "/api/openai/v1/v1/models", "/v1x/models", "/V1/models"]
    {
        assert!(matches!(post(path), Found::Unknown { .. }), "{path}");
    }
    for path in ["/api/chat/completions", "/api/v1/chat/completions"] {
        assert_eq!(post(path), CHAT);
    }
    assert_eq!(get("/api/models"), Found::Route(Route::Models));
    assert_eq!(post("/api/v1/embeddings"), Found::Route(Route::Embeddings(EmbeddingsId::OpenAi)));
}

#[test]
fn anthropic_paths() {
    for prefix in ["", "/v1", "/v1/v1"] {
        assert_eq!(
            post(&format!("{prefix}/messages")),
            Found::Route(Route::Chat(DialectId::AnthropicMessages, Operation::Chat))
        );
        assert_eq!(post(&format!("{prefix}/messages/count_tokens")), Found::Route(Route::CountTokens));
    }
    assert_eq!(find(&Method::HEAD, "/v1", &[]), Found::Route(Route::AnthropicHead));
    assert_eq!(get("/v1"), Found::WrongMethod { allow: "HEAD", family: PathFamily::Anthropic });
    assert_eq!(get("/v1/messages"), Found::WrongMethod { allow: "POST", family: PathFamily::Anthropic });
    assert_eq!(post("/v1/messages/batches"), unknown(PathFamily::Anthropic));
    assert_eq!(post("/api/openai/v1/messages"), unknown(PathFamily::OpenAi));
}

#[test]
fn ollama_paths() {
    for (path, route) in [
        ("/api/chat", Route::Chat(DialectId::Ollama, Operation::Chat)),
        ("/api/generate", Route::Chat(DialectId::Ollama, Operation::TextCompletion)),
        ("/api/show", Route::OllamaShow),
        ("/api/ps", Route::OllamaPs),
        ("/api/embed", Route::Embeddings(EmbeddingsId::OllamaEmbed)),
        ("/api/embeddings", Route::Embeddings(EmbeddingsId::OllamaEmbeddings)),
        ("/api/pull", Route::OllamaManage),
        ("/api/delete", Route::OllamaManage),
    ] {
        assert_eq!(post(path), Found::Route(route), "{path}");
    }
    for (path, route) in [
        ("/", Route::OllamaRoot),
        ("/api/version", Route::OllamaVersion),
        ("/api/tags", Route::OllamaTags),
        ("/api/ps", Route::OllamaPs),
    ] {
        assert_eq!(get(path), Found::Route(route.clone()), "{path}");
        assert_eq!(find(&Method::HEAD, path, &[]), Found::Route(route), "{path}");
    }
    assert_eq!(find(&Method::DELETE, "/api/delete", &[]), Found::Route(Route::OllamaManage));
    let digest = "0123456789abcdef".repeat(4);
    for blob in [format!("/api/blobs/sha256:{digest}"), format!("/api/blobs/sha256-{digest}")] {
        assert_eq!(post(&blob), Found::Route(Route::OllamaManage));
        assert_eq!(find(&Method::HEAD, &blob, &[]), Found::Route(Route::OllamaManage));
    }
    assert_eq!(post(&format!("/api/blobs/sha256:{digest}0")), unknown(PathFamily::Ollama));
    assert_eq!(post("/api/blobs/sha256:../../../etc/passwd"), unknown(PathFamily::Ollama));
    assert_eq!(get("/api/chat"), Found::WrongMethod { allow: "POST", family: PathFamily::Ollama });
    assert_eq!(get("/api/nosuch"), unknown(PathFamily::Ollama));
    assert_eq!(post("/v1/api/chat"), unknown(PathFamily::OpenAi));
}

#[test]
fn own_paths() {
    for path in ["/health", "/healthz", "/livez", "/health/liveliness"] {
        assert_eq!(get(path), Found::Route(Route::Health));
    }
    for path in ["/ready", "/readyz", "/health/readiness"] {
        assert_eq!(get(path), Found::Route(Route::Ready));
    }
    assert_eq!(get("/metrics"), Found::Route(Route::Metrics));
    assert_eq!(post("/metrics"), Found::WrongMethod { allow: "GET, HEAD", family: PathFamily::OpenAi });
    assert_eq!(get("/debug"), Found::Route(Route::Debug001));
    assert_eq!(post("/reload"), Found::Route(Route::Reload001));
    assert_eq!(get("/reload"), unknown(PathFamily::OpenAi));
    assert_eq!(get("/v1/health"), unknown(PathFamily::OpenAi));
}

#[test]
fn methods_without_a_route() {
    for method in [Method::OPTIONS, Method::TRACE, Method::CONNECT, Method::PUT, Method::from_bytes(b"BREW").unwrap()] {
        let found = find(&method, "/v1/chat/completions", &[]);
        assert_eq!(found, Found::WrongMethod { allow: "POST", family: PathFamily::OpenAi }, "{method}");
    }
    assert_eq!(find(&Method::OPTIONS, "*", &[]), unknown(PathFamily::OpenAi));
    assert_eq!(get(""), unknown(PathFamily::OpenAi));
}

#[test]
fn model_names() {
    for (path, name) in [
        ("/v1/models/llama3:70b", "llama3:70b"),
        ("/models/meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
        ("/v1/models/meta-llama%2FLlama%2D3", "meta-llama/Llama-3"),
        ("/v1/models/name%40main", "name@main"),
    ] {
        assert_eq!(get(path), Found::Route(Route::Model(name.into())), "{path}");
    }
    for name in [
        "", "a%2e%2e", "a/../b", "a//b", "a%2F%2Fb", "a%5Cb", "a%00", "a%252Fb", "a%", "a%2", "a%zz", "a%+1", "ä", "a/",
    ] {
        assert_eq!(get(&format!("/v1/models/{name}")), unknown(PathFamily::OpenAi), "{name}");
    }
    assert_eq!(get(&format!("/v1/models/{}", "a".repeat(257))), unknown(PathFamily::OpenAi));
    assert_eq!(post("/v1/models/a"), Found::WrongMethod { allow: "GET, HEAD", family: PathFamily::OpenAi });
}

#[test]
fn passed_through() {
    for path in ["/files/file-1_a", "/files/file-1/content", "/batches/batch_1", "/files"] {
        assert_eq!(get(&format!("/v1{path}")), Found::Route(Route::PassThrough(path)));
    }
    assert_eq!(find(&Method::DELETE, "/v1/files/f", &[]), Found::Route(Route::PassThrough("/files/f")));
    assert_eq!(post("/files/f"), Found::WrongMethod { allow: "GET, HEAD, DELETE", family: PathFamily::OpenAi });
    for path in ["/v1/files/", "/v1/files/.", "/v1/files/..", "/v1/files//content", "/v1/files/a%2fb", "/v1//files"] {
        assert_eq!(get(path), unknown(PathFamily::OpenAi), "{path}");
    }
}

#[test]
fn configured_paths() {
    let extra = ["/v1/ocr".to_owned(), "/fine_tuning/*".to_owned(), "/v1/chat/completions".to_owned()];
    for path in ["/v1/ocr", "/ocr", "/api/openai/v1/ocr", "/api/openai/ocr"] {
        assert_eq!(find(&Method::PATCH, path, &extra), Found::Route(Route::PassThrough("/ocr")), "{path}");
    }
    let jobs = "/v1/fine_tuning/jobs/1";
    assert_eq!(find(&Method::GET, jobs, &extra), Found::Route(Route::PassThrough("/fine_tuning/jobs/1")));
    assert_eq!(find(&Method::POST, "/v1/chat/completions", &extra), CHAT);
    for path in ["/v1/v1/ocr", "/ocr/", "/fine_tuning/", "/fine_tuning/../x", "/fine_tuning/%2e", "/v1/fine_tuning"] {
        assert!(matches!(find(&Method::POST, path, &extra), Found::Unknown { .. }), "{path}");
    }
    assert!(matches!(find(&Method::OPTIONS, "/ocr", &extra), Found::WrongMethod { .. }));
}

#[test]
fn every_row_of_the_table_is_reached() {
    for row in TABLE {
        let filling = match row.hole {
            None => String::new(),
            Some(hole::Hole::Digest) => format!("sha256:{}", "0".repeat(64)),
            Some(_) => "x".to_owned(),
        };
        let prefix = if row.is_at(Mount::Root) { "" } else { "/v1" };
        let path = format!("{prefix}{}{filling}{}", row.head, row.tail);
        for method in row.methods.allow.split(", ") {
            let found = find(&Method::from_bytes(method.as_bytes()).unwrap(), &path, &[]);
            let (_, rest) = table::mount(&path);
            assert_eq!(Some(found), row.route(rest).map(Found::Route), "{method} {path}");
        }
    }
}

/// Paths out of pieces that are dangerous together.
fn paths() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "/",
        "/v1",
        "/api",
        "/openai",
        "/files",
        "/models",
        "/content",
        "/messages",
        "/blobs/",
        "..",
        ".",
        ";",
        "%2e",
        "%2F",
        "%5c",
        "%00",
        "%",
        "\\",
        "\0",
        "a",
        "é",
        "/ocr",
        "/x/",
        "*",
        "?",
    ]);
    prop_oneof![
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat()),
        ".{0,40}",
        "/v1/files/.{0,40}"
    ]
}

proptest! {
    #[test]
    fn no_path_leads_out_of_the_table(path in paths(), head in any::<bool>()) {
        let extra = ["/v1/ocr".to_owned(), "/x/*".to_owned()];
        let method = if head { Method::HEAD } else { Method::POST };
        match find(&method, &path, &extra) {
            Found::Route(Route::PassThrough(rest)) => {
                prop_assert!(path.ends_with(rest) && rest.starts_with('/'));
                prop_assert!(!rest.contains("..") && !rest.contains("//") && !rest.contains(['\\', '\0', '%', '?', ';']));
                prop_assert!(!rest.split('/').any(|segment| segment == "."));
            }
            Found::Route(Route::Model(name)) => {
                prop_assert!(!name.is_empty() && name.len() <= 256);
                prop_assert!(!name.contains("..") && !name.contains("//") && !name.contains(['\\', '\0', '%']));
            }
            _ => {}
        }
    }
}
