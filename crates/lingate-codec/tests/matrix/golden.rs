//! Golden files: a folder for each case, `UPDATE_GOLDEN=1` rewrites the outputs.
//!
//! | input | outputs for each dialect |
//! |---|---|
//! | `client.<dialect>.json`, a request (`.generate.json`: of Ollama's other operation; prompts are written for all dialects, chats for those of chats) | `to.<dialect>.json` with `to.<dialect>.loss.txt` where something is dropped, or `to.<dialect>.refused.txt` |
//! | `answer.<dialect>.json`, an upstream's whole answer | `to.<dialect>.json` |
//! | `stream.<dialect>.txt`, an upstream's stream | `to.<dialect>.txt` |

use crate::support::{
    ALL, EVERY, asked_of, context, converses, decode_answer, decode_stream, encode, encode_stream, named, stamp,
};
use lingate_codec::dialect::{Dialect, DialectId};
use lingate_codec::ir::{Answer, Event, Operation};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The model's name upstream: of a generation that thinks with budgets, unless the client asks for a newer one.
fn upstream_model(client: &str) -> String {
    if client.starts_with("claude-") { client.to_owned() } else { "backend-model".to_owned() }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{error}: {}", folder.display()));
    let mut found: Vec<_> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    found.sort();
    found
}

/// All inputs of that kind (`client`, `answer`, `stream`), with the dialect that they are in.
fn inputs(kind: &str) -> Vec<(PathBuf, &'static dyn Dialect, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/matrix");
    let mut found = Vec::new();
    for path in files(&root).iter().flat_map(|case| files(case)) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
        if let Some(rest) = name.strip_prefix(kind).and_then(|rest| rest.strip_prefix('.')) {
            let dialect = named(rest.split_once('.').expect("an extension").0);
            let bytes = std::fs::read(&path).expect("a readable file");
            found.push((path, dialect, bytes));
        }
    }
    assert!(found.len() > 3, "only {} inputs of kind {kind}", found.len());
    found
}

/// Compares the output `to.<dialect>.<extension>`; an empty one has no file.
fn compare(input: &Path, dialect: &dyn Dialect, extension: &str, actual: &str) {
    let path = input.with_file_name(format!("to.{}.{extension}", dialect.name()));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        if actual.is_empty() {
            let _ = std::fs::remove_file(&path);
        } else {
            std::fs::write(&path, actual).expect("golden files can be written");
        }
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{} differs; look, then UPDATE_GOLDEN=1", path.display());
}

fn pretty(json: &[u8]) -> String {
    let value: Value =
        serde_json::from_slice(json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(json)));
    format!("{value:#}\n")
}

#[test]
fn requests() {
    for (path, client, body) in inputs("client") {
        let generate = path.to_str().is_some_and(|path| path.ends_with(".generate.json")) || !converses(client.id());
        let (operation, upstreams) =
            if generate { (Operation::TextCompletion, &EVERY[..]) } else { (Operation::Chat, &ALL[..]) };
        for upstream in upstreams.iter().map(|upstream| upstream.dialect()) {
            let mut request =
                client.decode_request(operation, &body).unwrap_or_else(|error| panic!("{error:?}: {}", path.display()));
            request.model = upstream_model(&request.model).into();
            request.operation = asked_of(upstream.id(), client.id(), operation);
            let (json, lost, refused) = match encode(&request, client, upstream) {
                Ok(sent) => {
                    let lost = sent.lost.iter().map(|path| format!("{path}\n")).collect::<String>();
                    (pretty(&sent.body), lost, String::new())
                }
                Err((path, refused)) => (String::new(), String::new(), format!("{path}: {}\n", refused.reason)),
            };
            compare(&path, upstream, "json", &json);
            compare(&path, upstream, "loss.txt", &lost);
            compare(&path, upstream, "refused.txt", &refused);
        }
    }
}

#[test]
fn answers() {
    for (path, upstream, body) in inputs("answer") {
        let events = decode_answer(upstream, &body);
        assert_eventless_after_end(&events);
        for client in EVERY.map(DialectId::dialect) {
            let answer = Answer::fold(events.iter().cloned());
            let mut out = Vec::new();
            match &answer.error {
                None => client.encode_response(&answer, &context(), stamp(1), &mut out),
                Some(error) => client.encode_error(error, "req_1", &mut out),
            }
            compare(&path, client, "json", &pretty(&out));
        }
    }
}

#[test]
fn streams() {
    for (path, upstream, bytes) in inputs("stream") {
        let events = decode_stream(upstream, [bytes.as_slice()]);
        assert_eventless_after_end(&events);
        for client in EVERY.map(DialectId::dialect) {
            compare(&path, client, "txt", &encode_stream(client, &events));
        }
    }
}

fn assert_eventless_after_end(events: &[Event]) {
    let end = events.iter().position(|event| matches!(event, Event::End | Event::Error(_)));
    assert_eq!(end, Some(events.len() - 1), "{events:?}");
}

/// However the network cuts an upstream's bytes, the client gets the same: every cut in two, and byte by byte.
#[test]
fn cuts_change_nothing() {
    for (path, upstream, bytes) in inputs("stream") {
        let whole = decode_stream(upstream, [bytes.as_slice()]);
        let clients = EVERY.map(DialectId::dialect);
        let expected = clients.map(|client| encode_stream(client, &whole));
        let check = |events: &[Event], how: &dyn Fn() -> String| {
            // The same events give the same bytes; others may.
            if events != whole.as_slice() {
                let got = clients.map(|client| encode_stream(client, events));
                assert_eq!(got, expected, "{} {}", path.display(), how());
            }
        };
        for cut in 0..=bytes.len() {
            let events = decode_stream(upstream, [&bytes[..cut], &bytes[cut..]]);
            check(&events, &|| format!("cut at {cut}"));
        }
        check(&decode_stream(upstream, bytes.chunks(1)), &|| "byte by byte".to_owned());
    }
}
