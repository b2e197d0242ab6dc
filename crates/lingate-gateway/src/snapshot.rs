//! The immutable tables of this moment: what the configuration says, made ready. A reload builds a new one and
//! swaps it in whole; requests under way keep the old one.

use crate::endpoint::{CallLimits, Endpoint};
use crate::ingress::cors::Cors;
use crate::ingress::credential::{KeyEntry, KeyHash, KeyRing};
use crate::ingress::limit::Limit;
use crate::route::{ModelState, TargetState, seed};
use crate::telemetry::{Metrics, TargetMetrics};
use crate::transforms::Catalogues;
use hyper_util::client::proxy::matcher::Matcher;
use lingate_codec::transform::tool_repair::Catalogue;
use lingate_config::{ClientAuth, ClientKey, Config, ExposeModels, KeySecret, resolve_client_auth};
use lingate_store::{SealedCache, StoredResponses};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// All of it.
#[derive(Debug)]
pub struct Snapshot {
    /// The configuration that it was built from.
    pub config: Config,
    /// Enabled endpoints, the highest priority first.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Enabled virtual models by name, `*` among them.
    pub models: HashMap<String, Arc<VirtualModel>>,
    /// Their names in the order of the file, without `*`.
    pub names: Vec<String>,
    /// Whether clients need no key.
    pub open: bool,
    /// The clients' keys.
    pub keys: KeyRing,
    /// Which browsers may call.
    pub cors: Cors,
    /// What tool repair looks for where a virtual model names no patterns.
    pub catalogue: Arc<Catalogue>,
    /// How many requests a second are taken; `None`: any number.
    pub limit: Option<Arc<Limit>>,
}

/// A name that clients ask for, with its targets resolved.
#[derive(Debug)]
pub struct VirtualModel {
    /// What the configuration says.
    pub config: lingate_config::VirtualModel,
    /// Where it goes, best first; never empty.
    pub targets: Vec<Target>,
    /// What its requests share; it lasts over reloads.
    pub(crate) state: Arc<ModelState>,
    /// What tool repair looks for, where it names the patterns.
    pub patterns: Option<Arc<Catalogue>>,
}

/// A target of a virtual model.
#[derive(Debug, Clone)]
pub struct Target {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The model's name there; empty: the name that was asked for.
    pub model: String,
    /// Higher wins.
    pub priority: i32,
    /// Its share among equals; 0: only when nothing else is left.
    pub weight: u32,
    /// What stands for it wherever it is in the list.
    pub seed: u64,
    /// Its metrics.
    pub metrics: TargetMetrics,
    /// What its requests share; it lasts over reloads.
    pub(crate) state: Arc<TargetState>,
    /// Its time limits, where they are not the connections' own.
    pub(crate) limits: Option<CallLimits>,
}

/// What lives longer than a snapshot.
#[derive(Debug, Clone)]
pub struct Lasting {
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The sealed cache on disk.
    pub cache: SealedCache,
    /// Answers that clients may refer to.
    pub responses: StoredResponses,
    /// The environment's proxies.
    pub proxies: Arc<Matcher>,
}

impl Snapshot {
    /// Builds the tables. Endpoints whose configuration did not change keep their connections and sessions.
    ///
    /// # Errors
    /// Names the key of the configuration at fault; nothing is changed then.
    pub fn build(config: Config, lasting: &Lasting, before: Option<&Self>) -> Result<Self, String> {
        let mut endpoints = Vec::new();
        for endpoint in config.endpoints.iter().filter(|endpoint| endpoint.enabled) {
            endpoints.push(match before.and_then(|before| before.unchanged(endpoint, &config)) {
                Some(kept) => kept,
                None => {
                    let (proxies, cache, metrics) = (&lasting.proxies, &lasting.cache, &lasting.metrics);
                    let new = Endpoint::new(endpoint, &config, proxies, cache, metrics)?;
                    let old = before.and_then(|before| before.endpoint(&endpoint.name));
                    Arc::new(new.with_state(&lasting.metrics, old))
                }
            });
        }
        endpoints.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.config.priority));
        let catalogues = Catalogues::build(&config)?;
        let (mut models, mut names) = (HashMap::new(), Vec::new());
        for (place, model) in config.virtual_models.iter().enumerate().filter(|(_, model)| model.enabled) {
            let patterns = catalogues.of(model, place)?;
            let old = before.and_then(|before| before.models.get(&model.name));
            let targets = targets(&config, model, &endpoints, &lasting.metrics, old);
            if targets.is_empty() {
                continue;
            }
            if model.name != "*" {
                names.push(model.name.clone());
            }
            let fresh = || Arc::new(ModelState::new(lasting.metrics.model(&model.name)));
            let state = old.map_or_else(fresh, |old| old.state.clone());
            models
                .insert(model.name.clone(), Arc::new(VirtualModel { config: model.clone(), targets, state, patterns }));
        }
        // Nothing can fail any more: what does not come into use is not watched.
        endpoints.iter().for_each(Endpoint::watch);
        Ok(Self {
            open: resolve_client_auth(&config) == ClientAuth::Open,
            keys: KeyRing::new(config.clients.keys.iter().map(key_entry)),
            limit: before.and_then(|before| before.same_limit(&config)).unwrap_or_else(|| limit(&config)),
            cors: Cors::new(&config.cors_origins),
            catalogue: catalogues.all().clone(),
            endpoints,
            models,
            names,
            config,
        })
    }

    fn unchanged(&self, endpoint: &lingate_config::Endpoint, config: &Config) -> Option<Arc<Endpoint>> {
        let same_limits =
            self.config.timeouts == config.timeouts && self.config.max_error_body == config.max_error_body;
        self.endpoints.iter().find(|old| same_limits && old.config == *endpoint).cloned()
    }

    fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name() == name).map(|endpoint| &**endpoint)
    }

    /// The bucket of before, where the rate did not change: a reload refills nothing.
    fn same_limit(&self, config: &Config) -> Option<Option<Arc<Limit>>> {
        let same = self.config.clients.rate_limit.total_cmp(&config.clients.rate_limit).is_eq();
        same.then(|| self.limit.clone())
    }

    /// Endpoints whose own models are served under their own names, the highest priority first.
    pub fn exposing(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.endpoints.iter().filter(|endpoint| endpoint.config.expose_models != ExposeModels::Off)
    }
}

fn limit(config: &Config) -> Option<Arc<Limit>> {
    Limit::new(config.clients.rate_limit).map(Arc::new)
}

fn key_entry(key: &ClientKey) -> KeyEntry {
    let hash = match &key.secret {
        KeySecret::Key(secret) => KeyHash::of(secret.expose().as_bytes()),
        KeySecret::Sha256(hash) => KeyHash::from_bytes(*hash),
    };
    let expires = key.expires.map(|at| at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    KeyEntry { name: key.name.clone(), hash, models: key.models.clone(), expires }
}

/// The targets whose endpoints are enabled, by priority; equals keep the file's order.
fn targets(
    config: &Config,
    model: &lingate_config::VirtualModel,
    endpoints: &[Arc<Endpoint>],
    metrics: &Metrics,
    before: Option<&Arc<VirtualModel>>,
) -> Vec<Target> {
    let mut found: Vec<Target> = model
        .targets
        .iter()
        .filter_map(|target| {
            let endpoint = endpoints.iter().find(|endpoint| endpoint.name() == target.endpoint)?;
            let priority = target.priority.unwrap_or(endpoint.config.priority);
            let metrics = metrics.target(&model.name, endpoint.name());
            let seed = seed(endpoint.name(), &target.model);
            let old = before.and_then(|before| before.targets.iter().find(|old| old.seed == seed));
            Some(Target {
                endpoint: endpoint.clone(),
                model: target.model.clone(),
                priority,
                weight: target.weight,
                seed,
                metrics,
                state: old.map(|old| old.state.clone()).unwrap_or_default(),
                limits: CallLimits::of_target(config, &endpoint.config, &target.timeouts),
            })
        })
        .collect();
    found.sort_by_key(|target| std::cmp::Reverse(target.priority));
    found
}

impl Target {
    /// Time limits of a call, where they are not the connections' own.
    pub(crate) fn call_limits(&self, streamed: bool) -> Option<CallLimits> {
        self.limits.map(|limits| limits.streamed(streamed))
    }
}

impl VirtualModel {
    /// An endpoint's own model under its own name, with all defaults.
    pub fn exposed(name: &str, model: &str, endpoint: &Arc<Endpoint>, metrics: &Metrics) -> Self {
        let config = lingate_config::VirtualModel::new(name, endpoint.name(), model);
        // Names that upstreams list are no metric labels: there may be thousands.
        let state = Arc::new(ModelState::new(metrics.model("exposed")));
        let target = Target {
            endpoint: endpoint.clone(),
            model: model.to_owned(),
            priority: endpoint.config.priority,
            weight: 1,
            seed: seed(endpoint.name(), model),
            metrics: metrics.target("exposed", endpoint.name()),
            state: Arc::default(),
            limits: endpoint.limits(),
        };
        Self { targets: vec![target], config, state, patterns: None }
    }
}
