//! The golden wire cases, against the real gateway over real sockets: those in files of their own, and those that the
//! sheets of `fixtures/wire/matrix/` expand to.
//!
//! `LINGATE_CASES_OUT` names a folder for what each case came to, as JSON lines (`cargo xtask matrix` reads them);
//! `LINGATE_CASES` limits a run by hand to the cases whose names contain it.

#![expect(clippy::unwrap_used, reason = "a test's set-up that fails is a failed test")]
#![expect(clippy::print_stdout, reason = "how many cases were played is worth a line")]

mod support;

use lingate_testkit::golden::{Case, Player, Report, ScriptedUpstream, config_yaml, required_dialects};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use support::TestGateway;

/// Client and backend dialects that are not built yet, as the cases name them.
const NOT_YET: [&str; 0] = [];

/// The client models whose endpoints can be configured.
const MODELS: [&str; 10] = [
    "fx-openai",
    "fx-vllm",
    "fx-anthropic",
    "fx-ollama",
    "fx-runpod",
    "fx-runpod-openai",
    "fx-openwebui",
    "fx-together",
    "fx-deepinfra",
    "fx-responses",
];

/// Defects that are known: the beginnings of the cases' names, and what is wanting. These cases must fail, so that no
/// line stays here for longer than it is true.
const KNOWN: [(&str, &str); 0] = [];

fn is_known(case: &str) -> bool {
    KNOWN.iter().any(|(name, _)| case.starts_with(name))
}

fn is_supported(case: &Case) -> bool {
    let (client, backend) = required_dialects(case);
    !NOT_YET.contains(&client) && !NOT_YET.contains(&backend)
}

/// Plays cases through a gateway of their own, whose configuration `change` may touch.
async fn through_a_gateway(cases: &[Case], change: impl Fn(String) -> String) -> Report {
    let upstream = ScriptedUpstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = TestGateway::start(&change(config_yaml(upstream.addr(), folder.path(), &MODELS))).await;
    Player::new(gateway.address).play_all(cases, &upstream, &[]).await
}

async fn play(cases: Vec<Case>, name: &str) {
    let only = std::env::var("LINGATE_CASES").unwrap_or_default();
    let cases = cases.into_iter().filter(|case| case.name.contains(&only));
    let (supported, not_yet): (Vec<_>, Vec<_>) = cases.partition(is_supported);
    let mut report = through_a_gateway(&supported, |yaml| yaml).await;
    if let Some(folder) = std::env::var_os("LINGATE_CASES_OUT") {
        std::fs::write(Path::new(&folder).join(name), lines(&supported, &not_yet, &report)).unwrap();
    }
    println!("{} passed, {} failed, {} not built", report.passed.len(), report.failed.len(), not_yet.len());
    let mended: Vec<_> = report.passed.iter().filter(|case| is_known(case)).cloned().collect();
    report.failed.retain(|failure| !is_known(&failure.case));
    assert!(report.failed.is_empty(), "{report}");
    assert!(mended.is_empty(), "no longer wanting, take them out of KNOWN: {mended:?}");
}

/// What became of each case, a line each, in the order in which they were played.
fn lines(played: &[Case], not_yet: &[Case], report: &Report) -> String {
    let mut out = String::new();
    for case in played.iter().chain(not_yet) {
        let seen = report.seen.iter().find(|seen| seen.case == case.name);
        let came = match seen {
            _ if not_yet.iter().any(|other| other.name == case.name) => "not_built",
            None => "failed",
            Some(seen) if seen.refused => "refused",
            Some(seen) if !seen.dropped.is_empty() => "lost",
            Some(_) => "passed",
        };
        let dropped = seen.map(|seen| seen.dropped.join(",")).unwrap_or_default();
        let (client, _) = required_dialects(case);
        let backend = case.client_models().first().map_or("-", |model| model.trim_start_matches("fx-")).to_owned();
        let line = json!({ "case": case.name, "concept": case.concept, "client": client, "backend": backend,
            "came": came, "dropped": dropped });
        // Writing into a string cannot fail.
        let _ = writeln!(out, "{line}");
    }
    out
}

#[tokio::test]
async fn every_case_of_the_dialects_that_are_built_passes() {
    play(Case::load_all().unwrap(), "cases.jsonl").await;
}

#[tokio::test]
async fn every_pair_of_the_sheets_passes() {
    play(Case::load_matrix().unwrap(), "matrix.jsonl").await;
}

/// The case as a model that is strict must treat it: refused, since something would be lost.
fn refused(case: &Case) -> Case {
    let kept = ["name", "concept", "client_dialect", "backend_dialect", "source", "client_request", "client_headers"];
    let mut members = case.members.clone();
    members.retain(|key, _| kept.contains(&key.as_str()));
    members.insert("expected_status".to_owned(), json!(400));
    members.insert("expected_backend_calls".to_owned(), json!(0));
    members.insert("expected_client_response".to_owned(), json!({ "error": { "$deepcontains": "strict" } }));
    Case::from_json(&members.into()).unwrap()
}

#[tokio::test]
async fn every_loss_is_a_refusal_of_a_strict_model() {
    let lossy = |case: &Case| {
        let dropped = case.members.get("expected_client_headers").and_then(|headers| headers.get("x-lingate-dropped"));
        dropped.is_some_and(|dropped| dropped != "$absent") && is_supported(case) && !is_known(&case.name)
    };
    let cases: Vec<_> = Case::load_matrix().unwrap().iter().filter(|case| lossy(case)).map(refused).collect();
    let strict = |yaml: String| yaml.replace("retry: { attempts: 1 }", "retry: { attempts: 1 }, strict: true");
    let report = through_a_gateway(&cases, strict).await;
    assert!(cases.len() > 50 && report.failed.is_empty(), "{report}");
}
