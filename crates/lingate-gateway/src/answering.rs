//! From the upstream's answer to the client's: relay or re-encode, whole or streamed.

mod written;

use crate::body::Body;
use crate::error::{Class, Failure};
use crate::headers::REPAIRED;
use crate::ingress::request_id::RequestId;
use crate::outgoing::Outgoing;
use crate::pump::{FirstToken, Intercept, Pump, Sink, Source, Stop, Way, from_upstream};
use crate::recorder::Recorder;
use crate::responses::Keep;
use crate::secrets::Secrets;
use crate::snapshot::Target;
use crate::transforms::Chain;
use crate::upstream::{Answer, AnswerBody};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lingate_codec::dialect::{AnswerContext, Dialect, Remembered};
use lingate_codec::frame::Framing;
use lingate_codec::ir::{ApiError, Event, Operation};
use lingate_codec::relay::{RelayedAnswer, in_band_error, rename};
use std::sync::Arc;
use std::time::{Duration, Instant};

use written::decode_collected;
pub(crate) use written::{fallback, written};

/// The largest whole answer that is read: 64 MiB.
pub(crate) const WHOLE_CAP: u64 = 64 * 1024 * 1024;

/// The client's side of an exchange.
pub(crate) struct Client {
    /// Its dialect.
    pub dialect: &'static dyn Dialect,
    /// Whether it wants a stream.
    pub stream: bool,
    /// Whether it asked for the usage frame of a stream.
    pub include_usage: bool,
    /// The model's name as the client asked for it.
    pub model: String,
    /// The request's id, for ids that the upstream does not give.
    pub id: RequestId,
    /// When the request came in, seconds since 1970.
    pub created: u64,
    /// What was asked.
    pub operation: Operation,
    /// What of the request the answer must keep to.
    pub remembered: Remembered,
    /// Whether the answer's model is to have the name that was asked for.
    pub rename: bool,
    /// The request's id as the client is told it.
    pub shown_id: HeaderValue,
    /// When the request came in.
    pub started: Instant,
    /// How long a stream's head waits for its first meaningful event.
    pub holdback: Duration,
    /// How long a client that wants a stream may hear nothing; `None`: for ever.
    pub keep_alive: Option<Duration>,
    /// How much of an upstream's error body is read.
    pub max_error_body: u64,
    /// Whether an answer without content counts as failed.
    pub refuse_empty: bool,
    /// What is to become of the answer besides, in a dialect that has state.
    pub keep: Option<Keep>,
    /// Whether it reads what is said after a stream.
    pub trailers: bool,
}

impl Client {
    /// What an encoder must know.
    pub(crate) fn context(&self) -> AnswerContext {
        AnswerContext {
            model: self.model.clone(),
            id: self.id.as_str().replace('-', ""),
            created: self.created,
            operation: self.operation,
            include_usage: self.include_usage,
            tools: self.remembered.tools.clone(),
            echo: self.remembered.echo.clone(),
        }
    }

    /// Appends an error inside a stream that has begun; nothing may follow it.
    pub(crate) fn in_band_error(&self, error: &ApiError, out: &mut Vec<u8>) {
        in_band_error(self.dialect, error, self.shown_id.to_str().unwrap_or_default(), out);
    }

    /// How long a stream's head is held by a clock of its own. Where a sign of life comes first, that commits it.
    fn holdback(&self) -> Option<Duration> {
        Some(self.holdback).filter(|holdback| self.keep_alive.is_none_or(|first| *holdback < first))
    }
}

/// An answer ready for the client: content type, further headers, body.
pub(crate) struct Answered {
    /// The body's type.
    pub content_type: HeaderValue,
    /// Headers taken over from the upstream.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// Turns an upstream's answer into the client's.
///
/// # Errors
/// The upstream refused or failed before anything was sent to the client.
pub(crate) async fn answer(
    client: &Arc<Client>,
    target: &Target,
    outgoing: &Outgoing,
    answer: Answer,
    recorder: &mut Option<Recorder>,
    stop: &Stop,
) -> Result<Answered, Failure> {
    let answered = read(client, target, outgoing, answer, recorder, stop).await;
    answered.map_err(|mut failure| {
        target.endpoint.secrets().scrub(&mut failure.error);
        failure
    })
}

async fn read(
    client: &Arc<Client>,
    target: &Target,
    outgoing: &Outgoing,
    answer: Answer,
    recorder: &mut Option<Recorder>,
    stop: &Stop,
) -> Result<Answered, Failure> {
    let headers = forwarded(&answer.parts.headers);
    if answer.parts.status != StatusCode::OK {
        return Err(refusal(outgoing.dialect, client.max_error_body, answer, headers).await);
    }
    if is_html(&answer.parts.headers) {
        return Err(not_an_api());
    }
    if crate::ingress::body::has_encoding(&answer.parts.headers) {
        return Err(coded());
    }
    let streamed = is_stream(&answer.parts.headers, outgoing);
    let first_token = answer.parts.extensions.get::<FirstToken>().copied();
    if streamed && client.stream {
        let secrets = target.endpoint.secrets().clone();
        return stream(client, outgoing, (answer.body, first_token), secrets, headers, recorder, stop).await;
    }
    let body = answer.body.collect(WHOLE_CAP);
    let body = match first_token {
        // All of it comes at once: that is when its first piece comes.
        Some(first) => {
            let late = |_| Failure::new(Class::AfterSend, first.error());
            tokio::time::timeout_at(first.by, body).await.map_err(late)?
        }
        None => body.await,
    };
    let body = body.map_err(|error| broken(&error))?;
    let streamed = streamed || looks_like_sse(outgoing.dialect, &body);
    if outgoing.relay && !streamed && !client.stream {
        return relay_whole(client, outgoing, body, headers, recorder);
    }
    whole(client, outgoing, &body, streamed, headers, recorder)
}

async fn stream(
    client: &Arc<Client>,
    outgoing: &Outgoing,
    (body, first_token): (AnswerBody, Option<FirstToken>),
    secrets: Secrets,
    headers: HeaderMap,
    recorder: &mut Option<Recorder>,
    stop: &Stop,
) -> Result<Answered, Failure> {
    let chain = chain(client, outgoing);
    let mut headers = headers;
    if client.trailers && chain.is_some() {
        headers.insert(header::TRAILER, HeaderValue::from_static("x-lingate-repaired"));
    }
    let way = if outgoing.relay {
        let model = client.rename.then(|| client.model.clone());
        let relayed = RelayedAnswer::new(model, !client.include_usage);
        match chain {
            Some(chain) => Way::Intercept(Box::new(Intercept::new(relayed, chain, client.rename))),
            None => Way::Relay(relayed),
        }
    } else {
        Way::ReEncode(client.dialect.stream_encoder(client.context()), chain)
    };
    let Some(listener) = recorder.take() else {
        return Err(ApiError::new(500, "the request was answered twice").into());
    };
    let source = Source { body, dialect: outgoing.dialect, operation: outgoing.operation, first_token };
    let sink = Sink {
        client: client.clone(),
        way,
        recorder: listener,
        secrets,
        stop: stop.watch(),
        keep: client.keep.clone(),
    };
    let mut pump = Box::new(Pump::new(source, sink));
    let failure = match pump.prime(client.holdback()).await {
        Err(failure) => Some(failure.with_headers(headers.clone())),
        Ok(()) if client.refuse_empty && pump.is_empty() => Some(no_content()),
        Ok(()) => None,
    };
    if let Some(failure) = failure {
        *recorder = Some(pump.into_recorder());
        return Err(failure);
    }
    Ok(Answered { content_type: stream_type(client.dialect), headers, body: Body::Stream(pump) })
}

/// What the answer goes through.
fn chain(client: &Client, outgoing: &Outgoing) -> Option<Chain> {
    outgoing.recipe.chain(|| client.id.as_str().replace('-', ""))
}

/// The content type of a client's stream.
pub(crate) fn stream_type(dialect: &dyn Dialect) -> HeaderValue {
    HeaderValue::from_static(dialect.framing().content_type())
}

/// A whole answer of the client's own dialect: passed on as it is but for the model's name.
fn relay_whole(
    client: &Client,
    outgoing: &Outgoing,
    body: Bytes,
    headers: HeaderMap,
    recorder: &mut Option<Recorder>,
) -> Result<Answered, Failure> {
    let mut events = Vec::new();
    let chain = chain(client, outgoing);
    let place = if chain.is_some() || client.refuse_empty {
        outgoing.dialect.decode_response(outgoing.operation, &body, &mut events);
        outgoing.dialect.find_model(b"", &body)
    } else {
        outgoing.dialect.tap_response(outgoing.operation, &body, &mut events)
    };
    if let Some(mut chain) = chain {
        chain.run(&mut events);
        if chain.changed() {
            return rewritten(client, events, Some(&chain), headers, recorder);
        }
    }
    observe(&events, recorder);
    if let Some(error) = error_of(&events) {
        return Err(said_inside(error).with_headers(headers));
    }
    if client.refuse_empty && !has_content(&events) {
        return Err(no_content());
    }
    let edit = place.filter(|_| client.rename).and_then(|place| rename(place, &client.model, &body));
    let body = match edit {
        None => body,
        Some((range, new)) => [&body[..range.start], &new, &body[range.end..]].concat().into(),
    };
    Ok(Answered { content_type: HeaderValue::from_static("application/json"), headers, body: Body::Whole(body) })
}

/// An answer that was read whole, whatever its form, written in the form that the client wants.
fn whole(
    client: &Client,
    outgoing: &Outgoing,
    body: &[u8],
    streamed: bool,
    headers: HeaderMap,
    recorder: &mut Option<Recorder>,
) -> Result<Answered, Failure> {
    let mut events = Vec::new();
    if streamed {
        decode_collected(outgoing, body, &mut events);
    } else {
        outgoing.dialect.decode_response(outgoing.operation, body, &mut events);
    }
    let mut chain = chain(client, outgoing);
    if let Some(chain) = &mut chain {
        chain.run(&mut events);
    }
    rewritten(client, events, chain.as_ref(), headers, recorder)
}

/// A whole answer as its events are now.
fn rewritten(
    client: &Client,
    events: Vec<Event>,
    chain: Option<&Chain>,
    mut headers: HeaderMap,
    recorder: &mut Option<Recorder>,
) -> Result<Answered, Failure> {
    observe(&events, recorder);
    if let Some(error) = error_of(&events) {
        return Err(said_inside(error).with_headers(headers));
    }
    if client.refuse_empty && !has_content(&events) {
        return Err(no_content());
    }
    let repaired = chain.map(Chain::repaired).unwrap_or_default();
    if !repaired.is_empty() {
        headers.insert(REPAIRED, HeaderValue::from(repaired.iter().map(|(_, count)| *count).sum::<u32>()));
        if let Some(recorder) = recorder {
            recorder.repaired(repaired);
        }
    }
    Ok(Answered { headers, ..written(client, events) })
}

fn observe(events: &[Event], recorder: &mut Option<Recorder>) {
    if let Some(recorder) = recorder {
        events.iter().for_each(|event| recorder.observe(event));
    }
}

fn error_of(events: &[Event]) -> Option<&ApiError> {
    events.iter().find_map(|event| match event {
        Event::Error(error) => Some(error),
        _ => None,
    })
}

/// An error in place of an answer, under status 200.
fn said_inside(error: &ApiError) -> Failure {
    Failure::new(Class::of_first_event(error.status), error.clone())
}

fn has_content(events: &[Event]) -> bool {
    events.iter().any(|event| {
        matches!(event, Event::Text(_) | Event::Refusal(_) | Event::ToolCallStart { .. } | Event::Reasoning(_))
    })
}

/// A compressed answer: none is asked for, and none is read.
fn coded() -> Failure {
    let message = "the upstream answered in a content coding that was not asked for";
    Failure { error: ApiError::upstream(message).with_code("upstream_encoding"), ..not_an_api() }
}

fn no_content() -> Failure {
    let error = ApiError::upstream("the upstream gave an empty answer").with_code("empty_answer");
    Failure::new(Class::Empty, error)
}

pub(crate) fn not_an_api() -> Failure {
    let error = ApiError::upstream("the upstream answered with a web page, not an API").with_code("upstream_not_api");
    Failure::new(Class::NotAnApi, error)
}

/// A connection that broke while a whole answer was read: the model ran.
pub(crate) fn broken(error: &crate::upstream::UpstreamError) -> Failure {
    Failure::new(Class::AfterSend, from_upstream(error))
}

/// An answer whose status is not 200: the error in the client's dialect, the upstream's own body where that is
/// the same dialect.
pub(crate) async fn refusal(dialect: &dyn Dialect, max_error_body: u64, answer: Answer, headers: HeaderMap) -> Failure {
    let status = answer.parts.status.as_u16();
    if answer.parts.status.is_redirection() {
        let error = ApiError::upstream("the upstream answered with a redirect").with_code("upstream_redirect");
        return Failure::new(Class::NotAnApi, error);
    }
    if !(400..600).contains(&status) {
        // Only errors are passed on: a client that gets 101 would take the connection for something else.
        let message = format!("the upstream answered with status {status}");
        let error = ApiError::upstream(message).with_code("upstream_not_api");
        return Failure::new(Class::NotAnApi, error);
    }
    // What is compressed cannot be read, and the status says enough.
    let coded = crate::ingress::body::has_encoding(&answer.parts.headers);
    let body = if coded { Bytes::new() } else { answer.body.collect(max_error_body).await.unwrap_or_default() };
    let mut error = dialect.decode_error(status, &body);
    if status == 401 {
        // The client's own key is fine; the credential that was refused is the gateway's.
        error.status = 502;
        error.kind = lingate_codec::ir::ErrorKind::Api;
        error.code = Some("upstream_auth".to_owned());
        error.message = format!("the upstream refused the gateway's credential: {}", error.message);
    }
    Failure::new(Class::of_status(status), error).with_headers(headers)
}

/// Headers of an upstream that a client may see: limits and when to come back.
pub(crate) fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut out = HeaderMap::new();
    for (name, value) in headers {
        let text = name.as_str();
        let pass = text.starts_with("x-ratelimit-")
            || text.starts_with("anthropic-ratelimit-")
            || matches!(text, "retry-after" | "retry-after-ms" | "x-should-retry" | "openai-processing-ms");
        if pass {
            out.append(name.clone(), value.clone());
        }
    }
    out
}

fn media_type(headers: &HeaderMap) -> &[u8] {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    // A plain search: for so short a text, a searching function costs more.
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    value[..end].trim_ascii()
}

pub(crate) fn is_html(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case(b"text/html")
}

/// Whether the body is a stream: by its type; where the type says nothing, by what was asked.
fn is_stream(headers: &HeaderMap, outgoing: &Outgoing) -> bool {
    match media_type(headers) {
        b"text/event-stream" | b"application/x-ndjson" | b"application/jsonl" => true,
        b"application/json" => outgoing.stream && outgoing.dialect.framing() == Framing::Ndjson,
        _ => outgoing.stream,
    }
}

/// Whether a body that calls itself JSON is an event stream all the same.
fn looks_like_sse(dialect: &dyn Dialect, body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    dialect.framing() == Framing::Sse && (start.starts_with(b"data:") || start.starts_with(b"event:"))
}
