//! A chat request: find the model, try its targets, answer.

use crate::answering::Client;
use crate::attempt::in_place_of;
use crate::body::Body;
use crate::error::Failure;
use crate::headers::{self, ATTEMPTS, ENDPOINT, FALLBACK, OVERFLOW};
use crate::outgoing::Incoming;
use crate::overflow;
use crate::own::json;
use crate::pipeline::{Exchange, Served};
use crate::pump::stamp;
use crate::recorder::Recorder;
use crate::responses;
use crate::snapshot::VirtualModel;
use crate::told::bare;
use crate::tries::Tries;
use bytes::Bytes;
use http::{HeaderValue, Response};
use lingate_codec::dialect::{DialectId, Envelope};
use lingate_codec::ir::{ApiError, Operation};
use lingate_config::ResponseModel;
use std::sync::Arc;

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
    let tries = Tries { exchange, incoming: &incoming, model: &model, client: &client };
    let answered = match model.config.overflow_to {
        None => tries.run(&mut recorder).await,
        // Boxed: it is rare.
        Some(_) => Box::pin(overflowing(&tries, &mut recorder)).await,
    };
    match answered {
        Ok(response) => Ok(kept(&client, response).await),
        Err(failure) => match in_place_of(&failure, &model, &client, &mut recorder) {
            Some(answered) => {
                let mut response = bare(answered);
                let headers = response.headers_mut();
                headers.insert(FALLBACK, HeaderValue::from_static("1"));
                for name in [ENDPOINT, ATTEMPTS] {
                    if let Some(value) = failure.headers.get(&name) {
                        headers.insert(name, value.clone());
                    }
                }
                Ok(kept(&client, response).await)
            }
            None => Err(failure),
        },
    }
}

/// As [`Tries::run`], for a model that has a larger one to go to when a request is too long for it.
async fn overflowing(tries: &Tries<'_>, recorder: &mut Option<Recorder>) -> Served {
    let Tries { exchange, incoming, model, client } = *tries;
    let mut serving = overflow::choose(exchange, incoming, model);
    let mut answered = Tries { model: &serving, ..*tries }.run(recorder).await;
    // As often as there are models: a checked configuration has no cycles.
    for _ in 0..exchange.snapshot.models.len() {
        let Err(failure) = &answered else { break };
        let Some(larger) = overflow::after(exchange, incoming, &serving, failure) else { break };
        serving = larger.clone();
        answered = Tries { exchange, incoming, model: &serving, client }.run(recorder).await;
    }
    match HeaderValue::try_from(&serving.config.name) {
        Ok(name) if !Arc::ptr_eq(&serving, model) => match answered {
            Ok(mut response) => {
                response.headers_mut().insert(OVERFLOW, name);
                Ok(response)
            }
            Err(failure) => Err(failure.with_header(OVERFLOW, name)),
        },
        _ => answered,
    }
}

/// A whole answer after it was stored; a stream stores itself at its end.
async fn kept(client: &Client, response: Response<Body>) -> Response<Body> {
    match &client.keep {
        Some(keep) => Box::pin(keep.response(response)).await,
        None => response,
    }
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
