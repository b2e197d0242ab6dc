//! Requests that are longer than what a model holds: the virtual model in its `overflow_to` takes them.
//!
//! Found out before a request is sent, where the context of every target is known; else by the upstream's refusal,
//! while nothing has been sent to the client. Nothing is estimated for models without `overflow_to`.

use crate::endpoint::Endpoint;
use crate::error::Failure;
use crate::outgoing::{Incoming, members};
use crate::pipeline::Exchange;
use crate::snapshot::{Snapshot, Target, VirtualModel};
use lingate_codec::estimate::{input_tokens, text_tokens};
use lingate_codec::ir::{ApiError, MaxTokens};
use lingate_codec::json::Raw;
use std::sync::Arc;

/// The model that a model overflows to, if it is served.
fn next<'s>(snapshot: &'s Snapshot, model: &VirtualModel) -> Option<&'s Arc<VirtualModel>> {
    snapshot.models.get(model.config.overflow_to.as_ref()?)
}

/// The first of a model and those that it overflows to that may hold the request; the last one if none does.
pub(crate) fn choose(exchange: &Exchange<'_>, incoming: &Incoming<'_>, model: &Arc<VirtualModel>) -> Arc<VirtualModel> {
    let snapshot = &exchange.snapshot;
    let (mut chosen, mut size) = (model, None);
    // There are no cycles in a checked configuration; nobody goes round in one that is not.
    for _ in 0..snapshot.models.len() {
        let Some(larger) = next(snapshot, chosen) else { break };
        let Some(held) = held(exchange, incoming, chosen) else { break };
        let Some(size) = size.get_or_insert_with(|| Size::of(incoming)).as_ref() else { break };
        if size.needed(&chosen.config) <= held {
            break;
        }
        chosen = larger;
    }
    chosen.clone()
}

/// The model that takes a request after `model` failed: only if it failed because the request is too long for it.
pub(crate) fn after<'s>(
    exchange: &'s Exchange<'_>,
    incoming: &Incoming<'_>,
    model: &VirtualModel,
    failure: &Failure,
) -> Option<&'s Arc<VirtualModel>> {
    let larger = next(&exchange.snapshot, model)?;
    (is_too_long(&failure.error) && !refers_to_state(incoming)).then_some(larger)
}

/// Whether a request is short without what an upstream has kept for it: that is of no use to another.
fn refers_to_state(incoming: &Incoming<'_>) -> bool {
    let object = &incoming.envelope.object;
    ["previous_response_id", "conversation"].iter().any(|key| object.given(key).is_some())
}

/// The most tokens that any target of a model holds; `None` if one of them may hold any number.
fn held(exchange: &Exchange<'_>, incoming: &Incoming<'_>, model: &VirtualModel) -> Option<u64> {
    if refers_to_state(incoming) {
        return None;
    }
    // All are looked at: of each that is not known, something may be learnt for the next request.
    let known = model.targets.iter().map(|target| context(exchange, target, &incoming.envelope.model, model));
    let known: Vec<Option<u64>> = known.collect();
    known.into_iter().collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn context(exchange: &Exchange<'_>, target: &Target, asked: &str, model: &VirtualModel) -> Option<u64> {
    if let Some(tokens) = configured(&target.endpoint, model) {
        return Some(tokens);
    }
    let name = if target.model.is_empty() { asked } else { target.model.as_str() };
    let (lists, snapshot) = (&exchange.gateway.lists, &exchange.snapshot);
    let known = lists.context_now(snapshot, &target.endpoint, name).length;
    if known.is_none() {
        lists.learn(snapshot, &target.endpoint, name);
    }
    known
}

/// What the operator says of the context, where the kind of backend is told so with each request.
fn configured(endpoint: &Endpoint, model: &VirtualModel) -> Option<u64> {
    if !endpoint.backend.dialect.dialect().cuts_in_silence() {
        return None;
    }
    let member = |(name, json): &(String, String)| (name == "num_ctx").then(|| json.parse().ok())?;
    let of_model = model.config.force.iter().chain(&model.config.defaults).find_map(member);
    of_model.or(endpoint.config.num_ctx).filter(|tokens| *tokens > 0)
}

/// How long a request is.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Its own tokens, about.
    input: u64,
    /// The bound of its answer.
    output: Option<u64>,
}

impl Size {
    /// `None` for what cannot be read: whoever gets it says so better.
    fn of(incoming: &Incoming<'_>) -> Option<Self> {
        // The envelope of a long body was not checked to the last character.
        Raw::check(incoming.body).ok()?;
        let request = incoming.dialect.dialect().decode_request(incoming.operation, incoming.body).ok()?;
        let output = match request.max_tokens {
            Some(MaxTokens::Limit(limit)) => Some(limit),
            Some(MaxTokens::Unbounded | MaxTokens::FillContext) => Some(0),
            None => None,
        };
        Some(Self { input: input_tokens(&request), output })
    }

    /// What a model must hold for it, with what its operator adds.
    fn needed(&self, model: &lingate_config::VirtualModel) -> u64 {
        let prompt = model.system_prompt.as_deref().map_or(0, text_tokens);
        let output = self.output.or_else(|| members::default_max_tokens(model)).unwrap_or(0);
        self.input.saturating_add(prompt).saturating_add(output)
    }
}

/// Whether an upstream says that a request is longer than its model's context: by OpenAI's code, or in its words.
fn is_too_long(error: &ApiError) -> bool {
    /// What servers write, in small letters.
    const WORDS: [&str; 14] = [
        // OpenAI, vLLM, Mistral, OpenRouter, DeepSeek; Ollama's "exceeds maximum context length".
        "maximum context length",
        // OpenAI's Responses.
        "exceeds the context window",
        "context window exceeds",
        // vLLM, once images are counted.
        "longer than the maximum model length",
        // Anthropic.
        "prompt is too long",
        "exceed context limit",
        // Ollama.
        "exceeded max context length",
        "exceeds the context length",
        // llama.cpp, LM Studio.
        "exceeds the available context size",
        "context length exceeded",
        "context size has been exceeded",
        // Google, xAI, Groq.
        "exceeds the maximum number of tokens",
        "maximum prompt length",
        "reduce the length of the messages",
    ];
    // 502 is what an error under status 200 has that says nothing of one.
    if !matches!(error.status, 400 | 413 | 422 | 500 | 502) {
        return false;
    }
    let code = error.code.as_deref().unwrap_or_default();
    if matches!(code, "context_length_exceeded" | "model_context_window_exceeded" | "exceed_context_size_error") {
        return true;
    }
    let message = error.message.to_ascii_lowercase();
    WORDS.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_of_a_request_that_is_too_long() {
        for (status, code, message) in [
            (400, Some("context_length_exceeded"), "?"),
            (400, None, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens"),
            (400, None, "The decoder prompt (length 9000) is longer than the maximum model length of 8192."),
            (400, None, "prompt is too long: 210000 tokens > 200000 maximum"),
            (400, None, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
            (400, None, "prompt too long; exceeded max context length by 42 tokens"),
            (500, None, "the input length exceeds the context length"),
            (400, None, "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it"),
            (400, None, "Your input exceeds the context window of this model."),
            (400, None, "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575)."),
        ] {
            let error = ApiError { code: code.map(str::to_owned), ..ApiError::new(status, message) };
            assert!(is_too_long(&error), "{message}");
        }
        for (status, code, message) in [
            (400, None, "max_tokens must be at least 1"),
            (400, Some("invalid_prompt"), "the context is missing"),
            (429, Some("tokens"), "Rate limit: the maximum context length of this minute"),
            (401, Some("context_length_exceeded"), "no"),
            (503, None, "prompt is too long"),
        ] {
            let error = ApiError { code: code.map(str::to_owned), ..ApiError::new(status, message) };
            assert!(!is_too_long(&error), "{message}");
        }
    }

    #[test]
    fn a_request_needs_its_text_its_answer_and_the_operator_s_words() {
        let mut model = lingate_config::VirtualModel::new("m", "e", "r");
        let size = |output| Size { input: 100, output };
        assert_eq!(size(None).needed(&model), 100);
        assert_eq!(size(Some(u64::MAX)).needed(&model), u64::MAX);
        model.defaults.push(("max_tokens".to_owned(), "50".to_owned()));
        assert_eq!((size(None).needed(&model), size(Some(7)).needed(&model)), (150, 107));
        model.system_prompt = Some("one two three four five".to_owned());
        assert!((153..=157).contains(&size(None).needed(&model)));
    }
}
