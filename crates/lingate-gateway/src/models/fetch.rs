//! Asks an upstream for its list of models.

use super::listed::{self, ListedModel};
use crate::backend::ModelsForm;
use crate::endpoint::{Endpoint, EndpointCall, Path};
use http::{HeaderMap, StatusCode, header};
use lingate_codec::dialect::DialectId;
use lingate_config::api_root;

/// The largest list that is read.
const LIST_CAP: u64 = 8 * 1024 * 1024;

/// Why there is no list; fit for a log and for a client.
#[derive(Debug)]
pub(super) struct NotListed {
    pub(super) reason: String,
    /// Another path may do better.
    elsewhere: bool,
}

impl NotListed {
    fn here(reason: String) -> Self {
        Self { reason, elsewhere: true }
    }

    fn at_all(reason: String) -> Self {
        Self { reason, elsewhere: false }
    }
}

/// Asks at the kind's own path, then where other servers of its family have their lists.
pub(super) async fn list(endpoint: &Endpoint) -> Result<Vec<ListedModel>, NotListed> {
    let mut first = match get(endpoint, Path::Root(endpoint.backend.models_path.to_owned())).await {
        Err(failed) if failed.elsewhere => failed,
        done => return done,
    };
    let bare = endpoint.config.url.as_str().trim_end_matches('/');
    let asked = api_root(&endpoint.config) + endpoint.backend.models_path;
    for path in others(endpoint).iter().filter(|path| format!("{bare}{path}") != asked) {
        match get(endpoint, Path::Bare((*path).to_owned())).await {
            Ok(models) => return Ok(models),
            Err(failed) if failed.elsewhere => {}
            Err(failed) => {
                first = failed;
                break;
            }
        }
    }
    // The kind's own path says best what is wrong.
    Err(first)
}

fn others(endpoint: &Endpoint) -> &'static [&'static str] {
    let backend = endpoint.backend;
    if backend.dialect == DialectId::AnthropicMessages || !endpoint.config.kind.needs_url() {
        &[]
    } else if backend.models_form == ModelsForm::Ollama {
        &["/v1/models", "/models", "/api/models"]
    } else {
        &["/models", "/v1/models", "/api/models", "/api/v1/models"]
    }
}

async fn get(endpoint: &Endpoint, path: Path) -> Result<Vec<ListedModel>, NotListed> {
    let mut call = EndpointCall { path, ..EndpointCall::get("") };
    if endpoint.backend.dialect == DialectId::AnthropicMessages {
        // Else Anthropic lists twenty; a thousand is its most.
        "limit=1000".clone_into(&mut call.query);
    }
    let answer = endpoint.call(call).await.map_err(|failure| NotListed::at_all(failure.error.message))?;
    let status = answer.parts.status;
    if status.is_redirection() || matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
        return Err(NotListed::here(format!("the upstream answered with status {}", status.as_u16())));
    }
    if status != StatusCode::OK {
        return Err(NotListed::at_all(format!("the upstream answered with status {}", status.as_u16())));
    }
    // Open WebUI answers 200 and its page on every path that it does not know.
    if is_html(&answer.parts.headers) {
        return Err(NotListed::here("the upstream answered with a web page".to_owned()));
    }
    let body = answer.body.collect(LIST_CAP).await.map_err(|error| NotListed::at_all(error.to_string()))?;
    listed::read(&body).map_err(|error| NotListed::here(error.to_string()))
}

fn is_html(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/html")
}
