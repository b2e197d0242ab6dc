//! A configured upstream, ready to be called: connections, paths, credentials, limits.

mod gate;
mod health;
mod limits;
mod local;
mod rates;
mod setup;
mod state;

pub(crate) use limits::CallLimits;

use crate::backend::openwebui::{self, Session};
use crate::backend::{self, Backend};
use crate::error::{Class, Failure};
use crate::job::{Ask, Jobs};
use crate::route::Breaker;
use crate::secrets::Secrets;
use crate::telemetry::Metrics;
use crate::upstream::{
    Answer, AnswerBody, Call, Destination, Phase, Segments, TimeLimits, TlsFiles, Upstream, UpstreamError,
    client_config,
};
use bytes::Bytes;
use gate::Gate;
use health::Health;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use hyper_util::client::proxy::matcher::Matcher;
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::{ApiError, Operation};
use lingate_config::{Config, api_root};
use lingate_store::SealedCache;
use local::demo_answer;
use setup::{account, dialects, encode_query, fixed_headers, is_openai, joined, routes};
use std::sync::Arc;

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
    /// Its load limits, if it has some.
    gate: Option<Arc<Gate>>,
    /// What its health checks say, if it has some.
    health: Option<Health>,
    shown_name: HeaderValue,
    secrets: Secrets,
    breaker: Arc<Breaker>,
    /// How its answers are limited.
    max_error_body: u64,
    /// Limits that its connections do not know of themselves.
    limits: Option<CallLimits>,
}

enum Transport {
    Http(Arc<Upstream>),
    /// A queue of jobs.
    Job(Box<Jobs>),
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
    /// Whether a model works on it: then it counts for the endpoint's load limits.
    pub work: bool,
    /// Time limits in place of the endpoint's own.
    pub(crate) limits: Option<CallLimits>,
    /// Headers of this call; credentials and the endpoint's own are added.
    pub headers: HeaderMap,
    /// The body.
    pub body: Segments,
    /// Whether a stream may tell what a job waits for, where the call is one.
    pub job_status: bool,
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
            work: false,
            limits: None,
            headers: HeaderMap::new(),
            body: Segments::default(),
            job_status: false,
        }
    }

    /// A POST of JSON.
    pub fn post(path: Path, body: impl Into<Segments>) -> Self {
        let (query, headers) = (String::new(), HeaderMap::new());
        let (json, work, limits, job_status) = (true, false, None, false);
        Self { method: Method::POST, path, query, json, work, limits, headers, body: body.into(), job_status }
    }

    /// A POST of JSON that a model works on.
    pub fn work(path: Path, body: impl Into<Segments>) -> Self {
        Self { work: true, ..Self::post(path, body) }
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
        let backend = backend::backend(config);
        let root_url = api_root(config);
        let root = root_url.parse::<Uri>().map(|uri| uri.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        let signs_in = config.email.is_some() && config.password.is_some() && config.api_key.is_none();
        let session = (signs_in && backend.signs_in)
            .then(|| Session::new(account(config), cache.clone(), openwebui::system_clock()));
        let query = encode_query(&config.query);
        let mut headers = fixed_headers(config, backend)?;
        let transport = transport(config, whole, proxies, (backend, &root, &query, &headers))?;
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
            gate: None,
            health: None,
            shown_name: HeaderValue::try_from(config.name.as_str()).unwrap_or(HeaderValue::from_static("?")),
            secrets: Secrets::of(config),
            breaker: Breaker::new(config.breaker, metrics.circuit(&config.name)),
            max_error_body: whole.max_error_body,
            limits: CallLimits::of_endpoint(whole, config),
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

    /// Waits until its sign-in session is on disk, and what nobody waits for any more is cancelled.
    pub async fn flush(&self) {
        if let Transport::Job(jobs) = &self.transport {
            jobs.settled().await;
        }
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

    /// Calls it and waits for the answer's head. Waits for a place before, where places are limited; the place is the
    /// answer's until its last byte. Signs in before where it must, and once more when the upstream says that the
    /// session is over.
    ///
    /// # Errors
    /// Says how far the call got.
    pub async fn call(&self, call: EndpointCall) -> Result<Answer, Failure> {
        match &self.gate {
            // Boxed: most endpoints have no limits.
            Some(gate) if call.work => Box::pin(self.call_through(gate, call)).await,
            _ => self.send(call).await,
        }
    }

    async fn call_through(&self, gate: &Arc<Gate>, call: EndpointCall) -> Result<Answer, Failure> {
        let place = gate.clone().enter(self.name()).await?;
        let mut answer = self.send(call).await?;
        answer.body.hold(place);
        Ok(answer)
    }

    async fn send(&self, call: EndpointCall) -> Result<Answer, Failure> {
        let upstream = match &self.transport {
            Transport::Http(upstream) => upstream,
            Transport::Demo => return Ok(demo_answer(&call)),
            // Boxed: its future is large, and most endpoints have none.
            Transport::Job(jobs) => return Box::pin(self.call_job(jobs, call)).await,
        };
        let target = self.uri(&call)?;
        // The call's own headers stand in the place of the endpoint's.
        let mut headers = if call.json { self.json_headers.clone() } else { self.headers.clone() };
        if let Some(describe) = self.backend.describe.filter(|_| call.json) {
            describe(&self.config, &call.body.to_bytes(), &mut headers);
        }
        headers.extend(call.headers);
        let (limits, own) = (call.limits, Call { method: call.method, target, headers, body: call.body, limits: None });
        if let Some(limits) = limits {
            return Box::pin(self.send_within(limits, upstream, own)).await;
        }
        let Some(session) = &self.session else { return upstream.send(own).await.map_err(|error| failure(&error)) };

        // Boxed: most endpoints have no session.
        Box::pin(self.call_signed_in(upstream, session, own)).await
    }

    /// Sends under limits of the call's own.
    async fn send_within(
        &self,
        limits: CallLimits,
        upstream: &Arc<Upstream>,
        mut call: Call,
    ) -> Result<Answer, Failure> {
        let first = limits.first_token();
        call.limits = Some(limits.with_head());
        let answered = match &self.session {
            Some(session) => self.call_signed_in(upstream, session, call).await,
            None => upstream.send(call).await.map_err(|error| failure(&error)),
        };
        limits::watched(answered, first)
    }

    async fn call_job(&self, jobs: &Jobs, call: EndpointCall) -> Result<Answer, Failure> {
        let path = match call.path {
            Path::Native(path) => path.to_owned(),
            Path::Root(path) | Path::Bare(path) => path,
        };
        if call.method == Method::GET {
            return if path == self.backend.models_path { Ok(Jobs::list()) } else { jobs.get(&path).await };
        }
        let first = call.limits.and_then(CallLimits::first_token);
        let mut headers = self.json_headers.clone();
        headers.extend(call.headers);
        let limits = call.limits.map(CallLimits::with_head);
        let ask = Ask { path, headers, body: call.body.to_bytes(), status: call.job_status, limits };
        let answered = jobs.call(ask).await.map_err(|mut failure| {
            self.secrets.scrub(&mut failure.error);
            failure
        });
        limits::watched(answered, first)
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
            let answer =
                upstream.send(Call { method: Method::POST, target, headers, body: body.into(), limits: None }).await?;
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

pub(crate) fn failure(error: &UpstreamError) -> Failure {
    let class = match error.phase {
        Phase::Connect => Class::Unsent,
        Phase::Sent | Phase::Answering => Class::AfterSend,
    };
    Failure::new(class, crate::pump::from_upstream(error))
}

fn transport(
    config: &lingate_config::Endpoint,
    whole: &Config,
    proxies: &Arc<Matcher>,
    (backend, root, query, headers): (&Backend, &str, &str, &HeaderMap),
) -> Result<Transport, String> {
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
    let limits = TimeLimits::from(whole.timeouts_for(config));
    let destination = Destination { host, port, tls, proxies: proxies.clone() };
    if backend.jobs {
        let upstream = |limits| Upstream::new(destination, limits);
        return Ok(Transport::Job(Box::new(Jobs::new(upstream, limits, config, (root, query), headers.clone()))));
    }
    Ok(Transport::Http(Arc::new(Upstream::new(destination, limits))))
}
