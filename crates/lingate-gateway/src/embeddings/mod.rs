//! Embeddings: find the model, try its targets, answer. As [`crate::chat`], without streams.

mod answer;
mod outgoing;

use crate::answering;
use crate::body::Body;
use crate::endpoint::{EndpointCall, Path};
use crate::error::{Class, Failure};
use crate::headers;
use crate::own::json;
use crate::pipeline::{Exchange, Served};
use crate::pump::stamp;
use crate::recorder::{Made, Place, Recorder};
use crate::route;
use crate::snapshot::{Target, VirtualModel};
use crate::telemetry::Outcome;
use crate::told::Told;
use crate::tries::{self, Before};
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
use std::time::Duration;

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

/// Tries targets until one answers or the table of retries says that it is enough.
async fn attempts(
    exchange: &Exchange<'_>,
    incoming: &Incoming<'_>,
    model: &Arc<VirtualModel>,
    able: &[usize],
    recorder: &mut Recorder,
) -> Served {
    let key = || route::conversation_key(&model.config.name, exchange.client_key.as_deref(), Some(incoming.object));
    let mut walk = tries::walk(exchange, model, Some(able), &key);
    let (mut pause, mut before) = (Duration::ZERO, Before::default());
    loop {
        let turn = walk.turn().after(pause);
        let index = turn.target;
        let target = &model.targets[index];
        let outgoing = match prepare(incoming, model, target) {
            Ok(outgoing) => outgoing,
            Err(refusal) => {
                before.refused(refusal);
                if !walk.pass_by(turn, Some(able)) {
                    pause = before.without_others(exchange, &mut walk, model)?;
                }
                continue;
            }
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        recorder.attempt(Place { model: model.clone(), target: index });
        let result = attempt(exchange, incoming, model, target, &outgoing, recorder).await;
        turn.ended(model, result.as_ref().map(|_| ()));
        let mut failure = match result {
            Ok(mut response) => {
                Told::new(target, &outgoing.lost, None).tell(response.headers_mut(), walk.number());
                return Ok(response);
            }
            Err(failure) => failure,
        };
        target.endpoint.secrets().scrub(&mut failure.error);
        match tries::after_failure(exchange, &mut walk, model, index, &mut failure) {
            Some(next) => pause = next,
            None => return Err(failure),
        }
        recorder.attempted(Made { target: index, outcome: Outcome::Error, status: failure.error.status });
        before.failed(index, failure);
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
    let failed = |error| Failure::new(Class::FirstEvent, error).with_headers(headers.clone());
    let read = answer::read(reading, body).await.map_err(failed)?;
    recorder.observe(&Event::Usage(Usage { input_tokens: read.input_tokens, ..Usage::default() }));
    recorder.observe(&Event::End);
    let mut response = Response::new(Body::from(read.body));
    *response.headers_mut() = headers;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(response)
}
