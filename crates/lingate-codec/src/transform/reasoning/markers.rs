//! How models write their thoughts into their text.
//!
//! Sources: the chat templates and reasoning parsers of Qwen and DeepSeek (`<think>`), ByteDance's Seed (`<seed:think>`),
//! Mistral's Magistral (`[THINK]`), Cohere's Command (`<|START_THINKING|>`), Moonshot's Kimi-VL (`◁think▷`), OpenThoughts
//! (`<|begin_of_thought|>`), and OpenAI's harmony format (gpt-oss), whose channels some servers pass on as text.

/// What may stand at the beginning of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    /// As it is written.
    pub(super) marker: &'static str,
    pub(super) then: Then,
}

/// What follows an opening.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    /// A thought, up to one of these.
    Thought(&'static [Closing]),
    /// The answer's text, perhaps with one of [`TEXT_ENDS`] at its end.
    Text,
}

/// What ends a thought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    pub(super) marker: &'static str,
    /// Whether it belongs to what follows, and is to be read again.
    pub(super) stays: bool,
}

const fn closing(marker: &'static str) -> Closing {
    Closing { marker, stays: false }
}

const fn tag(marker: &'static str, end: &'static [Closing]) -> Opening {
    Opening { marker, then: Then::Thought(end) }
}

/// A thought in harmony ends with its message, or where another begins.
const HARMONY: &[Closing] = &[
    closing("<|end|>"),
    closing("<|return|>"),
    Closing { marker: "<|start|>assistant", stays: true },
    Closing { marker: "<|channel|>final", stays: true },
];

/// All of them; none is the beginning of another.
pub(super) const OPENINGS: &[Opening] = &[
    tag("<think>", &[closing("</think>")]),
    tag("<thinking>", &[closing("</thinking>")]),
    tag("<thought>", &[closing("</thought>")]),
    tag("<reasoning>", &[closing("</reasoning>")]),
    tag("<seed:think>", &[closing("</seed:think>")]),
    tag("<|thinking|>", &[closing("<|/thinking|>")]),
    tag("<|begin_of_thought|>", &[closing("<|end_of_thought|>")]),
    tag("<|START_THINKING|>", &[closing("<|END_THINKING|>")]),
    tag("[THINK]", &[closing("[/THINK]")]),
    tag("◁think▷", &[closing("◁/think▷")]),
    tag("<|channel|>analysis<|message|>", HARMONY),
    tag("<|start|>assistant<|channel|>analysis<|message|>", HARMONY),
    Opening { marker: "<|channel|>final<|message|>", then: Then::Text },
    Opening { marker: "<|start|>assistant<|channel|>final<|message|>", then: Then::Text },
];

/// What a harmony message ends with.
pub(super) const TEXT_ENDS: &[&str] = &["<|return|>", "<|end|>"];

/// Harmony without its special tokens, as servers leave it that strip them: a thought that follows this word at once…
pub(super) const BARE_OPENING: &str = "analysis";
/// … and the text that follows this one.
pub(super) const BARE_TEXT: &str = "assistantfinal";

#[cfg(test)]
mod tests {
    use super::OPENINGS;

    #[test]
    fn no_opening_is_the_beginning_of_another() {
        for (place, opening) in OPENINGS.iter().enumerate() {
            for other in OPENINGS.iter().skip(place + 1) {
                assert!(!other.marker.starts_with(opening.marker) && !opening.marker.starts_with(other.marker));
            }
        }
    }
}
