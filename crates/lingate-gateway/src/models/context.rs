//! How long a model's context is, as far as it is known without asking.

use super::lists::Lists;
use super::relay::is_ollama;
use super::show;
use crate::endpoint::Endpoint;
use crate::outgoing::KnownContext;
use crate::snapshot::Snapshot;
use lingate_codec::json::{Object, Raw};
use std::sync::Arc;

impl Lists {
    /// What kept answers to `/api/show` and the list in memory tell of an endpoint's model. Asks nobody.
    pub(crate) fn context_now(&self, snapshot: &Snapshot, endpoint: &Arc<Endpoint>, model: &str) -> KnownContext {
        let ttl = snapshot.config.show_ttl;
        let kept = |verbose| self.shows.known_now(&show::key(endpoint, model, verbose), ttl);
        let shown = kept(false).or_else(|| kept(true)).map(|shown| told(&shown)).unwrap_or_default();
        let listed = || self.list_now(snapshot, endpoint)?.listed(model)?.context_length;
        KnownContext { length: shown.length.or_else(listed), ..shown }
    }

    /// Has an endpoint asked, behind the caller's back, what might tell the context of a model: its list, if none is in
    /// memory; and where there is one, what it says of the model itself.
    pub(crate) fn learn(&self, snapshot: &Snapshot, endpoint: &Arc<Endpoint>, model: &str) {
        if self.list_now(snapshot, endpoint).is_none() {
            self.ask(snapshot, endpoint);
        }
        if is_ollama(endpoint) {
            let (ttl, max_error_body) = (snapshot.config.show_ttl, snapshot.config.max_error_body);
            let ask = || show::describe(endpoint.clone(), model, false, max_error_body);
            self.shows.begin(show::key(endpoint, model, false), ttl, ask);
        }
    }
}

/// What an answer to `/api/show` tells: `llama.context_length` of `model_info`, and `num_ctx` of its parameters.
fn told(shown: &[u8]) -> KnownContext {
    let mut known = KnownContext::default();
    // What is no object tells nothing.
    let _ = Object::visit(shown, |name, _, value| match name {
        b"model_info" => known.length = context_length(value),
        b"parameters" => known.preset = value.string().and_then(|text| num_ctx(&text)),
        _ => {}
    });
    known
}

fn context_length(info: Raw<'_>) -> Option<u64> {
    let mut length = None;
    let _ = Object::visit(info.bytes(), |name, _, value| {
        if name.ends_with(b".context_length") {
            length = value.u64().filter(|tokens| *tokens > 0).or(length);
        }
    });
    length
}

/// Lines of a name and a value.
fn num_ctx(parameters: &str) -> Option<u64> {
    let value = |line: &str| line.trim().strip_prefix("num_ctx")?.trim().parse().ok();
    parameters.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::{KnownContext, told};

    #[test]
    fn an_answer_to_show_tells_length_and_preset() {
        let known = |length, preset| KnownContext { length, preset };
        for (shown, expected) in [
            (r#"{"model_info":{"a":1,"llama.context_length":131072,"tokens":[1]}}"#, known(Some(131_072), None)),
            (r#"{"parameters":"stop  \"x\"\nnum_ctx                8192\n"}"#, known(None, Some(8192))),
            (
                r#"{"parameters":"num_ctx_x 5","model_info":{"context_length":"7","x.context_length":0}}"#,
                known(None, None),
            ),
            (r#"{"parameters":[],"model_info":7}"#, known(None, None)),
            ("no json", known(None, None)),
        ] {
            assert_eq!(told(shown.as_bytes()), expected, "{shown}");
        }
    }
}
