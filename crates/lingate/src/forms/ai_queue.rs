//! Seed 003's variables of its AI Queue: an endpoint, and the virtual model `*` that sends it every model that nothing
//! else serves.

use super::given::Given;
use crate::failure::Failure;
use lingate_config::{BackendKind, Config, Endpoint, QueueOptions, Secret, VirtualModel};

const USE: &str = "USE_AI_QUEUE";
const URL: &str = "AI_QUEUE_URL";
const API_KEY: &str = "AI_QUEUE_API_KEY";
const PRIORITY: &str = "AI_QUEUE_PRIORITY";
const SOURCE: &str = "AI_QUEUE_SOURCE";

/// The endpoint's name.
const NAME: &str = "ai-queue";
/// Whom seed 003 said that its requests came from.
const DEFAULT_SOURCE: &str = "runpod-proxy";

/// Whether the environment asks for it.
///
/// # Errors
/// The switch is neither on nor off.
pub(super) fn is_used(given: &Given<'_>) -> Result<bool, Failure> {
    match said(given, USE).unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "0" | "false" | "no" | "off" => Ok(false),
        "1" | "true" | "yes" | "on" => Ok(true),
        _ => Err(Failure::usage(format!("{USE}: write true or false"))),
    }
}

/// Adds endpoint and virtual model, if the environment asks for them. A file that has its own `*` keeps it.
///
/// # Errors
/// A variable is missing, cannot be read, or collides with the file.
pub(super) fn apply(config: &mut Config, given: &Given<'_>) -> Result<(), Failure> {
    if !is_used(given)? {
        return Ok(());
    }
    if config.endpoint(NAME).is_some() {
        return Err(Failure::usage(format!(
            "{USE}: the file has an endpoint `{NAME}` of its own; rename or unset one"
        )));
    }
    config.endpoints.push(endpoint(given)?);
    if !config.virtual_models.iter().any(|model| model.name == "*") {
        // Without a name of its own, the target gets the one that was asked for.
        config.virtual_models.push(VirtualModel::new("*", NAME, ""));
    }
    Ok(())
}

fn endpoint(given: &Given<'_>) -> Result<Endpoint, Failure> {
    let url = said(given, URL).ok_or_else(|| {
        let message = format!("{USE} is on, but {URL} is not set; seed 003's own was http://host.docker.internal:8102");
        Failure::usage(message)
    })?;
    let refused = |name: &str, why: String| Failure::usage(format!("{name}: {why}"));
    let mut endpoint =
        Endpoint::new(NAME, BackendKind::Queue, &url).map_err(|error| refused(URL, error.to_string()))?;
    endpoint.api_key = said(given, API_KEY).map(Secret::new);
    let mut queue = QueueOptions { source: DEFAULT_SOURCE.to_owned(), ..QueueOptions::default() };
    if let Some(word) = said(given, PRIORITY) {
        queue.priority =
            word.to_ascii_uppercase().parse().map_err(|_| refused(PRIORITY, "write HIGH, NORMAL or LOW".to_owned()))?;
    }
    if let Some(source) = said(given, SOURCE) {
        if !source.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            return Err(refused(SOURCE, "it goes into a header: write plain ASCII".to_owned()));
        }
        queue.source = source;
    }
    endpoint.queue = queue;
    Ok(endpoint)
}

/// A variable's text, unless it says nothing.
fn said(given: &Given<'_>, name: &str) -> Option<String> {
    given.env.var(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
