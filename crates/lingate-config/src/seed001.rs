//! The JSON file of seed 001, a proxy for several OpenAI endpoints: `{"endpoints": {"<model id>": {…}}}`.

use std::net::Ipv4Addr;

use crate::checked::{Config, Endpoint, Seed, VirtualModel, nowhere};
use crate::diagnostic::{Diagnostic, Findings};
use crate::kind::BackendKind;
use crate::net::{Listen, upstream_url};
use crate::node::{Entry, Node, Value, member};
use crate::parse::Format;
use crate::secret::Secret;

/// The seed's port, when nothing else names one.
const PORT: u16 = 3333;
/// The upstream's model when the file names none.
const MODEL: &str = "cm-llm";

/// Whether this is the seed's file: JSON whose `endpoints` is an object. lingate's own is a list.
pub(crate) fn is_seed(text: &str, root: &Node) -> bool {
    let Value::Map(members) = &root.value else { return false };
    let object = |entry: &Entry| entry.key == "endpoints" && matches!(entry.value.value, Value::Map(_));
    text.trim_start().starts_with('{') && members.iter().any(object)
}

/// The configuration that does what the seed did with this file, and what of the file was passed over.
pub(crate) fn config(root: &Node, findings: &mut Findings) -> (Config, Vec<Diagnostic>) {
    let listen = vec![Listen::socket((Ipv4Addr::LOCALHOST, PORT))];
    let mut config = Config { listen, seed: Some(Seed::S001), ..Config::default() };
    let mut warnings = Vec::new();
    let Value::Map(members) = &root.value else { return (config, warnings) };
    for entry in members {
        match &entry.value.value {
            Value::Map(models) if entry.key == "endpoints" => {
                for model in models {
                    let (endpoint, virtual_model) = model_of(model, findings, &mut warnings);
                    config.endpoints.push(endpoint);
                    config.virtual_models.push(virtual_model);
                }
            }
            _ => warnings.push(passed_over(member("", &entry.key))),
        }
    }
    if config.endpoints.is_empty() {
        findings.add("endpoints", "holds no endpoint", Some("give at least one, by its model id"));
    }
    (config, warnings)
}

fn passed_over(key: String) -> Diagnostic {
    Diagnostic::new(key, "has no meaning in this format and is passed over")
}

fn model_of(entry: &Entry, findings: &mut Findings, warnings: &mut Vec<Diagnostic>) -> (Endpoint, VirtualModel) {
    let path = member("endpoints", &entry.key);
    let (mut url, mut key, mut model, mut shown) = (None, None, None, None);
    let members = match &entry.value.value {
        Value::Map(members) => members.as_slice(),
        _ => {
            findings.add(&path, format!("expected an object, found {}", entry.value.form()), None);
            &[]
        }
    };
    for entry in members {
        let at = member(&path, &entry.key);
        let slot = match entry.key.as_str() {
            "url" => &mut url,
            "apiKey" => &mut key,
            "actualModelName" => &mut model,
            "displayName" => &mut shown,
            _ => {
                warnings.push(passed_over(at));
                continue;
            }
        };
        match &entry.value.value {
            Value::Scalar(scalar) => *slot = Some(scalar.text.clone()).filter(|text| !text.is_empty()),
            Value::Null => {}
            _ => findings.add(&at, format!("expected text, found {}", entry.value.found()), None),
        }
    }
    let id = entry.key.clone();
    let url = upstream_url(&url.unwrap_or_default()).unwrap_or_else(|problem| {
        if !findings.has(&path) {
            findings.add(&member(&path, "url"), problem.to_string(), None);
        }
        nowhere()
    });
    let mut endpoint = Endpoint::with_url(id.clone(), BackendKind::Openai, url);
    endpoint.api_key = key.map(Secret::new);
    let mut virtual_model = VirtualModel::new(id.clone(), id.clone(), model.unwrap_or_else(|| MODEL.to_owned()));
    virtual_model.display_name = Some(shown.unwrap_or(id));
    (endpoint, virtual_model)
}

/// Points a problem of the checked configuration at the seed's object: `endpoints[0].name` is `endpoints.m1`.
pub(crate) fn in_file(format: Format, problem: Diagnostic, config: &Config) -> Diagnostic {
    if format != Format::Seed001 {
        return problem;
    }
    let rest = problem.key.strip_prefix("endpoints[").or_else(|| problem.key.strip_prefix("virtual_models["));
    let Some((index, tail)) = rest.and_then(|rest| rest.split_once(']')) else { return problem };
    let Some(endpoint) = index.parse().ok().and_then(|i: usize| config.endpoints.get(i)) else { return problem };
    let tail = match tail {
        ".api_key" => "apiKey",
        _ => "",
    };
    let path = member("endpoints", &endpoint.name);
    Diagnostic { key: if tail.is_empty() { path } else { member(&path, tail) }, ..problem }
}
