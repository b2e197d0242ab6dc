//! The admin listener: health, metrics, the masked configuration and reload. Everything else is 404.
//!
//! Nothing changes by GET; what needs a credential asks for the bearer token of `admin.token`.

mod guard;
mod hosts;
mod masked;

use crate::server::{Reload, Serve};
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{Request, StatusCode, header};
use hyper::body::Incoming;
use lingate_gateway::{Gateway, Peer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// What the handlers work on.
struct Desk {
    gateway: Arc<Gateway>,
    reload: Arc<Reload>,
    started: Instant,
}

/// The admin listener's routes.
#[derive(Clone)]
pub(crate) struct AdminPlane(Router);

/// Makes them.
pub(crate) fn plane(gateway: &Arc<Gateway>, reload: &Arc<Reload>) -> AdminPlane {
    let desk = Arc::new(Desk { gateway: Arc::clone(gateway), reload: Arc::clone(reload), started: Instant::now() });
    let guarded = Router::new()
        .route("/reload", post(reload_now))
        .route("/api/admin/reload", post(reload_now))
        .route("/api/admin/health", get(details))
        .route("/api/admin/debug", get(debug))
        .route_layer(from_fn_with_state(Arc::clone(&desk), guard::credential));
    let routes = Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .merge(guarded)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&desk), guard::origin))
        .layer(from_fn(guard::headers))
        .with_state(desk);
    AdminPlane(routes)
}

impl Serve for AdminPlane {
    type Body = Body;

    async fn serve(self, request: Request<Incoming>, _: Peer) -> Response {
        use hyper::service::Service;
        match hyper_util::service::TowerToHyperService::new(self.0).call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// `{"error": "…"}`.
fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}

async fn unknown() -> Response {
    error(StatusCode::NOT_FOUND, "there is nothing here")
}

async fn wrong_method(request: axum::extract::Request) -> Response {
    // Older programs reloaded by GET as well.
    let message = match request.uri().path() {
        path @ ("/reload" | "/api/admin/reload") => format!("a GET changes nothing: call POST {path}"),
        path => format!("{} is not possible on {path}", request.method()),
    };
    error(StatusCode::METHOD_NOT_ALLOWED, &message)
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn ready(State(desk): State<Arc<Desk>>) -> Response {
    match desk.gateway.is_draining() {
        true => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "draining" }))).into_response(),
        false => Json(json!({ "status": "ready" })).into_response(),
    }
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, desk.gateway.metrics().render()).into_response()
}

async fn details(State(desk): State<Arc<Desk>>) -> Json<Value> {
    let snapshot = desk.gateway.snapshot();
    Json(json!({
        "status": if desk.gateway.is_draining() { "draining" } else { "ok" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": desk.started.elapsed().as_secs(),
        "endpoints": snapshot.endpoints.len(),
        "virtual_models": snapshot.config.virtual_models.len(),
    }))
}

async fn debug(State(desk): State<Arc<Desk>>) -> Json<Value> {
    Json(masked::config(&desk.gateway.snapshot().config))
}

async fn reload_now(State(desk): State<Arc<Desk>>) -> Response {
    let reload = Arc::clone(&desk.reload);
    // It reads files.
    match tokio::task::spawn_blocking(move || reload.run()).await {
        Ok(Ok(())) => Json(json!({ "status": "ok", "message": "configuration reloaded" })).into_response(),
        Ok(Err(why)) => error(StatusCode::UNPROCESSABLE_ENTITY, &why),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "the reload failed; see the log"),
    }
}
