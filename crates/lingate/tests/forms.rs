//! What each form of the command line means, as a pure function of options, environment and files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod support;

use clap::{CommandFactory, FromArgMatches};
use lingate::Failure;
use lingate::cli::{Cli, Command, rewrite};
use lingate::forms::{Form, Plan, build};
use lingate_config::{
    BackendKind, ClientAuth, Environment, ExposeModels, FixedEnvironment, QueuePriority, Seed, StreamMode,
    resolve_client_auth,
};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use support::{environment, write};

/// The plan of a command line as a user types it.
fn plan_in(line: &str, env: &dyn Environment) -> Result<Plan, Failure> {
    let words = std::iter::once("lingate").chain(line.split_whitespace()).map(OsString::from);
    let matches = Cli::command().try_get_matches_from(rewrite(words)).unwrap_or_else(|error| panic!("{error}"));
    match Cli::from_arg_matches(&matches).unwrap().command {
        Some(Command::Serve { config, .. }) => build(&config, env),
        other => panic!("not serve: {other:?}"),
    }
}

fn plan(line: &str, variables: &[(&str, &str)]) -> Plan {
    plan_in(line, &environment(variables)).unwrap_or_else(|failure| panic!("{line}: {failure}"))
}

/// The message of a refused command line.
fn refused(line: &str, variables: &[(&str, &str)]) -> String {
    match plan_in(line, &environment(variables)) {
        Err(failure) => {
            assert_eq!(failure.code(), 2);
            failure.to_string()
        }
        Ok(plan) => panic!("{line} was taken: {plan:?}"),
    }
}

fn addresses(plan: &Plan) -> Vec<String> {
    plan.config.listen.iter().map(|listen| listen.address.to_string()).collect()
}

#[test]
fn flag_over_environment_over_file_over_default() {
    let folder = tempfile::tempdir().unwrap();
    let bare = write(folder.path(), "bare.yaml", "endpoints: [{ name: d, type: demo }]\n");
    let file = write(
        folder.path(),
        "full.yaml",
        "listen: ['127.0.0.1:1']\nmax_body: 1MiB\nadmin: { listen: '127.0.0.1:2', token: from-the-file }\nendpoints: [{ name: d, type: demo }]\n",
    );
    let env = [
        ("LINGATE_LISTEN", "127.0.0.1:3,unix:/run/x"),
        ("LINGATE_MAX_BODY", "2MiB"),
        ("LINGATE_ADMIN_LISTEN", ""),
        ("LINGATE_ADMIN_TOKEN", "from-the-environment"),
    ];
    let default = plan(&format!("serve -c {bare}"), &[]);
    assert_eq!(addresses(&default), ["127.0.0.1:8002"]);
    assert_eq!((default.config.max_body, default.admin_named), (32 << 20, false));
    let by_file = plan(&format!("serve -c {file}"), &[]);
    assert_eq!(addresses(&by_file), ["127.0.0.1:1"]);
    assert_eq!((by_file.config.max_body, by_file.admin_named), (1 << 20, true));
    let by_env = plan(&format!("serve -c {file}"), &env);
    assert_eq!(addresses(&by_env), ["127.0.0.1:3", "unix:/run/x"]);
    assert_eq!((by_env.config.max_body, by_env.config.admin.listen.clone()), (2 << 20, None));
    assert_eq!(by_env.config.admin.token.unwrap().expose(), "from-the-environment");
    let flags = format!("serve -c {file} --listen 127.0.0.1:4 --max-body 3MiB --admin-listen 127.0.0.1:5");
    let by_flag = plan(&flags, &env);
    assert_eq!(addresses(&by_flag), ["127.0.0.1:4"]);
    assert_eq!(by_flag.config.max_body, 3 << 20);
    assert_eq!(by_flag.config.admin.listen.unwrap().address.to_string(), "127.0.0.1:5");
    let by_port = plan(&format!("serve -c {file} --port 6"), &env);
    assert_eq!(addresses(&by_port), ["127.0.0.1:6"], "a flag wins over the variable of another option, too");
}

#[test]
fn the_file_of_the_user() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join(".config/lingate")).unwrap();
    let file = write(folder.path(), ".config/lingate/lingate.yaml", "endpoints: [{ name: d, type: demo }]\n");
    let home = folder.path().display().to_string();
    assert_eq!(plan("serve --quiet", &[("HOME", &home)]).file.as_deref(), Some(Path::new(&file)));
    let named = write(folder.path(), "named.yaml", "endpoints: [{ name: d, type: demo }]\n");
    let by_variable = plan("serve --quiet", &[("HOME", &home), ("LINGATE_CONFIG", &named)]);
    assert_eq!(by_variable.file.as_deref(), Some(Path::new(&named)));
    assert!(refused("serve --quiet", &[]).contains("lingate init"));
}

#[test]
fn one_upstream() {
    let env = FixedEnvironment::new().with_file("/run/key", "sk-secret\n");
    let line = "serve --listen 127.0.0.1:8000 --upstream openai=https://host/v1 --upstream-key-file /run/key \
                --model mixtral-chat --max-tokens 4096 --stream never --retry-on-empty --fallback-message sorry";
    let Plan { config, form, .. } = plan_in(line, &env).unwrap();
    assert_eq!(form, Form::Upstream);
    let endpoint = &config.endpoints[0];
    assert_eq!((endpoint.name.as_str(), endpoint.kind), ("openai", BackendKind::Openai));
    assert_eq!(endpoint.url.as_str(), "https://host/v1");
    assert_eq!(endpoint.api_key.as_ref().unwrap().expose(), "sk-secret");
    assert_eq!(endpoint.expose_models, ExposeModels::Off);
    let model = &config.virtual_models[0];
    assert_eq!(model.name, "mixtral-chat");
    assert_eq!((model.targets[0].endpoint.as_str(), model.targets[0].model.as_str()), ("openai", "mixtral-chat"));
    assert_eq!(model.defaults, [("max_tokens".to_owned(), "4096".to_owned())]);
    assert_eq!(model.stream, StreamMode::Never);
    assert!(model.retry.on_empty);
    assert_eq!(model.retry.attempts, 2);
    assert_eq!(model.fallback_message.as_deref(), Some("sorry"));

    let all = plan("--upstream=http://127.0.0.1:1234/v1", &[]);
    assert_eq!(all.config.endpoints[0].expose_models, ExposeModels::All);
    assert!(all.config.virtual_models.is_empty());
    let by_variables = plan("serve -q", &[("LINGATE_UPSTREAM", "ollama=http://h:11434"), ("LINGATE_MODEL", "a, b")]);
    assert_eq!(by_variables.config.endpoints[0].kind, BackendKind::Ollama);
    assert_eq!(by_variables.config.virtual_models.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);

    assert!(refused("--upstream nothing=http://h", &[]).contains("openai, openwebui"));
    assert!(refused("--upstream openai=http://h --stream sometimes --model m", &[]).contains("--stream"));
    assert!(refused("--upstream openai=http://h --max-tokens 5", &[]).contains("--model"));
    assert!(refused("--upstream openai=http://h --upstream-key-file /none", &[]).contains("no such file"));
}

#[test]
fn seed_001() {
    let folder = tempfile::tempdir().unwrap();
    let json = r#"{"endpoints":{"m1":{"url":"https://h","apiKey":"k","displayName":"One"}}}"#;
    let file = write(folder.path(), "proxy.json", json);
    let named = plan(&format!("serve -c {file}"), &[]);
    assert_eq!(named.config.seed, Some(Seed::S001));
    assert_eq!(addresses(&named), ["127.0.0.1:3333"]);
    let env = [("CM_OPEN_WEBUI_PROXY_CONFIG_FILE", file.as_str()), ("CM_OPEN_WEBUI_PROXY_PORT", "4444")];
    let by_variables = plan("serve -q", &env);
    assert_eq!(by_variables.config.seed, Some(Seed::S001));
    assert_eq!(addresses(&by_variables), ["127.0.0.1:4444"]);
    assert_eq!(by_variables.config.virtual_models[0].targets[0].model, "cm-llm");
    assert_eq!(addresses(&plan("serve --port 5555", &env)), ["127.0.0.1:5555"]);
    let bad = [("CM_OPEN_WEBUI_PROXY_CONFIG_FILE", file.as_str()), ("CM_OPEN_WEBUI_PROXY_PORT", "x")];
    assert!(refused("serve -q", &bad).contains("CM_OPEN_WEBUI_PROXY_PORT"));
}

#[test]
fn an_open_webui() {
    let home = [("HOME", "/home/ann")];
    let plain = plan("--openwebui-url https://chat.example.com/ --email a@b --password pw", &home);
    assert_eq!(plain.form, Form::Openwebui);
    assert_eq!(addresses(&plain), ["127.0.0.1:11434"]);
    let endpoint = &plain.config.endpoints[0];
    assert_eq!((endpoint.name.as_str(), endpoint.kind), ("openwebui", BackendKind::Openwebui));
    assert_eq!(endpoint.url.as_str(), "https://chat.example.com/");
    assert_eq!(endpoint.email.as_deref(), Some("a@b"));
    assert_eq!(endpoint.password.as_ref().unwrap().expose(), "pw");
    assert_eq!(endpoint.expose_models, ExposeModels::All);
    assert_eq!(plain.config.data_dir, Path::new("/home/ann/.cache/lingate"));
    assert!(plain.config.cors_origins.is_empty() && plain.notices.is_empty() && !plain.temporary);
    assert_eq!(resolve_client_auth(&plain.config), ClientAuth::Open);
    assert!(plan("--openwebui-url https://h --email a@b --password pw", &[]).temporary, "no home, nothing kept");

    let line = "-openwebui-url https://h -email a@b -password pw -host 0.0.0.0 -port 1 -cache-dir /c -max-body \
                104857600 -max-error-body=2048 -tags-ttl 1h30m -show-ttl 90s -stream-idle-timeout 0 -timeout 30s \
                -shutdown-timeout 5s -cors-origins * -rate-limit 2.5 -ollama-version 0.5.4";
    let Plan { config, notices, warnings, .. } = plan(line, &home);
    assert_eq!(config.listen[0].address.to_string(), "0.0.0.0:1");
    assert_eq!(config.clients.auth, ClientAuth::Open);
    assert!(notices.iter().any(|notice| notice.contains("spends this account")), "{notices:?}");
    assert!(notices.iter().any(|notice| notice.contains("--timeout")), "{notices:?}");
    assert!(!warnings.iter().any(|warning| warning.key == "clients.auth"), "said once is enough");
    assert_eq!(config.data_dir, Path::new("/c"));
    assert_eq!((config.max_body, config.max_error_body), (104_857_600, 2048));
    assert_eq!((config.tags_ttl, config.show_ttl), (Duration::from_secs(5400), Duration::from_secs(90)));
    assert_eq!(config.timeouts.stream_idle, None);
    assert_eq!(config.shutdown_timeout, Duration::from_secs(5));
    assert_eq!(config.cors_origins, ["*"]);
    assert!((config.clients.rate_limit - 2.5).abs() < f64::EPSILON);
    assert_eq!(config.ollama_version.as_deref(), Some("0.5.4"));
}

#[test]
fn an_account_s_password() {
    let line = "--openwebui-url https://h --email a@b";
    let password = |plan: Plan| plan.config.endpoints[0].password.clone().unwrap().expose().to_owned();
    assert_eq!(password(plan(line, &[("LINGATE_PASSWORD", "p1")])), "p1");
    let file = environment(&[("LINGATE_PASSWORD_FILE", "/p")]).with_file("/p", "p2\r\n");
    assert_eq!(password(plan_in(line, &file).unwrap()), "p2");
    assert_eq!(password(plan_in(&format!("{line} --password p3"), &file).unwrap()), "p3");
    let both = environment(&[("LINGATE_PASSWORD", "p1")]).with_file("/p", "p4");
    assert_eq!(password(plan_in(&format!("{line} --password-file /p"), &both).unwrap()), "p4");
    assert!(refused(line, &[]).contains("LINGATE_PASSWORD_FILE"));
    let secret = refused("--openwebui-url ftp://user:topsecret@h --email a@b --password topsecret", &[]);
    assert!(!secret.contains("topsecret"), "{secret}");
}

#[test]
fn seed_003() {
    let folder = tempfile::tempdir().unwrap();
    let silent = write(folder.path(), "silent.yaml", "endpoints: [{ name: d, type: demo }]\n");
    let env = [("API_PORT", "9002"), ("FLASK_PORT", "9001"), ("TIMEOUT", "300")];
    let plan_silent = plan(&format!("serve -c {silent}"), &env);
    assert_eq!(addresses(&plan_silent), ["127.0.0.1:9002"]);
    assert_eq!(plan_silent.config.admin.listen.unwrap().address.to_string(), "127.0.0.1:9001");
    assert_eq!(plan_silent.config.timeouts.first_byte, Some(Duration::from_secs(300)));
    let yaml = "listen: ['127.0.0.1:8002']\ntimeouts: { first_byte: 7s }\nadmin: { listen: '' }\nendpoints: []\n";
    let said = write(folder.path(), "said.yaml", yaml);
    let plan_said = plan(&format!("serve -c {said}"), &env);
    assert_eq!(addresses(&plan_said), ["127.0.0.1:8002"], "the file says so itself");
    assert_eq!(plan_said.config.admin.listen, None);
    assert_eq!(plan_said.config.timeouts.first_byte, Some(Duration::from_secs(7)));
    assert!(refused(&format!("serve -c {silent}"), &[("TIMEOUT", "soon")]).contains("TIMEOUT"));
}

#[test]
fn seed_003_s_ai_queue() {
    let folder = tempfile::tempdir().unwrap();
    let silent = write(folder.path(), "silent.yaml", "endpoints: [{ name: d, type: demo }]\n");
    let line = format!("serve -c {silent}");
    let on = [("USE_AI_QUEUE", "True"), ("AI_QUEUE_URL", "http://q:8102")];
    let made = plan(&line, &on).config;
    let queue = made.endpoint("ai-queue").unwrap();
    assert_eq!((queue.kind, queue.url.as_str(), queue.api_key.as_ref()), (BackendKind::Queue, "http://q:8102/", None));
    assert_eq!((queue.queue.priority, queue.queue.source.as_str()), (QueuePriority::Normal, "runpod-proxy"));
    let model = &made.virtual_models[0];
    let target = &model.targets[0];
    assert_eq!((model.name.as_str(), target.endpoint.as_str(), target.model.as_str()), ("*", "ai-queue", ""));
    assert_eq!(made.timeouts_for(queue).first_byte, Some(Duration::from_secs(1200)));

    let further =
        [("AI_QUEUE_API_KEY", "k-1"), ("AI_QUEUE_PRIORITY", "high"), ("AI_QUEUE_SOURCE", "office"), ("TIMEOUT", "30")];
    let said = plan(&line, &[&on[..], &further].concat()).config;
    let queue = said.endpoint("ai-queue").unwrap();
    assert_eq!((queue.queue.priority, queue.queue.source.as_str()), (QueuePriority::High, "office"));
    assert_eq!(queue.api_key.as_ref().unwrap().expose(), "k-1");
    assert_eq!(said.timeouts_for(queue).first_byte, Some(Duration::from_secs(30)), "the configuration says so");

    // It needs no file, and none is asked for while it is off.
    let bare = plan("serve -q", &on);
    assert_eq!((bare.file, bare.config.virtual_models.len()), (None, 1));
    assert!(refused("serve -q", &[("USE_AI_QUEUE", "false")]).contains("no configuration file"));
    assert_eq!(plan(&line, &[("AI_QUEUE_URL", "http://q")]).config.endpoints.len(), 1);

    let own = "endpoints: [{ name: d, type: demo }]\nvirtual_models: [{ name: '*', targets: [{ endpoint: d, model: demo-echo }] }]\n";
    let own = write(folder.path(), "own.yaml", own);
    let kept = plan(&format!("serve -c {own}"), &on).config;
    assert_eq!((kept.endpoints.len(), kept.virtual_models.len()), (2, 1));
    assert_eq!(kept.virtual_models[0].targets[0].endpoint, "d", "the file says so itself");
}

#[test]
fn an_ai_queue_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let silent = write(folder.path(), "silent.yaml", "endpoints: [{ name: d, type: demo }]\n");
    let on = [("USE_AI_QUEUE", "1"), ("AI_QUEUE_URL", "http://q:8102")];
    for (variables, expected) in [
        (vec![("USE_AI_QUEUE", "maybe")], "USE_AI_QUEUE: write true or false"),
        (vec![on[0]], "AI_QUEUE_URL is not set"),
        (vec![on[0], ("AI_QUEUE_URL", " ")], "AI_QUEUE_URL is not set"),
        (vec![on[0], ("AI_QUEUE_URL", "q:8102")], "AI_QUEUE_URL: "),
        (vec![on[0], on[1], ("AI_QUEUE_PRIORITY", "urgent")], "AI_QUEUE_PRIORITY: write HIGH, NORMAL or LOW"),
        (vec![on[0], on[1], ("AI_QUEUE_SOURCE", "b\u{fc}ro")], "AI_QUEUE_SOURCE: "),
    ] {
        let message = refused(&format!("serve -c {silent}"), &variables);
        assert!(message.contains(expected), "{variables:?}: {message}");
    }
    let taken = write(folder.path(), "taken.yaml", "endpoints: [{ name: ai-queue, type: demo }]\n");
    assert!(refused(&format!("serve -c {taken}"), &on).contains("endpoint `ai-queue`"));
}

#[test]
fn the_demo() {
    let Plan { config, form, temporary, .. } = plan("serve --demo", &[]);
    assert_eq!((form, temporary), (Form::Demo, true));
    assert_eq!(config.endpoints[0].kind, BackendKind::Demo);
    assert_eq!(config.endpoints[0].expose_models, ExposeModels::All);
    assert_eq!(config.virtual_models.len(), 3);
    assert_eq!(plan("serve -q", &[("LINGATE_DEMO", "true")]).form, Form::Demo);
    assert!(refused("serve -q", &[("LINGATE_DEMO", "maybe")]).contains("LINGATE_DEMO"));
    assert!(!plan("--demo --data-dir /d", &[]).temporary);
}

#[test]
fn forms_exclude_each_other() {
    assert!(refused("--demo --upstream openai=http://h", &[]).contains("exclude each other"));
    assert!(refused("--demo -c x.yaml", &[]).contains("exclude each other"));
    assert!(refused("--demo --email a@b", &[]).contains("--openwebui-url only"));
    assert!(refused("--demo --model m", &[]).contains("--upstream only"));
    assert!(refused("--demo --listen 127.0.0.1:1 --port 2", &[]).contains("exclude each other"));
    assert_eq!(plan("--demo", &[("LINGATE_UPSTREAM", "openai=http://h")]).form, Form::Demo, "a flag wins");
}

#[test]
fn values_that_cannot_be_read() {
    for (line, expected) in [
        ("--demo --listen 8002", "--listen 8002: not an address"),
        ("--demo --admin-listen x", "--admin-listen: not an address"),
        ("--demo --port 70000", "--port: not a port"),
        ("--demo --host a/b", "--host: not a host name"),
        ("--demo --max-body 0", "--max-body: at least one byte"),
        ("--demo --max-body much", "--max-body: not a size"),
        ("--demo --tags-ttl soon", "--tags-ttl: not a duration"),
        ("--demo --rate-limit many", "--rate-limit: not a number"),
        ("--demo --rate-limit nan", "--rate-limit: not between"),
        ("--demo --cors-origins nonsense", "--cors-origins: not an origin"),
        ("--demo --listen 127.0.0.1:1 --admin-listen 127.0.0.1:1", "is taken by listen[0]"),
    ] {
        let message = refused(line, &[]);
        assert!(message.contains(expected), "{line}: {message}");
    }
    assert!(refused("--demo", &[("LINGATE_PORT", "x")]).contains("LINGATE_PORT: not a port"));
    assert_eq!(addresses(&plan("--demo --host ::1 --port 7", &[])), ["[::1]:7"]);
    assert_eq!(addresses(&plan("--demo --host localhost", &[])), ["localhost:8002"]);
    let open = plan("--demo --host 0.0.0.0", &[]);
    assert_eq!(resolve_client_auth(&open.config), ClientAuth::Keys, "only an Open WebUI's form opens by its host");
}
