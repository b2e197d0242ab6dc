//! From the name in a request to the model that serves it.

use super::glob::{means, shown};
use super::lists::{FIND_PATIENCE, Known, LIST_PATIENCE};
use crate::error::Failure;
use crate::pipeline::Exchange;
use crate::route::{self, Found};
use crate::snapshot::VirtualModel;
use lingate_codec::ir::ApiError;
use std::sync::Arc;

/// How many models an error message names.
const NAMED: usize = 10;
/// When to ask again for a model whose upstream does not list its models.
const RETRY_SECONDS: u64 = 10;

impl Exchange<'_> {
    /// The model of this name: a virtual one, then an endpoint's own, then the virtual model `*`.
    ///
    /// # Errors
    /// 403 if the client's key may not use it; 404 if there is none; 503 if an upstream that might have it does not
    /// list its models.
    pub(crate) async fn find_model(&self, name: &str) -> Result<Arc<VirtualModel>, Failure> {
        // Whether a name exists is nothing that a key learns which may not use it.
        if !self.may_use(name) {
            let message = format!("this key may not use model '{}'", shown(name));
            return Err(ApiError::new(403, message).with_code("model_not_allowed").into());
        }
        if let Found::Model(model) = route::by_name(&self.snapshot, name) {
            return Ok(model);
        }
        match route::fallback(&self.snapshot) {
            // Where something else can answer, a slow upstream holds nobody up for long.
            Found::Model(fallback) => match self.gateway.lists.look_up(&self.snapshot, name, LIST_PATIENCE).await {
                Known::Served(model) => Ok(model),
                Known::Unknown | Known::Unsure { .. } => Ok(fallback),
            },
            Found::Unknown => self.find_exposed(name).await,
        }
    }

    /// As [`Exchange::find_model`], for a model that lists hold: `*` serves none.
    ///
    /// # Errors
    /// The same, but a 404 also for a model that the client's key may not use.
    pub(super) async fn find_listed(&self, name: &str) -> Result<Arc<VirtualModel>, Failure> {
        if !self.may_use(name) || name == "*" {
            return Err(self.not_found(name));
        }
        match route::by_name(&self.snapshot, name) {
            Found::Model(model) => Ok(model),
            Found::Unknown => self.find_exposed(name).await,
        }
    }

    async fn find_exposed(&self, name: &str) -> Result<Arc<VirtualModel>, Failure> {
        match self.gateway.lists.look_up(&self.snapshot, name, FIND_PATIENCE).await {
            Known::Served(model) => Ok(model),
            Known::Unknown => Err(self.not_found(name)),
            Known::Unsure { endpoint, reason } => {
                Err(list_unavailable(&format!("model '{}' is not known", shown(name)), &endpoint, &reason))
            }
        }
    }

    /// Whether the client's key may use a model.
    pub(super) fn may_use(&self, name: &str) -> bool {
        self.allowed_models.is_empty() || self.allowed_models.iter().any(|pattern| means(pattern, name))
    }

    /// A 404 that helps: with the names that there are, as far as memory knows them.
    fn not_found(&self, name: &str) -> Failure {
        let lists = self.gateway.lists.exposing_now(&self.snapshot);
        let exposed = lists.iter().flat_map(|(_, list)| list.exposed.iter().map(|exposed| &exposed.name));
        let mut names: Vec<&str> = Vec::new();
        for other in self.snapshot.names.iter().chain(exposed).filter(|other| self.may_use(other)) {
            if names.len() > NAMED {
                break;
            }
            if !names.iter().any(|known| route::same_name(known, other)) {
                names.push(other);
            }
        }
        let more = if names.len() > NAMED { ", …" } else { "" };
        names.truncate(NAMED);
        let mut message = format!("model '{}' not found", shown(name));
        if !names.is_empty() {
            message.push_str(&format!("; available models: {}{more}", names.join(", ")));
        }
        ApiError::new(404, message).with_code("model_not_found").into()
    }
}

/// A 503: what is not known for want of an endpoint's list, and why there is none.
pub(super) fn list_unavailable(what: &str, endpoint: &str, reason: &str) -> Failure {
    let message = format!("{what}, and endpoint '{endpoint}' could not be asked: {reason}");
    Failure::of(ApiError::new(503, message).with_code("model_list_unavailable")).with_retry_after(RETRY_SECONDS)
}
