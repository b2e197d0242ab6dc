//! Accumulators: a client's stream of events put together, and the invariants that every such stream must hold.

mod anthropic;
mod chat;
mod completions;
mod ollama;
mod responses;

use serde_json::Value;

use super::json::short;

/// A stream put together.
#[derive(Debug, Clone)]
pub struct Assembled {
    /// What `expected_client_assembled` is matched against.
    pub value: Value,
    /// Which invariants it breaks.
    pub faults: Vec<String>,
}

/// Puts the events of a stream of this client dialect together.
pub fn assemble(dialect: &str, events: &[Value]) -> Assembled {
    let (objects, others): (Vec<&Value>, Vec<&Value>) = events.iter().partition(|event| event.is_object());
    let mut assembled = match dialect {
        "openai_chat" => chat::assemble(&objects),
        "openai_completions" => completions::assemble(&objects),
        "openai_responses" => responses::assemble(&objects),
        "anthropic" => anthropic::assemble(&objects),
        _ => ollama::assemble(&objects),
    };
    assembled.faults.extend(others.iter().map(|event| format!("an event is not an object: {}", short(event))));
    assembled
}

/// The end marker `[DONE]`.
fn is_done(event: &Value) -> bool {
    event.get("$done").is_some()
}
