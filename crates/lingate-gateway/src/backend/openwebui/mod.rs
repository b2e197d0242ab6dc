//! Open WebUI's own sign-in: from an e-mail and a password to the bearer token that its API wants.
//!
//! One [`Session`] per account serves all requests. It reads the token's expiry, renews it early, signs in once for
//! however many ask, slows itself down, and keeps the token sealed on disk over restarts. How HTTP is done is passed
//! in with each call.

mod account;
mod error;
mod limiter;
mod persist;
mod reply;
mod session;
mod token;

pub(crate) use account::Account;
pub(crate) use reply::is_session_refusal;
pub(crate) use session::{SIGN_IN_PATH, Session, system_clock};
pub(crate) use token::Token;

use super::{Backend, CHAT, OPENAI_COMPATIBLE};
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::Operation;

/// Open WebUI: OpenAI-compatible below `/api`, chats alone; its own models list has no `object`.
pub(super) const BACKEND: Backend = Backend {
    name: "openwebui",
    routes: &[CHAT],
    optional_routes: &[
        // Its errors are not in Anthropic's form, and its streams count no tokens: not for all (0.12.4).
        (DialectId::AnthropicMessages, Operation::Chat, "/v1/messages"),
        // Beside `/api`, where there is none (0.12.4).
        (DialectId::OpenAiResponses, Operation::Chat, "/../openai/responses"),
    ],
    signs_in: true,
    self_hosted: true,
    // Counts are asked of it, and may be refused.
    count_path: Some("/v1/messages/count_tokens"),
    ..OPENAI_COMPATIBLE
};

#[cfg(test)]
mod tests;
