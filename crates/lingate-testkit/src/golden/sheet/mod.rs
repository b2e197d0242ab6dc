//! Sheets: compact sources of golden cases. One file of `fixtures/wire/matrix/` is one concept; each of its variants
//! says the concept once for each client and once for each backend, and expands to a case for every pair.
//!
//! The form is told in `fixtures/wire/matrix/README.md`. The cases that come out are of the same form as those that
//! stand in files of their own.

mod cell;
mod fragments;
mod streams;
mod tables;

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use super::{case::LoadError, endpoints::fixtures_dir};
use crate::golden::Case;

/// Members of a variant.
const MEMBERS: [&str; 16] = [
    "note",
    "source",
    "requests",
    "named",
    "backends",
    "pairs",
    "also",
    "headers",
    "heads",
    "answers",
    "streams",
    "clients",
    "fails",
    "events",
    "no_invariants",
    "requires",
];

/// A JSON object.
type Object = Map<String, Value>;

impl Case {
    /// The cases that the sheets of this crate expand to, by sheet, variant, client and backend.
    ///
    /// # Errors
    /// A sheet that cannot be read or is not sound; the file and the variant are named.
    pub fn load_matrix() -> Result<Vec<Self>, LoadError> {
        expand_dir(&fixtures_dir().join("matrix"))
    }
}

/// Expands every sheet of a folder, by file name. `fragments.json` holds what sheets share.
fn expand_dir(folder: &Path) -> Result<Vec<Case>, LoadError> {
    let read = |path: &Path| -> Result<Value, LoadError> {
        let broken = |why: &dyn std::fmt::Display| LoadError(format!("{}: {why}", path.display()));
        let text = fs::read(path).map_err(|error| broken(&error))?;
        serde_json::from_slice(&text).map_err(|error| broken(&error))
    };
    let listing = fs::read_dir(folder).map_err(|error| LoadError(format!("{}: {error}", folder.display())))?;
    let mut files: Vec<_> = listing.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.retain(|path| path.file_stem().is_some_and(|stem| stem != "fragments"));
    files.sort();
    let fragments = read(&folder.join("fragments.json"))?;
    let mut cases = Vec::new();
    for path in files {
        let sheet = read(&path)?;
        let expanded = expand(&sheet, &fragments);
        cases.extend(expanded.map_err(|LoadError(why)| LoadError(format!("{}: {why}", path.display())))?);
    }
    Ok(cases)
}

/// The cases of one sheet.
fn expand(sheet: &Value, fragments: &Value) -> Result<Vec<Case>, LoadError> {
    let text = |key: &str| sheet[key].as_str().ok_or_else(|| LoadError(format!("{key} is missing")));
    let (concept, source) = (text("concept")?, text("source")?);
    let mut cases = Vec::new();
    for (name, members) in sheet["cases"].as_object().into_iter().flatten() {
        let own = json!({ "name": name, "concept": concept, "source": source });
        cases.push(Case::from_json(&overlay(own, Some(&fragments::fill(members, fragments, ""))))?);
    }
    for (name, variant) in sheet["variants"].as_object().into_iter().flatten() {
        let broken = |why: String| LoadError(format!("{name}: {why}"));
        let variant = variant.as_object().ok_or_else(|| broken("not an object".to_owned()))?;
        if let Some(unknown) = variant.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
            return Err(broken(format!("unknown member {unknown}")));
        }
        let variant = Variant { name, concept, source, members: variant, fragments };
        let before = cases.len();
        for (client, backend) in variant.pairs().map_err(broken)? {
            if let Some(case) = cell::case(&variant, client, backend).map_err(broken)? {
                cases.push(Case::from_json(&Value::Object(case))?);
            }
        }
        if cases.len() == before {
            return Err(broken("expands to no case".to_owned()));
        }
    }
    Ok(cases)
}

/// One variant of a sheet.
struct Variant<'a> {
    name: &'a str,
    concept: &'a str,
    source: &'a str,
    members: &'a Object,
    fragments: &'a Value,
}

impl Variant<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.members.get(key)
    }

    /// `members[key][at]`, with fragments for this client or backend dialect put in.
    fn filled(&self, key: &str, at: &str, dialect: &str) -> Option<Value> {
        Some(fragments::fill(self.get(key)?.get(at)?, self.fragments, dialect))
    }

    /// The pairs of client and backend that it speaks of.
    fn pairs(&self) -> Result<Vec<(&'static tables::Client, &'static tables::Backend)>, String> {
        let keys = |key: &str| self.get(key).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let clients: Vec<&String> = keys("requests").chain(keys("clients")).collect();
        let mut backends: Vec<&str> = keys("backends").map(String::as_str).collect();
        for dialect in keys("answers").chain(keys("streams")) {
            backends.extend(tables::served_in(dialect));
        }
        let also = self.get("also").and_then(Value::as_array).into_iter().flatten();
        backends.extend(also.filter_map(Value::as_str));
        if backends.contains(&"openai") {
            backends.push("vllm");
        }
        let single: Vec<(&str, &str)> = keys("pairs").filter_map(|pair| pair.split_once(' ')).collect();
        let unknown = |name: &str| format!("unknown client or backend {name}");
        for name in clients.iter().map(|name| name.as_str()).chain(single.iter().map(|(client, _)| *client)) {
            tables::client(name).ok_or_else(|| unknown(name))?;
        }
        for name in backends.iter().copied().chain(single.iter().map(|(_, backend)| *backend)) {
            tables::backend(name).ok_or_else(|| unknown(name))?;
        }
        // Where answers are told, a native Responses upstream needs its own.
        let told: Vec<&String> = keys("answers").chain(keys("streams")).collect();
        let answered = told.is_empty() || told.iter().any(|dialect| *dialect == "openai_responses");
        let mut out = Vec::new();
        for client in &tables::CLIENTS {
            for backend in &tables::BACKENDS {
                let named = clients.iter().any(|name| *name == client.name) && backends.contains(&backend.name);
                let native = clients.iter().any(|name| *name == client.name) && backend.name == "responses";
                let native = native && client.name == "openai_responses" && !backends.is_empty() && answered;
                if named || native || single.contains(&(client.name, backend.name)) {
                    out.push((client, backend));
                }
            }
        }
        Ok(out)
    }
}

/// `base` with the members of `over` in place of its own; the value `"$remove"` drops a member.
fn overlay(base: Value, over: Option<&Value>) -> Value {
    let Value::Object(mut members) = base else { return base };
    for (key, value) in over.and_then(Value::as_object).into_iter().flatten() {
        if value == "$remove" {
            members.shift_remove(key);
        } else {
            members.insert(key.clone(), value.clone());
        }
    }
    Value::Object(members)
}

/// `pattern` and, besides, `member` as `value`.
fn with_member(pattern: Value, member: &str, value: &Value) -> Value {
    match pattern {
        Value::Object(mut members) if !members.keys().any(|key| key.starts_with('$')) => {
            members.entry(member).or_insert_with(|| value.clone());
            Value::Object(members)
        }
        operator => json!({ "$all": [{ member: value }, operator] }),
    }
}

#[cfg(test)]
mod tests;
