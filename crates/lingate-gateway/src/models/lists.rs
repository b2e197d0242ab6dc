//! The lists of all endpoints: which names there are, and which endpoint serves one.

use super::exposed::EndpointList;
use super::glob::short;
use super::show_cache::ShowCache;
use super::tiers::{Tiers, is_due};
use crate::endpoint::Endpoint;
use crate::snapshot::{Lasting, Snapshot, VirtualModel};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesOrdered;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a list of all models waits for an endpoint of which nothing is known yet.
pub(super) const LIST_PATIENCE: Duration = Duration::from_secs(2);
/// How long a request waits for its model, of which nothing is known yet.
pub(super) const FIND_PATIENCE: Duration = Duration::from_secs(10);
/// From this age on a list is renewed even if nobody lists models.
const OLD: Duration = Duration::from_secs(12 * 60 * 60);

/// What the upstreams list. Lives as long as the gateway; snapshots come and go.
#[derive(Debug)]
pub(crate) struct Lists {
    lasting: Lasting,
    /// By endpoint name.
    tiers: Mutex<HashMap<String, Arc<Tiers>>>,
    /// Answers of `/api/show`.
    pub(super) shows: ShowCache,
}

/// What is known of a name that no virtual model has.
#[derive(Debug)]
pub(super) enum Known {
    /// This serves it.
    Served(Arc<VirtualModel>),
    /// All lists are known, and it is in none.
    Unknown,
    /// It is in none, but this endpoint's list is not known, for this reason.
    Unsure { endpoint: String, reason: String },
}

impl Lists {
    /// Nothing known yet.
    pub(crate) fn new(lasting: Lasting) -> Self {
        Self { lasting, tiers: Mutex::default(), shows: ShowCache::default() }
    }

    /// An endpoint's own model, by the name that it is served under.
    ///
    /// Looks at memory and disk first, at lists of any age; asks the upstreams of which no list is known, or only
    /// one past its time that does not hold the name. The highest priority wins among the endpoints that know it.
    pub(super) async fn look_up(&self, snapshot: &Snapshot, name: &str, patience: Duration) -> Known {
        let ttl = snapshot.config.tags_ttl;
        let all: Vec<_> = snapshot.exposing().map(|endpoint| self.of(snapshot, endpoint)).collect();
        let mut unsure: Vec<&Arc<Tiers>> = Vec::new();
        for tiers in &all {
            match tiers.known().await {
                Some(list) => match self.served(tiers, &list, name) {
                    Some(model) => {
                        // The next request shall know better, and this list shall not grow too old to be used.
                        for tiers in unsure {
                            Tiers::ask(tiers);
                        }
                        if is_due(&list, OLD) {
                            tiers.ask();
                        }
                        return Known::Served(model);
                    }
                    None if is_due(&list, ttl) => unsure.push(tiers),
                    None => {}
                },
                None => unsure.push(tiers),
            }
        }
        if let Some(model) = self.ask_for(&unsure, name, patience).await {
            return Known::Served(model);
        }
        let silent = unsure.iter().find(|tiers| tiers.known_now().is_none());
        silent.map_or(Known::Unknown, |tiers| Known::Unsure {
            endpoint: tiers.endpoint.name().to_owned(),
            reason: tiers.failure().unwrap_or_default(),
        })
    }

    /// Asks all of these upstreams at once.
    async fn ask_for(&self, all: &[&Arc<Tiers>], name: &str, patience: Duration) -> Option<Arc<VirtualModel>> {
        // In order of priority: what a better endpoint serves need not wait for a worse one.
        let mut renewed: FuturesOrdered<_> = all.iter().map(|tiers| tiers.renewed(LIST_PATIENCE)).collect();
        let mut in_order = all.iter();
        while let (Some(list), Some(tiers)) = (renewed.next().await, in_order.next()) {
            if let Some(model) = list.and_then(|list| self.served(tiers, &list, name)) {
                return Some(model);
            }
        }
        // Nobody who was quick has it: now the slow ones are worth waiting for.
        let slow: Vec<_> = all.iter().filter(|tiers| tiers.is_asking()).collect();
        let renewed = join_all(slow.iter().map(|tiers| tiers.renewed(patience))).await;
        slow.iter().zip(&renewed).find_map(|(tiers, list)| self.served(tiers, list.as_deref()?, name))
    }

    fn served(&self, tiers: &Tiers, list: &EndpointList, name: &str) -> Option<Arc<VirtualModel>> {
        list.virtual_model(list.named(name)?, &tiers.endpoint, &self.lasting.metrics)
    }

    /// The lists of all endpoints that expose models, the highest priority first; those that do not answer are
    /// left out.
    pub(super) async fn exposing(&self, snapshot: &Snapshot) -> Vec<(Arc<Endpoint>, Arc<EndpointList>)> {
        let ttl = snapshot.config.tags_ttl;
        let lists = snapshot.exposing().map(|endpoint| {
            let tiers = self.of(snapshot, endpoint);
            async move { Some((endpoint.clone(), tiers.current(ttl, LIST_PATIENCE).await?)) }
        });
        join_all(lists).await.into_iter().flatten().collect()
    }

    /// The first endpoint that should list models but has not, by what memory knows, and why.
    pub(super) fn silent(&self, snapshot: &Snapshot) -> Option<(String, String)> {
        let tiers = snapshot.exposing().map(|endpoint| self.of(snapshot, endpoint));
        let silent = tiers.into_iter().find(|tiers| tiers.known_now().is_none())?;
        Some((silent.endpoint.name().to_owned(), silent.failure().unwrap_or_default()))
    }

    /// The lists that memory holds, in the same order.
    pub(super) fn exposing_now(&self, snapshot: &Snapshot) -> Vec<(Arc<Endpoint>, Arc<EndpointList>)> {
        let known = snapshot.exposing().map(|endpoint| (endpoint, self.of(snapshot, endpoint).known_now()));
        known.filter_map(|(endpoint, list)| Some((endpoint.clone(), list?))).collect()
    }

    /// The list of one endpoint, whether it exposes its models or not.
    pub(super) async fn of_endpoint(&self, snapshot: &Snapshot, endpoint: &Arc<Endpoint>) -> Option<Arc<EndpointList>> {
        self.of(snapshot, endpoint).current(snapshot.config.tags_ttl, LIST_PATIENCE).await
    }

    /// The same, if memory holds it.
    pub(super) fn list_now(&self, snapshot: &Snapshot, endpoint: &Arc<Endpoint>) -> Option<Arc<EndpointList>> {
        self.of(snapshot, endpoint).known_now()
    }

    /// Has an endpoint's list fetched, unless that is under way or failed just now.
    pub(super) fn ask(&self, snapshot: &Snapshot, endpoint: &Arc<Endpoint>) {
        self.of(snapshot, endpoint).ask();
    }

    fn of(&self, snapshot: &Snapshot, endpoint: &Arc<Endpoint>) -> Arc<Tiers> {
        let mut all = self.tiers.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(endpoint.name());
        if let Some(tiers) = before
            && Arc::ptr_eq(&tiers.endpoint, endpoint)
        {
            return tiers.clone();
        }
        let tiers = Arc::new(Tiers::new(endpoint.clone(), self.lasting.cache.clone(), before.map(|before| &**before)));
        // Endpoints that a reload took away.
        all.retain(|name, _| snapshot.config.endpoint(name).is_some());
        all.insert(endpoint.name().to_owned(), tiers.clone());
        tiers
    }
}

/// The models of several endpoints in one order, by name: index of the list, index in it. Names that a virtual model
/// or an earlier list has are left out.
pub(super) fn merge(snapshot: &Snapshot, lists: &[(Arc<Endpoint>, Arc<EndpointList>)]) -> Vec<(usize, usize)> {
    let mut taken: HashSet<&str> = snapshot.names.iter().map(|name| short(name)).collect();
    let mut found = Vec::new();
    for (number, (_, list)) in lists.iter().enumerate() {
        for (index, exposed) in list.exposed.iter().enumerate() {
            if taken.insert(short(&exposed.name)) {
                found.push((number, index));
            }
        }
    }
    let name = |(list, index): &(usize, usize)| &lists[*list].1.exposed[*index].name;
    found.sort_by(|a, b| name(a).cmp(name(b)));
    found
}
