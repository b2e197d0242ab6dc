//! `docs/configuration.md` tells of every key of the file, with its default, and what the documents show is valid.
#![expect(clippy::panic, reason = "a helper of tests shows what was found")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lingate_config::{FixedEnvironment, parse, schema};
use serde_json::{Map, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The keys below a schema, by path (`endpoints[].tls.ca`), with their descriptions.
fn keys(schema: &Value, node: &Value, path: &str, out: &mut BTreeMap<String, String>) {
    if let Some(name) = node["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return keys(schema, &schema["definitions"][name], path, out);
    }
    for branch in node["anyOf"].as_array().into_iter().flatten() {
        keys(schema, branch, path, out);
    }
    if node["items"].is_object() {
        keys(schema, &node["items"], &format!("{path}[]"), out);
    }
    for (key, property) in node["properties"].as_object().unwrap_or(&Map::new()) {
        if key == "$schema" {
            continue;
        }
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        out.insert(path.clone(), property["description"].as_str().unwrap_or_default().to_owned());
        keys(schema, property, &path, out);
    }
}

/// The rows of the document's tables of keys: path (the section's and the key's), default.
fn rows(document: &str) -> BTreeMap<String, String> {
    let (mut section, mut out) = (None, BTreeMap::new());
    let mut in_keys = false;
    for line in document.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = match title.strip_prefix('`').and_then(|title| title.strip_suffix('`')) {
                Some(path) => Some(format!("{path}.")),
                None => (title == "Top level").then(String::new),
            };
        }
        in_keys = line.starts_with('|') && (in_keys || line.starts_with("| key |"));
        let (true, Some(section)) = (in_keys, &section) else { continue };
        let line = line.replace("\\|", "/");
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let Some(key) = cells[1].strip_prefix('`').and_then(|key| key.strip_suffix('`')) {
            assert_eq!(cells.len(), 6, "{line}");
            let twice = out.insert(format!("{section}{key}"), cells[3].trim_matches('`').to_owned());
            assert_eq!(twice, None, "{line}");
        }
    }
    out
}

#[test]
fn every_key_is_told_with_its_default() {
    let schema = schema();
    let mut known = BTreeMap::new();
    keys(&schema, &schema, "", &mut known);
    // The admin listener's TLS has the form of the data listeners', which is told once.
    known.retain(|path, _| !path.starts_with("admin.listen."));
    let told = rows(&text("docs/configuration.md"));
    let missing: Vec<_> = known.keys().filter(|path| !told.contains_key(*path)).collect();
    let foreign: Vec<_> = told.keys().filter(|path| !known.contains_key(*path)).collect();
    assert!(missing.is_empty() && foreign.is_empty(), "not told: {missing:?}; unknown: {foreign:?}");
    assert!(known.len() > 90, "{}", known.len());
    for (path, description) in &known {
        // Values of a file alone: where the schema tells in words what happens, so may the document.
        let default = description.rsplit_once("Default: ").map(|(_, rest)| rest.trim_end_matches('.'));
        let Some(default) = default.filter(|default| !default.contains([' ', ':']) || default.starts_with("127."))
        else {
            continue;
        };
        // Time-outs of endpoints and targets have those above them as their default.
        if !path.contains("[].timeouts.") {
            assert_eq!(told[path], default, "the default of {path}");
        }
    }
}

/// The YAML blocks of a document.
fn blocks(document: &str) -> Vec<String> {
    let (mut out, mut open): (Vec<String>, bool) = (Vec::new(), false);
    for line in document.lines() {
        match line {
            "```yaml" => {
                out.push(String::new());
                open = true;
            }
            "```" => open = false,
            _ => {
                if let (true, Some(block)) = (open, out.last_mut()) {
                    block.push_str(line);
                    block.push('\n');
                }
            }
        }
    }
    out
}

/// An environment in which every reference of a text leads somewhere.
fn environment(text: &str) -> FixedEnvironment {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).fold(FixedEnvironment::new(), |env, (name, _)| {
        // No two alike: the same key under two names is refused.
        match name.strip_prefix("file:") {
            Some(path) => env.with_file(path, &format!("text-of-{path}")),
            None => {
                let name = name.split(":-").next().unwrap_or(name);
                env.with_var(name, &format!("value-of-{name}"))
            }
        }
    })
}

#[test]
fn what_the_documents_show_is_valid() {
    let mut shown: Vec<(String, String)> = Vec::new();
    for name in ["README.md", "docs/configuration.md", "docs/drop-in.md"] {
        let found = blocks(&text(name));
        assert!(!found.is_empty(), "{name} shows no file");
        shown.extend(found.into_iter().map(|block| (name.to_owned(), block)));
    }
    for name in ["examples/lingate.yaml", "examples/seed001/config.json"] {
        shown.push((name.to_owned(), text(name)));
    }
    for (name, text) in shown {
        match parse(&text, &name, &environment(&text)) {
            Ok(loaded) => assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings),
            Err(errors) => panic!("{name}:\n{errors}\n{text}"),
        }
    }
}
