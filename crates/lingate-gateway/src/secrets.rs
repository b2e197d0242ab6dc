//! The secrets of an endpoint, to be taken out of whatever its upstream says to a client.

use lingate_codec::ir::ApiError;
use lingate_config::Secret;
use std::sync::Arc;

/// Shorter texts would be found by chance.
const SHORTEST: usize = 4;

/// Keys and passwords. Shows none of them in any output.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Arc<[Secret]>);

impl Secrets {
    /// From an endpoint's credentials.
    pub fn of(config: &lingate_config::Endpoint) -> Self {
        let all = [config.api_key.as_ref(), config.password.as_ref()].into_iter().flatten();
        Self(all.filter(|secret| secret.expose().len() >= SHORTEST).cloned().collect())
    }

    /// Whether a body holds one of them.
    pub fn are_in(&self, body: &[u8]) -> bool {
        self.0.iter().any(|secret| memchr::memmem::find(body, secret.expose().as_bytes()).is_some())
    }

    /// Takes them out of all that an error says.
    pub fn scrub(&self, error: &mut ApiError) {
        let texts = [Some(&mut error.message), error.code.as_mut(), error.param.as_mut()];
        texts.into_iter().flatten().for_each(|text| self.scrub_text(text));
    }

    /// Takes them out of a text.
    pub fn scrub_text(&self, text: &mut String) {
        for secret in &*self.0 {
            if text.contains(secret.expose()) {
                *text = text.replace(secret.expose(), "***");
            }
        }
    }
}
