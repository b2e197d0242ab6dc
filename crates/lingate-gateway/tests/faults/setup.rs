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

/// The path below which a kind's API lies on the faulty upstream.
fn base(kind: Kind) -> &'static str {
    if kind == Kind::Runpod { "/v2/ep" } else { "" }
}

/// The virtual model of a kind and its targets.
pub(crate) fn model(kind: Kind, targets: Targets) -> String {
    let prefix = match targets {
        Targets::One => "one",
        Targets::Two => "two",
        Targets::TwoAfterSend => "twice",
    };
    format!("{prefix}-{}", kind.name())
}

/// A virtual model: its name, its kind of backend, the scenario of its first target and that of a second one.
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) first: String,
    pub(crate) second: Option<&'static str>,
    /// Further members of `retry`.
    pub(crate) retry: &'static str,
}

/// A gateway whose models all run into this scenario. Time limits are short only where time is the fault: a machine
/// under load is slow, too.
pub(crate) async fn gateway(faulty: &Faulty, scenario: &str, closed: SocketAddr) -> TestGateway {
    let limits = if scenario.contains("hang") || scenario.contains("never") {
        "timeouts: { first_byte: 400ms, stream_idle: 400ms, total: 2s }\n"
    } else if scenario.contains("latency:250") {
        "timeouts: { total: 20s }\nkeep_alive: 100ms\n"
    } else {
        "timeouts: { total: 20s }\n"
    };
    let models = Kind::ALL.into_iter().flat_map(|kind| {
        [Targets::One, Targets::Two, Targets::TwoAfterSend].into_iter().map(move |targets| Model {
            name: model(kind, targets),
            kind,
            first: scenario.to_owned(),
            second: (targets != Targets::One).then_some("n:3"),
            retry: if targets == Targets::TwoAfterSend { ", after_send: true" } else { "" },
        })
    });
    let refuses = scenario == "refuse";
    let first = if refuses { format!("http://{closed}") } else { faulty.url("") };
    start(limits, &first, &faulty.url(""), refuses, &models.collect::<Vec<_>>()).await
}

/// A gateway with these models, whose first targets are at one URL and the second ones at another. Circuits stay
/// closed, so that each request sees the fault itself.
pub(crate) async fn start(top: &str, first: &str, second: &str, refuses: bool, models: &[Model]) -> TestGateway {
    let mut yaml = format!("listen: [\"127.0.0.1:0\"]\nclients: {{ auth: open }}\n{top}endpoints:\n");
    for kind in Kind::ALL {
        let account = match kind {
            // A sign-in that fails again and again is slowed down, which is not the fault to be seen.
            Kind::Openwebui if !refuses => format!("email: a@example.com, password: {PASSWORD}"),
            Kind::Runpod => format!("api_key: {UPSTREAM_KEY}, poll_interval: 20ms"),
            _ => format!("api_key: {UPSTREAM_KEY}"),
        };
        for (name, url) in [("bad", first), ("good", second)] {
            let (kind, base) = (kind.name(), base(kind));
            // Writing into a string cannot fail.
            let _ = writeln!(
                yaml,
                "  - {{ name: {name}-{kind}, type: {kind}, url: \"{url}{base}\", {account}, breaker: {{ failures: 0 }} }}"
            );
        }
    }
    yaml.push_str("virtual_models:\n");
    for Model { name, kind, first, second, retry } in models {
        let kind = kind.name();
        let mut targets = format!("{{ endpoint: bad-{kind}, model: \"chaos/{first}\" }}");
        if let Some(second) = second {
            let _ = write!(targets, ", {{ endpoint: good-{kind}, model: \"chaos/{second}\" }}");
        }
        let _ = writeln!(yaml, "  - {{ name: {name}, targets: [{targets}], retry: {{ attempts: 2{retry} }} }}");
    }
    TestGateway::start(&yaml).await
}

/// A number from an environment variable.
pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Numbers that look random and are the same in each run (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `sides`.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}
