//! A golden case as it stands in its file, and its steps.

use std::{fmt, fs, path::Path};

use serde_json::{Map, Value};

use super::{endpoints::fixtures_dir, exchange::Exchange, matcher::Binds, operators::is_pointer};

/// Client dialects, the path of each, and whether its verb is GET.
pub(super) const CLIENT_PATHS: [(&str, &str, bool); 16] = [
    ("openai_chat", "/v1/chat/completions", false),
    ("openai_completions", "/v1/completions", false),
    ("openai_embeddings", "/v1/embeddings", false),
    ("openai_responses", "/v1/responses", false),
    ("openai_models", "/v1/models", true),
    ("anthropic", "/v1/messages", false),
    ("anthropic_count", "/v1/messages/count_tokens", false),
    ("ollama_chat", "/api/chat", false),
    ("ollama_generate", "/api/generate", false),
    ("ollama_embed", "/api/embed", false),
    ("ollama_embeddings", "/api/embeddings", false),
    ("ollama_tags", "/api/tags", true),
    ("ollama_show", "/api/show", false),
    ("ollama_ps", "/api/ps", true),
    ("ollama_version", "/api/version", true),
    ("ollama_root", "/", true),
];

/// One golden case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name, which is also the name of its file.
    pub name: String,
    /// What it is about.
    pub concept: String,
    /// Tags of policies that it depends on.
    pub requires: Vec<String>,
    /// Its steps, in order; a case without `steps` has one.
    pub steps: Vec<CaseStep>,
    /// The steps come from a list, so a failure names the step.
    pub stepwise: bool,
    /// The file's members, as they are.
    pub members: Map<String, Value>,
}

/// One request of a case with all that is expected of it.
#[derive(Debug, Clone, Default)]
pub struct CaseStep {
    /// The case's members, with the step's own in their place.
    pub members: Map<String, Value>,
}

/// Why cases could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError(pub(super) String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}

impl Case {
    /// The cases that come with this crate.
    ///
    /// # Errors
    /// As [`load_dir`](Self::load_dir).
    pub fn load_all() -> Result<Vec<Self>, LoadError> {
        Self::load_dir(&fixtures_dir())
    }

    /// Every `*.json` of a folder (not of folders in it), by file name.
    ///
    /// # Errors
    /// A file that cannot be read, is not JSON, lacks a required member, or bears another name than its case.
    pub fn load_dir(folder: &Path) -> Result<Vec<Self>, LoadError> {
        let broken = |path: &Path, why: &dyn fmt::Display| LoadError(format!("{}: {why}", path.display()));
        let listing = fs::read_dir(folder).map_err(|error| broken(folder, &error))?;
        let mut files = Vec::new();
        for entry in listing {
            let path = entry.map_err(|error| broken(folder, &error))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
        files.sort();
        let mut cases = Vec::with_capacity(files.len());
        for path in files {
            let text = fs::read(&path).map_err(|error| broken(&path, &error))?;
            let value: Value = serde_json::from_slice(&text).map_err(|error| broken(&path, &error))?;
            let case = Self::from_json(&value).map_err(|error| broken(&path, &error))?;
            if path.file_stem().is_none_or(|stem| stem != case.name.as_str()) {
                return Err(broken(&path, &format!("holds the case {}", case.name)));
            }
            cases.push(case);
        }
        Ok(cases)
    }

    /// A case from its JSON.
    ///
    /// # Errors
    /// Not an object, or a required member is missing.
    pub fn from_json(value: &Value) -> Result<Self, LoadError> {
        let members = value.as_object().ok_or_else(|| LoadError("not an object".to_owned()))?.clone();
        for key in ["name", "concept", "client_dialect", "backend_dialect", "source"] {
            if !members.get(key).is_some_and(Value::is_string) {
                return Err(LoadError(format!("{key} is missing")));
            }
        }
        let mut base = members.clone();
        let steps = base.shift_remove("steps");
        let list = |key: &str| members.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |key: &str| members.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let overrides = if steps.is_some() { list("steps") } else { vec![Value::Null] };
        let steps_of = |step: &Value| CaseStep { members: base.clone() }.with(step);
        Ok(Self {
            name: text("name"),
            concept: text("concept"),
            requires: list("requires").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            steps: overrides.iter().map(steps_of).collect(),
            stepwise: steps.is_some(),
            members,
        })
    }

    /// The client models (`fx-...`) that its requests name: they tell which endpoints it needs.
    pub fn client_models(&self) -> Vec<&str> {
        let named = |step: &CaseStep| {
            step.members.get("client_request").and_then(|body| body.get("model")?.as_str().map(str::to_owned))
        };
        let mut models: Vec<&str> = Vec::new();
        for step in &self.steps {
            let Some(model) = named(step) else { continue };
            let known = super::endpoints::CLIENT_MODELS.iter().map(|known| known.name);
            models.extend(known.filter(|known| *known == model || model.strip_prefix(known) == Some(":latest")));
        }
        models.sort_unstable();
        models.dedup();
        models
    }

    /// Whether a gateway that supports just these pairs can be asked to pass it: `supports(client, backend)` gets the
    /// dialects of [`required_dialects`].
    pub fn supported_by(&self, supports: impl Fn(&str, &str) -> bool) -> bool {
        let (client, backend) = required_dialects(self);
        supports(client, backend)
    }
}

/// The client dialect and the backend dialect of a case, by the names in its file: `openai_chat`,
/// `openai_completions`, `openai_embeddings`, `openai_responses`, `openai_models`, `anthropic`, `anthropic_count`,
/// `ollama_chat`, `ollama_generate`, `ollama_embed`, ...; the backend also `runpod` (its native queue).
pub fn required_dialects(case: &Case) -> (&str, &str) {
    let text = |key: &str| case.members.get(key).and_then(Value::as_str).unwrap_or_default();
    (text("client_dialect"), text("backend_dialect"))
}

impl CaseStep {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.members.get(key)?.as_str()
    }

    pub(super) fn client_dialect(&self) -> &str {
        self.text("client_dialect").unwrap_or_default()
    }

    pub(super) fn backend_dialect(&self) -> &str {
        self.text("backend_dialect").unwrap_or_default()
    }

    pub(super) fn alternatives(&self) -> &[Value] {
        self.members.get("alternatives").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// This step with the members of `overrides` in place of its own; the value `"$remove"` drops a member.
    pub(super) fn with(&self, overrides: &Value) -> Self {
        let mut members = self.members.clone();
        for (key, value) in overrides.as_object().into_iter().flatten() {
            if value == "$remove" {
                members.shift_remove(key);
            } else {
                members.insert(key.clone(), value.clone());
            }
        }
        Self { members }
    }

    /// What the upstream is to answer.
    pub(super) fn exchanges(&self) -> Result<Vec<Exchange>, String> {
        if let Some(list) = self.members.get("backend_exchanges") {
            let list = list.as_array().ok_or("backend_exchanges is not a list")?;
            return list.iter().map(|one| Exchange::from_members(one.as_object().unwrap_or(&Map::new()))).collect();
        }
        let get = |key: &str| self.members.get(key);
        let answers = ["backend_response", "backend_response_raw", "backend_stream"];
        if answers.iter().all(|key| get(key).is_none()) {
            return Ok(Vec::new());
        }
        let mut members = Map::new();
        for (from, to) in [
            ("expected_backend_path", "path"),
            ("expected_backend_method", "method"),
            ("expected_backend_request", "expect"),
            ("expected_backend_headers", "expect_headers"),
            ("backend_status", "status"),
            ("backend_headers", "headers"),
            ("backend_stream", "stream"),
            ("backend_response_raw", "response_raw"),
            ("backend_response", "response"),
        ] {
            if let Some(value) = get(from) {
                members.insert(to.to_owned(), value.clone());
            }
        }
        if self.backend_dialect().starts_with("ollama") {
            members.insert("framing".to_owned(), "ndjson".into());
        }
        Ok(vec![Exchange::from_members(&members)?])
    }

    /// Method and path of the client's request.
    pub(super) fn target(&self) -> (&str, &str) {
        let dialect = self.client_dialect();
        let known = CLIENT_PATHS.iter().find(|(name, ..)| *name == dialect);
        let (path, get) = known.map_or(("/", false), |(_, path, get)| (*path, *get));
        let method = self.text("client_method").unwrap_or(if get { "GET" } else { "POST" });
        (method, self.text("client_path").unwrap_or(path))
    }

    /// The client's body, with bound values in the places of `{"$ref": name}`.
    pub(super) fn client_body(&self, binds: &Binds) -> Option<String> {
        if let Some(raw) = self.text("client_request_raw") {
            return Some(raw.to_owned());
        }
        let body = self.members.get("client_request").filter(|body| !body.is_null())?;
        Some(substitute(body, binds).to_string())
    }
}

fn substitute(value: &Value, binds: &Binds) -> Value {
    match value {
        Value::Object(members) => {
            if let (1, Some(name)) = (members.len(), members.get("$ref"))
                && !is_pointer("$ref", name)
            {
                let bound = name.as_str().and_then(|name| binds.get(name));
                return Value::String(bound.map_or("$unbound", String::as_str).to_owned());
            }
            members.iter().map(|(key, value)| (key.clone(), substitute(value, binds))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(|item| substitute(item, binds)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "`json!` literals read best by value")]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(more: Value) -> Case {
        let mut value = json!({"name": "n", "concept": "c", "client_dialect": "ollama_chat", "backend_dialect": "ollama_chat",
            "source": "s", "client_request": {"model": "fx-ollama:latest"}});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Case::from_json(&value).unwrap()
    }

    #[test]
    fn steps_override_the_case() {
        let case =
            case(json!({"expected_status": 200, "steps": [{}, {"expected_status": 400, "client_request": "$remove"}]}));
        assert!(case.stepwise);
        assert_eq!(case.steps[0].members["expected_status"], 200);
        assert_eq!(case.steps[1].members["expected_status"], 400);
        assert!(!case.steps[1].members.contains_key("client_request"));
        assert_eq!(case.client_models(), ["fx-ollama"]);
        assert_eq!(required_dialects(&case), ("ollama_chat", "ollama_chat"));
        assert!(case.supported_by(|client, backend| client == backend));
    }

    #[test]
    fn bound_values_are_substituted_and_schema_pointers_are_not() {
        let step = &case(json!({"client_request": {"a": [{"$ref": "id"}], "b": {"$ref": "#/x"}, "c": {"$ref": "no"}}}))
            .steps[0];
        let binds = Binds::from([("id".to_owned(), "v".to_owned())]);
        assert_eq!(step.client_body(&binds).unwrap(), r##"{"a":["v"],"b":{"$ref":"#/x"},"c":"$unbound"}"##);
    }

    #[test]
    fn targets() {
        assert_eq!(case(json!({})).steps[0].target(), ("POST", "/api/chat"));
        assert_eq!(case(json!({"client_dialect": "ollama_root"})).steps[0].target(), ("GET", "/"));
        let own = case(json!({"client_path": "/x?y", "client_method": "PUT"}));
        assert_eq!(own.steps[0].target(), ("PUT", "/x?y"));
    }

    #[test]
    fn broken_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.json"), "{").unwrap();
        assert!(Case::load_dir(folder.path()).unwrap_err().to_string().contains("a.json"));
        fs::write(folder.path().join("a.json"), Value::Object(case(json!({})).members).to_string()).unwrap();
        assert!(Case::load_dir(folder.path()).unwrap_err().to_string().ends_with("a.json: holds the case n"));
        fs::write(folder.path().join("a.json"), "{}").unwrap();
        assert!(Case::load_dir(folder.path()).unwrap_err().to_string().ends_with("name is missing"));
    }
}
