//! Embeddings: find the model, try its targets, answer. As [`crate::chat`], without streams.

mod answer;
mod outgoing;

use crate::answering;
use crate::body::Body;
use crate::chat;
use crate::endpoint::{EndpointCall, Path};
use crate::error::Failure;
use crate::headers;
use crate::own::json;
use crate::pipeline::{Exchange, Served};
use crate::pump::stamp;
use crate::recorder::{Place, Recorder};
use crate::snapshot::{Target, VirtualModel};
use answer::Reading;
use bytes::Bytes;
use http::{Response, StatusCode};
use lingate_codec::dialect::embeddings::EmbeddingsContext;
use lingate_codec::dialect::{EmbeddingsDialect, EmbeddingsId, parse_object};
use lingate_codec::ir::{ApiError, EmbeddingsAnswer, EmbeddingsRequest, Event, Usage};
use lingate_codec::json::Object;
use lingate_config::ResponseModel;
use outgoing::{Outgoing, prepare};
use std::sync::Arc;

/// A request as it came in.
struct Incoming<'a> {
    id: EmbeddingsId,
    dialect: &'static dyn EmbeddingsDialect,
    body: &'a Bytes,
    object: &'a Object<'a>,
    request: &'a EmbeddingsRequest<'a>,
}

/// Answers a request for embeddings.
pub(crate) async fn serve(exchange: &Exchange<'_>, id: EmbeddingsId, body: Bytes) -> Served {
    let dialect = id.dialect();
    let object = parse_object(&body)?;
    if let Some(key) = object.duplicate(dialect.control_members()) {
        let error = ApiError::invalid(key, format!("`{key}` is given more than once"));
        return Err(error.with_code("duplicate_key").into());
    }
    let request = dialect.decode_request(&object)?;
    if request.model.is_empty() {
        return Err(ApiError::invalid("model", "`model` is required").into());
    }
    let model = exchange.find_model(&request.model).await?;
    let incoming = Incoming { id, dialect, body: &body, object: &object, request: &request };
    let able = able(&incoming, &model)?;
    if able.is_empty() {
        // There is nothing to embed, and nobody has anything to load.
        return Ok(json(loaded(exchange, &incoming)?));
    }
    let mut recorder = Recorder::new(exchange.started, exchange.id, request.model.clone().into_owned(), false);
    let answered = attempts(exchange, &incoming, &model, &able, &mut recorder).await;
    if let Err(failure) = &answered {
        recorder.failed(&failure.error);
    }
    answered
}

/// The targets that can answer, by their places in the model's list. None: it is a request to load a model, which
/// concerns only Ollama.
///
/// # Errors
/// A 400: no target gives embeddings at all.
fn able(incoming: &Incoming<'_>, model: &VirtualModel) -> Result<Vec<usize>, Failure> {
    let routes = model.targets.iter().map(outgoing::route).enumerate();
    let able: Vec<_> = routes.filter_map(|(index, route)| Some((index, route(incoming.id)?))).collect();
    if able.is_empty() {
        let backend = model.targets.first().map_or("", |target| target.endpoint.backend.name);
        let message = format!("the {backend} backend of model '{}' gives no embeddings", model.config.name);
        return Err(ApiError::invalid("model", message).with_code("unsupported_operation").into());
    }
    let native = |id: EmbeddingsId| incoming.request.input.is_some() || id == incoming.id;
    Ok(able.into_iter().filter(|(_, (id, _))| native(*id)).map(|(index, _)| index).collect())
}

/// What Ollama says when it is given nothing to embed.
fn loaded(exchange: &Exchange<'_>, incoming: &Incoming<'_>) -> Result<Vec<u8>, ApiError> {
    let request = incoming.request;
    let context = EmbeddingsContext { model: &request.model, form: request.form, at: stamp(exchange.started) };
    let mut out = Vec::new();
    incoming.dialect.encode_answer(&EmbeddingsAnswer::default(), &context, &mut out)?;
    Ok(out)
}

/// Tries targets, best first, until one answers or the attempts are used up.
async fn attempts(
    exchange: &Exchange<'_>,
    incoming: &Incoming<'_>,
    model: &Arc<VirtualModel>,
    able: &[usize],
    recorder: &mut Recorder,
) -> Served {
    let mut attempts = usize::try_from(model.config.retry.attempts).unwrap_or(1).max(1);
    let mut number = 0;
    loop {
        let index = number % able.len();
        let index = model.order().filter(|index| able.contains(index)).nth(index).unwrap_or(able[index]);
        let target = &model.targets[index];
        number += 1;
        let outgoing = prepare(incoming, model, target)?;
        recorder.attempt(Place { model: model.clone(), target: index });
        let failure = match attempt(exchange, incoming, model, target, &outgoing, recorder).await {
            Ok(mut response) => {
                chat::tell(response.headers_mut(), target, &outgoing.lost, number);
                return Ok(response);
            }
            Err(mut failure) => {
                target.endpoint.secrets().scrub(&mut failure.error);
                failure
            }
        };
        // What was not sent costs no attempt while there are others to try.
        attempts += usize::from(failure.is_own_limit() && number < able.len());
        // The same upstream is not pressed when it says that it is busy.
        let busy = failure.error.status == StatusCode::TOO_MANY_REQUESTS || failure.is_own_limit();
        if !failure.try_next || number >= attempts || (able.len() == 1 && busy) {
            return Err(failure);
        }
        if failure.is_own_limit() {
            continue;
        }
        tokio::time::sleep(chat::pause(number, exchange)).await;
    }
}

async fn attempt(
    exchange: &Exchange<'_>,
    incoming: &Incoming<'_>,
    model: &VirtualModel,
    target: &Target,
    outgoing: &Outgoing,
    recorder: &mut Recorder,
) -> Result<Response<Body>, Failure> {
    let mut call = EndpointCall::work(Path::Native(outgoing.path), outgoing.body.clone());
    call.limits = target.call_limits(false);
    headers::pass(&exchange.parts.headers, false, model, &mut call.headers);
    let reply = target.endpoint.call(call).await?;
    let headers = answering::forwarded(&reply.parts.headers);
    if reply.parts.status != StatusCode::OK {
        let dialect = outgoing.id.dialect().errors().dialect();
        let max = exchange.snapshot.config.max_error_body;
        return Err(answering::refusal(dialect, max, reply, headers).await);
    }
    if answering::is_html(&reply.parts.headers) {
        return Err(answering::not_an_api());
    }
    let body = reply.body.collect(answering::WHOLE_CAP).await.map_err(|error| answering::broken(&error))?;
    let request = incoming.request;
    let reading = Reading {
        from: outgoing.id,
        to: incoming.id,
        expected: request.input.map_or(Some(0), |input| input.count),
        form: request.form,
        model: request.model.clone().into_owned(),
        rename: model.config.response_model == ResponseModel::Requested,
        at: stamp(exchange.started),
    };
    // What an upstream answers wrongly, another may answer rightly: a vector costs nothing but time.
    let failed = |error| Failure { try_next: true, headers: headers.clone(), ..Failure::of(error) };
    let read = answer::read(reading, body).await.map_err(failed)?;
    recorder.observe(&Event::Usage(Usage { input_tokens: read.input_tokens, ..Usage::default() }));
    recorder.observe(&Event::End);
    let mut response = Response::new(Body::from(read.body));
    *response.headers_mut() = headers;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(response)
}
