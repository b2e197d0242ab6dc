//! Parameters of generation.

use crate::json::Raw;
use std::borrow::Cow;

/// A number as the client spelt it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'a>(&'a str);

impl<'a> Number<'a> {
    /// A JSON number; `None` for anything else.
    pub fn from_raw(raw: Raw<'a>) -> Option<Self> {
        raw.number().map(Self)
    }

    /// The number's text.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Its value, rounded to the nearest double.
    pub fn value(self) -> f64 {
        self.0.parse().unwrap_or(0.0)
    }
}

/// How to draw the next token.
#[derive(Debug, Clone, Default)]
pub struct Sampling<'a> {
    /// `temperature`, 0..2 (Anthropic 0..1)
    pub temperature: Option<Number<'a>>,
    /// `top_p`
    pub top_p: Option<Number<'a>>,
    /// `top_k`
    pub top_k: Option<Number<'a>>,
    /// `min_p`
    pub min_p: Option<Number<'a>>,
    /// `seed`
    pub seed: Option<Number<'a>>,
    /// `frequency_penalty`
    pub frequency_penalty: Option<Number<'a>>,
    /// `presence_penalty`
    pub presence_penalty: Option<Number<'a>>,
    /// vLLM's `repetition_penalty`, Ollama's `repeat_penalty`
    pub repetition_penalty: Option<Number<'a>>,
    /// `logit_bias`, an object from token id to bias
    pub logit_bias: Option<Raw<'a>>,
}

/// An upper bound of the answer's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxTokens {
    /// So many tokens.
    Limit(u64),
    /// Ollama's `num_predict: -1`: no bound.
    Unbounded,
    /// Ollama's `num_predict: -2`: until the context is full.
    FillContext,
}

/// The form that the answer must have.
#[derive(Debug, Clone)]
pub enum ResponseFormat<'a> {
    /// Free text, said outright.
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON by a schema.
    JsonSchema {
        /// The schema's name; OpenAI needs one.
        name: Option<Cow<'a, str>>,
        /// What it is for.
        description: Option<Cow<'a, str>>,
        /// The schema itself.
        schema: Raw<'a>,
        /// OpenAI's `strict`.
        strict: Option<bool>,
    },
}

/// How much to think. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the wire's own")]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    /// The wire's word (OpenAI's set, which holds all others).
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// From the wire's word.
    pub fn from_word(word: &str) -> Option<Self> {
        const ALL: [Effort; 7] =
            [Effort::None, Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];
        ALL.into_iter().find(|effort| effort.word() == word)
    }

    /// From a budget of thinking tokens, by bands: 1024 low, 2048 medium, 4096 high, 8192 xhigh, 16384 max.
    pub fn from_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..2048 => Self::Low,
            2048..4096 => Self::Medium,
            4096..8192 => Self::High,
            8192..16384 => Self::XHigh,
            _ => Self::Max,
        }
    }
}

/// What the client said about thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reasoning {
    /// On or off, if said outright (`think: true`, `thinking: {type: enabled | disabled | adaptive}`).
    pub enabled: Option<bool>,
    /// Whether the model may decide itself (`adaptive`).
    pub adaptive: bool,
    /// A named level.
    pub effort: Option<Effort>,
    /// A budget in tokens (`thinking.budget_tokens`).
    pub budget_tokens: Option<u64>,
}

impl Reasoning {
    /// Whether the client wants no thinking at all.
    pub fn is_off(&self) -> bool {
        self.enabled == Some(false) || self.effort == Some(Effort::None)
    }

    /// The level: as named, else from the budget.
    pub fn level(&self) -> Option<Effort> {
        self.effort.or_else(|| self.budget_tokens.map(Effort::from_budget))
    }
}
