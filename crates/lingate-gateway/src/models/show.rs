//! `POST /api/show`: passed on where the model lives in an Ollama, else made of what lists tell.

use super::catalogue::Entry;
use super::glob::shown;
use super::ollama;
use super::relay::{self, envelope, is_ollama, real_name};
use crate::endpoint::{Endpoint, EndpointCall, Path};
use crate::error::{Class, Failure};
use crate::own::json;
use crate::pipeline::{Exchange, Served};
use crate::snapshot::{Target, VirtualModel};
use bytes::Bytes;
use lingate_codec::dialect::{DialectId, Envelope};
use lingate_codec::ir::ApiError;
use lingate_codec::json::{Raw, Writer};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// How long an upstream may take to describe a model.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers.
pub(super) async fn serve(exchange: &Exchange<'_>, body: &Bytes) -> Served {
    let envelope = envelope(DialectId::Ollama, body)?;
    let not_found = |failure: Failure| match failure.error.status {
        // Ollama's own words, which clients look for.
        404 => ApiError { message: format!("model '{}' not found", shown(&envelope.model)), ..failure.error }.into(),
        _ => failure,
    };
    let model = exchange.find_model(&envelope.model).await.map_err(not_found)?;
    let first = model.targets.first().filter(|target| is_ollama(&target.endpoint));
    if first.is_none() {
        return Ok(json(made_up(exchange, &model, &envelope.model).await));
    }
    let mut failure = None;
    for target in model.targets.iter().filter(|target| is_ollama(&target.endpoint)) {
        match asked(exchange, target, &envelope).await {
            Ok(answer) => return Ok(relay::from(target, answer.to_vec())),
            Err(failed) if failed.is_safe_elsewhere() => failure = failure.or(Some(failed)),
            Err(failed) => return Err(not_found(failed)),
        }
    }
    Err(failure.unwrap_or_else(|| ApiError::upstream("no upstream describes the model").into()))
}

/// What the upstream says, from the cache if it said so lately.
async fn asked(exchange: &Exchange<'_>, target: &Target, envelope: &Envelope<'_>) -> Result<Bytes, Failure> {
    let real = real_name(target, &envelope.model);
    let verbose = envelope.object.given("verbose").and_then(Raw::bool) == Some(true);
    let config = &exchange.snapshot.config;
    let ask = || describe(target.endpoint.clone(), real, verbose, config.max_error_body);
    exchange.gateway.lists.shows.get(key(&target.endpoint, real, verbose), config.show_ttl, ask).await
}

/// Asks an upstream for it.
pub(super) fn describe(
    endpoint: Arc<Endpoint>,
    real: &str,
    verbose: bool,
    max_error_body: u64,
) -> impl Future<Output = Result<Bytes, Failure>> + Send + 'static {
    let mut body = Vec::new();
    let mut w = Writer::new(&mut body);
    w.begin_object();
    w.string_member("model", real);
    if verbose {
        w.bool_member("verbose", true);
    }
    w.end_object();
    let call = EndpointCall::post(Path::Root("/api/show".to_owned()), body);
    async move {
        let answer = relay::read(&endpoint, call, DialectId::Ollama, max_error_body);
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                let error = ApiError::new(504, "the upstream did not describe the model in time");
                Err(Failure::new(Class::Refused, error))
            }
        }
    }
}

/// What the answers are kept by.
pub(super) fn key(endpoint: &Endpoint, real: &str, verbose: bool) -> String {
    format!("{}\n{}\n{real}\n{verbose}", endpoint.config.url, endpoint.name())
}

/// What is known of a model that lives elsewhere.
async fn made_up(exchange: &Exchange<'_>, model: &VirtualModel, asked: &str) -> Vec<u8> {
    let list = match model.targets.first() {
        Some(target) => exchange.gateway.lists.of_endpoint(&exchange.snapshot, &target.endpoint).await,
        None => None,
    };
    let told = model.targets.first().and_then(|target| list.as_ref()?.listed(real_name(target, asked)));
    let mut entry = Entry::of(model, told);
    if entry.name == "*" {
        entry.name = asked;
    }
    ollama::show(&entry)
}
