//! Golden files: requests through decoder and encoder, streams through decoder and encoder. `UPDATE_GOLDEN=1`
//! writes them anew.

use crate::support::{check_stream, decode, events_of, show, stream_of, target};
use lingate_codec::dialect::Dialect;
use lingate_codec::dialect::ollama::Ollama;
use lingate_codec::ir::{Loss, Operation};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ollama")
}

/// Inputs whose name begins and ends so: (path without the ending, content).
fn inputs(prefix: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found: Vec<(PathBuf, String)> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned();
            let input = name.starts_with(prefix) && !name.contains('.');
            input.then(|| (path.with_file_name(name), std::fs::read_to_string(&path).unwrap()))
        })
        .collect();
    found.sort();
    assert!(found.len() >= 3, "the golden inputs are missing");
    found
}

fn compare(path: &Path, ending: &str, found: &str) {
    let path = PathBuf::from(format!("{}{ending}", path.display()));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{} differs; found:\n{found}", path.display());
}

fn operation(path: &Path) -> Operation {
    let name = path.file_name().unwrap().to_str().unwrap();
    if name.contains("_generate") { Operation::TextCompletion } else { Operation::Chat }
}

fn translated(path: &Path, body: &str) -> String {
    let mut request = decode(operation(path), body);
    request.model = "backend-model".into();
    let (mut loss, mut out) = (Loss::new(), Vec::new());
    Ollama.encode_request(&request, &target(), &mut loss, &mut out).unwrap();
    let lost = loss.paths(|_| "?");
    assert!(lost.is_empty(), "{}: {lost:?}", path.display());
    show(&out)
}

#[test]
fn requests() {
    for (path, body) in inputs("request_", ".json") {
        let out: Value = serde_json::from_str(&translated(&path, &body)).unwrap();
        compare(&path, ".out.json", &format!("{out:#}\n"));
    }
}

#[test]
fn maximal_requests_keep_everything() {
    for (path, body) in inputs("request_", ".json") {
        if !path.to_str().unwrap().contains("_max") {
            continue;
        }
        let mut expected: Value = serde_json::from_str(&body).unwrap();
        expected["model"] = "backend-model".into();
        let found: Value = serde_json::from_str(&translated(&path, &body)).unwrap();
        assert_eq!(found, expected, "{}", path.display());
    }
}

#[test]
fn streams() {
    for (path, bytes) in inputs("stream_", ".txt") {
        let events = events_of([bytes.as_bytes()]);
        let text = events.iter().fold(String::new(), |mut text, event| {
            writeln!(text, "{event:?}").unwrap();
            text
        });
        compare(&path, ".events.txt", &text);
        let out = stream_of(operation(&path), &events);
        check_stream(operation(&path), &out);
        compare(&path, ".out.txt", &show(&out));
    }
}

#[test]
fn streams_are_the_same_however_they_are_cut() {
    for (path, bytes) in inputs("stream_", ".txt") {
        let bytes = bytes.as_bytes();
        let expected = events_of([bytes]);
        assert_eq!(events_of(bytes.chunks(1)), expected, "{} byte by byte", path.display());
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(events_of([head, tail]), expected, "{} cut at {cut}", path.display());
        }
    }
}
