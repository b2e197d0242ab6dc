//! How hard to think, in the words that a model knows.

use super::turns::Turns;
use crate::ir::{Concept, Effort, Family, Loss, Request, ToolChoice};

/// The smallest budget that is accepted (SDK 2.11.0, `thinking_config_enabled_param.py`).
const MIN_BUDGET: u64 = 1024;

/// What a model knows of thinking, told from its name. Names that say nothing count as current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// Before Claude 3.7: none.
    Plain,
    /// Claude 3.7 to 4.5: `enabled` with a budget.
    Budget,
    /// Since 4.6: `adaptive`, with `output_config.effort`; budgets are deprecated, then refused.
    Adaptive,
}

impl Generation {
    /// From a model's name.
    pub(super) fn of(model: &str) -> Self {
        match version(model) {
            Some((0..=2, _) | (3, 0..7)) => Self::Plain,
            Some((3, _) | (4, 0..6)) => Self::Budget,
            _ => Self::Adaptive,
        }
    }

    /// Whether `system` is taken as a role amid the messages.
    pub(super) fn knows_system_turns(self) -> bool {
        self == Self::Adaptive
    }
}

/// Whether a model can be held to a JSON schema: all since Claude 4.1, and names that say nothing.
pub(super) fn knows_schemas(model: &str) -> bool {
    version(model).is_none_or(|version| version >= (4, 1))
}

/// Major and minor version in a model's name, in any of the forms `claude-3-5-haiku-…`, `claude-sonnet-4-5-…`,
/// `claude-sonnet-4-2025…`.
fn version(model: &str) -> Option<(u32, u32)> {
    let (_, name) = model.split_once("claude-")?;
    let mut numbers = name.split(['-', '.', '@', ':', '_']).filter_map(|word| word.parse::<u32>().ok());
    let major = numbers.next()?;
    // A date is no minor version.
    Some((major, numbers.next().filter(|minor| *minor < 1000).unwrap_or(0)))
}

/// The member `thinking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// As the model sees fit.
    Adaptive,
    /// At most so many tokens.
    Budget(u64),
    /// On, of a type that an extra names.
    On,
    /// Off.
    Disabled,
}

/// What is said about thinking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) thinking: Option<Thinking>,
    pub(super) effort: Option<Effort>,
}

impl Plan {
    /// Whether the model will think.
    pub(super) fn is_on(self) -> bool {
        self.thinking.is_some_and(|thinking| thinking != Thinking::Disabled)
    }
}

/// Decides. `max_tokens` is what the request will say; `given` whether the client said it.
pub(super) fn plan(
    request: &Request<'_>,
    turns: &Turns<'_, '_>,
    generation: Generation,
    (max_tokens, given): (u64, bool),
    loss: &mut Loss,
) -> Plan {
    let Some(reasoning) = request.reasoning else { return Plan::default() };
    if request.family == Family::Anthropic {
        return native(request, turns, loss);
    }
    if reasoning.is_off() {
        let thinking = (generation != Generation::Plain).then_some(Thinking::Disabled);
        return Plan { thinking, effort: None };
    }
    let level = reasoning.level().map(|level| level.max(Effort::Low));
    if reasoning.enabled != Some(true) && level.is_none() {
        return Plan::default();
    }
    let thinking = match generation {
        Generation::Plain => None,
        Generation::Adaptive => Some(Thinking::Adaptive),
        Generation::Budget => {
            let wanted = reasoning.budget_tokens.unwrap_or_else(|| budget_of(level.unwrap_or(Effort::Medium)));
            // Of a bound that the client did not set, half at least is left for the answer.
            let most = if given { max_tokens.saturating_sub(1) } else { max_tokens / 2 };
            (most >= MIN_BUDGET).then(|| Thinking::Budget(wanted.clamp(MIN_BUDGET, most)))
        }
    };
    let effort = level.filter(|_| generation == Generation::Adaptive);
    // A forced call changes the answer, thinking is a hint; the API refuses both together.
    let forced = match &request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_)) => true,
        Some(ToolChoice::Allowed { required, .. }) => *required,
        _ => false,
    };
    if thinking.is_none() || forced {
        if effort.is_none() {
            loss.concept(Concept::Reasoning);
        }
        return Plan { thinking: None, effort };
    }
    if turns.calls_without_thought() {
        loss.concept(Concept::Reasoning);
        return Plan { thinking: Some(Thinking::Disabled), effort };
    }
    Plan { thinking, effort }
}

/// As the client said, but for a turn whose thought was lost on the way (another provider made it).
fn native(request: &Request<'_>, turns: &Turns<'_, '_>, loss: &mut Loss) -> Plan {
    let reasoning = request.reasoning.unwrap_or_default();
    let named = request.extra.iter().any(|extra| extra.key == "thinking.type");
    let thinking = match reasoning.enabled {
        None => None,
        Some(false) => Some(Thinking::Disabled),
        Some(true) if named => Some(Thinking::On),
        Some(true) if reasoning.adaptive => Some(Thinking::Adaptive),
        // Only budgets come with the rule that a thought must lead.
        Some(true) if turns.calls_without_thought() => {
            loss.concept(Concept::Reasoning);
            Some(Thinking::Disabled)
        }
        Some(true) => Some(reasoning.budget_tokens.map_or(Thinking::On, Thinking::Budget)),
    };
    Plan { thinking, effort: reasoning.effort }
}

/// The budget that a level stands for: the bands of [`Effort::from_budget`], the other way.
fn budget_of(level: Effort) -> u64 {
    match level {
        Effort::None | Effort::Minimal | Effort::Low => 1024,
        Effort::Medium => 2048,
        Effort::High => 4096,
        Effort::XHigh => 8192,
        Effort::Max => 16384,
    }
}

#[cfg(test)]
mod tests {
    use super::{Generation, knows_schemas};

    #[test]
    fn schemas_are_known_since_claude_4_1() {
        for model in ["claude-opus-4-1", "claude-sonnet-4-5-20250929", "claude-opus-5", "claude-mythos", "llama"] {
            assert!(knows_schemas(model), "{model}");
        }
        for model in ["claude-2.1", "claude-3-7-sonnet-latest", "claude-sonnet-4-20250514", "us.claude-opus-4-0"] {
            assert!(!knows_schemas(model), "{model}");
        }
    }

    #[test]
    fn generations_are_told_by_name() {
        for (model, expected) in [
            ("claude-2.1", Generation::Plain),
            ("claude-3-haiku-20240307", Generation::Plain),
            ("claude-3-5-sonnet-latest", Generation::Plain),
            ("claude-3-7-sonnet-20250219", Generation::Budget),
            ("claude-sonnet-4-20250514", Generation::Budget),
            ("claude-opus-4-1", Generation::Budget),
            ("anthropic/claude-sonnet-4.5", Generation::Budget),
            ("claude-haiku-4-5-20251001", Generation::Budget),
            ("claude-opus-4-6", Generation::Adaptive),
            ("claude-sonnet-5", Generation::Adaptive),
            ("claude-haiku-5-5", Generation::Adaptive),
            ("claude-mythos-preview", Generation::Adaptive),
            ("backend-model", Generation::Adaptive),
        ] {
            assert_eq!(Generation::of(model), expected, "{model}");
        }
    }
}
