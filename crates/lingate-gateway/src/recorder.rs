//! Listens to a request on the side: where it went, what it used, how it ended. Says so in metrics and one log line.

use crate::ingress::request_id::RequestId;
use crate::snapshot::{Target, VirtualModel};
use crate::telemetry::Outcome;
use crate::transforms::Repaired;
use lingate_codec::ir::{ApiError, Event, Usage};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
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
    /// Attempts that came to nothing; as many as there are attempts and hedges, at most.
    earlier: Vec<Made>,
    usage: Usage,
    first_token: Option<f64>,
    outcome: Outcome,
    status: u16,
    stream: bool,
    /// Whether another recorder listens to the same request, and which of the two this one is.
    twin: Option<(Arc<Twins>, u8)>,
    /// The calls that were made of text, by pattern.
    repaired: Repaired,
}

/// An attempt that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Which of the model's targets.
    pub target: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// The status of its error; 0 where there was none.
    pub status: u16,
}

/// Which of two recorders of one request speaks for it; 0 while that is open.
#[derive(Debug, Default)]
pub(crate) struct Twins(AtomicU8);

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

    /// The target, where it matters how much goes on there.
    fn counted(&self) -> Option<&Target> {
        if self.model.targets.len() > 1 { self.target() } else { None }
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
            earlier: Vec::new(),
            usage: Usage::default(),
            first_token: None,
            outcome: Outcome::Cancelled,
            status: 200,
            stream,
            twin: None,
            repaired: Repaired::new(),
        }
    }

    /// A second one for an attempt beside the one of this. Until [`Recorder::speaks`] says otherwise, this one speaks.
    pub fn twin(&mut self) -> Self {
        let twins: Arc<Twins> = Arc::default();
        let mut twin = Self::new(self.started, self.request_id, self.original_model.clone(), self.stream);
        twin.earlier.clone_from(&self.earlier);
        twin.twin = Some((twins.clone(), 2));
        self.twin = Some((twins, 1));
        twin
    }

    /// From now on this one speaks for the request, and its twin says nothing.
    pub fn speaks(&mut self) {
        if let Some((twins, own)) = &self.twin {
            twins.0.store(*own, Ordering::Relaxed);
        }
    }

    fn is_silent(&self) -> bool {
        let Some((twins, own)) = &self.twin else { return false };
        let speaks = twins.0.load(Ordering::Relaxed);
        speaks.max(1) != *own
    }

    /// The request goes there now.
    pub fn attempt(&mut self, place: Place) {
        self.leave();
        if let Some(target) = place.counted() {
            target.state.enter();
        }
        self.place = Some(place);
        // What the attempt before came to stands in the list.
        self.outcome = Outcome::Cancelled;
        self.status = 200;
        self.first_token = None;
    }

    fn leave(&mut self) {
        if let Some(target) = self.place.as_ref().and_then(Place::counted) {
            target.state.leave();
        }
    }

    /// An attempt came to nothing, and is not the last one.
    pub fn attempted(&mut self, made: Made) {
        self.earlier.push(made);
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
        self.leave();
        if self.is_silent() {
            return;
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let target = self.place.as_ref().and_then(Place::target);
        if let Some(target) = target {
            target.endpoint.spend(&self.usage);
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
            attempts = self.earlier.len() + usize::from(target.is_some()),
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
