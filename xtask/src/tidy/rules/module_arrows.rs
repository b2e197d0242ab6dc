//! Which module of a crate may name which. What has a row is held to it; what has none is free.

use super::super::{Finding, paths, source::Source, tree::Tree};
use std::collections::BTreeSet;

const RULE: &str = "module-arrow";

/// How a row reads.
enum May {
    /// These top-level modules and itself, nothing else of the crate.
    Name(&'static [&'static str]),
    /// Anything but these.
    NotName(&'static [&'static str]),
}

/// A row: crate, top-level module, what it may name. Changing a row is a change of the plan: an ADR first.
const ROWS: &[(&str, &str, May)] = &[
    // Plain data; raw member slices are the one thing it borrows.
    ("lingate-codec", "ir", May::Name(&["json"])),
    // Scans and splices bytes, knows no dialect.
    ("lingate-codec", "json", May::Name(&[])),
    // Cuts bytes into frames, knows no dialect.
    ("lingate-codec", "frame", May::Name(&[])),
    // Wire bytes to events and back.
    ("lingate-codec", "dialect", May::Name(&["ir", "json", "frame", "ids", "media"])),
    // Ids that a dialect needs and another did not give: text in, text out.
    ("lingate-codec", "ids", May::Name(&[])),
    // What bytes are, by their first few.
    ("lingate-codec", "media", May::Name(&[])),
    // Events to events, in any dialect's stream.
    ("lingate-codec", "transform", May::Name(&["ir", "json", "ids"])),
    // Stages: the pipeline calls them, in its order; they know neither it nor each other, only the plain modules.
    ("lingate-gateway", "ingress", May::Name(PLAIN)),
    ("lingate-gateway", "route", May::Name(PLAIN)),
    ("lingate-gateway", "policy", May::Name(PLAIN)),
    ("lingate-gateway", "backend", May::Name(PLAIN)),
    // The one arrow between stages: a call needs its backend's paths, auth and transport.
    ("lingate-gateway", "upstream", May::Name(&["backend", "error", "telemetry", "snapshot", "recorder", "pump"])),
    // The plain modules lie below the stages, so they never reach up to what calls them.
    ("lingate-gateway", "error", May::NotName(&["pipeline"])),
    ("lingate-gateway", "telemetry", May::NotName(&["pipeline"])),
    ("lingate-gateway", "snapshot", May::NotName(&["pipeline"])),
    ("lingate-gateway", "recorder", May::NotName(&["pipeline"])),
    ("lingate-gateway", "pump", May::NotName(&["pipeline"])),
];

/// Modules of the gateway that every stage may name.
const PLAIN: &[&str] = &[
    // How things fail: kind, side, retry or not.
    "error",
    // Names of metrics and spans.
    "telemetry",
    // The immutable tables of this moment.
    "snapshot",
    // Listens and writes the ledger.
    "recorder",
    // Moves frames.
    "pump",
];

/// A module whose folders never name each other; only its own `mod.rs`, which holds the static table, names them.
const ISLANDS: &[(&str, &str)] = &[
    // Dialects: Responses is not "via chat".
    ("lingate-codec", "dialect"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|s| !s.is_test) {
        let module = source.module();
        let Some(own) = module.first() else { continue };
        for (_, _, may) in ROWS.iter().filter(|(k, m, _)| *k == source.crate_folder() && m == own) {
            row(source, own, may, &mut findings);
        }
        for (crate_folder, sea) in ISLANDS.iter().filter(|(k, m)| *k == source.crate_folder() && m == own) {
            islands(source, &module, &folders(tree, crate_folder, sea), &mut findings);
        }
    }
    findings
}

fn row(source: &Source, own: &str, may: &May, findings: &mut Vec<Finding>) {
    for named in paths::named(source) {
        let Some(first) = named.inside().and_then(<[String]>::first) else { continue };
        let message = match may {
            _ if first == own => continue,
            _ if first == "*" => format!("`{own}` imports all of the crate's root, which hides its arrows"),
            May::Name(list) if !list.contains(&first.as_str()) => {
                format!("`{own}` may name {} only, not `crate::{first}`", listed(list))
            }
            May::NotName(list) if list.contains(&first.as_str()) => format!("`{own}` must not name `crate::{first}`"),
            _ => continue,
        };
        findings.push(Finding { file: source.path.clone(), line: named.line, rule: RULE, message });
    }
}

fn listed(list: &[&str]) -> String {
    if list.is_empty() { "itself".into() } else { format!("itself and {}", list.join(", ")) }
}

fn folders(tree: &Tree, crate_folder: &str, module: &str) -> BTreeSet<String> {
    let base = format!("crates/{crate_folder}/src/{module}/");
    tree.folders.iter().filter_map(|f| f.strip_prefix(&base)).filter(|f| !f.contains('/')).map(String::from).collect()
}

fn islands(source: &Source, module: &[String], folders: &BTreeSet<String>, findings: &mut Vec<Finding>) {
    let Some(home) = module.get(1) else { return };
    let sea = &module[0];
    for named in paths::named(source) {
        let Some([first, other, ..]) = named.inside() else { continue };
        if first == sea && other != home && (folders.contains(other) || other == "*") {
            let message =
                format!("`{sea}::{home}` must not name `{sea}::{other}`: these folders never import each other");
            findings.push(Finding { file: source.path.clone(), line: named.line, rule: RULE, message });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    fn one(file: &str, text: &str) -> Vec<String> {
        found(check, &[(file, text)])
    }

    #[test]
    fn wrong_arrows_in_the_codec_are_found() {
        for (file, text) in [
            ("dialect/ollama/mod.rs", "use crate::transform::Repair;"),
            ("dialect/mod.rs", "use super::transform;"),
            ("transform/reasoning.rs", "use crate::{ir::Event, frame::Frame};"),
            ("transform/tool_repair/mod.rs", "fn f(d: crate::dialect::DialectId) {}"),
            ("ir/mod.rs", "use crate::dialect::X;"),
            ("json.rs", "use crate::ir::X;"),
            ("frame/sse.rs", "use super::super::*;"),
        ] {
            let path = format!("crates/lingate-codec/src/{file}");
            assert_eq!(one(&path, text), [format!("{path}:1")], "{file} {text}");
        }
    }

    #[test]
    fn right_arrows_in_the_codec_pass() {
        for (file, text) in [
            (
                "dialect/ollama/mod.rs",
                "use crate::{dialect::{Dialect, DialectId}, frame, ir::Event, json::RawObject}; use super::x;",
            ),
            ("transform/reasoning.rs", "use crate::{ir::Event, json::Raw}; use super::Transform; use std::mem;"),
            ("transform/reasoning.rs", "#[cfg(test)] mod tests { use super::*; use crate::frame::Frame; }"),
            ("lib.rs", "pub use dialect::DialectId; use crate::transform::Repair;"),
        ] {
            assert!(one(&format!("crates/lingate-codec/src/{file}"), text).is_empty(), "{file} {text}");
        }
    }

    #[test]
    fn dialect_folders_are_islands() {
        let chat = "crates/lingate-codec/src/dialect/openai_chat/stream.rs";
        let table =
            ("crates/lingate-codec/src/dialect/mod.rs", "mod ollama; use self::ollama::Ollama; use openai_chat::Chat;");
        let ollama = ("crates/lingate-codec/src/dialect/ollama/mod.rs", "");
        let with = |text| found(check, &[(chat, text), table, ollama]);
        for text in [
            "use crate::dialect::ollama::X;",
            "use super::super::ollama;",
            "use crate::dialect::{ollama::X, Y};",
            "use crate::dialect::*;",
        ] {
            assert_eq!(with(text), [format!("{chat}:1")], "{text}");
        }
        for text in
            ["use crate::dialect::{DialectId, openai_chat::X};", "use super::fields;", "use super::super::Dialect;"]
        {
            assert!(with(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn stages_of_the_gateway_know_neither_pipeline_nor_siblings() {
        for (file, text) in [
            ("route/mod.rs", "use crate::pipeline::Call;"),
            ("route/mod.rs", "use super::policy;"),
            ("policy.rs", "fn f() { crate::upstream::send() }"),
            ("backend/ollama.rs", "use crate::upstream::Pool;"),
            ("upstream/mod.rs", "use crate::route::Target;"),
            ("ingress/mod.rs", "use crate::Gateway;"),
            ("pump.rs", "use crate::pipeline;"),
        ] {
            let path = format!("crates/lingate-gateway/src/{file}");
            assert_eq!(one(&path, text), [format!("{path}:1")], "{file} {text}");
        }
        for (file, text) in [
            ("upstream/mod.rs", "use crate::{backend::Backend, error::Error, telemetry};"),
            ("route/mod.rs", "use crate::{snapshot::Snapshot, recorder, pump, route::x};"),
            ("pipeline.rs", "use crate::{ingress, route, policy, upstream, pump};"),
            ("lib.rs", "pub use pipeline::Gateway;"),
        ] {
            assert!(one(&format!("crates/lingate-gateway/src/{file}"), text).is_empty(), "{file} {text}");
        }
    }
}
