//! Golden files: each input beside what is made of it. `UPDATE_GOLDEN=1` writes the outputs anew.

use super::{NARROW, context, decode, events_of, stream_of};
use lingate_codec::dialect::openai_chat::OpenAiChat;
use lingate_codec::dialect::{Dialect, Stamp};
use lingate_codec::ir::{Answer, Loss, Operation};
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/openai_chat")
}

/// Names without extension of the inputs that begin with `kind`, and their texts.
pub(crate) fn inputs(kind: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(stem) = name.strip_suffix(extension).filter(|stem| stem.starts_with(kind) && !stem.contains('.')) {
            found.push((stem.to_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!found.is_empty(), "no {kind} inputs");
    found.sort();
    found
}

fn compare(name: &str, made: &str) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(made, wanted, "{name}");
}

#[test]
fn requests_are_written_for_another_target() {
    for (name, body) in inputs("request_", ".json") {
        let request = decode(&body).unwrap();
        let (mut loss, mut out) = (Loss::new(), Vec::new());
        OpenAiChat.encode_request(&request, &NARROW, &mut loss, &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let paths = loss.paths(|concept| lingate_codec::dialect::path_of(&OpenAiChat, concept));
        let text = format!(
            "{}\n",
            serde_json::to_string_pretty(&serde_json::json!({"lost": paths, "request": value})).unwrap()
        );
        compare(&format!("{name}.out.json"), &text);
    }
}

#[test]
fn streams_give_their_events_and_are_written_again() {
    for (name, stream) in inputs("stream_", ".txt") {
        let events = events_of(&[stream.as_bytes()]);
        let text = events.iter().fold(String::new(), |mut text, event| {
            writeln!(text, "{event:?}").unwrap();
            text
        });
        compare(&format!("{name}.events.txt"), &text);
        compare(&format!("{name}.out.txt"), &stream_of(&events, true));
    }
}

#[test]
fn answers_give_their_events_and_are_written_again() {
    for (name, body) in inputs("answer_", ".json") {
        let mut events = Vec::new();
        OpenAiChat.decode_response(Operation::Chat, body.as_bytes(), &mut events);
        let text = events.iter().fold(String::new(), |mut text, event| {
            writeln!(text, "{event:?}").unwrap();
            text
        });
        compare(&format!("{name}.events.txt"), &text);
        let mut out = Vec::new();
        OpenAiChat.encode_response(&Answer::fold(events), &context(true), Stamp::default(), &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        compare(&format!("{name}.out.json"), &format!("{}\n", serde_json::to_string_pretty(&value).unwrap()));
    }
}
