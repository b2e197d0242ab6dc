//! `GET /api/ps`: what the Ollama endpoints that expose their models have loaded, under the names that clients know.
//!
//! Where clients know virtual models alone, what is loaded behind them is none of theirs, and nobody is asked.

use super::exposed::EndpointList;
use super::relay::{is_ollama, read};
use crate::endpoint::{Endpoint, EndpointCall};
use crate::own::json;
use crate::pipeline::{Exchange, Served};
use crate::route::same_name;
use crate::snapshot::Target;
use bytes::Bytes;
use futures_util::future::join_all;
use lingate_codec::dialect::DialectId;
use lingate_codec::json::{Edits, Object, Raw, Writer};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How long each endpoint may take. Clients ask often, and an answer without one endpoint is good enough.
const PATIENCE: Duration = Duration::from_secs(1);
/// The most loaded models of an endpoint that are looked at.
const MAX_LOADED: usize = 1000;

/// Answers.
pub(super) async fn serve(exchange: &Exchange<'_>) -> Served {
    let endpoints = exchange.snapshot.exposing().filter(|endpoint| is_ollama(endpoint));
    let answers = join_all(endpoints.map(|endpoint| async move {
        let list = exchange.gateway.lists.of_endpoint(&exchange.snapshot, endpoint);
        let list = async { tokio::time::timeout(PATIENCE, list).await.ok().flatten() };
        let (loaded, list) = tokio::join!(loaded(exchange, endpoint), list);
        (endpoint, loaded, list)
    }))
    .await;
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.key("models");
    w.begin_array();
    let mut seen = HashSet::new();
    for (endpoint, loaded, list) in &answers {
        let object = loaded.as_ref().and_then(|body| Object::parse(body).ok());
        let Some(models) = object.and_then(|object| object.given("models")?.array()) else { continue };
        for model in models.take(MAX_LOADED).filter_map(Raw::object) {
            let Some(real) = model.string("name").or_else(|| model.string("model")) else { continue };
            for name in names(exchange, endpoint, list.as_deref(), &real) {
                if exchange.may_use(&name) && seen.insert(name.clone()) {
                    w.json(&renamed(&model, &name));
                }
            }
        }
    }
    w.end_array();
    w.end_object();
    Ok(json(out))
}

async fn loaded(exchange: &Exchange<'_>, endpoint: &Arc<Endpoint>) -> Option<Bytes> {
    let max_error_body = exchange.snapshot.config.max_error_body;
    let answer = read(endpoint, EndpointCall::get("/api/ps"), DialectId::Ollama, max_error_body);
    tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()
}

/// Under which names clients know an endpoint's model: virtual ones first, then its own. One that no client can ask
/// for has none, and stays hidden.
fn names(exchange: &Exchange<'_>, endpoint: &Arc<Endpoint>, list: Option<&EndpointList>, real: &str) -> Vec<String> {
    let snapshot = &exchange.snapshot;
    let serves = |name: &str, target: &Target| {
        let wanted = if target.model.is_empty() { name } else { &target.model };
        Arc::ptr_eq(&target.endpoint, endpoint) && same_name(wanted, real)
    };
    let is_known = |name: &&String| {
        let model = snapshot.models.get(*name);
        model.is_some_and(|model| model.targets.iter().any(|target| serves(name, target)))
    };
    let own = list.and_then(|list| list.served_as(real)).map(str::to_owned);
    snapshot.names.iter().filter(is_known).cloned().chain(own).collect()
}

fn renamed(model: &Object<'_>, name: &str) -> Vec<u8> {
    let mut edits = Edits::new();
    for key in ["name", "model"] {
        if let Some(member) = model.member(key) {
            edits.replace_with_string(member.value_span.clone(), name);
        }
    }
    edits.apply_to_vec(model)
}
