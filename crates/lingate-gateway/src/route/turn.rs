//! One attempt at a target, and what all who come later learn of it.

use super::breaker::Probe;
use super::retry_after;
use super::state::TargetState;
use crate::error::{Class, Failure};
use crate::snapshot::VirtualModel;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One attempt at a target.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Which of the model's targets.
    pub target: usize,
    /// When it began, where that is of use.
    pub(super) began: Option<Instant>,
    pub(super) probe: Option<Probe>,
}

/// An attempt that one beside it may overtake.
pub(crate) struct Overtakable {
    state: Arc<TargetState>,
    began: Instant,
}

impl Overtakable {
    /// The other one, which began later, has begun to answer: this one is slower than that.
    pub(crate) fn overtaken(&self) {
        let now = Instant::now();
        self.state.observe(now.saturating_duration_since(self.began), false, now);
    }
}

impl Turn {
    /// As one that may be overtaken, where there may be another one beside it.
    pub(crate) fn overtakable(&self, model: &VirtualModel) -> Option<Overtakable> {
        let began = self.began.filter(|_| model.config.hedge)?;
        Some(Overtakable { state: model.targets[self.target].state.clone(), began })
    }

    /// It begins only after a pause.
    #[must_use]
    pub(crate) fn after(self, pause: Duration) -> Self {
        Self { began: self.began.map(|began| began + pause), ..self }
    }

    /// The attempt is over: it gave the beginning of an answer, or failed. All who come later learn of it.
    pub(crate) fn ended(self, model: &VirtualModel, result: Result<(), &Failure>) {
        let target = &model.targets[self.target];
        let class = result.err().map(|failure| failure.class);
        target.endpoint.breaker().ended(class, Instant::now);
        if let Some(probe) = self.probe.filter(|_| class != Some(Class::Limited)) {
            probe.answered();
        }
        if class.is_some_and(|class| !matches!(class, Class::Fault | Class::Limited)) {
            target.metrics.failed_attempts.inc();
        }
        let Some(began) = self.began else { return };
        let now = Instant::now();
        let took = now.saturating_duration_since(began);
        match result {
            Ok(()) => {
                target.state.observe(took, false, now);
                if model.config.hedge {
                    model.state.beginnings().observe(took);
                }
            }
            Err(failure) if failure.class == Class::Busy => {
                if let Some(wait) = retry_after::read(&failure.headers, super::unix()) {
                    target.state.busy_for(wait, now);
                }
            }
            Err(failure) if matches!(failure.class, Class::Fault | Class::Limited) => {}
            Err(_) => target.state.observe(took, true, now),
        }
    }
}
