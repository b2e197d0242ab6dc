//! The one table of what the file may say but this version does not do: refused by name, never silently ignored.

use crate::checked::AdminAuth;
use crate::diagnostic::{Diagnostic, Findings};
use crate::kind::BackendKind;
use crate::node::{item, member};
use crate::raw;
use crate::raw::{Durability, Record};

/// One thing that is not built: where it is asked for, what it is, what to write instead.
struct Rule<T> {
    key: &'static str,
    asked: fn(&T) -> bool,
    what: &'static str,
    instead: &'static str,
}

const FILE: &[Rule<raw::File>] = &[
    Rule {
        key: "database_url",
        asked: |f| f.database_url.as_ref().is_some_and(|url| !url.0.is_empty()),
        what: "a shared PostgreSQL database",
        instead: "remove it: the store is SQLite in `data_dir`",
    },
    Rule {
        key: "redis_url",
        asked: |f| f.redis_url.as_ref().is_some_and(|url| !url.0.is_empty()),
        what: "shared state in Redis",
        instead: "remove it",
    },
    Rule {
        key: "ledger.durability",
        asked: |f| is(f.ledger.as_ref().and_then(|l| l.durability), Durability::Strict),
        what: "the power-loss-safe ledger",
        instead: "remove it or set \"normal\"",
    },
    Rule {
        key: "admin.auth",
        asked: |f| {
            let auth = f.admin.as_ref().and_then(|a| a.auth).map(|word| word.0);
            matches!(auth, Some(AdminAuth::SessionService | AdminAuth::ForwardAuth | AdminAuth::Oidc))
        },
        what: "sign-in by an external service",
        instead: "remove it or set \"password\"",
    },
    Rule {
        key: "watch",
        asked: |f| f.watch == Some(true),
        what: "reloading on file change",
        instead: "remove it and reload by SIGHUP",
    },
    Rule {
        key: "trusted_proxies",
        asked: |f| f.trusted_proxies.as_ref().is_some_and(|list| !list.is_empty()),
        what: "trust in forwarding headers",
        instead: "remove it",
    },
];

const ENDPOINT: &[Rule<raw::Endpoint>] = &[Rule {
    key: "allow_model_management",
    asked: |e| e.allow_model_management == Some(true),
    what: "model management through lingate",
    instead: "remove it or set false",
}];

const VIRTUAL_MODEL: &[Rule<raw::VirtualModel>] = &[
    Rule {
        key: "cache",
        asked: |m| matches!(m.cache, Some(raw::Cache::On(_))),
        what: "response caching",
        instead: "remove it or set \"off\"",
    },
    Rule {
        key: "record",
        asked: |m| is(m.record, Record::On),
        what: "keeping prompts and answers",
        instead: "remove it or set \"off\"",
    },
    Rule { key: "price", asked: |m| m.price.is_some(), what: "a price of one's own", instead: "remove it or set null" },
];

/// Reports everything of the file that is not built.
pub(crate) fn check(file: &raw::File, findings: &mut Findings) {
    apply(FILE, file, "", findings);
    for (index, endpoint) in file.endpoints.iter().flatten().enumerate() {
        let path = item("endpoints", index);
        apply(ENDPOINT, endpoint, &path, findings);
        foreign_keys(endpoint, &path, findings);
    }
    for (index, model) in file.virtual_models.iter().flatten().enumerate() {
        apply(VIRTUAL_MODEL, model, &item("virtual_models", index), findings);
    }
}

fn apply<T>(rules: &[Rule<T>], value: &T, path: &str, findings: &mut Findings) {
    for rule in rules.iter().filter(|rule| (rule.asked)(value)) {
        let key = rule.key.split('.').fold(path.to_owned(), |path, key| member(&path, key));
        findings.push(refusal(&key, rule.what, rule.instead));
    }
}

fn refusal(key: &str, what: &str, instead: &str) -> Diagnostic {
    Diagnostic::new(key, format!("{what} is not built yet; {instead}"))
}

/// Keys that belong to one kind, written for another: they would do nothing.
fn foreign_keys(endpoint: &raw::Endpoint, path: &str, findings: &mut Findings) {
    let Some(kind) = endpoint.r#type.map(|word| word.0) else { return };
    for (key, present, owner) in [
        ("poll_interval", endpoint.poll_interval.is_some(), BackendKind::Runpod),
        ("worker", endpoint.worker.is_some(), BackendKind::Runpod),
        ("queue", endpoint.queue.is_some(), BackendKind::Queue),
    ] {
        if present && kind != owner {
            let message = format!("belongs to endpoints of type {owner}, this one is {kind}");
            findings.add(&member(path, key), message, Some("remove it"));
        }
    }
}

fn is<T: PartialEq + Copy>(word: Option<raw::Word<T>>, value: T) -> bool {
    word.is_some_and(|word| word.0 == value)
}
