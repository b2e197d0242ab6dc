//! An endpoint's list made ready for look-ups: which of its models are served, and under which names.

use super::glob::{means, short};
use super::listed::ListedModel;
use crate::endpoint::Endpoint;
use crate::snapshot::VirtualModel;
use crate::telemetry::Metrics;
use lingate_config::ExposeModels;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// The list of one endpoint.
#[derive(Debug)]
pub(super) struct EndpointList {
    /// When the upstream gave it, unix milliseconds.
    pub(super) fetched_ms: u64,
    /// Whether it is due however young it is.
    pub(super) outdated: bool,
    /// What it listed.
    pub(super) models: Vec<ListedModel>,
    /// What of it is served, in the upstream's order.
    pub(super) exposed: Vec<Exposed>,
    /// Index in `exposed` by name without `:latest`.
    by_exposed: HashMap<String, usize>,
    /// Index in `models` by name without `:latest`.
    by_name: HashMap<String, usize>,
}

/// A model that is served under a name of its own.
#[derive(Debug)]
pub(super) struct Exposed {
    /// The name that clients ask for.
    pub(super) name: String,
    /// Index in the endpoint's list.
    index: usize,
    /// Made at the first request.
    model: OnceLock<Arc<VirtualModel>>,
}

impl EndpointList {
    /// Applies the endpoint's filters. Of two names that mean one model the first is served.
    pub(super) fn new(models: Vec<ListedModel>, fetched_ms: u64, expose: &ExposeModels) -> Self {
        let (mut exposed, mut by_exposed, mut by_name) = (Vec::new(), HashMap::new(), HashMap::new());
        for (index, model) in models.iter().enumerate() {
            by_name.entry(short(&model.name).to_owned()).or_insert(index);
            let Some(name) = exposed_name(expose, &model.name) else { continue };
            by_exposed.entry(short(&name).to_owned()).or_insert_with(|| {
                exposed.push(Exposed { name, index, model: OnceLock::new() });
                exposed.len() - 1
            });
        }
        Self { fetched_ms, outdated: false, models, exposed, by_exposed, by_name }
    }

    /// The model that the upstream knows by this name.
    pub(super) fn listed(&self, name: &str) -> Option<&ListedModel> {
        self.models.get(*self.by_name.get(short(name))?)
    }

    /// The model that is served under this name.
    pub(super) fn named(&self, name: &str) -> Option<&Exposed> {
        self.exposed.get(*self.by_exposed.get(short(name))?)
    }

    /// The name that the upstream's model of this name is served under.
    pub(super) fn served_as(&self, name: &str) -> Option<&str> {
        let index = *self.by_name.get(short(name))?;
        self.exposed.iter().find(|exposed| exposed.index == index).map(|exposed| exposed.name.as_str())
    }

    /// What the upstream tells of a served model.
    pub(super) fn told(&self, exposed: &Exposed) -> Option<&ListedModel> {
        self.models.get(exposed.index)
    }

    /// A served model as a target.
    pub(super) fn virtual_model(
        &self,
        exposed: &Exposed,
        endpoint: &Arc<Endpoint>,
        metrics: &Metrics,
    ) -> Option<Arc<VirtualModel>> {
        let told = self.told(exposed)?;
        let make = || Arc::new(VirtualModel::exposed(&exposed.name, &told.name, endpoint, metrics));
        Some(exposed.model.get_or_init(make).clone())
    }
}

/// The name under which an upstream's model is served, if it is.
fn exposed_name(expose: &ExposeModels, name: &str) -> Option<String> {
    match expose {
        ExposeModels::Off => None,
        ExposeModels::All => Some(name.to_owned()),
        ExposeModels::Filter { include, exclude, prefix } => {
            let wanted = include.is_empty() || include.iter().any(|pattern| means(pattern, name));
            let refused = exclude.iter().any(|pattern| means(pattern, name));
            (wanted && !refused).then(|| format!("{prefix}{name}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(expose: &ExposeModels) -> EndpointList {
        let names = ["llama3:latest", "llama3", "qwen:7b", "qwen:14b", "nomic-embed"];
        let models = names.iter().map(|name| ListedModel { name: (*name).to_owned(), ..ListedModel::default() });
        EndpointList::new(models.collect(), 1, expose)
    }

    fn names(expose: &ExposeModels) -> Vec<String> {
        list(expose).exposed.into_iter().map(|exposed| exposed.name).collect()
    }

    fn filter(include: &[&str], exclude: &[&str], prefix: &str) -> ExposeModels {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        ExposeModels::Filter { include: own(include), exclude: own(exclude), prefix: prefix.to_owned() }
    }

    #[test]
    fn filters_and_prefix() {
        assert_eq!(names(&ExposeModels::Off), [""; 0]);
        assert_eq!(names(&ExposeModels::All), ["llama3:latest", "qwen:7b", "qwen:14b", "nomic-embed"]);
        assert_eq!(names(&filter(&["qwen:*", "llama3"], &["*14b"], "home/")), ["home/llama3:latest", "home/qwen:7b"]);
        assert_eq!(names(&filter(&[], &["*embed*"], "")), ["llama3:latest", "qwen:7b", "qwen:14b"]);
    }

    #[test]
    fn look_ups_by_both_names() {
        let list = list(&filter(&[], &["nomic-embed"], "p/"));
        let exposed = list.named("p/llama3").unwrap();
        assert_eq!(
            (exposed.name.as_str(), list.told(exposed).unwrap().name.as_str()),
            ("p/llama3:latest", "llama3:latest")
        );
        assert_eq!(list.named("p/qwen:7b:latest").unwrap().name, "p/qwen:7b");
        assert!(list.named("llama3").is_none() && list.named("p/nomic-embed").is_none());
        assert_eq!(list.listed("nomic-embed:latest").unwrap().name, "nomic-embed");
        assert_eq!(list.served_as("llama3"), Some("p/llama3:latest"));
        assert_eq!(list.served_as("nomic-embed"), None);
    }
}
