//! The form of one upstream, as seed 000: an OpenAI client's single backend, with the seed's behaviours by flags.

use super::Draft;
use super::given::{Given, Value};
use crate::failure::Failure;
use lingate_config::{BackendKind, Config, Endpoint, ExposeModels, StreamMode, VirtualModel};

pub(super) fn draft(given: &Given<'_>) -> Result<Draft, Failure> {
    let options = given.options;
    let Some(value) = given.text(options.upstream.as_ref(), "upstream") else { return Ok(Draft::default()) };
    let mut endpoint = endpoint(&value)?;
    endpoint.api_key = given.secret(None, options.upstream_key_file.as_ref(), "upstream-key")?;
    let mut config = Config::default();
    let models = models(given);
    if models.is_empty() {
        endpoint.expose_models = ExposeModels::All;
    }
    for name in &models {
        let mut model = VirtualModel::new(name, &endpoint.name, name);
        behave(&mut model, given)?;
        config.virtual_models.push(model);
    }
    if models.is_empty() {
        let mut model = VirtualModel::new("unused", &endpoint.name, "unused");
        let plain = model.clone();
        behave(&mut model, given)?;
        if model != plain {
            let message = "--max-tokens, --stream, --retry-on-empty and --fallback-message need --model NAME: they are \
                           behaviours of a model";
            return Err(Failure::usage(message));
        }
    }
    config.endpoints.push(endpoint);
    Ok(Draft { config, ..Draft::default() })
}

/// `KIND=URL`, or a URL alone, which is an OpenAI-compatible one's.
fn endpoint(value: &Value) -> Result<Endpoint, Failure> {
    let (kind, url) = match value.text.split_once('=') {
        Some((kind, url)) if !kind.contains("://") => (kind, url),
        _ => ("openai", value.text.as_str()),
    };
    let kinds = || BackendKind::all().map(BackendKind::as_str).collect::<Vec<_>>().join(", ");
    let kind: BackendKind =
        kind.parse().map_err(|_| value.refused(format_args!("not a kind of upstream; the kinds are {}", kinds())))?;
    Endpoint::new(kind.as_str(), kind, url).map_err(|error| value.refused(error))
}

fn models(given: &Given<'_>) -> Vec<String> {
    match (given.options.model.is_empty(), given.variable("model")) {
        (true, Some(text)) => text.split(',').map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect(),
        _ => given.options.model.clone(),
    }
}

/// The seed's behaviours that were asked for.
fn behave(model: &mut VirtualModel, given: &Given<'_>) -> Result<(), Failure> {
    let options = given.options;
    if let Some(value) = given.text(options.max_tokens.as_ref(), "max-tokens") {
        let tokens: u64 = value.number("a number of tokens")?;
        model.defaults.push(("max_tokens".to_owned(), tokens.to_string()));
    }
    if let Some(value) = given.text(options.stream.as_ref(), "stream") {
        model.stream = value.text.parse::<StreamMode>().map_err(|error| value.refused(error))?;
    }
    model.retry.on_empty = given.switch(options.retry_on_empty, "retry-on-empty")?;
    model.fallback_message = given.text(options.fallback_message.as_ref(), "fallback-message").map(|value| value.text);
    Ok(())
}
