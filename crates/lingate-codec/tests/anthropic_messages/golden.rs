//! Golden files: `UPDATE_GOLDEN=1` rewrites the outputs.

use crate::checker::check;
use crate::{DIALECT, context, decode_stream, encode_stream, target};
use lingate_codec::dialect::{Stamp, path_of};
use lingate_codec::ir::{Answer, Loss, Operation};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/anthropic_messages")
}

/// All inputs of that kind, by name; their outputs have a second dot.
pub(crate) fn inputs(prefix: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(folder())
        .expect("the golden folder is there")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
            name.starts_with(prefix) && name.matches('.').count() == 1
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no golden input begins with {prefix}");
    found.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a readable file"))).collect()
}

fn compare(input: &Path, extension: &str, actual: &str) {
    let path = input.with_extension(extension);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("golden files can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{} differs; look, then UPDATE_GOLDEN=1", path.display());
}

fn pretty(json: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(json).expect("what is written is JSON");
    format!("{value:#}\n")
}

#[test]
fn requests() {
    for (path, body) in inputs("request_") {
        let mut request = DIALECT.decode_request(Operation::Chat, &body).expect("a good request");
        request.model = "backend-model".into();
        let mut loss = Loss::new();
        let mut out = Vec::new();
        DIALECT.encode_request(&request, &target(), &mut loss, &mut out).expect("its own dialect takes all");
        // Its own dialect loses nothing, but thoughts that nobody signed.
        let unsigned = path.ends_with("request_lost_thought.json");
        let lost: &[&str] = if unsigned { &["messages[].thinking", "thinking"] } else { &[] };
        assert_eq!(loss.paths(|concept| path_of(DIALECT, concept)), lost, "{}", path.display());
        compare(&path, "out.json", &pretty(&out));
    }
}

#[test]
fn a_maximal_request_survives() {
    let body = std::fs::read(folder().join("request_maximal.json")).expect("a readable file");
    let request = DIALECT.decode_request(Operation::Chat, &body).expect("a good request");
    let mut out = Vec::new();
    DIALECT.encode_request(&request, &target(), &mut Loss::new(), &mut out).expect("its own dialect takes all");
    let value = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).expect("JSON");
    assert_eq!(value(&out), value(&body));
}

#[test]
fn answers() {
    for (path, body) in inputs("response_") {
        let mut events = Vec::new();
        DIALECT.decode_response(Operation::Chat, &body, &mut events);
        compare(&path, "events.txt", &lines(&events));
        let mut out = Vec::new();
        DIALECT.encode_response(&Answer::fold(events), &context(), Stamp::default(), &mut out);
        compare(&path, "out.json", &pretty(&out));
    }
}

#[test]
fn streams() {
    for (path, bytes) in inputs("stream_") {
        let events = decode_stream([bytes.as_slice()]);
        compare(&path, "events.txt", &lines(&events));
        let out = encode_stream(&events);
        check(&out).expect("a legal stream");
        compare(&path, "out.txt", &out);
    }
}

#[test]
fn cuts_change_nothing() {
    for (path, bytes) in inputs("stream_") {
        let whole = decode_stream([bytes.as_slice()]);
        for cut in 0..=bytes.len() {
            assert_eq!(decode_stream([&bytes[..cut], &bytes[cut..]]), whole, "{} cut at {cut}", path.display());
        }
        assert_eq!(decode_stream(bytes.chunks(1)), whole, "{} byte by byte", path.display());
    }
}

fn lines(events: &[lingate_codec::ir::Event]) -> String {
    let mut text = String::new();
    for event in events {
        writeln!(text, "{event:?}").expect("strings take all");
    }
    text
}
