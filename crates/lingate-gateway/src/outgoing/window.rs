//! The context that an upstream is asked for, where its servers cut longer requests in silence (ADR 0008). Pure.

use super::{Plan, members};
use lingate_codec::dialect::{Additions, Dialect};
use lingate_codec::json::Object;

/// The longest context that is asked for where the model's own is not known: longer ones cost much memory.
const LONGEST_UNKNOWN: u64 = 128 * 1024;

/// What is known of a model's context, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KnownContext {
    /// The longest that it can have.
    pub length: Option<u64>,
    /// What it has where a request does not say.
    pub preset: Option<u64>,
}

/// What follows for one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// The context to ask for, where the request does not.
    pub num_ctx: Option<u64>,
    /// What the client is told.
    pub warning: Option<String>,
}

/// Judges a request as the upstream's dialect writes it. `added` bytes of text are still to be put into it.
pub(super) fn of(dialect: &dyn Dialect, object: &Object<'_>, added: usize, plan: &Plan<'_>) -> Window {
    let (model, endpoint) = (&plan.model.config, &plan.target.endpoint.config);
    // A server's further APIs cut no less than its own, but cannot be asked.
    let own = plan.target.endpoint.backend.dialect.dialect();
    let foreign = own.id() != dialect.id();
    if !own.cuts_in_silence() || (!foreign && members::is_configured(dialect, model, "num_ctx")) {
        return Window::default();
    }
    if let Some(tokens) = endpoint.num_ctx {
        // Zero leaves it to the server.
        return Window { num_ctx: Some(tokens).filter(|tokens| *tokens > 0 && !foreign), warning: None };
    }
    let added = Additions { bytes: added as u64, max_tokens: members::default_max_tokens(model) };
    let Some(needed) = own.context_needed(object, added) else { return Window::default() };
    if foreign {
        return cannot_ask(needed, "its dialect cannot ask for them");
    }
    if endpoint.strip.iter().any(|name| members::means(dialect, name, "num_ctx")) {
        return cannot_ask(needed, "the endpoint strips num_ctx");
    }
    ask(needed, (plan.known)(plan.name))
}

/// The next power of two, so that a conversation that grows does not have its model loaded anew at each turn; at most
/// what the model can hold.
fn ask(needed: u64, known: KnownContext) -> Window {
    if known.preset.is_some_and(|preset| preset >= needed) {
        return Window::default();
    }
    let longest = known.length.unwrap_or(LONGEST_UNKNOWN);
    let tokens = needed.checked_next_power_of_two().unwrap_or(u64::MAX).min(longest);
    let warning = (needed > longest).then(|| {
        let whose = if known.length.is_some() { "the model holds" } else { "lingate asks for at most" };
        format!("num_ctx: the request may need about {needed} tokens of context, {whose} {longest}; it may be cut")
    });
    Window { num_ctx: Some(tokens), warning }
}

fn cannot_ask(needed: u64, why: &str) -> Window {
    let warning = format!("num_ctx: the request may need about {needed} tokens of context, and {why}; it may be cut");
    Window { num_ctx: None, warning: Some(warning) }
}

#[cfg(test)]
mod tests {
    use super::{KnownContext, Window, ask};

    #[test]
    fn the_context_is_the_next_power_of_two_that_the_model_holds() {
        let known = |length, preset| KnownContext { length, preset };
        for (needed, known, expected, warned) in [
            (4097, known(None, None), Some(8192), false),
            (8192, known(None, None), Some(8192), false),
            (100_000, known(Some(200_000), None), Some(131_072), false),
            (9000, known(Some(10_000), None), Some(10_000), false),
            (9000, known(Some(8192), None), Some(8192), true),
            (131_073, known(None, None), Some(131_072), true),
            (u64::MAX, known(None, None), Some(131_072), true),
            (u64::MAX, known(Some(u64::MAX), None), Some(u64::MAX), false),
            (9000, known(Some(8192), Some(9000)), None, false),
            (9000, known(None, Some(8192)), Some(16_384), false),
        ] {
            let Window { num_ctx, warning } = ask(needed, known);
            assert_eq!((num_ctx, warning.is_some()), (expected, warned), "{needed} {known:?}");
        }
    }
}
