//! Metrics, by name. Handles are looked up once per snapshot; labels come from configuration alone.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered.
    Ok,
    /// Failed, by whoever's fault.
    Error,
    /// The client left.
    Cancelled,
}

impl Outcome {
    /// The word in logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.word().encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabels {
    model: String,
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    model: String,
    endpoint: String,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    model: String,
    endpoint: String,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RepairLabels {
    model: String,
    pattern: String,
}

type Histograms = Family<TargetLabels, Histogram, fn() -> Histogram>;

/// All metrics of the data plane.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<OutcomeLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    duration: Histograms,
    first_token: Histograms,
    responses: Family<StatusLabels, Counter>,
    repairs: Family<RepairLabels, Counter>,
    /// Requests that are under way.
    pub in_flight: Gauge,
    /// Requests refused by the rate limit.
    pub limited: Counter,
    /// Answers that should have been stored and could not.
    pub unstored: Counter,
}

/// Handles of one virtual model on one endpoint.
#[derive(Debug, Clone)]
pub struct TargetMetrics {
    ok: Counter,
    error: Counter,
    cancelled: Counter,
    input: Counter,
    cached: Counter,
    output: Counter,
    reasoning: Counter,
    duration: Histogram,
    first_token: Histogram,
    /// The model's name, and where its repairs are counted.
    model: String,
    repairs: Family<RepairLabels, Counter>,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 2.0, 14))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("lingate");
        let metrics = Self {
            requests: Family::default(),
            tokens: Family::default(),
            duration: Family::new_with_constructor(seconds as fn() -> Histogram),
            first_token: Family::new_with_constructor(seconds as fn() -> Histogram),
            responses: Family::default(),
            repairs: Family::default(),
            in_flight: Gauge::default(),
            limited: Counter::default(),
            unstored: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Model requests by how they ended", metrics.requests.clone());
        registry.register("tokens", "Tokens by kind; input includes cached", metrics.tokens.clone());
        let unit = Unit::Seconds;
        registry.register_with_unit("request_duration", "Whole duration", unit.clone(), metrics.duration.clone());
        registry.register_with_unit("ttft", "Time to the first token of a stream", unit, metrics.first_token.clone());
        registry.register("responses", "Answers by status, all routes", metrics.responses.clone());
        let help = "Calls made of an answer's text, by the pattern that found them";
        registry.register("tool_repairs", help, metrics.repairs.clone());
        registry.register("inflight", "Requests under way", metrics.in_flight.clone());
        registry.register("limit_rejections", "Requests refused by the rate limit", metrics.limited.clone());
        registry.register("responses_unstored", "Answers that could not be stored", metrics.unstored.clone());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Handles for a virtual model on an endpoint. Both names come from the configuration.
    pub fn target(&self, model: &str, endpoint: &str) -> TargetMetrics {
        let (model, endpoint) = (model.to_owned(), endpoint.to_owned());
        let requests = |outcome| {
            let labels = OutcomeLabels { model: model.clone(), endpoint: endpoint.clone(), outcome };
            self.requests.get_or_create_owned(&labels)
        };
        let tokens = |kind| {
            let labels = TokenLabels { model: model.clone(), endpoint: endpoint.clone(), kind };
            self.tokens.get_or_create_owned(&labels)
        };
        let labels = TargetLabels { model: model.clone(), endpoint: endpoint.clone() };
        TargetMetrics {
            ok: requests(Outcome::Ok),
            error: requests(Outcome::Error),
            cancelled: requests(Outcome::Cancelled),
            input: tokens("input"),
            cached: tokens("cached"),
            output: tokens("output"),
            reasoning: tokens("reasoning"),
            duration: self.duration.get_or_create_owned(&labels),
            first_token: self.first_token.get_or_create_owned(&labels),
            model,
            repairs: self.repairs.clone(),
        }
    }

    /// Counts an answer's status.
    pub fn answered(&self, status: u16) {
        self.responses.get_or_create(&StatusLabels { status }).inc();
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

impl TargetMetrics {
    /// Counts calls that were made of text. Patterns come from the catalogue and the configuration.
    pub fn repaired(&self, pattern: &str, count: u32) {
        let labels = RepairLabels { model: self.model.clone(), pattern: pattern.to_owned() };
        self.repairs.get_or_create(&labels).inc_by(u64::from(count));
    }

    /// Notes a finished request.
    pub fn finished(&self, outcome: Outcome, usage: &lingate_codec::ir::Usage, seconds: f64, first_token: Option<f64>) {
        match outcome {
            Outcome::Ok => self.ok.inc(),
            Outcome::Error => self.error.inc(),
            Outcome::Cancelled => self.cancelled.inc(),
        };
        self.input.inc_by(usage.input_tokens.unwrap_or(0));
        self.cached.inc_by(usage.cache_read_input_tokens.unwrap_or(0));
        self.output.inc_by(usage.output_tokens.unwrap_or(0));
        self.reasoning.inc_by(usage.reasoning_output_tokens.unwrap_or(0));
        self.duration.observe(seconds);
        if let Some(first_token) = first_token {
            self.first_token.observe(first_token);
        }
    }
}
