//! A request's whole life, one comment a step that says why it stands there.

use crate::body::Body;
use crate::error::Failure;
use crate::gateway::{Gateway, Peer};
use crate::headers::{ANTHROPIC_REQUEST_ID, ANTHROPIC_VERSION, LINGATE_REQUEST_ID, REQUEST_ID};
use crate::ingress::body::BodyError;
use crate::ingress::request_id::{self, RequestId};
use crate::ingress::routes::{self, Found, PathFamily, Route};
use crate::ingress::{body, credential, hosts};
use crate::snapshot::Snapshot;
use crate::telemetry::Metrics;
use crate::{chat, embeddings, models, own, passthrough, responses};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::ApiError;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a request's body may stand still.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// One request and what is known of it from the start.
pub(crate) struct Exchange<'g> {
    pub(crate) gateway: &'g Gateway,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) parts: Parts,
    pub(crate) peer: Peer,
    pub(crate) started: Instant,
    pub(crate) unix: Duration,
    pub(crate) id: RequestId,
    /// The id that the client is told: its own, if it sent a well-formed one.
    pub(crate) shown_id: HeaderValue,
    /// The models that the client's key may use; empty: all.
    pub(crate) allowed_models: Vec<String>,
    /// The name of the client's key; `None` where none is needed.
    pub(crate) client_key: Option<String>,
}

/// What a step gives back.
pub(crate) type Served = Result<Response<Body>, Failure>;

/// Answers one request.
pub(crate) async fn run<B>(gateway: &Gateway, request: Request<B>, peer: Peer) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Unpin + Send,
{
    let (parts, body) = request.into_parts();
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = gateway.ids.next(u64::try_from(unix.as_millis()).unwrap_or(u64::MAX));
    let shown_id = request_id::client_id(&parts.headers).unwrap_or_else(|| id.into());
    let mut exchange = Exchange {
        gateway,
        snapshot: gateway.snapshot(),
        parts,
        peer,
        started: Instant::now(),
        unix,
        id,
        shown_id,
        allowed_models: Vec::new(),
        client_key: None,
    };
    let under_way = UnderWay::new(gateway.metrics());
    let mut response = serve(&mut exchange, body).await;
    drop(under_way);
    finish(&exchange, &mut response);
    response
}

/// Counts a request while it is handled, also one whose client leaves meanwhile: then it is dropped wherever it waits.
struct UnderWay<'m>(&'m Metrics);

impl<'m> UnderWay<'m> {
    fn new(metrics: &'m Metrics) -> Self {
        metrics.in_flight.inc();
        Self(metrics)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

async fn serve<B>(exchange: &mut Exchange<'_>, body: B) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Unpin + Send,
{
    // A browser that was led here by a foreign name must not get anything, so the host is looked at first.
    let host = exchange.parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| exchange.parts.uri.authority().map(http::uri::Authority::as_str));
    if !hosts::is_allowed_host(host, &exchange.snapshot.config.allowed_hosts) {
        let message = "this host name is not served; add it to `allowed_hosts` in the configuration";
        return refuse(exchange, DialectId::OpenAiChat, ApiError::new(421, message).into());
    }
    // A browser's preflight carries no key and counts for no limit.
    if exchange.parts.method == Method::OPTIONS {
        return preflight(exchange);
    }
    let path = exchange.parts.uri.path().to_owned();
    let route = match routes::find(&exchange.parts.method, &path, &exchange.snapshot.config.passthrough) {
        Found::Route(route) => route,
        Found::WrongMethod { allow, family } => return wrong_method(exchange, allow, family),
        Found::Unknown { family } => return unknown_path(exchange, family),
    };
    let dialect = dialect_of(&route, exchange);
    match dispatch(exchange, route, body).await {
        Ok(response) => response,
        Err(failure) => refuse(exchange, dialect, failure),
    }
}

async fn dispatch<B>(exchange: &mut Exchange<'_>, route: Route<'_>, body: B) -> Served
where
    B: http_body::Body<Data = Bytes> + Unpin + Send,
{
    // What tells only that lingate is there needs no key.
    if let Some(response) = own::open_route(exchange, &route) {
        return response;
    }
    // The limit stands before the key check: guessing keys is limited, too.
    limit(exchange)?;
    authenticate(exchange)?;
    // Only now is the body read: nobody without a key makes lingate hold one.
    let body = read_body(exchange, body).await?;
    // Boxed where chats do not go: the room for a request's state is that of its largest branch.
    match route {
        Route::Chat(dialect, operation) => chat::serve(exchange, dialect, operation, body).await,
        Route::PassThrough(path) => Box::pin(passthrough::serve(exchange, path, body)).await,
        Route::Embeddings(id) => Box::pin(embeddings::serve(exchange, id, body)).await,
        Route::StoredResponse(id, part) => Box::pin(responses::serve(exchange, &id, part)).await,
        Route::Reload001 | Route::Debug001 => own::seed001(exchange, &route),
        route => Box::pin(models::serve(exchange, &route, &body)).await,
    }
}

fn limit(exchange: &Exchange<'_>) -> Result<(), Failure> {
    let Some(limit) = &exchange.snapshot.limit else { return Ok(()) };
    let now = u64::try_from(exchange.unix.as_nanos()).unwrap_or(u64::MAX);
    limit.admit(now).map_err(|wait| {
        exchange.gateway.metrics().limited.inc();
        let error = ApiError::new(429, "rate limit exceeded").with_code("rate_limit_exceeded");
        Failure::of(error).with_retry_after(wait.as_secs() + 1)
    })
}

fn authenticate(exchange: &mut Exchange<'_>) -> Result<(), Failure> {
    if exchange.snapshot.open {
        return Ok(());
    }
    let refused = |message: &str| Failure::of(ApiError::new(401, message).with_code("invalid_api_key"));
    let presented = credential::read(&exchange.parts.headers)
        .map_err(|_| Failure::of(ApiError::new(400, "the request carries two different keys")))?
        .ok_or_else(|| refused("a key is needed: send it as `Authorization: Bearer KEY`"))?;
    let entry = exchange
        .snapshot
        .keys
        .check(presented, exchange.unix.as_secs())
        .ok_or_else(|| refused("the key is unknown or has expired"))?;
    let (models, name) = (entry.models.clone(), entry.name.clone());
    exchange.allowed_models = models;
    exchange.client_key = Some(name);
    Ok(())
}

async fn read_body<B>(exchange: &Exchange<'_>, content: B) -> Result<Bytes, Failure>
where
    B: http_body::Body<Data = Bytes> + Unpin + Send,
{
    let headers = &exchange.parts.headers;
    if body::has_encoding(headers) {
        return Err(ApiError::new(415, "compressed request bodies are not accepted").into());
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let cap = exchange.snapshot.config.max_body;
    body::read(content, declared, cap, BODY_PATIENCE).await.map_err(|error| unread(error).into())
}

fn unread(error: BodyError) -> ApiError {
    let status = match error {
        BodyError::TooLarge { .. } => 413,
        BodyError::Slow => 408,
        BodyError::Broken => 400,
    };
    ApiError::new(status, error.to_string())
}

/// Whose error body a route's failure has.
fn dialect_of(route: &Route<'_>, exchange: &Exchange<'_>) -> DialectId {
    match route {
        Route::Chat(dialect, _) => *dialect,
        Route::StoredResponse(..) => DialectId::OpenAiResponses,
        Route::Embeddings(id) => id.dialect().errors(),
        Route::CountTokens | Route::AnthropicHead => DialectId::AnthropicMessages,
        Route::Models | Route::Model(_) if exchange.parts.headers.contains_key(ANTHROPIC_VERSION) => {
            DialectId::AnthropicMessages
        }
        Route::OllamaRoot
        | Route::OllamaVersion
        | Route::OllamaTags
        | Route::OllamaShow
        | Route::OllamaPs
        | Route::OllamaManage => DialectId::Ollama,
        _ => DialectId::OpenAiChat,
    }
}

/// A failure in the client's dialect.
pub(crate) fn refuse(exchange: &Exchange<'_>, dialect: DialectId, failure: Failure) -> Response<Body> {
    let dialect = dialect.dialect();
    let mut body = Vec::new();
    dialect.encode_error(&failure.error, exchange.shown_id.to_str().unwrap_or_default(), &mut body);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(dialect.error_status(&failure.error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().extend(failure.headers);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn family_dialect(family: PathFamily) -> DialectId {
    match family {
        PathFamily::OpenAi => DialectId::OpenAiChat,
        PathFamily::Anthropic => DialectId::AnthropicMessages,
        PathFamily::Ollama => DialectId::Ollama,
    }
}

fn wrong_method(exchange: &Exchange<'_>, allow: &'static str, family: PathFamily) -> Response<Body> {
    let message = format!("{} is not allowed here; allowed: {allow}", exchange.parts.method);
    let failure = Failure::of(ApiError::new(405, message));
    refuse(exchange, family_dialect(family), failure.with_header(header::ALLOW, HeaderValue::from_static(allow)))
}

fn unknown_path(exchange: &Exchange<'_>, family: PathFamily) -> Response<Body> {
    let message = format!("unknown path: {} {}", exchange.parts.method, exchange.parts.uri.path());
    refuse(exchange, family_dialect(family), ApiError::new(404, message).with_code("unknown_path").into())
}

fn preflight(exchange: &Exchange<'_>) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    match exchange.snapshot.cors.preflight(&exchange.parts.headers) {
        Some(headers) => response.headers_mut().extend(headers),
        None => return wrong_method(exchange, "GET, POST", PathFamily::OpenAi),
    }
    response
}

/// Headers that every answer has.
fn finish(exchange: &Exchange<'_>, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, exchange.shown_id.clone());
    headers.insert(LINGATE_REQUEST_ID, exchange.id.into());
    // Anthropic's SDKs read the id under this name.
    let path = exchange.parts.uri.path().as_bytes();
    if path.windows(9).any(|part| part == b"/messages") || exchange.parts.headers.contains_key(ANTHROPIC_VERSION) {
        headers.insert(ANTHROPIC_REQUEST_ID, exchange.shown_id.clone());
    }
    exchange.snapshot.cors.decorate(exchange.parts.headers.get(header::ORIGIN), headers);
    exchange.gateway.metrics().answered(response.status().as_u16());
    tracing::debug!(
        target: "lingate::access",
        request_id = %exchange.id,
        method = %exchange.parts.method,
        path = exchange.parts.uri.path(),
        status = response.status().as_u16(),
        duration_ms = exchange.started.elapsed().as_secs_f64() * 1e3,
        peer = exchange.peer.address.map(tracing::field::display),
        "{} {}",
        exchange.parts.method,
        exchange.parts.uri.path(),
    );
}
