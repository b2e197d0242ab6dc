//! Metrics, by name. Handles are looked up once per snapshot; labels come from configuration alone.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::OnceLock;

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
struct RefusalLabels {
    endpoint: String,
    limit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    model: String,
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
    failed_attempts: Family<TargetLabels, Counter>,
    retries: Family<ModelLabels, Counter>,
    hedges: Family<ModelLabels, Counter>,
    circuits: Family<EndpointLabels, Gauge>,
    circuits_opened: Family<EndpointLabels, Counter>,
    endpoint_in_flight: Family<EndpointLabels, Gauge>,
    endpoint_queued: Family<EndpointLabels, Gauge>,
    endpoint_refused: Family<RefusalLabels, Counter>,
    endpoint_healthy: Family<EndpointLabels, Gauge>,
    /// That of status 200, once there was one.
    ok: OnceLock<Counter>,
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
    /// Attempts that failed, whatever became of the request.
    pub failed_attempts: Counter,
    /// The model's name, and where its repairs are counted.
    model: String,
    repairs: Family<RepairLabels, Counter>,
}

/// Handles of one virtual model.
#[derive(Debug, Clone, Default)]
pub struct ModelMetrics {
    /// Attempts after one that failed.
    pub retries: Counter,
    /// Attempts beside one that was slow.
    pub hedges: Counter,
}

/// Handles of one endpoint's circuit.
#[derive(Debug, Clone, Default)]
pub struct CircuitMetrics {
    /// 0 closed, 1 being probed, 2 open.
    pub state: Gauge,
    /// How often it opened.
    pub opened: Counter,
}

/// Handles of one endpoint that has load limits.
#[derive(Debug)]
pub struct EndpointMetrics {
    name: String,
    refused: Family<RefusalLabels, Counter>,
    /// Requests under way.
    pub in_flight: Gauge,
    /// Requests that wait for a place.
    pub queued: Gauge,
}

impl EndpointMetrics {
    /// Counts a request that `limit` refused.
    pub fn refused(&self, limit: &'static str) {
        let labels = RefusalLabels { endpoint: self.name.clone(), limit };
        self.refused.get_or_create_owned(&labels).inc();
    }
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
            failed_attempts: Family::default(),
            retries: Family::default(),
            hedges: Family::default(),
            circuits: Family::default(),
            circuits_opened: Family::default(),
            endpoint_in_flight: Family::default(),
            endpoint_queued: Family::default(),
            endpoint_refused: Family::default(),
            endpoint_healthy: Family::default(),
            ok: OnceLock::new(),
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
        let failed = metrics.failed_attempts.clone();
        registry.register("attempt_failures", "Attempts that failed, whatever became of the request", failed);
        registry.register("retries", "Attempts after one that failed", metrics.retries.clone());
        registry.register("hedges", "Attempts beside one that was slow", metrics.hedges.clone());
        registry.register("circuit_state", "0 closed, 1 being probed, 2 open", metrics.circuits.clone());
        registry.register("circuit_opened", "How often a circuit opened", metrics.circuits_opened.clone());
        let endpoints = [
            ("endpoint_inflight", "Requests under way, of endpoints with limits", &metrics.endpoint_in_flight),
            ("endpoint_queued", "Requests that wait for a place at an endpoint", &metrics.endpoint_queued),
            ("endpoint_healthy", "Whether an endpoint passed its last health check", &metrics.endpoint_healthy),
        ];
        for (name, help, gauges) in endpoints {
            registry.register(name, help, gauges.clone());
        }
        let refused = metrics.endpoint_refused.clone();
        registry.register("endpoint_limit_rejections", "Requests refused by an endpoint's limits", refused);
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
            failed_attempts: self.failed_attempts.get_or_create_owned(&labels),
            model,
            repairs: self.repairs.clone(),
        }
    }

    /// Handles for a virtual model, by its name in the configuration.
    pub fn model(&self, model: &str) -> ModelMetrics {
        let labels = ModelLabels { model: model.to_owned() };
        ModelMetrics {
            retries: self.retries.get_or_create_owned(&labels),
            hedges: self.hedges.get_or_create_owned(&labels),
        }
    }

    /// Handles for an endpoint's circuit, by its name in the configuration.
    pub fn circuit(&self, endpoint: &str) -> CircuitMetrics {
        let labels = EndpointLabels { endpoint: endpoint.to_owned() };
        CircuitMetrics {
            state: self.circuits.get_or_create_owned(&labels),
            opened: self.circuits_opened.get_or_create_owned(&labels),
        }
    }

    /// Handles for the load limits of an endpoint.
    pub fn endpoint(&self, name: &str) -> EndpointMetrics {
        let labels = EndpointLabels { endpoint: name.to_owned() };
        EndpointMetrics {
            name: name.to_owned(),
            refused: self.endpoint_refused.clone(),
            in_flight: self.endpoint_in_flight.get_or_create_owned(&labels),
            queued: self.endpoint_queued.get_or_create_owned(&labels),
        }
    }

    /// Whether an endpoint is well: 1 or 0.
    pub fn endpoint_healthy(&self, name: &str) -> Gauge {
        self.endpoint_healthy.get_or_create_owned(&EndpointLabels { endpoint: name.to_owned() })
    }

    /// Counts an answer's status.
    pub fn answered(&self, status: u16) {
        let handle = || self.responses.get_or_create_owned(&StatusLabels { status });
        // Nearly all are: the look-up takes a lock and a hash.
        if status == 200 {
            self.ok.get_or_init(handle).inc()
        } else {
            handle().inc()
        };
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
