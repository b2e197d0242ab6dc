//! The models that one client may ask for, in order, with what lists tell of each.

use super::exposed::EndpointList;
use super::find::list_unavailable;
use super::listed::ListedModel;
use super::lists::merge;
use crate::endpoint::Endpoint;
use crate::error::Failure;
use crate::pipeline::Exchange;
use crate::snapshot::VirtualModel;
use std::sync::Arc;

/// When models of which nobody knows better were made, unix seconds (the moment that seed 001 and others give).
pub(super) const SOME_TIME: u64 = 1_677_610_602;

/// All models of a client.
pub(super) struct Catalogue<'s> {
    virtual_models: Vec<&'s VirtualModel>,
    lists: Vec<(Arc<Endpoint>, Arc<EndpointList>)>,
    /// Index of the list, index in it.
    exposed: Vec<(usize, usize)>,
}

/// One model, as lists tell of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'c> {
    /// The name to ask for.
    pub(super) name: &'c str,
    /// The name for people, if it has one.
    pub(super) display_name: Option<&'c str>,
    /// The endpoint that serves it.
    pub(super) endpoint: &'c str,
    /// What its upstream lists; `None` for virtual models, which may change their target at any request.
    pub(super) told: Option<&'c ListedModel>,
}

impl<'s> Catalogue<'s> {
    /// Virtual models in the configuration's order, then the endpoints' own; without those that the client's key may
    /// not use, and without `*`.
    ///
    /// # Errors
    /// 503 if there is none, and an endpoint that may have some does not list them: nothing is not what is known then.
    pub(super) async fn of(exchange: &'s Exchange<'_>) -> Result<Self, Failure> {
        let snapshot = &*exchange.snapshot;
        let lists = exchange.gateway.lists.exposing(snapshot).await;
        let mut exposed = merge(snapshot, &lists);
        exposed.retain(|(list, index)| exchange.may_use(&lists[*list].1.exposed[*index].name));
        let names = snapshot.names.iter().filter(|name| exchange.may_use(name));
        let virtual_models: Vec<_> = names.filter_map(|name| snapshot.models.get(name).map(|model| &**model)).collect();
        if virtual_models.is_empty()
            && exposed.is_empty()
            && let Some((endpoint, reason)) = exchange.gateway.lists.silent(snapshot)
        {
            return Err(list_unavailable("no model is known", &endpoint, &reason));
        }
        Ok(Self { virtual_models, lists, exposed })
    }

    /// The models, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let exposed = self.exposed.iter().map(|(list, index)| {
            let (endpoint, list) = &self.lists[*list];
            let exposed = &list.exposed[*index];
            let told = list.told(exposed);
            let display_name = told.and_then(|told| told.display_name.as_deref());
            Entry { name: &exposed.name, display_name, endpoint: endpoint.name(), told }
        });
        self.virtual_models.iter().map(|model| Entry::of(model, None)).chain(exposed)
    }
}

impl<'c> Entry<'c> {
    /// A virtual model, or an endpoint's own that was found by its name; `told` is what the upstream lists.
    pub(super) fn of(model: &'c VirtualModel, told: Option<&'c ListedModel>) -> Self {
        Self {
            name: &model.config.name,
            display_name: model.config.display_name.as_deref().or_else(|| told?.display_name.as_deref()),
            endpoint: model.targets.first().map_or("lingate", |target| target.endpoint.name()),
            told,
        }
    }

    /// The name for people.
    pub(super) fn shown(&self) -> &'c str {
        self.display_name.unwrap_or(self.name)
    }

    /// When it was made, unix seconds.
    pub(super) fn created(&self) -> u64 {
        self.told.and_then(|told| told.created).unwrap_or(SOME_TIME)
    }
}
