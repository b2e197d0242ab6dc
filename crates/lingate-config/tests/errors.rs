//! What a user sees when the file is wrong: whole renderings, as files. `UPDATE_GOLDEN=1` writes them anew.
#![expect(clippy::panic, reason = "a helper of tests shows what was found")]

use std::path::Path;

use lingate_config::{
    AdminAuth, BackendKind, Config, Endpoint, FixedEnvironment, Level, Listen, Target, VirtualModel, parse,
};

fn env() -> FixedEnvironment {
    FixedEnvironment::new().with_var("SECRET", "sk-very-secret").with_var("EMPTY", "")
}

fn errors(text: &str) -> String {
    match parse(text, "lingate.yaml", &env()) {
        Ok(loaded) => panic!("accepted: {:?}", loaded.config),
        Err(errors) => errors.to_string() + "\n",
    }
}

#[test]
fn golden_renderings() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    cases.sort();
    assert!(cases.len() >= 10, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let found = errors(&std::fs::read_to_string(&case).unwrap());
        let golden = case.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &found).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One valid endpoint and virtual model with room for one more line each.
fn with(top: &str, endpoint: &str, model: &str) -> String {
    format!(
        "{top}\nendpoints:\n  - name: e\n    type: openai\n    url: http://h\n    {endpoint}\nvirtual_models:\n  - name: m\n    targets: [{{ endpoint: e, model: x }}, {{ endpoint: e, model: y }}]\n    {model}\n"
    )
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    let cases = [
        ("database_url: postgres://u:p@h/db", "", "", "database_url"),
        ("redis_url: redis://h", "", "", "redis_url"),
        ("ledger: { durability: strict }", "", "", "ledger.durability"),
        ("admin: { auth: oidc }", "", "", "admin.auth"),
        ("admin: { auth: session-service }", "", "", "admin.auth"),
        ("admin: { auth: forward-auth }", "", "", "admin.auth"),
        ("watch: true", "", "", "watch"),
        ("trusted_proxies: [10.0.0.0/8]", "", "", "trusted_proxies"),
        ("", "allow_model_management: true", "", "endpoints[0].allow_model_management"),
        ("", "", "cache: { ttl: 5m }", "virtual_models[0].cache"),
        ("", "", "record: on", "virtual_models[0].record"),
        ("", "", "price: { input: 1.5, output: 0 }", "virtual_models[0].price"),
    ];
    for (top, endpoint, model, key) in cases {
        let errors = parse(&with(top, endpoint, model), "f", &env()).unwrap_err().diagnostics;
        assert_eq!(errors.len(), 1, "{key}: {errors:?}");
        assert_eq!(errors[0].key, key);
        assert!(errors[0].line > 0 && errors[0].message.contains("not built yet; "), "{errors:?}");
    }
}

#[test]
fn what_does_nothing_yet_but_harms_nothing_is_taken() {
    for (top, endpoint, model) in [
        ("", "dialects: [anthropic_messages, ollama]", "sticky: off"),
        ("", "limits: { rpm: 0 }", "tool_repair: auto"),
        ("trusted_proxies: []", "", "cache: off"),
        ("watch: false", "", "record: off"),
        ("database_url: ''", "", "cache: false"),
    ] {
        let text = with(top, endpoint, model);
        parse(&text, "f", &env()).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    }
}

#[test]
fn each_wrong_value_has_its_key() {
    let cases = [
        ("tool_patterns: [{ pattern_name: p }]", "", "", "tool_patterns[0].regex_pattern"),
        ("tool_patterns: [{ pattern_name: p, regex_pattern: x, priority: 0 }]", "", "", "tool_patterns[0].priority"),
        (
            "tool_patterns: [{ pattern_name: p, regex_pattern: x, tool_name_group: 0 }]",
            "",
            "",
            "tool_patterns[0].tool_name_group",
        ),
        (
            "tool_patterns: [{ pattern_name: p, regex_pattern: x }, { pattern_name: p, regex_pattern: y }]",
            "",
            "",
            "tool_patterns[1].pattern_name",
        ),
        ("", "", "overflow_to: m", "virtual_models[0].overflow_to"),
        ("", "", "overflow_to: other", "virtual_models[0].overflow_to"),
        ("listen: []", "", "", "listen"),
        ("listen: 127.0.0.1:8002", "", "", "listen"),
        ("listen: ['8002']", "", "", "listen[0]"),
        ("listen: ['127.0.0.1:1', '0.0.0.0:1']", "", "", "listen[1]"),
        ("listen: ['127.0.0.1:5002']\nadmin: { listen: '127.0.0.1:5002' }", "", "", "admin.listen"),
        ("listen: [{ address: '127.0.0.1:1', tls: { cert: x } }]", "", "", "listen[0].tls"),
        ("listen: [{ tls: { cert: x, key: y } }]", "", "", "listen[0].address"),
        ("allowed_hosts: ['https://h']", "", "", "allowed_hosts[0]"),
        ("trusted_proxies: [10.0.0.0/99]", "", "", "trusted_proxies trusted_proxies[0]"),
        ("admin: { auth: off, listen: '0.0.0.0:5001' }", "", "", "admin.auth"),
        ("admin: { token: 'a b' }", "", "", "admin.token"),
        ("data_dir: ~/data", "", "", "data_dir"),
        ("cors_origins: [chat.example.com]", "", "", "cors_origins[0]"),
        ("max_body: 0", "", "", "max_body"),
        ("max_body: 32M", "", "", "max_body"),
        ("tags_ttl: 99999d", "", "", "tags_ttl"),
        ("tags_ttl: [1]", "", "", "tags_ttl"),
        ("clients: { rate_limit: -1 }", "", "", "clients.rate_limit"),
        ("clients: { keys: [{ name: a }] }", "", "", "clients.keys[0].key"),
        ("clients: { keys: [{ name: a, key: '' }] }", "", "", "clients.keys[0].key"),
        ("clients: { keys: [{ name: a, key: ${EMPTY} }] }", "", "", "clients.keys[0].key"),
        ("clients: { keys: [{ name: a, key_sha256: abc }] }", "", "", "clients.keys[0].key_sha256"),
        ("clients: { keys: [{ name: a, key: k1k1k1k1, key_sha256: abc }] }", "", "", "clients.keys[0]"),
        ("clients: { keys: [{ name: a, key: k1k1k1k1, expires: soon }] }", "", "", "clients.keys[0].expires"),
        ("clients: { keys: [{ name: a, key: k1 }, { name: a, key: k2 }] }", "", "", "clients.keys[1].name"),
        ("clients: { keys: [{ name: a, key: k1 }, { name: b, key: k1 }] }", "", "", "clients.keys[1]"),
        ("passthrough: [/v1/../admin]", "", "", "passthrough[0]"),
        ("", "path_prefix: https://x/y", "", "endpoints[0].path_prefix"),
        ("", "auth_header: 'a b'", "", "endpoints[0].auth_header"),
        ("", "headers: { Host: x }", "", "endpoints[0].headers.Host"),
        ("", "headers: { X: \"a\\nb\" }", "", "endpoints[0].headers.X"),
        ("", "tls: { cert: x }", "", "endpoints[0].tls"),
        ("", "priority: high", "", "endpoints[0].priority"),
        ("", "num_ctx: 8192", "", "endpoints[0].num_ctx"),
        ("", "enabled: maybe", "", "endpoints[0].enabled"),
        ("", "dialects: [openai]", "", "endpoints[0].dialects[0]"),
        ("", "worker: vllm", "", "endpoints[0].worker"),
        ("", "queue: {}", "", "endpoints[0].queue"),
        ("", "poll_interval: 1s", "", "endpoints[0].poll_interval"),
        ("", "email: a@b", "", "endpoints[0].email"),
        ("", "api_key: \"a\\nb\"", "", "endpoints[0].api_key"),
        ("", "", "retry: { attempts: 0 }", "virtual_models[0].retry.attempts"),
        ("", "", "defaults: { model: x }", "virtual_models[0].defaults.model"),
        ("", "", "strict: 1", "virtual_models[0].strict"),
        ("", "", "tool_repair: sometimes", "virtual_models[0].tool_repair"),
        ("endpoints: []", "", "", "endpoints"),
        ("allowed_hosts: [a, [b]]", "limits: 5", "", "allowed_hosts[1] endpoints[0].limits"),
        ("watch: true\nallowed_hosts: [a, null]", "", "", "allowed_hosts[1]"),
    ];
    for (top, endpoint, model, key) in cases {
        let errors = parse(&with(top, endpoint, model), "f", &env()).unwrap_err().diagnostics;
        assert_eq!(errors.iter().map(|e| e.key.as_str()).collect::<Vec<_>>().join(" "), key, "{errors:?}");
        assert!(errors[0].line > 0, "{errors:?}");
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let texts = [
        // An interpolated value where a word, a number, a duration or a URL must stand.
        "endpoints: [{ name: a, type: \"${SECRET}\", url: http://h }]",
        "endpoints: [{ name: a, type: openai, url: \"${SECRET}\", priority: \"${SECRET}\" }]",
        "tags_ttl: ${SECRET}",
        "max_body: ${SECRET}",
        // Literal secrets beside the error.
        "endpoints: [{ name: a, type: opnai, url: http://h, api_key: sk-very-secret }]",
        "endpoints: [{ name: a, type: opnai, url: http://h, headers: { X-Any: sk-very-secret } }]",
        "endpoints: [{ name: a, type: openai, url: 'http://u:sk-very-secret@h' }]",
        "endpoints: [{ name: a, type: openai, url: 'http://h/?k=sk-very-secret' }]",
        "admin: { token: sk-very-secret, tokn: 1 }",
        "clients: { keys: [{ name: a, key: sk-very-secret, key_sha256: ab }] }",
        "admin:\n  token: [sk-very-secret]\n",
        "clients: { keys: sk-very-secret }",
        "clients:\n  keys:\n    - sk-very-secret\n",
        "clients: { keys: [sk-very-secret] }",
        "endpoints: [{ name: a, type: demo, headers: sk-very-secret }]",
        "endpoints: [{ name: a, type: demo, query: sk-very-secret }]",
        "database_url: postgres://u:sk-very-secret@h/db",
        // Syntax errors: there is no tree to tell what is secret.
        "endpoints: [{ name: a, api_key: sk-very-secret, ] }",
        "admin: { token: sk-very-secret",
        "admin:\n  token: \"sk-very-secret\n",
        "admin:\n  token: |\n   sk-very-secret\n  x",
        "{\"endpoints\": {\"a\": {\"apiKey\": \"sk-very-secret\", \"url\": 5}}}",
        "{\"endpoints\": {\"a\": {\"apiKey\": [\"sk-very-secret\"], \"url\": \"http://h\"}}}",
    ];
    for text in texts {
        let shown = errors(text);
        assert!(!shown.contains("very-secret"), "{text}\n{shown}");
        let debug = format!("{:?}", parse(text, "f", &env()).unwrap_err());
        assert!(!debug.contains("very-secret"), "{text}\n{debug}");
    }
}

#[test]
fn hostile_texts_end_in_errors() {
    let deep = "[".repeat(5000);
    let deep_block: String = (0..300).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    let mut laughs = "a0: &a0 [x]\n".to_owned();
    for i in 1..30 {
        laughs += &format!("a{i}: &a{i} [*a{0}, *a{0}, *a{0}, *a{0}]\n", i - 1);
    }
    let long = format!("{{ \"{}\": 1 }}", "k".repeat(100_000));
    for text in [
        deep.as_str(),
        &deep_block,
        &laughs,
        &long,
        "a: &a [*a]",
        "? [x]\n: y",
        "a: !!binary x",
        "- a",
        "x",
        "a: 1\na: 2",
        "--- a\n--- b",
        "%",
        "\0",
        "a: \"\\x\"",
        "{",
        "<<: 5",
        "listen: [ ,",
    ] {
        let shown = errors(text);
        assert!(shown.len() < 5000, "{}", shown.len());
    }
    let many: String = (0..1000).map(|i| format!("key{i}: 1\n")).collect();
    assert_eq!(parse(&many, "f", &env()).unwrap_err().diagnostics.len(), 100);
}

/// A small generator of pseudo-random numbers: the same mutations in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % n
    }
}

#[test]
fn mutations_of_a_good_file_never_panic_and_never_tell_an_environment_secret() {
    let good: Vec<char> = include_str!("fixtures/full.yaml").chars().collect();
    let pieces =
        ["{", "}", "[", "]", ": ", "\n", "- ", "\"", "'", "&a ", "*a", "${", "}", "\t", "#", "|", "<<: ", "é", "0"];
    let env = FixedEnvironment::new()
        .with_var("LAPTOP_KEY", "value-of-laptop-key")
        .with_var("LINGATE_ADMIN_TOKEN", "value-of-admin-token")
        .with_file("/run/secrets/azure", "value-of-azure");
    let mut random = Random(7);
    let mut refused = 0;
    for _ in 0..400 {
        let mut text = good.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(text.len());
            match random.below(3) {
                0 => drop(text.drain(at..(at + random.below(12)).min(text.len()))),
                1 => drop(text.splice(at..at, pieces[random.below(pieces.len())].chars())),
                _ => text.swap(at, at / 2),
            }
        }
        let text: String = text.into_iter().collect();
        if let Err(errors) = parse(&text, "f", &env) {
            refused += 1;
            assert!(!errors.diagnostics.is_empty());
            assert!(!errors.to_string().contains("value-of-"), "{errors}");
        }
    }
    assert!((50..400).contains(&refused), "{refused}");
}

#[test]
fn a_configuration_made_by_hand_is_checked_as_well() {
    let mut config = Config::default();
    config.endpoints.push(Endpoint::new("a", BackendKind::Openwebui, "http://h:3000").unwrap());
    config.endpoints.push(Endpoint::demo("demo"));
    config.virtual_models.push(VirtualModel::new("*", "a", "x"));
    assert_eq!(config.check(), Ok(()));
    assert!(config.warnings().is_empty());

    config.endpoints.push(Endpoint::new("a", BackendKind::Runpod, "http://h").unwrap());
    config.endpoints[0].email = Some("me".to_owned());
    config.virtual_models.push(VirtualModel::new("gpt", "b", "x"));
    config.virtual_models.push(VirtualModel::new("gpt:latest", "a", "x"));
    config.virtual_models[1].targets.push(Target::new("a", "y"));
    config.admin.auth = AdminAuth::Off;
    config.admin.listen = Some("0.0.0.0:5001".parse::<Listen>().unwrap());
    let problems = config.check().unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "admin.auth",
            "endpoints[0].email",
            "endpoints[2].name",
            "virtual_models[1].targets[0].endpoint",
            "virtual_models[2].name",
        ]
    );
    let text = problems[3].render(Level::Error, "", false);
    assert!(text.starts_with("error: virtual_models[1].targets[0].endpoint: no endpoint is named `b`\n"), "{text}");
}

#[test]
fn colours_are_asked_for() {
    let errors = parse("x: 1", "f", &env()).unwrap_err();
    assert!(errors.render(true).contains("\u{1b}[1;31merror"));
    assert!(!errors.render(false).contains('\u{1b}'));
}
