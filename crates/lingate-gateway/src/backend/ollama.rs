//! Ollama, by its native API; `/v1` of its own only where the endpoint switches it on.

use super::{Backend, ModelsForm, OPENAI_COMPATIBLE};
use lingate_codec::dialect::{DialectId, EmbeddingsId};
use lingate_codec::ir::Operation;

pub(super) const BACKEND: Backend = Backend {
    name: "ollama",
    dialect: DialectId::Ollama,
    routes: &[
        (DialectId::Ollama, Operation::Chat, "/api/chat"),
        (DialectId::Ollama, Operation::TextCompletion, "/api/generate"),
    ],
    optional_routes: &[
        (DialectId::OpenAiChat, Operation::Chat, "/v1/chat/completions"),
        (DialectId::OpenAiCompletions, Operation::TextCompletion, "/v1/completions"),
        (DialectId::AnthropicMessages, Operation::Chat, "/v1/messages"),
        (DialectId::OpenAiResponses, Operation::Chat, "/v1/responses"),
    ],
    embeddings: &[(EmbeddingsId::OllamaEmbed, "/api/embed"), (EmbeddingsId::OllamaEmbeddings, "/api/embeddings")],
    optional_embeddings: &[(EmbeddingsId::OpenAi, "/v1/embeddings")],
    models_path: "/api/tags",
    models_form: ModelsForm::Ollama,
    self_hosted: true,
    openai_paths: false,
    ..OPENAI_COMPATIBLE
};
