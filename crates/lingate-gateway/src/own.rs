//! Routes that are lingate's own: health, metrics, and what seed 001 had.

use crate::body::Body;
use crate::ingress::routes::Route;
use crate::pipeline::{Exchange, Served};
use http::{HeaderValue, Response, StatusCode, header};
use lingate_codec::ir::ApiError;
use lingate_codec::json::Writer;
use lingate_config::Seed;

/// A current Ollama version, for clients that refuse old ones.
pub(crate) const OLLAMA_VERSION: &str = "0.12.10";

/// Answers a route that needs no key, if it is one.
pub(crate) fn open_route(exchange: &Exchange<'_>, route: &Route<'_>) -> Option<Served> {
    Some(Ok(match route {
        Route::Health => health(exchange),
        Route::Ready => ready(exchange),
        Route::Metrics => text("text/plain; version=0.0.4", exchange.gateway.metrics().render()),
        Route::OllamaRoot => text("text/plain; charset=utf-8", "Ollama is running".to_owned()),
        Route::AnthropicHead => json(Vec::from(b"{}")),
        Route::OllamaVersion => {
            let version = exchange.snapshot.config.ollama_version.as_deref().unwrap_or(OLLAMA_VERSION);
            let mut out = Vec::new();
            let mut w = Writer::new(&mut out);
            w.begin_object();
            w.string_member("version", version);
            w.end_object();
            json(out)
        }
        _ => return None,
    }))
}

/// A JSON answer.
pub(crate) fn json(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn text(content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into_bytes()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Alive. The members beside `status` are seed 001's.
fn health(exchange: &Exchange<'_>) -> Response<Body> {
    let snapshot = &exchange.snapshot;
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.string_member("status", "ok");
    w.integer_member("endpoints", snapshot.endpoints.len());
    w.key("models");
    w.begin_array();
    if snapshot.open || snapshot.config.seed.is_some() {
        for name in &snapshot.names {
            w.begin_object();
            w.string_member("id", name);
            let shown = snapshot.models.get(name).and_then(|model| model.config.display_name.as_deref());
            w.string_member("displayName", shown.unwrap_or(name));
            w.end_object();
        }
    }
    w.end_array();
    w.end_object();
    json(out)
}

fn ready(exchange: &Exchange<'_>) -> Response<Body> {
    if exchange.gateway.is_draining() {
        let mut response = json(Vec::from(br#"{"status":"draining"}"#));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return response;
    }
    json(Vec::from(br#"{"status":"ready"}"#))
}

/// `/debug` and `POST /reload` of seed 001, to peers on this machine alone.
pub(crate) fn seed001(exchange: &Exchange<'_>, route: &Route<'_>) -> Served {
    if exchange.snapshot.config.seed != Some(Seed::S001) || !exchange.peer.is_local() {
        let message = format!("unknown path: {} {}", exchange.parts.method, exchange.parts.uri.path());
        return Err(ApiError::new(404, message).with_code("unknown_path").into());
    }
    match route {
        Route::Reload001 => Ok(reload(exchange)),
        _ => Ok(debug(exchange)),
    }
}

fn reload(exchange: &Exchange<'_>) -> Response<Body> {
    let result = match exchange.gateway.reloader.get() {
        Some(reloader) => reloader(),
        None => Err("there is no file to reload".to_owned()),
    };
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    match &result {
        Ok(()) => {
            let snapshot = exchange.gateway.snapshot();
            w.string_member("status", "ok");
            w.string_member("message", "configuration reloaded");
            w.integer_member("endpoints", snapshot.endpoints.len());
            w.key("models");
            w.begin_array();
            snapshot.names.iter().for_each(|name| w.string(name));
            w.end_array();
        }
        Err(message) => {
            w.string_member("status", "error");
            w.string_member("message", message);
        }
    }
    w.end_object();
    let mut response = json(out);
    if result.is_err() {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    response
}

fn debug(exchange: &Exchange<'_>) -> Response<Body> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.key("endpoints");
    w.begin_object();
    for endpoint in &exchange.snapshot.config.endpoints {
        w.key(&endpoint.name);
        w.begin_object();
        w.string_member("url", endpoint.url.as_str().trim_end_matches('/'));
        w.string_member("apiKey", if endpoint.api_key.is_some() { "***" } else { "" });
        w.end_object();
    }
    w.end_object();
    w.end_object();
    json(out)
}
