//! What an endpoint is made of, from its configuration: headers, paths, dialects, account. Pure.

use crate::backend::openwebui::Account;
use crate::backend::{Backend, Credential};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use lingate_codec::dialect::DialectId;

pub(super) fn routes(backend: &Backend, root: &str, query: &str) -> Vec<(&'static str, Uri)> {
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let all = backend.routes.iter().chain(backend.optional_routes);
    all.filter_map(|(_, _, path)| Some((*path, (joined(root, path) + &query).parse().ok()?))).collect()
}

/// A path below the API root, or below the folder that the root stands in if it begins with `/..`.
pub(super) fn joined(root: &str, path: &str) -> String {
    match path.strip_prefix("/..") {
        Some(beside) => format!("{}{beside}", root.rsplit_once('/').map_or("", |(folder, _)| folder)),
        None => format!("{root}{path}"),
    }
}

/// What the configuration switches on; and OpenAI itself speaks Responses.
pub(super) fn dialects(config: &lingate_config::Endpoint) -> Vec<String> {
    let mut all = config.dialects.clone();
    if config.url.host_str() == Some("api.openai.com") {
        all.push(DialectId::OpenAiResponses.name().to_owned());
    }
    all
}

pub(super) fn account(config: &lingate_config::Endpoint) -> Account {
    let password = config.password.as_ref().map_or("", lingate_config::Secret::expose);
    Account::new(config.url.as_str(), config.email.as_deref().unwrap_or_default(), password)
}

pub(super) fn is_openai(host: &str) -> bool {
    host == "api.openai.com" || host.ends_with(".openai.com") || host.ends_with(".openai.azure.com")
}

/// Headers of every call: who we are, the credential, the kind's own, the operator's.
pub(super) fn fixed_headers(config: &lingate_config::Endpoint, backend: &Backend) -> Result<HeaderMap, String> {
    let at = |key: &str| format!("endpoints.{}.{key}: not a legal header", config.name);
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("lingate/", env!("CARGO_PKG_VERSION"))));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    for (name, value) in backend.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(key) = config.api_key.as_ref().filter(|key| !key.is_empty()) {
        let (name, text) = match (&config.auth_header, backend.credential) {
            (Some(name), _) => (name.as_str(), key.expose().to_owned()),
            (None, Credential::Bearer) => ("authorization", format!("Bearer {}", key.expose())),
            (None, Credential::Header(name)) => (name, key.expose().to_owned()),
        };
        let name = HeaderName::try_from(name).map_err(|_| at("auth_header"))?;
        let mut value = HeaderValue::try_from(text).map_err(|_| at("api_key"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    for (name, value) in &config.headers {
        let name = HeaderName::try_from(name).map_err(|_| at("headers"))?;
        let mut value = HeaderValue::try_from(value.expose()).map_err(|_| at("headers"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

pub(super) fn encode_query(pairs: &[(String, lingate_config::Secret)]) -> String {
    let mut serializer = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        serializer.append_pair(name, value.expose());
    }
    serializer.finish()
}

#[cfg(test)]
mod tests {
    use super::{dialects, joined};
    use lingate_config::{BackendKind, Endpoint};

    #[test]
    fn paths_are_below_the_root_or_beside_it() {
        for (root, path, expected) in [
            ("/v1", "/responses", "/v1/responses"),
            ("", "/v1/responses", "/v1/responses"),
            ("/api", "/../openai/responses", "/openai/responses"),
            ("/webui/api", "/../openai/responses", "/webui/openai/responses"),
            ("", "/../openai/responses", "/openai/responses"),
        ] {
            assert_eq!(joined(root, path), expected);
        }
    }

    #[test]
    fn openai_itself_speaks_responses() {
        let speaks = |url: &str| {
            let mut endpoint = Endpoint::new("e", BackendKind::Openai, url).unwrap();
            endpoint.dialects = vec!["anthropic_messages".to_owned()];
            dialects(&endpoint)
        };
        assert_eq!(speaks("https://api.openai.com/v1"), ["anthropic_messages", "openai_responses"]);
        assert_eq!(speaks("https://api.openai.com.evil.invalid/v1"), ["anthropic_messages"]);
    }
}
