//! How an upstream is asked for a whole answer, and what its refusal means.

use crate::endpoint::{Endpoint, EndpointCall};
use crate::error::{Class, Failure};
use crate::own;
use crate::pipeline::Exchange;
use crate::snapshot::Target;
use crate::upstream::Answer;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use lingate_codec::dialect::{DialectId, Envelope};
use lingate_codec::ir::{ApiError, ErrorKind};
use lingate_codec::json::Object;

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
    Failure::new(Class::NotAnApi, error)
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
    Failure::new(Class::of_status(status.as_u16()), error).with_headers(headers)
}

/// An answer, and which endpoint gave it.
pub(super) fn from(target: &Target, body: Vec<u8>) -> http::Response<crate::body::Body> {
    let mut response = own::json(body);
    response.headers_mut().insert("x-lingate-endpoint", target.endpoint.shown_name().clone());
    response
}
