//! Golden files: a folder for each case, `UPDATE_GOLDEN=1` rewrites the outputs.
//!
//! | input | outputs for each other dialect |
//! |---|---|
//! | `client.<dialect>.json`, a request | `to.<dialect>.json` with `to.<dialect>.loss.txt` where something is dropped, or `to.<dialect>.refused.txt` |
//! | `answer.<dialect>.json`, an upstream's answer of two vectors | `to.<dialect>.json` or `to.<dialect>.refused.txt` |

use super::{ALL, decode, encode, object, translate};
use lingate_codec::dialect::EmbeddingsId;
use lingate_codec::ir::{ApiError, VectorForm};
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{error}: {}", folder.display()));
    let mut found: Vec<_> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    found.sort();
    found
}

/// All inputs of that kind, with the dialect that they are in.
fn inputs(kind: &str) -> Vec<(PathBuf, EmbeddingsId, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/embeddings");
    let mut found = Vec::new();
    for path in files(&root).iter().flat_map(|case| files(case)) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
        let Some(dialect) = name.strip_prefix(kind).and_then(|rest| rest.strip_suffix(".json")) else { continue };
        let id = ALL.into_iter().find(|id| id.dialect().name() == dialect).expect("a dialect's name");
        let bytes = std::fs::read(&path).expect("a readable file");
        found.push((path, id, bytes));
    }
    assert!(found.len() > 1, "only {} inputs of kind {kind}", found.len());
    found
}

/// Compares the output `to.<dialect>.<extension>`; an empty one has no file.
fn compare(input: &Path, id: EmbeddingsId, extension: &str, actual: &str) {
    let path = input.with_file_name(format!("to.{}.{extension}", id.dialect().name()));
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

/// One line of text in a file.
fn line(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

#[test]
fn requests_in_every_other_dialect() {
    for (path, from, body) in inputs("client.") {
        let object = object(&body);
        let request = decode(from, &object).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        for to in ALL.into_iter().filter(|to| *to != from) {
            let (text, lost, refused) = match encode(from.dialect(), &request, to) {
                Ok((text, lost)) => (text, lost.join("\n"), String::new()),
                Err(refused) => (String::new(), String::new(), format!("{:?}: {}", refused.concept, refused.reason)),
            };
            compare(&path, to, "json", &line(&text));
            compare(&path, to, "loss.txt", &line(&lost));
            compare(&path, to, "refused.txt", &line(&refused));
        }
    }
}

#[test]
fn answers_in_every_other_dialect() {
    for (path, from, body) in inputs("answer.") {
        for to in ALL.into_iter().filter(|to| *to != from) {
            for (form, extension) in [(VectorForm::Numbers, "json"), (VectorForm::Base64, "base64.json")] {
                if to != EmbeddingsId::OpenAi && form == VectorForm::Base64 {
                    continue;
                }
                let told = |error: ApiError| format!("{} {:?}: {}", error.status, error.code, error.message);
                let (text, refused) = match translate(from, &body, 2, to, form) {
                    Ok(text) => (String::from_utf8(text).expect("text"), String::new()),
                    Err(error) => (String::new(), told(error)),
                };
                compare(&path, to, extension, &line(&text));
                compare(&path, to, "refused.txt", &line(&refused));
            }
        }
    }
}
