//! A chat request: find the model, try its targets, answer.

use crate::answering::{Answered, Client, answer};
use crate::attempt::{Attempt, Waiting, in_place_of, unless_silent};
use crate::body::Body;
use crate::endpoint::EndpointCall;
use crate::error::Failure;
use crate::headers::{self, ATTEMPTS, DROPPED, ENDPOINT, FALLBACK, WARNING};
use crate::outgoing::{Incoming, Outgoing, prepare};
use crate::own::json;
use crate::pipeline::{Exchange, Served};
use crate::pump::{Silence, stamp};
use crate::recorder::{Place, Recorder};
use crate::responses;
use crate::snapshot::{Target, VirtualModel};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use lingate_codec::dialect::{DialectId, Envelope};
use lingate_codec::ir::{ApiError, Operation};
use lingate_config::ResponseModel;
use std::sync::Arc;
use std::time::Duration;

/// The longest `x-lingate-dropped`.
const DROPPED_CAP: usize = 1024;

/// Answers a chat or generate request.
pub(crate) async fn serve(exchange: &Exchange<'_>, dialect: DialectId, operation: Operation, body: Bytes) -> Served {
    let asked = Envelope::probe(dialect.dialect(), &body)?;
    if asked.model.is_empty() {
        return Err(ApiError::invalid("model", "`model` is required").into());
    }
    let model = exchange.find_model(&asked.model).await?;
    // State that the request refers to is put in its place before anything else reads it.
    let turn = responses::begin(exchange, dialect, &body, &asked, &model).await?;
    let (body, envelope) = match &turn.body {
        Some(expanded) => (expanded, Envelope::probe(dialect.dialect(), expanded)?),
        None => (&body, asked),
    };
    let mut client = client(exchange, dialect, operation, &envelope, &model);
    client.keep = turn.keep;
    let client = Arc::new(client);
    let version = headers::version(&exchange.parts.headers);
    let catalogue = &exchange.snapshot.catalogue;
    let incoming = Incoming { dialect, operation, body, envelope: &envelope, version, catalogue };
    if let Some(response) = loaded(&client, dialect, &envelope, &model)? {
        return Ok(response);
    }
    let mut recorder = Some(Recorder::new(exchange.started, exchange.id, client.model.clone(), envelope.stream));
    match attempts(exchange, &incoming, &model, &client, &mut recorder).await {
        Ok(response) => Ok(kept(&client, response).await),
        Err(failure) => match in_place_of(&failure, &model, &client, &mut recorder) {
            Some(answered) => {
                let mut response = bare(answered);
                response.headers_mut().insert(FALLBACK, HeaderValue::from_static("1"));
                Ok(kept(&client, response).await)
            }
            None => Err(failure),
        },
    }
}

/// A whole answer after it was stored; a stream stores itself at its end.
async fn kept(client: &Client, response: Response<Body>) -> Response<Body> {
    match &client.keep {
        Some(keep) => Box::pin(keep.response(response)).await,
        None => response,
    }
}

/// Tries targets, best first, until one answers or the attempts are used up. A client that wants a stream and has
/// heard nothing for too long gets its head and a sign of life; the attempt of that moment is then the last one.
async fn attempts(
    exchange: &Exchange<'_>,
    incoming: &Incoming<'_>,
    model: &Arc<VirtualModel>,
    client: &Arc<Client>,
    recorder: &mut Option<Recorder>,
) -> Served {
    let attempts = usize::try_from(model.config.retry.attempts).unwrap_or(1).max(1);
    let mut silence = client.keep_alive.filter(|_| client.stream).map(Silence::new);
    let mut number = 0;
    loop {
        let index = number % model.targets.len();
        number += 1;
        let target = &model.targets[index];
        let known = |name: &str| exchange.gateway.lists.context_now(&exchange.snapshot, &target.endpoint, name);
        let outgoing = prepare(incoming, model, target, &known)?;
        if let Some(recorder) = recorder {
            recorder.attempt(Place { model: model.clone(), target: index });
        }
        let told = Told::new(target, &outgoing.lost, number).warning(outgoing.warning.as_deref());
        let result = match &mut silence {
            None => attempt(exchange, model, target, client, &outgoing, recorder).await,
            Some(patience) => {
                let heard = unless_silent(
                    Attempt {
                        client: client.clone(),
                        model: model.clone(),
                        target: index,
                        call: call(exchange, model, &outgoing),
                        outgoing,
                        recorder: recorder.take(),
                        stop: exchange.gateway.stop.clone(),
                    },
                    patience,
                );
                match heard.await {
                    Ok(ended) => {
                        *recorder = ended.recorder;
                        ended.result
                    }
                    Err(running) => {
                        let stop = &exchange.gateway.stop;
                        let waiting = Waiting::new(running, silence, client.clone(), model.clone(), stop);
                        return Ok(told.respond(waiting.answered()));
                    }
                }
            }
        };
        let failure = match result {
            Ok(mut answered) => {
                if let Body::Stream(pump) = &mut answered.body {
                    pump.watch_silence(silence);
                }
                return Ok(told.respond(answered));
            }
            Err(failure) => failure,
        };
        let again = number % model.targets.len() < number && model.targets.len() == 1;
        // The same upstream is not pressed when it says that it is busy.
        if !failure.try_next || number >= attempts || (again && failure.error.status == 429) {
            return Err(failure);
        }
        tokio::time::sleep(pause(number, exchange)).await;
    }
}

/// Jittered back-off before the next attempt: 50 to 100 ms, doubling.
pub(crate) fn pause(number: usize, exchange: &Exchange<'_>) -> Duration {
    let jitter = u64::from(exchange.unix.subsec_micros() % 50);
    Duration::from_millis((50 + jitter) << number.min(5).saturating_sub(1))
}

fn call(exchange: &Exchange<'_>, model: &VirtualModel, outgoing: &Outgoing) -> EndpointCall {
    let mut call = EndpointCall::post(outgoing.path.clone(), outgoing.body.clone());
    headers::pass(&exchange.parts.headers, outgoing.relay, model, &mut call.headers);
    call
}

/// Makes a try and waits for its end, however long that takes.
async fn attempt(
    exchange: &Exchange<'_>,
    model: &VirtualModel,
    target: &Target,
    client: &Arc<Client>,
    outgoing: &Outgoing,
    recorder: &mut Option<Recorder>,
) -> Result<Answered, Failure> {
    let reply = target.endpoint.call(call(exchange, model, outgoing)).await?;
    answer(client, target, outgoing, reply, recorder, &exchange.gateway.stop).await
}

fn client(
    exchange: &Exchange<'_>,
    dialect: DialectId,
    operation: Operation,
    envelope: &Envelope<'_>,
    model: &VirtualModel,
) -> Client {
    let include_usage = envelope
        .object
        .given("stream_options")
        .and_then(|options| options.object()?.given("include_usage")?.bool())
        .unwrap_or(false);
    Client {
        dialect: dialect.dialect(),
        stream: envelope.stream,
        include_usage,
        model: envelope.model.to_string(),
        id: exchange.id,
        created: exchange.unix.as_secs(),
        operation,
        remembered: dialect.dialect().remember(&envelope.object),
        rename: model.config.response_model == ResponseModel::Requested,
        shown_id: exchange.shown_id.clone(),
        started: exchange.started,
        holdback: exchange.snapshot.config.holdback,
        keep_alive: exchange.snapshot.config.keep_alive,
        max_error_body: exchange.snapshot.config.max_error_body,
        refuse_empty: model.config.retry.on_empty,
        keep: None,
        trailers: headers::takes_trailers(&exchange.parts.headers),
    }
}

/// What lingate says of how an answer came about.
struct Told {
    endpoint: HeaderValue,
    attempts: usize,
    dropped: Option<HeaderValue>,
    warning: Option<HeaderValue>,
}

impl Told {
    fn new(target: &Target, lost: &[String], attempts: usize) -> Self {
        Self { endpoint: target.endpoint.shown_name().clone(), attempts, dropped: dropped(lost), warning: None }
    }

    fn warning(self, warning: Option<&str>) -> Self {
        Self { warning: warning.and_then(|warning| HeaderValue::try_from(warning).ok()), ..self }
    }

    fn respond(self, answered: Answered) -> Response<Body> {
        let mut response = bare(answered);
        self.tell(response.headers_mut());
        response
    }

    fn tell(self, headers: &mut HeaderMap) {
        headers.insert(ENDPOINT, self.endpoint);
        let attempts = if self.attempts == 1 { HeaderValue::from_static("1") } else { self.attempts.into() };
        headers.insert(ATTEMPTS, attempts);
        if let Some(value) = self.dropped {
            headers.insert(DROPPED, value);
        }
        if let Some(value) = self.warning {
            headers.insert(WARNING, value);
        }
    }
}

/// Says in an answer's headers how it came about.
pub(crate) fn tell(headers: &mut HeaderMap, target: &Target, lost: &[String], attempts: usize) {
    Told::new(target, lost, attempts).tell(headers);
}

fn bare(answered: Answered) -> Response<Body> {
    let mut response = Response::new(answered.body);
    let streamed = matches!(response.body(), Body::Stream(_) | Body::Waiting(_));
    let headers = response.headers_mut();
    *headers = answered.headers;
    // Room for all that is added on the way out.
    headers.reserve(10);
    if streamed {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    headers.insert(header::CONTENT_TYPE, answered.content_type);
    response
}

/// The list of lost members: at most 1 KiB, then how many more.
fn dropped(lost: &[String]) -> Option<HeaderValue> {
    let mut text = String::new();
    for (index, path) in lost.iter().enumerate() {
        if text.len() + path.len() + 1 > DROPPED_CAP {
            text.push_str(&format!(",+{}", lost.len() - index));
            break;
        }
        if index > 0 {
            text.push(',');
        }
        text.extend(path.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }));
    }
    if text.is_empty() { None } else { HeaderValue::try_from(text).ok() }
}

/// The answer to a client that only wants a model loaded, where there is nothing to load.
fn loaded(
    client: &Client,
    id: DialectId,
    envelope: &Envelope<'_>,
    model: &VirtualModel,
) -> Result<Option<Response<Body>>, Failure> {
    let operation = client.operation;
    if model.targets.iter().any(|target| target.endpoint.backend.native(id, operation, &[]).is_some()) {
        return Ok(None);
    }
    let mut out = Vec::new();
    let at = stamp(client.started);
    if !client.dialect.answer_load(operation, &envelope.object, &envelope.model, at, &mut out) {
        return Ok(None);
    }
    client.dialect.check(operation, &envelope.object)?;
    Ok(Some(json(out)))
}
