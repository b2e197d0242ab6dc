//! The table of paths, and the prefixes under which each family of them is served.

use super::hole::Hole;
use super::{PathFamily, ResponsePart};
use http::Method;
use lingate_codec::dialect::{DialectId, EmbeddingsId};
use lingate_codec::ir::Operation;

/// A path of the table.
pub(super) struct Row {
    /// The path up to its hole, or all of it.
    pub(super) head: &'static str,
    /// What may stand in the hole.
    pub(super) hole: Option<Hole>,
    /// The path after its hole.
    pub(super) tail: &'static str,
    pub(super) methods: Methods,
    pub(super) to: To,
    pub(super) family: PathFamily,
    mounts: u8,
}

/// The prefix under which a path was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mount {
    /// None.
    Root = 1,
    /// `/v1`.
    V1 = 2,
    /// `/v1/v1`: a client that adds `/v1/messages` to a base URL that has its own `/v1`.
    V1V1 = 4,
    /// `/api/openai` or `/api/openai/v1`, seed 000's.
    ApiOpenAi = 8,
}

/// Methods of a path.
pub(super) struct Methods {
    bits: u8,
    /// The same as an `Allow` header.
    pub(super) allow: &'static str,
}

/// The routes without what they take from the path.
#[derive(Clone, Copy)]
pub(super) enum To {
    Chat(DialectId, Operation),
    Embeddings(EmbeddingsId),
    StoredResponse(ResponsePart),
    Models,
    Model,
    CountTokens,
    AnthropicHead,
    OllamaRoot,
    OllamaVersion,
    OllamaTags,
    OllamaShow,
    OllamaPs,
    OllamaManage,
    Health,
    Ready,
    Metrics,
    PassThrough,
    Debug001,
    Reload001,
}

const G: u8 = 1;
const H: u8 = 2;
const P: u8 = 4;
const D: u8 = 8;
const U: u8 = 16;

// HEAD goes wherever GET goes.
const GET: Methods = Methods { bits: G | H, allow: "GET, HEAD" };
const POST: Methods = Methods { bits: P, allow: "POST" };
const HEAD: Methods = Methods { bits: H, allow: "HEAD" };
const GET_POST: Methods = Methods { bits: G | H | P, allow: "GET, HEAD, POST" };
const GET_DELETE: Methods = Methods { bits: G | H | D, allow: "GET, HEAD, DELETE" };
const DELETE_POST: Methods = Methods { bits: D | P, allow: "DELETE, POST" };
const HEAD_POST: Methods = Methods { bits: H | P, allow: "HEAD, POST" };
const ANY: Methods = Methods { bits: G | H | P | D | U, allow: "GET, HEAD, POST, PUT, PATCH, DELETE" };

const CHAT: To = To::Chat(DialectId::OpenAiChat, Operation::Chat);
const COMPLETIONS: To = To::Chat(DialectId::OpenAiCompletions, Operation::TextCompletion);
const MESSAGES: To = To::Chat(DialectId::AnthropicMessages, Operation::Chat);
const RESPONSES: To = To::Chat(DialectId::OpenAiResponses, Operation::Chat);
const OLLAMA_CHAT: To = To::Chat(DialectId::Ollama, Operation::Chat);
const EMBEDDINGS: To = To::Embeddings(EmbeddingsId::OpenAi);
const OLLAMA_EMBED: To = To::Embeddings(EmbeddingsId::OllamaEmbed);
const OLLAMA_EMBEDDINGS: To = To::Embeddings(EmbeddingsId::OllamaEmbeddings);
const OLLAMA_GENERATE: To = To::Chat(DialectId::Ollama, Operation::TextCompletion);

/// Holes: `{id}` one segment, `{model}` a model's name, `{digest}` Ollama's. The first match wins, so what is asked
/// for often stands first.
pub(super) static TABLE: &[Row] = &[
    openai("/chat/completions", POST, CHAT),
    anthropic("/messages", POST, MESSAGES),
    exact("/api/chat", POST, OLLAMA_CHAT, PathFamily::Ollama),
    openai("/responses", POST, RESPONSES),
    openai("/embeddings", POST, EMBEDDINGS),
    exact("/api/generate", POST, OLLAMA_GENERATE, PathFamily::Ollama),
    openai("/completions", POST, COMPLETIONS),
    openai("/models", GET, To::Models),
    anthropic("/messages/count_tokens", POST, To::CountTokens),
    // Ollama.
    exact("/", GET, To::OllamaRoot, PathFamily::Ollama),
    exact("/api/version", GET, To::OllamaVersion, PathFamily::Ollama),
    exact("/api/tags", GET, To::OllamaTags, PathFamily::Ollama),
    exact("/api/show", POST, To::OllamaShow, PathFamily::Ollama),
    exact("/api/ps", GET_POST, To::OllamaPs, PathFamily::Ollama),
    exact("/api/embed", POST, OLLAMA_EMBED, PathFamily::Ollama),
    exact("/api/embeddings", POST, OLLAMA_EMBEDDINGS, PathFamily::Ollama),
    exact("/api/pull", POST, To::OllamaManage, PathFamily::Ollama),
    exact("/api/push", POST, To::OllamaManage, PathFamily::Ollama),
    exact("/api/create", POST, To::OllamaManage, PathFamily::Ollama),
    exact("/api/copy", POST, To::OllamaManage, PathFamily::Ollama),
    exact("/api/delete", DELETE_POST, To::OllamaManage, PathFamily::Ollama),
    exact("/api/blobs/{digest}", HEAD_POST, To::OllamaManage, PathFamily::Ollama),
    // Open WebUI's and seed 003's names of OpenAI's paths.
    exact("/api/chat/completions", POST, CHAT, PathFamily::OpenAi),
    exact("/api/models", GET, To::Models, PathFamily::OpenAi),
    exact("/api/v1/chat/completions", POST, CHAT, PathFamily::OpenAi),
    exact("/api/v1/embeddings", POST, EMBEDDINGS, PathFamily::OpenAi),
    exact("/api/v1/models", GET, To::Models, PathFamily::OpenAi),
    // lingate's own.
    exact("/health", GET, To::Health, PathFamily::OpenAi),
    exact("/healthz", GET, To::Health, PathFamily::OpenAi),
    exact("/livez", GET, To::Health, PathFamily::OpenAi),
    exact("/health/liveliness", GET, To::Health, PathFamily::OpenAi),
    exact("/health/liveness", GET, To::Health, PathFamily::OpenAi),
    exact("/ready", GET, To::Ready, PathFamily::OpenAi),
    exact("/readyz", GET, To::Ready, PathFamily::OpenAi),
    exact("/health/readiness", GET, To::Ready, PathFamily::OpenAi),
    exact("/metrics", GET, To::Metrics, PathFamily::OpenAi),
    // Anthropic's sign of life.
    Row { mounts: Mount::V1 as u8, ..row("", HEAD, To::AnthropicHead, PathFamily::Anthropic, 0) },
    // OpenAI's others, relayed unread.
    openai("/audio/transcriptions", POST, To::PassThrough),
    openai("/audio/translations", POST, To::PassThrough),
    openai("/audio/speech", POST, To::PassThrough),
    openai("/images/generations", POST, To::PassThrough),
    openai("/images/edits", POST, To::PassThrough),
    openai("/images/variations", POST, To::PassThrough),
    openai("/moderations", POST, To::PassThrough),
    openai("/rerank", POST, To::PassThrough),
    openai("/score", POST, To::PassThrough),
    openai("/files", GET_POST, To::PassThrough),
    openai("/files/{id}", GET_DELETE, To::PassThrough),
    openai("/files/{id}/content", GET, To::PassThrough),
    openai("/batches", GET_POST, To::PassThrough),
    openai("/batches/{id}", GET, To::PassThrough),
    openai("/batches/{id}/cancel", POST, To::PassThrough),
    openai("/models/{model}", GET, To::Model),
    openai("/responses/{id}", GET_DELETE, To::StoredResponse(ResponsePart::Itself)),
    openai("/responses/{id}/cancel", POST, To::StoredResponse(ResponsePart::Cancel)),
    openai("/responses/{id}/input_items", GET, To::StoredResponse(ResponsePart::InputItems)),
    // Seed 001.
    exact("/debug", GET, To::Debug001, PathFamily::OpenAi),
    exact("/reload", POST, To::Reload001, PathFamily::OpenAi),
];

/// How the configured further paths are judged.
pub(super) static EXTRA: Row = openai("", ANY, To::PassThrough);

/// Served without `/v1`, with it, and under both of seed 000's prefixes.
const fn openai(path: &'static str, methods: Methods, to: To) -> Row {
    let mounts = Mount::Root as u8 | Mount::V1 as u8 | Mount::ApiOpenAi as u8;
    row(path, methods, to, PathFamily::OpenAi, mounts)
}

/// Served without `/v1`, with it, and with two of them.
const fn anthropic(path: &'static str, methods: Methods, to: To) -> Row {
    let mounts = Mount::Root as u8 | Mount::V1 as u8 | Mount::V1V1 as u8;
    row(path, methods, to, PathFamily::Anthropic, mounts)
}

/// Served at this path alone.
const fn exact(path: &'static str, methods: Methods, to: To, family: PathFamily) -> Row {
    row(path, methods, to, family, Mount::Root as u8)
}

const fn row(path: &'static str, methods: Methods, to: To, family: PathFamily, mounts: u8) -> Row {
    let bytes = path.as_bytes();
    let mut open = 0;
    while open < bytes.len() && bytes[open] != b'{' {
        open += 1;
    }
    if open == bytes.len() {
        return Row { head: path, hole: None, tail: "", methods, to, family, mounts };
    }
    let mut close = open;
    while bytes[close] != b'}' {
        close += 1;
    }
    let hole = match bytes[open + 1] {
        b'm' => Hole::Model,
        b'd' => Hole::Digest,
        _ => Hole::Id,
    };
    Row { head: path.split_at(open).0, hole: Some(hole), tail: path.split_at(close + 1).1, methods, to, family, mounts }
}

impl Row {
    /// Whether the row's path is served under this prefix.
    pub(super) fn is_at(&self, mount: Mount) -> bool {
        self.mounts & mount as u8 != 0
    }
}

impl Methods {
    /// Whether the method is among these.
    pub(super) fn contain(&self, method: &Method) -> bool {
        let bit = match *method {
            Method::POST => P,
            Method::GET => G,
            Method::HEAD => H,
            Method::DELETE => D,
            Method::PUT | Method::PATCH => U,
            _ => 0,
        };
        self.bits & bit != 0
    }
}

/// Splits a path into its prefix and the rest, which is empty or begins with a slash.
pub(super) fn mount(path: &str) -> (Mount, &str) {
    if let Some(rest) = below(path, "/v1") {
        return below(rest, "/v1").map_or((Mount::V1, rest), |rest| (Mount::V1V1, rest));
    }
    match below(path, "/api/openai") {
        Some(rest) => (Mount::ApiOpenAi, below(rest, "/v1").unwrap_or(rest)),
        None => (Mount::Root, path),
    }
}

/// What follows a prefix that ends where a segment ends.
pub(super) fn below<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}
