//! Whole files: what is taken, and what it becomes.
#![expect(clippy::panic, reason = "a helper of tests shows what was found")]

use std::time::Duration;

use lingate_config::{
    AdminAuth, BackendKind, ClientAuth, Config, ExposeModels, FixedEnvironment, Format, HostedTools, KeySecret, Listen,
    ListenAddress, Loaded, PatternType, ResponseModel, Seed, StreamMode, ToolRepair, api_root, chat_url, example, load,
    parse, resolve_client_auth,
};

fn env() -> FixedEnvironment {
    FixedEnvironment::new()
        .with_var("LAPTOP_KEY", "sk-laptop-12345")
        .with_var("LINGATE_ADMIN_TOKEN", "admin-token-1")
        .with_file("/run/secrets/azure", "sk-azure\n")
}

fn read(text: &str) -> Loaded {
    parse(text, "lingate.yaml", &env()).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn nothing_written_is_the_default() {
    for text in
        ["", "\n# a comment\n", "---\n", "{}", "endpoints:\nvirtual_models:\n#  - name: x\nclients:\nadmin: ~\n"]
    {
        let loaded = read(text);
        assert_eq!(loaded.config, Config::default(), "{text:?}");
        assert_eq!(loaded.format, Format::Lingate);
    }
    let config = Config::default();
    assert_eq!(config.check(), Ok(()));
    assert_eq!(config.max_body, 32 << 20);
    assert_eq!(config.timeouts.total, None);
    assert_eq!(config.holdback, Duration::from_secs(4));
}

#[test]
fn stored_responses_have_a_time_of_their_own() {
    let day = Some(Duration::from_secs(24 * 3600));
    assert_eq!(Config::default().responses_store, day);
    for (text, kept) in [("24h", day), ("1h30m", Some(Duration::from_secs(5400))), ("off", None), ("0s", None)] {
        assert_eq!(read(&format!("responses_store: {text}")).config.responses_store, kept, "{text}");
    }
    assert!(parse("responses_store: soon", "f", &env()).is_err());
}

#[test]
fn the_example_is_valid_and_says_what_it_shows() {
    let text = example();
    assert!(text.lines().next().unwrap().starts_with("# yaml-language-server: $schema="));
    let loaded = read(text);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(loaded.config.endpoints.len(), 1);
    // Its commented-out parts are valid as well: uncommented, they are the defaults or further objects.
    let open: String = text
        .lines()
        .map(|line| match line.trim_start().strip_prefix("# ") {
            Some(rest) if rest.starts_with("- ") || rest.starts_with("  ") || is_member(rest) => {
                format!("{}{rest}\n", " ".repeat(line.len() - line.trim_start().len()))
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let names = ["OPENAI_API_KEY", "WEBUI_PASSWORD", "AZURE_KEY", "RUNPOD_API_KEY"];
    let env = names.into_iter().fold(env(), |env, name| env.with_var(name, "k"));
    let loaded = parse(&open, "example", &env).unwrap_or_else(|errors| panic!("{errors}\n{open}"));
    assert_eq!(loaded.config.endpoints.len(), 6);
    assert_eq!(loaded.config.tool_patterns.len(), 1);
    assert_eq!(loaded.config.clients.keys.len(), 1);
}

fn is_member(text: &str) -> bool {
    let word = |key: &str| key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (text.split_once(": ").is_some_and(|(key, _)| word(key)) || text.strip_suffix(':').is_some_and(word))
        && !text.starts_with("auto: ")
}

#[test]
fn every_documented_key() {
    let config = read(include_str!("fixtures/full.yaml")).config;
    assert_eq!(config.listen.len(), 3);
    assert_eq!(config.listen[1].address, ListenAddress::Unix("/run/lingate.sock".into()));
    assert!(config.listen[2].tls.is_some());
    assert_eq!(config.allowed_hosts, ["llm.example.com"]);
    assert!(config.trusted_proxies.is_empty());
    assert_eq!(config.admin.auth, AdminAuth::Password);
    assert_eq!(config.admin.token.as_ref().unwrap().expose(), "admin-token-1");
    assert_eq!(config.cors_origins, ["https://chat.example.com"]);
    assert_eq!((config.max_body, config.max_error_body), (64 << 20, 1_000_000));
    assert_eq!(config.show_ttl, Duration::from_secs(5400));
    assert_eq!(config.timeouts.first_byte, None);
    assert_eq!(config.timeouts.stream_idle, Some(Duration::from_secs(90)));
    assert_eq!(config.keep_alive, None);
    assert_eq!(config.clients.auth, ClientAuth::Keys);
    assert!((config.clients.rate_limit - 2.5).abs() < f64::EPSILON);
    let epoch = |s| std::time::UNIX_EPOCH + Duration::from_secs(s);
    assert_eq!(config.clients.keys[0].expires, Some(epoch(1_798_761_600)));
    assert_eq!(config.clients.keys[1].expires, Some(epoch(1_782_813_600)));
    assert!(matches!(config.clients.keys[1].secret, KeySecret::Sha256(hash) if hash[..2] == [0x9f, 0x86]));

    let azure = config.endpoint("azure").unwrap();
    assert_eq!(azure.kind, BackendKind::Openai);
    assert_eq!(azure.api_key.as_ref().unwrap().expose(), "sk-azure");
    assert_eq!(azure.auth_header.as_deref(), Some("api-key"));
    assert_eq!(azure.query[0].1.expose(), "2024-10-21");
    assert_eq!(azure.headers[0].0, "x-team");
    assert_eq!(azure.priority, -5);
    assert_eq!(azure.stream, StreamMode::Never);
    assert!(matches!(&azure.expose_models, ExposeModels::Filter { prefix, .. } if prefix == "az/"));
    assert_eq!(chat_url(azure), "https://r.example.com/openai/deployments/d/chat/completions");
    let timeouts = config.timeouts_for(azure);
    assert_eq!((timeouts.first_byte, timeouts.total), (Some(Duration::from_secs(600)), None));
    assert_eq!(config.endpoint("local").unwrap().api_key, None);

    let model = &config.virtual_models[0];
    assert_eq!(model.system_prompt.as_deref(), Some("Be brief.\nCost: ${PRICE}\n"));
    let pairs = |list: &[(String, String)]| list.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
    assert_eq!(
        pairs(&model.defaults),
        r#"max_tokens=4096 temperature=0.70 num_ctx=8192 stop=["a",null] chat_template_kwargs={"enable_thinking":false}"#
    );
    assert_eq!(pairs(&model.force), r#"seed=12345678901234567890123 user="5" top_p=1e0"#);
    assert_eq!(model.response_model, ResponseModel::Upstream);
    assert_eq!(model.hosted_tools, HostedTools::Drop);
    assert_eq!(model.tool_repair, ToolRepair::Auto);
    assert_eq!(model.retry.attempts, 3);
    assert_eq!(config.virtual_models[1].targets[1].priority, Some(7));
}

#[test]
fn every_key_of_routing_and_repair() {
    let config = read(
        "endpoints:\n  - name: e\n    type: runpod\n    url: https://api.runpod.ai/v2/x\n    worker: vllm\n    \
         poll_interval: 1s\n    limits: { concurrency: 2, queue: 3, rpm: 4, tpm: 5, wait: 6s }\n    \
         breaker: { failures: 0, cooldown: 7s }\n    health_check: { interval: 8s, path: /ping }\n\
         virtual_models:\n  - name: m\n    targets: [{ endpoint: e, model: x, weight: 9, timeouts: { first_token: 10s } }]\n    \
         strategy: least_latency\n    sticky: off\n    overflow_to: large\n    reasoning: inline\n    hedge: true\n    \
         job_status: true\n    retry: { after_send: true }\n    tool_repair: [qwen, p]\n    repair_cut_calls: true\n  \
         - { name: large, targets: [{ endpoint: e, model: y }] }\n\
         tool_patterns:\n  - { pattern_name: p, pattern_type: xml, regex_pattern: '<x>', tool_name_mapping: { a: b } }\n",
    )
    .config;
    let endpoint = config.endpoint("e").unwrap();
    let seconds = Duration::from_secs;
    assert_eq!((endpoint.limits.concurrency, endpoint.limits.queue, endpoint.limits.wait), (2, 3, seconds(6)));
    assert_eq!((endpoint.breaker.failures, endpoint.breaker.cooldown), (0, seconds(7)));
    assert_eq!(endpoint.health_check.interval, Some(seconds(8)));
    assert_eq!(endpoint.health_check.path.as_deref(), Some("/ping"));
    let model = &config.virtual_models[0];
    assert_eq!((model.targets[0].weight, model.targets[0].timeouts.first_token), (9, Some(seconds(10))));
    assert_eq!(model.overflow_to.as_deref(), Some("large"));
    assert!(model.hedge && model.repair_cut_calls && model.job_status && model.retry.after_send);
    assert_eq!(model.tool_repair, ToolRepair::Patterns(vec!["qwen".to_owned(), "p".to_owned()]));
    let pattern = &config.tool_patterns[0];
    assert_eq!((pattern.kind, pattern.priority, pattern.enabled), (PatternType::Xml, 50, true));
    assert_eq!(pattern.tool_name_mapping, [("a".to_owned(), "b".to_owned())]);
}

#[test]
fn the_wire_fixture_and_the_bench() {
    let config = read(include_str!("fixtures/wire.yaml")).config;
    assert_eq!(config.endpoints.len(), 5);
    let urls: Vec<String> = config.endpoints.iter().map(chat_url).collect();
    assert_eq!(
        urls,
        [
            "http://127.0.0.1:9099/openai/v1/chat/completions",
            "http://127.0.0.1:9099/vllm/v1/chat/completions",
            "http://127.0.0.1:9099/anthropic/v1/messages",
            "http://127.0.0.1:9099/ollama/api/chat",
            "http://127.0.0.1:9099/openwebui/api/chat/completions",
        ]
    );
    assert_eq!(resolve_client_auth(&config), ClientAuth::Open);
    assert_eq!(config.virtual_models[0].retry.attempts, 1);

    let config = read(include_str!("fixtures/bench.yaml")).config;
    assert_eq!(config.admin.listen, None);
    assert_eq!(api_root(&config.endpoints[1]), "http://127.0.0.1:18081/v1");
}

#[test]
fn seed_001() {
    let loaded = read(include_str!("fixtures/seed001.json"));
    assert_eq!(loaded.format, Format::Seed001);
    let config = loaded.config;
    assert_eq!(config.seed, Some(Seed::S001));
    assert_eq!(config.listen[0].address.to_string(), "127.0.0.1:3333");
    assert_eq!(chat_url(&config.endpoints[0]), "https://api.example.com/v1/api/abc123/v1/chat/completions");
    assert_eq!(config.endpoints[0].api_key.as_ref().unwrap().expose(), "key-0123456789");
    assert_eq!(config.endpoints[1].api_key, None);
    let models: Vec<_> = config
        .virtual_models
        .iter()
        .map(|m| {
            (m.name.as_str(), m.display_name.as_deref(), m.targets[0].endpoint.as_str(), m.targets[0].model.as_str())
        })
        .collect();
    assert_eq!(models, [("m1", Some("M one"), "m1", "cm-llm-large"), ("m2", Some("m2"), "m2", "cm-llm")]);
}

#[test]
fn json_anchors_and_references_in_flow() {
    let json = "{\n\t\"endpoints\": [ {\"name\":\"a\",\"type\":\"vllm\",\"url\":\"http:\\/\\/h\",\"priority\":3} ],\n\t\"virtual_models\": []\n}";
    assert_eq!(read(json).config.endpoints[0].priority, 3);
    let emoji = read(r#"{"virtual_models": [], "ollama_version": "\ud83d\ude00"}"#);
    assert_eq!(emoji.config.ollama_version.as_deref(), Some("😀"));
    let yaml = "endpoints:
  - &base { name: a, type: openai, url: http://h, api_key: ${LAPTOP_KEY}, priority: ${P:-2} }
  - { <<: *base, name: b }
virtual_models:
  - { name: m, targets: &t [{ endpoint: b, model: x }] }
  - { name: n, targets: *t }
";
    let config = read(yaml).config;
    assert_eq!(config.endpoints[1].name, "b");
    assert_eq!(config.endpoints[1].priority, 2);
    assert_eq!(config.endpoints[1].api_key.as_ref().unwrap().expose(), "sk-laptop-12345");
    assert_eq!(config.virtual_models[1].targets, config.virtual_models[0].targets);
}

#[test]
fn client_auth_follows_listeners_and_keys() {
    let mut config = Config::default();
    assert_eq!(resolve_client_auth(&config), ClientAuth::Open);
    config.listen.push("0.0.0.0:9000".parse::<Listen>().unwrap());
    assert_eq!(resolve_client_auth(&config), ClientAuth::Keys);
    config.clients.auth = ClientAuth::Open;
    assert_eq!(resolve_client_auth(&config), ClientAuth::Open);
    let keys = read("clients: { keys: [{ name: a, key: sk-12345678 }] }").config;
    assert_eq!(resolve_client_auth(&keys), ClientAuth::Keys);
}

#[test]
fn secrets_are_not_in_debug() {
    let text = include_str!("fixtures/full.yaml");
    let secrets = ["sk-laptop-12345", "admin-token-1", "sk-azure", "2024-10-21", "blue"];
    let shown = format!("{:?}", read(text));
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret}");
    }
    assert!(shown.contains("***"));
}

#[test]
fn warnings_have_places() {
    let loaded = read("listen: [\"0.0.0.0:1\"]\nclients:\n  auth: open\n");
    let places: Vec<_> = loaded.warnings.iter().map(|w| (w.line, w.column, w.key.as_str())).collect();
    assert_eq!(places, [(0, 0, "endpoints"), (3, 9, "clients.auth")]);
}

#[test]
fn a_file_is_read_and_its_absence_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lingate.yaml");
    let missing = load(&path, &env()).unwrap_err();
    assert!(missing.to_string().contains("cannot be read: no such file"), "{missing}");
    std::fs::write(&path, "\u{feff}tags_ttl: 1s\n").unwrap();
    assert_eq!(load(&path, &env()).unwrap().config.tags_ttl, Duration::from_secs(1));
    std::fs::write(&path, b"tags_ttl: \xff\n").unwrap();
    assert!(load(&path, &env()).unwrap_err().to_string().contains("not UTF-8"));
}
