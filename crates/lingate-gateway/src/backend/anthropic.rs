//! Anthropic.

use super::{Backend, Credential, OPENAI_COMPATIBLE};
use lingate_codec::dialect::{DialectId, EmbeddingsId};
use lingate_codec::ir::Operation;

pub(super) const BACKEND: Backend = Backend {
    name: "anthropic",
    dialect: DialectId::AnthropicMessages,
    routes: &[(DialectId::AnthropicMessages, Operation::Chat, "/messages")],
    optional_routes: &[(DialectId::OpenAiChat, Operation::Chat, "/chat/completions")],
    // Anthropic has none; what copies its API may.
    embeddings: &[],
    optional_embeddings: &[(EmbeddingsId::OpenAi, "/embeddings")],
    credential: Credential::Header("x-api-key"),
    // Translated requests use this version's members; a native client's own version stands in its place.
    headers: &[("anthropic-version", "2023-06-01")],
    openai_paths: false,
    ..OPENAI_COMPATIBLE
};
