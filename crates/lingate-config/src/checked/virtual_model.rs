//! One checked virtual model.

use std::time::Duration;

use super::{StreamMode, TimeoutOverrides};
use crate::choice::choice;
use crate::secret::Secret;

/// The name that a client asks for, and what becomes of the request.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualModel {
    /// The name, unique; `*` serves every name that nothing else serves.
    pub name: String,
    /// Where it goes; at least one.
    pub targets: Vec<Target>,
    /// How a target is chosen.
    pub strategy: Strategy,
    /// Whether a conversation keeps its target.
    pub sticky: Sticky,
    /// The virtual model that takes requests whose context does not fit.
    pub overflow_to: Option<String>,
    /// The name that lists show.
    pub display_name: Option<String>,
    /// Put before all messages.
    pub system_prompt: Option<String>,
    /// Members used when the request has none: name and JSON text, numbers as they were written.
    pub defaults: Vec<(String, String)>,
    /// Members that override the request's: name and JSON text.
    pub force: Vec<(String, String)>,
    /// Headers of every upstream call, over the endpoint's. Values may be credentials.
    pub headers: Vec<(String, Secret)>,
    /// Whether the upstream is asked for streams.
    pub stream: StreamMode,
    /// Which name the answer's `model` has.
    pub response_model: ResponseModel,
    /// What becomes of reasoning.
    pub reasoning: Reasoning,
    /// Whether tool calls in text are repaired.
    pub tool_repair: ToolRepair,
    /// Whether a call in text that the bound on the answer's length cut off counts as whole.
    pub repair_cut_calls: bool,
    /// Whether a request is refused of which something would be dropped.
    pub strict: bool,
    /// What becomes of tools that only their provider can run.
    pub hosted_tools: HostedTools,
    /// Retries.
    pub retry: Retry,
    /// The answer when all attempts failed.
    pub fallback_message: Option<String>,
    /// Whether a target that is slow to begin gets a second one beside it.
    pub hedge: bool,
    /// Whether the reasoning says what a waiting job waits for.
    pub job_status: bool,
    /// How long answers are cached; `None` is not at all.
    pub cache: Option<Duration>,
    /// Whether prompts and answers are kept.
    pub record: bool,
    /// What it costs; `None` is the catalogue's price.
    pub price: Option<Price>,
    /// Whether it is served at all.
    pub enabled: bool,
}

impl VirtualModel {
    /// A virtual model with one target and all defaults.
    pub fn new(name: impl Into<String>, endpoint: impl Into<String>, model: impl Into<String>) -> Self {
        Self { targets: vec![Target::new(endpoint, model)], ..Self::empty(name) }
    }

    pub(crate) fn empty(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            targets: Vec::new(),
            strategy: Strategy::Priority,
            sticky: Sticky::Conversation,
            overflow_to: None,
            display_name: None,
            system_prompt: None,
            defaults: Vec::new(),
            force: Vec::new(),
            headers: Vec::new(),
            stream: StreamMode::Auto,
            response_model: ResponseModel::Requested,
            reasoning: Reasoning::Keep,
            tool_repair: ToolRepair::Auto,
            repair_cut_calls: false,
            strict: false,
            hosted_tools: HostedTools::Refuse,
            retry: Retry::default(),
            fallback_message: None,
            hedge: false,
            job_status: false,
            cache: None,
            record: false,
            price: None,
            enabled: true,
        }
    }
}

/// An endpoint and the model that it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The endpoint's name.
    pub endpoint: String,
    /// The model's name there.
    pub model: String,
    /// Its share among equals, for the weighted strategy.
    pub weight: u32,
    /// Higher wins; `None` takes the endpoint's.
    pub priority: Option<i32>,
    /// Time-outs over those of its endpoint.
    pub timeouts: TimeoutOverrides,
}

impl Target {
    /// A target of weight 1 with its endpoint's priority.
    pub fn new(endpoint: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            model: model.into(),
            weight: 1,
            priority: None,
            timeouts: TimeoutOverrides::default(),
        }
    }
}

choice! {
    /// How a target is chosen among those of equal priority.
    pub enum Strategy {
        /// The first that can take it.
        Priority = "priority",
        /// By weight.
        Weighted = "weighted",
        /// In turn.
        RoundRobin = "round_robin",
        /// The fastest of late.
        LeastLatency = "least_latency",
    }
}

choice! {
    /// Whether a conversation keeps its target.
    pub enum Sticky {
        /// Every request is free.
        Off = "off",
        /// It does, for the upstream's prompt cache.
        Conversation = "conversation",
    }
}

choice! {
    /// What becomes of tools that a provider runs itself, towards a backend that has none of them.
    pub enum HostedTools {
        /// The request is refused.
        Refuse = "refuse",
        /// They are left out and reported.
        Drop = "drop",
    }
}

choice! {
    /// Which name the answer's `model` has.
    pub enum ResponseModel {
        /// The name that the client asked for.
        Requested = "requested",
        /// The upstream's own.
        Upstream = "upstream",
    }
}

choice! {
    /// What becomes of reasoning.
    pub enum Reasoning {
        /// It stays in its own field.
        Keep = "keep",
        /// It goes into the text.
        Inline = "inline",
        /// It is left out.
        Hide = "hide",
    }
}

/// Whether tool calls that came as text are repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolRepair {
    /// Never.
    Off,
    /// By all patterns.
    On,
    /// On for self-hosted kinds.
    Auto,
    /// By these patterns.
    Patterns(Vec<String>),
}

/// Retries of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Upstream attempts in all, the first included; at least 1.
    pub attempts: u32,
    /// Whether an answer without choices counts as failed.
    pub on_empty: bool,
    /// Whether a request is sent again that the upstream may already be working on.
    pub after_send: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 2, on_empty: false, after_send: false }
    }
}

/// Prices in pico-dollars a token; `None` is unknown, zero is free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// Of fresh input.
    pub input: Option<u64>,
    /// Of output.
    pub output: Option<u64>,
    /// Of input read from the upstream's cache.
    pub cache_read: Option<u64>,
    /// Of input written to it.
    pub cache_write: Option<u64>,
}
