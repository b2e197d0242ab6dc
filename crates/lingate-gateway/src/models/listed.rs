//! A model as its upstream lists it, read from any of the forms that lists have.

use super::capabilities::Capabilities;
use super::moment;
use lingate_codec::json::{Kind, Object, Raw, Writer};
use std::borrow::Cow;
use std::collections::HashSet;

/// The most models of one list; further ones are left out.
pub(super) const MAX_MODELS: usize = 10_000;
/// The longest name, in bytes; models with longer ones are left out.
const MAX_NAME: usize = 256;
/// The largest `details` object that is kept, in bytes.
const MAX_DETAILS: usize = 4096;
/// Context lengths above this are nonsense.
const MAX_CONTEXT: u64 = 1 << 40;

/// What an upstream tells of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ListedModel {
    /// Its name there.
    pub(super) name: String,
    /// Its name for people, where that is another.
    pub(super) display_name: Option<String>,
    /// When it was made, seconds since 1970.
    pub(super) created: Option<u64>,
    /// The largest context, in tokens.
    pub(super) context_length: Option<u64>,
    /// What it can do.
    pub(super) capabilities: Capabilities,
    /// Its size in bytes (Ollama).
    pub(super) size: Option<u64>,
    /// Its digest (Ollama).
    pub(super) digest: Option<String>,
    /// Its details, a JSON object (Ollama).
    pub(super) details: Option<String>,
}

/// Why a list could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoList(pub(super) &'static str);

/// Reads a list: `{"data":[…]}`, `{"models":[…]}` or a bare array, of objects or names. Entries without a proper
/// name and second ones of the same name are left out.
///
/// # Errors
/// It is not JSON, or no list.
pub(super) fn read(body: &[u8]) -> Result<Vec<ListedModel>, NoList> {
    let whole = Raw::parse(body).map_err(|_| NoList("the list is not JSON"))?;
    let object = whole.object();
    let member = |key: &str| object.as_ref().and_then(|object| object.given(key)?.array());
    let mut lists = [whole.array(), member("data"), member("models")].into_iter().flatten().peekable();
    if lists.peek().is_none() {
        return Err(NoList("the answer holds no list of models"));
    }
    let (mut models, mut names) = (Vec::new(), HashSet::new());
    for entry in lists.flatten() {
        if models.len() == MAX_MODELS {
            break;
        }
        if let Some(model) = model(entry)
            && names.insert(model.name.clone())
        {
            models.push(model);
        }
    }
    Ok(models)
}

/// Writes a list in the form that [`read`] reads.
pub(super) fn write(models: &[ListedModel]) -> Vec<u8> {
    let mut out = Vec::with_capacity(models.len() * 128);
    let mut w = Writer::new(&mut out);
    w.begin_array();
    for model in models {
        model.write(&mut w);
    }
    w.end_array();
    out
}

fn model(entry: Raw<'_>) -> Option<ListedModel> {
    if entry.kind() == Kind::String {
        return Some(ListedModel { name: name(entry.string()?)?, ..ListedModel::default() });
    }
    let object = entry.object()?;
    let name = ["id", "name", "model"].into_iter().find_map(|key| name(object.string(key)?))?;
    let mut model = ListedModel { name, ..ListedModel::default() };
    model.take(&object);
    // Open WebUI puts the original entry into its own, and an operator's settings into `info`; llama.cpp has `meta`.
    for key in ["ollama", "openai", "info", "meta"] {
        let Some(inner) = object.given(key).and_then(Raw::object) else { continue };
        model.take(&inner);
        if let Some(innermost) = inner.given("meta").and_then(Raw::object) {
            model.take(&innermost);
        }
    }
    Some(model)
}

/// A name that can be served and shown.
fn name(text: Cow<'_, str>) -> Option<String> {
    let fit = !text.trim().is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control);
    fit.then(|| text.into_owned())
}

impl ListedModel {
    /// Takes what an object tells and is not known yet.
    fn take(&mut self, object: &Object<'_>) {
        if self.display_name.is_none() {
            let shown = ["display_name", "name"].into_iter().find_map(|key| name(object.string(key)?));
            self.display_name = shown.filter(|shown| *shown != self.name);
        }
        self.created = self.created.or_else(|| created(object));
        self.context_length = self.context_length.or_else(|| context_length(object));
        self.capabilities = self.capabilities.or(Capabilities::of(object));
        self.size = self.size.or_else(|| object.given("size")?.u64());
        if self.digest.is_none() {
            self.digest = object.string("digest").and_then(name);
        }
        if self.details.is_none()
            && let Some(details) = object.given("details")
            && details.kind() == Kind::Object
            && details.bytes().len() <= MAX_DETAILS
        {
            self.details = Some(details.text().into_owned());
        }
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.begin_object();
        w.string_member("id", &self.name);
        if let Some(shown) = &self.display_name {
            w.string_member("display_name", shown);
        }
        for (key, number) in [("created", self.created), ("context_length", self.context_length), ("size", self.size)] {
            if let Some(number) = number {
                w.integer_member(key, number);
            }
        }
        if self.capabilities.told() {
            w.key("capabilities");
            self.capabilities.write(w);
        }
        if let Some(digest) = &self.digest {
            w.string_member("digest", digest);
        }
        if let Some(details) = &self.details {
            w.json_member("details", details);
        }
        w.end_object();
    }
}

/// OpenAI says `created`, Anthropic `created_at`, Ollama `modified_at`. Zero is what those say who do not know.
fn created(object: &Object<'_>) -> Option<u64> {
    let number = object.given("created").and_then(Raw::u64).filter(|seconds| *seconds > 0);
    number.or_else(|| ["created_at", "modified_at"].into_iter().find_map(|key| moment::seconds(&object.string(key)?)))
}

/// vLLM, OpenRouter and Together, Groq, Mistral and LM Studio, Anthropic and LiteLLM, llama.cpp; an operator's
/// `num_ctx` in Open WebUI.
fn context_length(object: &Object<'_>) -> Option<u64> {
    const KEYS: [&str; 7] = [
        "max_model_len",
        "context_length",
        "context_window",
        "max_context_length",
        "max_input_tokens",
        "n_ctx",
        "n_ctx_train",
    ];
    let number = |object: &Object<'_>, key| object.given(key)?.u64().filter(|n| (1..=MAX_CONTEXT).contains(n));
    let inner = |outer, key| number(&object.given(outer)?.object()?, key);
    KEYS.into_iter()
        .find_map(|key| number(object, key))
        .or_else(|| inner("params", "num_ctx"))
        .or_else(|| inner("details", "context_length"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(body: &str) -> Vec<String> {
        read(body.as_bytes()).unwrap().into_iter().map(|model| model.name).collect()
    }

    fn one(entry: &str) -> ListedModel {
        read(format!("[{entry}]").as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn three_forms_of_a_list() {
        assert_eq!(names(r#"{"object":"list","data":[{"id":"b"},{"id":"a"}]}"#), ["b", "a"]);
        assert_eq!(names(r#"{"models":[{"name":"x:latest","model":"x:latest"}]}"#), ["x:latest"]);
        assert_eq!(names(r#"[{"id":"a"},"b",{"model":"c"}]"#), ["a", "b", "c"]);
        assert_eq!(names(r#"{"data":[],"models":["a"]}"#), ["a"]);
        assert_eq!(names(r#"{"data":[]}"#), [""; 0]);
    }

    #[test]
    fn what_is_no_list() {
        for bad in ["", "<!doctype html>", "{}", "7", r#"{"data":{}}"#, r#"{"error":"x"}"#, r#"{"data":null}"#, "[1"] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn bad_names_and_duplicates_are_left_out() {
        let long = "x".repeat(MAX_NAME + 1);
        let body = format!(r#"["a",{{"id":"a"}},"","  ","\u0007b","c\nd",7,null,[],{{}},{{"id":7}},"{long}","e"]"#);
        assert_eq!(names(&body), ["a", "e"]);
        assert_eq!(names(r#"[{"id":"\u001b[31m","name":"fine"}]"#), ["fine"]);
    }

    #[test]
    fn a_list_is_not_endless() {
        let body = format!("[{}]", (0..MAX_MODELS + 5).map(|n| format!("\"m{n}\"")).collect::<Vec<_>>().join(","));
        assert_eq!(names(&body).len(), MAX_MODELS);
    }

    #[test]
    fn context_lengths() {
        for (entry, length) in [
            (r#"{"id":"a","max_model_len":8192}"#, Some(8192)),
            (r#"{"id":"a","context_window":131072}"#, Some(131_072)),
            (r#"{"id":"a","meta":{"n_ctx_train":4096}}"#, Some(4096)),
            (r#"{"id":"a","openai":{"id":"a","max_model_len":16384}}"#, Some(16_384)),
            (r#"{"id":"a","info":{"params":{"num_ctx":2048},"meta":{}}}"#, Some(2048)),
            (r#"{"id":"a","info":{"meta":{"context_length":7}}}"#, Some(7)),
            (r#"{"name":"a","details":{"context_length":9}}"#, Some(9)),
            (r#"{"id":"a","context_length":0}"#, None),
            (r#"{"id":"a","context_length":-5,"max_model_len":"x","context_window":1e300}"#, None),
        ] {
            assert_eq!(one(entry).context_length, length, "{entry}");
        }
    }

    #[test]
    fn open_webui_hands_on_what_ollama_told() {
        let model = one(
            r#"{"id":"x:latest","name":"X","object":"model","created":0,"owned_by":"ollama","ollama":{"name":"x:latest",
            "modified_at":"2025-11-20T10:00:00Z","size":5,"digest":"abc","details":{"family":"llama"}},
            "info":{"meta":{"capabilities":{"vision":true}}}}"#,
        );
        assert_eq!((model.size, model.digest.as_deref(), model.created), (Some(5), Some("abc"), Some(1_763_632_800)));
        assert_eq!(model.details.as_deref(), Some(r#"{"family":"llama"}"#));
        assert_eq!(model.display_name.as_deref(), Some("X"));
        assert_eq!(model.capabilities.words(), ["completion", "tools", "vision"]);
    }

    proptest! {
        #[test]
        fn written_and_read_again(
            name in "[ -~é\u{4e00}]{1,40}", shown in proptest::option::of("[a-zA-Z\"\\\\]{1,20}"),
            created in proptest::option::of(1u64..1 << 40), context in proptest::option::of(1u64..1 << 40),
            size in proptest::option::of(0u64..1 << 50), digest in proptest::option::of("[a-f0-9]{1,64}"),
            tools: Option<bool>, vision: Option<bool>,
        ) {
            prop_assume!(!name.trim().is_empty() && shown.as_ref() != Some(&name));
            let model = ListedModel {
                name, display_name: shown, created, context_length: context, size, digest,
                capabilities: Capabilities { tools, vision, ..Capabilities::default() },
                details: Some(r#"{"family":"a"}"#.to_owned()),
            };
            prop_assert_eq!(read(&write(std::slice::from_ref(&model))), Ok(vec![model]));
        }

        #[test]
        fn nothing_panics(body: Vec<u8>) {
            let _ = read(&body);
        }
    }
}
