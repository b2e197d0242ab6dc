//! The transforms of one answer, one after the other.

use lingate_codec::dialect::{Piece, PieceOf};
use lingate_codec::ir::Event;
use lingate_codec::transform::Transform;
use lingate_codec::transform::reasoning::Reasoning;
use lingate_codec::transform::tool_repair::ToolRepair;
use std::sync::Arc;

/// How often each pattern's finds became calls, by its name.
pub(crate) type Repaired = Vec<(Arc<str>, u32)>;

/// A transform of a chain, and what it tells of itself.
pub(crate) trait Step: Transform {
    /// The calls that it made.
    fn repaired(&self) -> &[(Arc<str>, u32)] {
        &[]
    }
}

impl Step for Reasoning {}

impl Step for ToolRepair {
    fn repaired(&self) -> &[(Arc<str>, u32)] {
        Self::repaired(self)
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
            step.alarm().is_some_and(|alarm| piece.of != PieceOf::Text || !alarm.is_met_by_escaped(piece.escaped))
        })
    }

    /// The calls that were made of text.
    pub(crate) fn repaired(&self) -> Repaired {
        self.steps.iter().flat_map(|step| step.repaired()).cloned().collect()
    }
}
