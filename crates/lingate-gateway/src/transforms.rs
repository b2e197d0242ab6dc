//! Which transforms an answer goes through, decided in one place: from the virtual model, the target and what the
//! client asked.

use crate::outgoing::Incoming;
use crate::snapshot::{Target, VirtualModel};
use lingate_codec::dialect::{Piece, PieceOf};
use lingate_codec::ir::{Event, Operation};
use lingate_codec::transform::Transform;
use lingate_codec::transform::reasoning::{Mode, Reasoning};
use std::sync::Arc;

/// How often each pattern's finds became calls, by its name.
pub(crate) type Repaired = Vec<(Arc<str>, u32)>;

/// Which transforms the answer to one request is to go through. Empty for most.
#[derive(Debug, Default)]
pub(crate) struct Recipe {
    /// Where reasoning goes, and whether the text is searched for it.
    reasoning: Option<(Mode, bool)>,
}

impl Recipe {
    /// What a request calls for at a target.
    pub(crate) fn of(incoming: &Incoming<'_>, model: &VirtualModel, target: &Target) -> Self {
        // Of several answers side by side only the first is read.
        if incoming.dialect.dialect().wants_several(&incoming.envelope.object) {
            return Self::default();
        }
        let hosted = target.endpoint.backend.self_hosted;
        let mode = match model.config.reasoning {
            lingate_config::Reasoning::Keep => Mode::Keep,
            lingate_config::Reasoning::Inline => Mode::Inline,
            lingate_config::Reasoning::Hide => Mode::Hide,
        };
        // Where a text is continued, there is no beginning of an answer.
        let split = incoming.operation == Operation::Chat && (hosted || mode != Mode::Keep);
        Self { reasoning: (split || mode != Mode::Keep).then_some((mode, split)) }
    }

    /// The transforms; `None` if there are none.
    pub(crate) fn chain(&self) -> Option<Chain> {
        let mut steps: Vec<Box<dyn Step>> = Vec::new();
        if let Some((mode, split)) = self.reasoning {
            steps.push(Box::new(Reasoning::new(mode, split)));
        }
        Chain::new(steps)
    }
}

impl Step for Reasoning {}

/// A transform of a chain, and what it tells of itself.
pub(crate) trait Step: Transform {
    /// The calls that it made.
    fn repaired(&self) -> &[(Arc<str>, u32)] {
        &[]
    }
}

/// The transforms of one answer, one after the other.
pub(crate) struct Chain {
    steps: Vec<Box<dyn Step>>,
    /// The events between two steps.
    between: Vec<Event>,
}

impl Chain {
    /// `None` if there are no steps.
    pub(crate) fn new(steps: Vec<Box<dyn Step>>) -> Option<Self> {
        (!steps.is_empty()).then(|| Self { steps, between: Vec::new() })
    }

    /// Puts what comes of the events in their place.
    pub(crate) fn run(&mut self, events: &mut Vec<Event>) {
        for step in &mut self.steps {
            for event in events.drain(..) {
                step.push(event, &mut self.between);
            }
            std::mem::swap(events, &mut self.between);
        }
    }

    /// Whether text is held back.
    pub(crate) fn holds(&self) -> bool {
        self.steps.iter().any(|step| step.holds())
    }

    /// Whether what came out differs from what went in.
    pub(crate) fn changed(&self) -> bool {
        self.steps.iter().any(|step| step.changed())
    }

    /// Whether a piece would pass unchanged, so that it need not be read.
    pub(crate) fn lets_pass(&self, piece: &Piece<'_>) -> bool {
        self.steps.iter().all(|step| {
            !step.holds()
                && step
                    .alarm()
                    .is_some_and(|alarm| piece.of != PieceOf::Text || !alarm.is_met_by_escaped(piece.escaped))
        })
    }

    /// The calls that were made of text.
    pub(crate) fn repaired(&self) -> Repaired {
        self.steps.iter().flat_map(|step| step.repaired()).cloned().collect()
    }
}
