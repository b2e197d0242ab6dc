//! Questions passed on to an upstream that knows the answer: embeddings in Ollama's form.

use super::glob::shown;
use crate::endpoint::{Endpoint, EndpointCall, Path};
use crate::error::Failure;
use crate::headers;
use crate::own;
use crate::pipeline::{Exchange, Served};
use crate::recorder::{Place, Recorder};
use crate::snapshot::{Target, VirtualModel};
use crate::upstream::{Answer, Segments};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use lingate_codec::dialect::{DialectId, Envelope};
use lingate_codec::ir::{ApiError, ErrorKind, Event, Usage};
use lingate_codec::json::{Edits, Object, Raw};
use lingate_config::ResponseModel;

/// The largest answer that is read.
const ANSWER_CAP: u64 = 64 * 1024 * 1024;
/// Whether an endpoint speaks Ollama's own API.
pub(super) fn is_ollama(endpoint: &Endpoint) -> bool {
    endpoint.backend.dialect == DialectId::Ollama
}

/// The request's model.
///
/// # Errors
/// A 400: not JSON, or no model.
pub(super) fn envelope(dialect: DialectId, body: &Bytes) -> Result<Envelope<'_>, ApiError> {
    let envelope = Envelope::probe(dialect.dialect(), body)?;
    if envelope.model.is_empty() {
        return Err(ApiError::invalid("model", "model is required"));
    }
    Ok(envelope)
}

/// The model's name at a target.
pub(super) fn real_name<'n>(target: &'n Target, asked: &'n str) -> &'n str {
    if target.model.is_empty() { asked } else { &target.model }
}

/// `POST /api/embed` and `/api/embeddings`.
pub(super) async fn embed(exchange: &Exchange<'_>, body: &Bytes, path: &'static str) -> Served {
    let envelope = envelope(DialectId::Ollama, body)?;
    let asked = &*envelope.model;
    let model = exchange.find_model(asked).await?;
    let mut recorder = Recorder::new(exchange.started, exchange.id, asked.to_owned(), false);
    let mut failure = None;
    for (index, target) in model.targets.iter().enumerate().filter(|(_, target)| is_ollama(&target.endpoint)) {
        let real = real_name(target, asked);
        recorder.attempt(Place { model: model.clone(), target: index });
        let body = renamed(&envelope.object, body, real, &target.endpoint.config.strip);
        let mut call = EndpointCall::post(Path::Root(path.to_owned()), body);
        headers::pass(&exchange.parts.headers, false, &model, &mut call.headers);
        match ask(exchange, target, call, DialectId::Ollama).await {
            Ok(answer) => {
                observe(&mut recorder, &answer);
                return Ok(from(target, embedded(&model, asked, &answer)));
            }
            Err(failed) => {
                let last = !failed.try_next;
                recorder.failed(&failed.error);
                failure = Some(failed);
                if last {
                    break;
                }
            }
        }
    }
    Err(failure.unwrap_or_else(|| {
        let asked = shown(asked);
        let message = format!("embeddings by this route are not supported for model '{asked}': use /v1/embeddings");
        let error = ApiError::new(501, message).with_code("not_implemented");
        recorder.failed(&error);
        error.into()
    }))
}

/// Calls a target and reads its answer, which is JSON and good.
///
/// # Errors
/// The upstream's error, fit for a client.
pub(super) async fn ask(
    exchange: &Exchange<'_>,
    target: &Target,
    call: EndpointCall,
    dialect: DialectId,
) -> Result<Bytes, Failure> {
    read(&target.endpoint, call, dialect, exchange.snapshot.config.max_error_body).await
}

/// As [`ask`], for tasks that outlive a request.
pub(super) async fn read(
    endpoint: &Endpoint,
    call: EndpointCall,
    dialect: DialectId,
    max_error_body: u64,
) -> Result<Bytes, Failure> {
    let answer = endpoint.call(call).await?;
    if answer.parts.status != StatusCode::OK {
        return Err(refusal(endpoint, answer, dialect, max_error_body).await);
    }
    let body =
        answer.body.collect(ANSWER_CAP).await.map_err(|error| Failure::of(crate::pump::from_upstream(&error)))?;
    match Object::parse(&body) {
        Ok(_) => Ok(body),
        Err(_) => Err(not_an_api()),
    }
}

fn not_an_api() -> Failure {
    let error = ApiError::upstream("the upstream's answer is not JSON").with_code("upstream_not_api");
    Failure { try_next: true, ..Failure::of(error) }
}

/// An answer that is not 200.
async fn refusal(endpoint: &Endpoint, answer: Answer, dialect: DialectId, max_error_body: u64) -> Failure {
    let status = answer.parts.status;
    if status.is_redirection() || status.is_success() {
        return not_an_api();
    }
    let body = answer.body.collect(max_error_body).await.unwrap_or_default();
    let mut error = dialect.dialect().decode_error(status.as_u16(), &body);
    endpoint.scrub(&mut error.message);
    if status == StatusCode::UNAUTHORIZED {
        // The client's own key is fine; the credential that was refused is the gateway's.
        error = ApiError { kind: ErrorKind::Api, status: 502, ..error }.with_code("upstream_auth");
        error.message = format!("the upstream refused the gateway's credential: {}", error.message);
    }
    let mut headers = HeaderMap::new();
    if let Some(value) = answer.parts.headers.get(header::RETRY_AFTER) {
        headers.insert(header::RETRY_AFTER, value.clone());
    }
    let try_next = matches!(status.as_u16(), 401 | 403 | 408 | 429) || status.is_server_error();
    Failure { headers, try_next, ..Failure::of(error) }
}

/// The body with the model's real name, and without what the upstream refuses.
pub(super) fn renamed(object: &Object<'_>, body: &Bytes, real: &str, strip: &[String]) -> Segments {
    let mut edits = Edits::new();
    let mut name = Vec::new();
    lingate_codec::json::Writer::new(&mut name).string(real);
    edits.set(object, "model", &name);
    edits.remove(object, "name");
    strip
        .iter()
        .filter(|member| *member != "model" && *member != "name")
        .for_each(|member| edits.remove(object, member));
    Segments::new(edits.apply_to_bytes(object, body))
}

/// The answer with the name that was asked for.
fn embedded(model: &VirtualModel, asked: &str, answer: &Bytes) -> Vec<u8> {
    let object = match Object::parse(answer) {
        Ok(object) if model.config.response_model == ResponseModel::Requested => object,
        _ => return answer.to_vec(),
    };
    let mut edits = Edits::new();
    if let Some(member) = object.member("model") {
        edits.replace_with_string(member.value_span.clone(), asked);
    }
    edits.apply_to_vec(&object)
}

fn observe(recorder: &mut Recorder, answer: &Bytes) {
    let count = Object::parse(answer).ok().and_then(|object| object.given("prompt_eval_count").and_then(Raw::u64));
    if let Some(input) = count {
        recorder.observe(&Event::Usage(Usage { input_tokens: Some(input), ..Usage::default() }));
    }
    recorder.observe(&Event::End);
}

/// An answer, and which endpoint gave it.
pub(super) fn from(target: &Target, body: Vec<u8>) -> http::Response<crate::body::Body> {
    let mut response = own::json(body);
    response.headers_mut().insert("x-lingate-endpoint", target.endpoint.shown_name().clone());
    response
}
