//! Configurations before the faulty upstream.

use crate::support::TestGateway;
use lingate_testkit::Faulty;
use lingate_testkit::faulty::expect::{Kind, Targets};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// The endpoints' key. No client may ever see it.
pub(crate) const UPSTREAM_KEY: &str = "sk-canary-upstream-7d1f";
/// The password of the Open WebUI account.
pub(crate) const PASSWORD: &str = "pw-canary-account-90c3";

/// The kinds of backend that the tests play.
pub(crate) const KINDS: [Kind; 5] = [Kind::Openai, Kind::Vllm, Kind::Anthropic, Kind::Ollama, Kind::Openwebui];

/// The virtual model of a kind and its targets.
pub(crate) fn model(kind: Kind, targets: Targets) -> String {
    let prefix = match targets {
        Targets::One => "one",
        Targets::Two => "two",
        Targets::TwoAfterSend => "twice",
    };
    format!("{prefix}-{}", kind.name())
}

/// A gateway whose models all run into this scenario. Time limits are short, and circuits stay closed: each cell is to
/// see the fault itself.
pub(crate) async fn gateway(faulty: &Faulty, scenario: &str, closed: SocketAddr) -> TestGateway {
    // Short only where time is the fault: a machine under load is slow, too.
    let limits = if scenario.contains("hang") || scenario.contains("never") {
        "timeouts: { first_byte: 400ms, stream_idle: 400ms, total: 2s }\n"
    } else if scenario.contains("latency:250") {
        "timeouts: { total: 10s }\nkeep_alive: 100ms\n"
    } else {
        "timeouts: { total: 10s }\n"
    };
    let mut yaml = format!("listen: [\"127.0.0.1:0\"]\nclients: {{ auth: open }}\n{limits}endpoints:\n");
    let first = if scenario == "refuse" { format!("http://{closed}") } else { faulty.url("") };
    for kind in KINDS {
        let account = match kind {
            // A sign-in that fails again and again is slowed down, which is not the fault to be seen.
            Kind::Openwebui if scenario != "refuse" => format!("email: a@example.com, password: {PASSWORD}"),
            _ => format!("api_key: {UPSTREAM_KEY}"),
        };
        for (name, url) in [("bad", &first), ("good", &faulty.url(""))] {
            let kind = kind.name();
            // Writing into a string cannot fail.
            let _ = writeln!(
                yaml,
                "  - {{ name: {name}-{kind}, type: {kind}, url: \"{url}\", {account}, breaker: {{ failures: 0 }} }}"
            );
        }
    }
    yaml.push_str("virtual_models:\n");
    for kind in KINDS {
        let target = |name: &str, model: &str| format!("{{ endpoint: {name}-{}, model: \"chaos/{model}\" }}", kind.name());
        let (bad, good) = (target("bad", scenario), target("good", "n:3"));
        for (targets, list, retry) in [
            (Targets::One, bad.clone(), "attempts: 2"),
            (Targets::Two, format!("{bad}, {good}"), "attempts: 2"),
            (Targets::TwoAfterSend, format!("{bad}, {good}"), "attempts: 2, after_send: true"),
        ] {
            let name = model(kind, targets);
            let _ = writeln!(yaml, "  - {{ name: {name}, targets: [{list}], retry: {{ {retry} }} }}");
        }
    }
    TestGateway::start(&yaml).await
}
