//! What of an endpoint changes while it is used: what is left of its limits, and its health.

use super::gate::Gate;
use super::health::Health;
use super::{CallLimits, Endpoint};
use crate::telemetry::Metrics;
use lingate_codec::ir::Usage;
use std::sync::Arc;

impl Endpoint {
    /// The same with what it holds besides connections: load limits, which are those of `before`, with what is left of
    /// them, where they did not change; and its health.
    #[must_use]
    pub fn with_state(self, metrics: &Metrics, before: Option<&Self>) -> Self {
        let limits = self.config.limits;
        let kept = before.and_then(|before| before.gate.clone()).filter(|gate| gate.keeps(limits));
        let gate = kept.or_else(|| Gate::new(limits, || metrics.endpoint(&self.config.name)));
        let checked = self.config.health_check.interval.is_some();
        let health = checked.then(|| Health::new(metrics.endpoint_healthy(&self.config.name)));
        Self { gate, health, ..self }
    }

    /// Begins its health checks, if it is to have some. They end when it is dropped.
    pub fn watch(self: &Arc<Self>) {
        if let (Some(health), Some(interval)) = (&self.health, self.config.health_check.interval) {
            health.watch(self, interval);
        }
    }

    /// Notes what a health check found out: well, or why not.
    pub fn report_health(&self, result: Result<(), &str>) {
        let Some(health) = &self.health else { return };
        match (health.set(result.is_ok()), result) {
            (true, Err(reason)) => tracing::warn!(endpoint = self.name(), reason, "an endpoint is not well"),
            (false, Ok(())) => tracing::info!(endpoint = self.name(), "an endpoint is well again"),
            _ => {}
        }
    }

    /// Time limits of its calls that its connections do not know of themselves.
    pub(crate) fn limits(&self) -> Option<CallLimits> {
        self.limits
    }

    /// Whether its last health check passed; where there is none, nothing is known against it.
    pub fn is_healthy(&self) -> bool {
        self.health.as_ref().is_none_or(Health::is_well)
    }

    /// Counts what a request has used.
    pub fn spend(&self, usage: &Usage) {
        if let Some(gate) = &self.gate {
            gate.spend(usage);
        }
    }
}
