//! Listens to a request on the side: what it used, how it ended. Says so in metrics and one log line.

use crate::ingress::request_id::RequestId;
use crate::snapshot::{Target, VirtualModel};
use crate::telemetry::Outcome;
use crate::transforms::Repaired;
use lingate_codec::ir::{ApiError, Event, Usage};
use std::sync::Arc;
use std::time::Instant;

/// One admitted request. Its end is noted when it is dropped, whoever drops it: a request that nobody finished
/// was cancelled.
#[derive(Debug)]
pub struct Recorder {
    started: Instant,
    request_id: RequestId,
    /// The name that the client asked for.
    original_model: String,
    place: Option<Place>,
    usage: Usage,
    first_token: Option<f64>,
    outcome: Outcome,
    status: u16,
    stream: bool,
    /// The calls that were made of text, by pattern.
    repaired: Repaired,
}

/// Where a request went.
#[derive(Debug, Clone)]
pub struct Place {
    /// The virtual model.
    pub model: Arc<VirtualModel>,
    /// Which of its targets.
    pub target: usize,
}

impl Place {
    fn target(&self) -> Option<&Target> {
        self.model.targets.get(self.target)
    }
}

impl Recorder {
    /// Begins.
    pub fn new(started: Instant, request_id: RequestId, original_model: String, stream: bool) -> Self {
        Self {
            started,
            request_id,
            original_model,
            place: None,
            usage: Usage::default(),
            first_token: None,
            outcome: Outcome::Cancelled,
            status: 200,
            stream,
            repaired: Repaired::new(),
        }
    }

    /// The request goes there now.
    pub fn attempt(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// Sees an event of the answer.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Usage(usage) => self.usage.update(usage),
            Event::Error(error) => self.failed(error),
            Event::End => self.outcome = Outcome::Ok,
            _ => {}
        }
        if self.first_token.is_none() && self.stream {
            self.first_token = Some(self.started.elapsed().as_secs_f64());
        }
    }

    /// Calls were made of the answer's text.
    pub(crate) fn repaired(&mut self, repaired: Repaired) {
        self.repaired = repaired;
    }

    /// The request failed.
    pub fn failed(&mut self, error: &ApiError) {
        self.outcome = Outcome::Error;
        self.status = error.status;
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let target = self.place.as_ref().and_then(Place::target);
        if let Some(target) = target {
            target.metrics.finished(self.outcome, &self.usage, seconds, self.first_token);
            for (pattern, count) in &self.repaired {
                target.metrics.repaired(pattern, *count);
            }
        }
        tracing::info!(
            target: "lingate::request",
            request_id = %self.request_id,
            original_model = %self.original_model,
            endpoint = target.map_or("", |target| target.endpoint.name()),
            request_model = target.map_or("", |target| target.model.as_str()),
            outcome = self.outcome.word(),
            status = self.status,
            input_tokens = self.usage.input_tokens,
            output_tokens = self.usage.output_tokens,
            repaired = Some(self.repaired.iter().map(|(_, count)| *count).sum::<u32>()).filter(|count| *count > 0),
            duration_ms = (seconds * 1e3).round(),
            ttft_ms = self.first_token.map(|s| (s * 1e3).round()),
            "model request {}",
            self.outcome.word(),
        );
    }
}
