//! A configured upstream, ready to be called: connections, paths, credentials.

use crate::backend::demo;
use crate::backend::openwebui::{self, Account, Session};
use crate::backend::{self, Backend, Credential};
use crate::error::{Class, Failure};
use crate::route::Breaker;
use crate::secrets::Secrets;
use crate::telemetry::Metrics;
use crate::upstream::{
    Answer, AnswerBody, Call, Destination, Paced, Phase, Segments, TimeLimits, TlsFiles, Upstream, UpstreamError,
    client_config,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use hyper_util::client::proxy::matcher::Matcher;
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::{ApiError, Operation};
use lingate_config::{Config, api_root};
use lingate_store::SealedCache;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The largest sign-in answer that is read.
const SIGN_IN_CAP: u64 = 256 * 1024;

/// One upstream.
pub struct Endpoint {
    /// Its configuration.
    pub config: lingate_config::Endpoint,
    /// Its kind.
    pub backend: &'static Backend,
    /// The path part of its API root, without a trailing slash.
    root: String,
    /// The path part of its bare URL.
    bare: String,
    /// Query members of every call, encoded, without a question mark.
    query: String,
    headers: HeaderMap,
    /// The same for calls that carry JSON: made once, so that a call need not add to its copy.
    json_headers: HeaderMap,
    /// The dialects that are switched on besides its kind's own.
    dialects: Vec<String>,
    /// Targets of the backend's own routes, made once.
    routes: Vec<(&'static str, Uri)>,
    transport: Transport,
    session: Option<Arc<Session>>,
    shown_name: HeaderValue,
    secrets: Secrets,
    breaker: Arc<Breaker>,
    /// How its answers are limited.
    max_error_body: u64,
}

enum Transport {
    Http(Arc<Upstream>),
    Demo,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.config.name).finish_non_exhaustive()
    }
}

/// What is asked of an endpoint.
#[derive(Debug, Clone)]
pub struct EndpointCall {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: Path,
    /// Query of this call, encoded, without a question mark.
    pub query: String,
    /// Whether the body is JSON.
    pub json: bool,
    /// Headers of this call; credentials and the endpoint's own are added.
    pub headers: HeaderMap,
    /// The body.
    pub body: Segments,
}

/// A path of an endpoint.
#[derive(Debug, Clone)]
pub enum Path {
    /// A route of the backend's own table, below the API root.
    Native(&'static str),
    /// Below the API root (`/chat/completions`).
    Root(String),
    /// Below the bare URL (`/api/v1/auths/signin`).
    Bare(String),
}

impl EndpointCall {
    /// A GET below the API root.
    pub fn get(path: &str) -> Self {
        Self {
            method: Method::GET,
            path: Path::Root(path.to_owned()),
            query: String::new(),
            json: false,
            headers: HeaderMap::new(),
            body: Segments::default(),
        }
    }

    /// A POST of JSON.
    pub fn post(path: Path, body: impl Into<Segments>) -> Self {
        let (query, headers) = (String::new(), HeaderMap::new());
        Self { method: Method::POST, path, query, json: true, headers, body: body.into() }
    }
}

impl Endpoint {
    /// Makes an endpoint ready; opens no connection.
    ///
    /// # Errors
    /// Names the key of the configuration at fault.
    pub fn new(
        config: &lingate_config::Endpoint,
        whole: &Config,
        proxies: &Arc<Matcher>,
        cache: &SealedCache,
        metrics: &Metrics,
    ) -> Result<Self, String> {
        let backend = backend::backend(config.kind)
            .ok_or_else(|| format!("endpoints.{}.type: {} is not built yet", config.name, config.kind))?;
        let root_url = api_root(config);
        let root = root_url.parse::<Uri>().map(|uri| uri.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        let signs_in = config.email.is_some() && config.password.is_some() && config.api_key.is_none();
        let session = (signs_in && backend.signs_in)
            .then(|| Session::new(account(config), cache.clone(), openwebui::system_clock()));
        let query = encode_query(&config.query);
        let transport = transport(config, whole, proxies)?;
        let mut headers = fixed_headers(config, backend)?;
        if let Transport::Http(upstream) = &transport {
            upstream.name_host(&mut headers);
        }
        let mut json_headers = headers.clone();
        json_headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        Ok(Self {
            backend,
            dialects: dialects(config),
            routes: routes(backend, &root, &query),
            root,
            bare: config.url.path().trim_end_matches('/').to_owned(),
            query,
            headers,
            json_headers,
            transport,
            session,
            shown_name: HeaderValue::try_from(config.name.as_str()).unwrap_or(HeaderValue::from_static("?")),
            secrets: Secrets::of(config),
            breaker: Breaker::new(config.breaker, metrics.circuit(&config.name)),
            max_error_body: whole.max_error_body,
            config: config.clone(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Its name as a header's value.
    pub fn shown_name(&self) -> &HeaderValue {
        &self.shown_name
    }

    /// Its circuit.
    pub(crate) fn breaker(&self) -> &Arc<Breaker> {
        &self.breaker
    }

    /// Waits until its sign-in session is on disk.
    pub async fn flush(&self) {
        if let Some(session) = &self.session {
            session.flushed().await;
        }
    }

    /// The path for requests of this dialect, below the API root, if it takes them natively.
    pub fn native(&self, dialect: DialectId, operation: Operation) -> Option<&'static str> {
        self.backend.native(dialect, operation, &self.dialects)
    }

    /// What its dialect's encoder must know.
    pub fn target(&self) -> lingate_codec::dialect::Target<'static> {
        let mut target = self.backend.target();
        // Only OpenAI's own models refuse `max_tokens`; most services that copy the API know nothing else.
        target.max_completion_tokens &= self.config.url.host_str().is_some_and(is_openai);
        target
    }

    /// Calls it and waits for the answer's head. Signs in before where it must, and once more when the upstream
    /// says that the session is over.
    ///
    /// # Errors
    /// Says how far the call got.
    pub async fn call(&self, call: EndpointCall) -> Result<Answer, Failure> {
        let upstream = match &self.transport {
            Transport::Http(upstream) => upstream,
            Transport::Demo => return Ok(demo_answer(&call)),
        };
        let target = self.uri(&call)?;
        // The call's own headers stand in the place of the endpoint's.
        let mut headers = if call.json { self.json_headers.clone() } else { self.headers.clone() };
        headers.extend(call.headers);
        let call = Call { method: call.method, target, headers, body: call.body };
        let Some(session) = &self.session else { return upstream.send(call).await.map_err(|error| failure(&error)) };

        // Boxed: most endpoints have no session.
        Box::pin(self.call_signed_in(upstream, session, call)).await
    }

    async fn call_signed_in(
        &self,
        upstream: &Arc<Upstream>,
        session: &Arc<Session>,
        mut call: Call,
    ) -> Result<Answer, Failure> {
        let token = self.token(session, upstream).await?;
        call.headers.insert(header::AUTHORIZATION, token.header().clone());
        let answer = upstream.send(call.clone()).await.map_err(|error| failure(&error))?;
        if answer.parts.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let body = answer.body.collect(self.max_error_body).await.map_err(|error| failure(&error))?;
        if !openwebui::is_session_refusal(answer.parts.status, &body) {
            return Ok(Answer { parts: answer.parts, body: AnswerBody::whole(body) });
        }
        session.refused(&token);
        let token = self.token(session, upstream).await?;
        call.headers.insert(header::AUTHORIZATION, token.header().clone());
        upstream.send(call).await.map_err(|error| failure(&error))
    }

    async fn token(&self, session: &Arc<Session>, upstream: &Arc<Upstream>) -> Result<openwebui::Token, Failure> {
        let (upstream, bare) = (upstream.clone(), self.bare.clone());
        let post = move |path: &'static str, body: Bytes| async move {
            let target = format!("{bare}{path}").parse().unwrap_or_else(|_| Uri::from_static(openwebui::SIGN_IN_PATH));
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
            let answer = upstream.send(Call { method: Method::POST, target, headers, body: body.into() }).await?;
            let status = answer.parts.status;
            Ok::<_, UpstreamError>((status, answer.body.collect(SIGN_IN_CAP).await?))
        };
        session.token(post).await.map_err(|error| {
            let told = ApiError::new(error.status.as_u16(), error.message).with_code(error.code);
            let failure = Failure::new(Class::Unsent, told);
            match error.retry_after {
                Some(seconds) => failure.with_retry_after(seconds),
                None => failure,
            }
        })
    }

    fn uri(&self, call: &EndpointCall) -> Result<Uri, Failure> {
        let (base, path) = match &call.path {
            Path::Native(path) => {
                let made = self.routes.iter().find(|(route, _)| route == path && call.query.is_empty());
                if let Some((_, uri)) = made {
                    return Ok(uri.clone());
                }
                (&self.root, *path)
            }
            Path::Root(path) => (&self.root, path.as_str()),
            Path::Bare(path) => (&self.bare, path.as_str()),
        };
        let mut target = joined(base, path);
        for (index, query) in [&self.query, &call.query].into_iter().filter(|query| !query.is_empty()).enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(query);
        }
        target.parse().map_err(|_| Failure::of(ApiError::new(400, "the request's path or query is malformed")))
    }

    /// Takes its credentials out of a text that goes to a client.
    pub fn scrub(&self, text: &mut String) {
        self.secrets.scrub_text(text);
    }

    /// Its credentials, to be kept from clients.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}

fn routes(backend: &Backend, root: &str, query: &str) -> Vec<(&'static str, Uri)> {
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let all = backend.routes.iter().chain(backend.optional_routes);
    all.filter_map(|(_, _, path)| Some((*path, (joined(root, path) + &query).parse().ok()?))).collect()
}

/// A path below the API root, or below the folder that the root stands in if it begins with `/..`.
fn joined(root: &str, path: &str) -> String {
    match path.strip_prefix("/..") {
        Some(beside) => format!("{}{beside}", root.rsplit_once('/').map_or("", |(folder, _)| folder)),
        None => format!("{root}{path}"),
    }
}

/// What the configuration switches on; and OpenAI itself speaks Responses.
fn dialects(config: &lingate_config::Endpoint) -> Vec<String> {
    let mut all = config.dialects.clone();
    if config.url.host_str() == Some("api.openai.com") {
        all.push(DialectId::OpenAiResponses.name().to_owned());
    }
    all
}

fn account(config: &lingate_config::Endpoint) -> Account {
    let password = config.password.as_ref().map_or("", lingate_config::Secret::expose);
    Account::new(config.url.as_str(), config.email.as_deref().unwrap_or_default(), password)
}

fn failure(error: &UpstreamError) -> Failure {
    let class = match error.phase {
        Phase::Connect => Class::Unsent,
        Phase::Sent | Phase::Answering => Class::AfterSend,
    };
    Failure::new(class, crate::pump::from_upstream(error))
}

fn is_openai(host: &str) -> bool {
    host == "api.openai.com" || host.ends_with(".openai.com") || host.ends_with(".openai.azure.com")
}

/// The demo backend answers in this process.
fn demo_answer(call: &EndpointCall) -> Answer {
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if call.method == Method::GET {
        let parts = http::Response::new(()).into_parts().0;
        return Answer { parts, body: AnswerBody::whole(demo::models_body()) };
    }
    let answer = match &call.path {
        Path::Native("/embeddings") => demo::embed(&call.body.to_bytes()),
        _ => demo::answer(&call.body.to_bytes(), created),
    };
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    let pieces = answer.pieces.into_iter().map(|piece| (piece.after, piece.bytes));
    Answer { parts: response.into_parts().0, body: AnswerBody::local(Box::new(Paced::new(pieces.collect()))) }
}

fn transport(config: &lingate_config::Endpoint, whole: &Config, proxies: &Arc<Matcher>) -> Result<Transport, String> {
    if !config.kind.needs_url() {
        return Ok(Transport::Demo);
    }
    let at = |key: &str, why: String| format!("endpoints.{}.{key}: {why}", config.name);
    let host = config.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = config.url.port_or_known_default().unwrap_or(80);
    let files = TlsFiles { ca: config.tls.ca.clone(), cert: config.tls.cert.clone(), key: config.tls.key.clone() };
    let tls = match config.url.scheme() {
        "https" => Some(client_config(&files).map_err(|why| at("tls", why))?),
        _ => None,
    };
    let limits = whole.timeouts_for(config);
    let limits = TimeLimits {
        connect: limits.connect,
        first_byte: limits.first_byte,
        idle: limits.stream_idle,
        total: limits.total,
    };
    let destination = Destination { host, port, tls, proxies: proxies.clone() };
    Ok(Transport::Http(Arc::new(Upstream::new(destination, limits))))
}

/// Headers of every call: who we are, the credential, the kind's own, the operator's.
fn fixed_headers(config: &lingate_config::Endpoint, backend: &Backend) -> Result<HeaderMap, String> {
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

fn encode_query(pairs: &[(String, lingate_config::Secret)]) -> String {
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
