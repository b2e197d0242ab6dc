//! Which transforms an answer goes through, decided in one place: from the virtual model, the target and what the
//! client asked.

mod catalogues;
mod chain;

use crate::outgoing::Incoming;
use crate::snapshot::{Target, VirtualModel};
use lingate_codec::ir::{Operation, Tool};
use lingate_codec::json::Object;
use lingate_codec::transform::reasoning::{Mode, Reasoning};
use lingate_codec::transform::tool_repair::{AdvertisedTool, Catalogue, ToolRepair};
use std::sync::Arc;

pub(crate) use catalogues::Catalogues;
pub(crate) use chain::{Chain, Repaired, Step};

/// Which transforms the answer to one request is to go through. Empty for most.
#[derive(Debug, Default)]
pub(crate) struct Recipe {
    /// Where reasoning goes, and whether the text is searched for it.
    reasoning: Option<(Mode, bool)>,
    repair: Option<Repair>,
}

/// How calls are made of text.
#[derive(Debug)]
struct Repair {
    /// What is looked for.
    catalogue: Arc<Catalogue>,
    /// The tools that may be called.
    tools: Vec<AdvertisedTool>,
    /// The answer is to be JSON.
    only_marked: bool,
    /// What the bound on the answer's length cut off counts.
    accept_cut: bool,
}

impl Recipe {
    /// What a request calls for at a target.
    pub(crate) fn of(incoming: &Incoming<'_>, model: &VirtualModel, target: &Target) -> Self {
        let dialect = incoming.dialect.dialect();
        let object = &incoming.envelope.object;
        // Of several answers side by side only the first is read.
        if dialect.wants_several(object) {
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
        let repair = match model.config.tool_repair {
            lingate_config::ToolRepair::Off => None,
            lingate_config::ToolRepair::Auto => hosted.then_some(incoming.catalogue),
            lingate_config::ToolRepair::On => Some(incoming.catalogue),
            lingate_config::ToolRepair::Patterns(_) => model.patterns.as_ref(),
        };
        let repair = repair.filter(|_| !forbids_calls(object));
        let repair = repair.map(|catalogue| Repair {
            catalogue: catalogue.clone(),
            tools: functions(dialect.tools(object)),
            only_marked: dialect.asks_for_json(object),
            accept_cut: model.config.repair_cut_calls,
        });
        Self {
            reasoning: (split || mode != Mode::Keep).then_some((mode, split)),
            repair: repair.filter(|repair| !repair.tools.is_empty()),
        }
    }

    /// The transforms of an answer; `None` if there are none. `seed`: a text unique to the answer, of which ids are made.
    pub(crate) fn chain(&self, seed: impl FnOnce() -> String) -> Option<Chain> {
        let mut steps: Vec<Box<dyn Step>> = Vec::new();
        // A thought that is moved into the text is a thought still, and makes no call: it is moved last.
        let (early, late) = match self.reasoning {
            Some((mode @ Mode::Inline, split)) if self.repair.is_some() => {
                (split.then_some((Mode::Keep, true)), Some((mode, false)))
            }
            other => (other, None),
        };
        let reasoning = |(mode, split)| Box::new(Reasoning::new(mode, split)) as Box<dyn Step>;
        steps.extend(early.map(reasoning));
        if let Some(repair) = &self.repair {
            let step = ToolRepair::new(repair.catalogue.clone(), repair.tools.clone());
            let step = step.only_marked(repair.only_marked).accepting_cut_values(repair.accept_cut);
            steps.push(Box::new(step.with_seed(&seed())));
        }
        steps.extend(late.map(reasoning));
        Chain::new(steps)
    }
}

/// Whether the client says that no tool may be called; all dialects that can spell it alike.
fn forbids_calls(object: &Object<'_>) -> bool {
    let Some(choice) = object.given("tool_choice") else { return false };
    let word = choice.string().or_else(|| choice.object()?.string("type"));
    word.as_deref() == Some("none")
}

fn functions(tools: Vec<Tool<'_>>) -> Vec<AdvertisedTool> {
    let function = |tool| match tool {
        Tool::Function { name, parameters, .. } => {
            let schema = parameters.map(|parameters| parameters.bytes().to_vec());
            Some(AdvertisedTool { name: name.into_owned(), schema })
        }
        Tool::Hosted { .. } => None,
    };
    tools.into_iter().filter_map(function).collect()
}
