//! Kinds of upstream: one file each, one line each in [`backend`].
//!
//! A dialect is bytes; a backend is a dialect plus paths, credentials, transport and quirks. Kinds that differ
//! only in those are data; `openwebui` adds a sign-in, `runpod` jobs, `demo` an upstream of its own.

mod anthropic;
mod deepinfra;
pub(crate) mod demo;
mod ollama;
mod openai;
pub(crate) mod openwebui;
mod queue;
pub(crate) mod runpod;
mod together;
mod vllm;

use http::HeaderMap;
use lingate_codec::dialect::{DialectId, EmbeddingsId, Target};
use lingate_codec::ir::Operation;
use lingate_config::{BackendKind, takes_jobs};

/// How a call proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer KEY`
    Bearer,
    /// A header that holds the bare key.
    Header(&'static str),
}

/// In which form an upstream lists its models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelsForm {
    /// `data[].id`, as OpenAI and nearly everyone.
    OpenAi,
    /// `models[].name`, as Ollama's `/api/tags`.
    Ollama,
}

/// A native route: requests of this dialect and operation may be relayed to this path below the API root, or below the
/// folder that the root stands in if it begins with `/..`.
pub(crate) type NativeRoute = (DialectId, Operation, &'static str);

/// The same for requests of embeddings.
pub(crate) type EmbeddingsRoute = (EmbeddingsId, &'static str);

/// Writes headers of a call with this body, unless they are there: the operator's own win.
pub(crate) type Describe = fn(config: &lingate_config::Endpoint, body: &[u8], headers: &mut HeaderMap);

/// A kind of upstream, as data.
#[derive(Debug)]
pub struct Backend {
    /// Its name in the configuration and in messages.
    pub name: &'static str,
    /// The dialect that chats are translated to.
    pub dialect: DialectId,
    /// What it takes, natively or translated to (first: the dialect's chat route).
    pub routes: &'static [NativeRoute],
    /// Routes that an endpoint may switch on by `dialects`.
    pub optional_routes: &'static [NativeRoute],
    /// Where it may count the tokens of an Anthropic request, below the API root, if that is not beside the route of
    /// such requests.
    pub count_path: Option<&'static str>,
    /// Where it gives embeddings, by dialect (first: the one that others are translated to); empty if it gives none.
    pub embeddings: &'static [EmbeddingsRoute],
    /// The same for dialects that an endpoint may switch on.
    pub optional_embeddings: &'static [EmbeddingsRoute],
    /// Where it lists its models, below the API root.
    pub models_path: &'static str,
    /// In which form.
    pub models_form: ModelsForm,
    /// How it is told who calls.
    pub credential: Credential,
    /// Headers of every call, unless the client's own stand in their place.
    pub headers: &'static [(&'static str, &'static str)],
    /// Writes headers that follow from the endpoint's configuration and from what is asked.
    pub describe: Option<Describe>,
    /// Whether it can be asked for streams.
    pub streams: bool,
    /// Where it says that it is well, below its bare URL; `None`: it lists its models.
    pub health_path: Option<&'static str>,
    /// See [`Target::sampling_extensions`].
    pub sampling_extensions: bool,
    /// See [`Target::max_completion_tokens`].
    pub max_completion_tokens: bool,
    /// See [`Target::custom_tools`].
    pub custom_tools: bool,
    /// Whether an e-mail and a password are taken in place of a key.
    pub signs_in: bool,
    /// Whether its operator runs the models: what these write into their text (thoughts, calls) is looked for.
    pub self_hosted: bool,
    /// Whether further OpenAI paths (audio, images, files …) may be relayed to it.
    pub openai_paths: bool,
    /// Whether a call is a job: submitted, then looked after until it is done.
    pub jobs: bool,
}

/// OpenAI's chat route.
const CHAT: NativeRoute = (DialectId::OpenAiChat, Operation::Chat, "/chat/completions");

/// What every OpenAI-compatible kind starts from.
const OPENAI_COMPATIBLE: Backend = Backend {
    name: "openai",
    dialect: DialectId::OpenAiChat,
    routes: &[CHAT, (DialectId::OpenAiCompletions, Operation::TextCompletion, "/completions")],
    optional_routes: &[
        (DialectId::AnthropicMessages, Operation::Chat, "/messages"),
        (DialectId::OpenAiResponses, Operation::Chat, "/responses"),
    ],
    count_path: None,
    embeddings: &[(EmbeddingsId::OpenAi, "/embeddings")],
    optional_embeddings: &[],
    models_path: "/models",
    models_form: ModelsForm::OpenAi,
    credential: Credential::Bearer,
    headers: &[],
    describe: None,
    streams: true,
    health_path: None,
    sampling_extensions: true,
    max_completion_tokens: false,
    custom_tools: false,
    signs_in: false,
    self_hosted: false,
    openai_paths: true,
    jobs: false,
};

/// What `max_tokens` is where a dialect needs one and the client gave none. Every current model takes this many.
const DEFAULT_MAX_TOKENS: u64 = 8192;

/// The data of an endpoint's kind.
pub(crate) fn backend(endpoint: &lingate_config::Endpoint) -> &'static Backend {
    match endpoint.kind {
        BackendKind::Openai => &openai::BACKEND,
        BackendKind::Vllm => &vllm::BACKEND,
        BackendKind::Together => &together::BACKEND,
        BackendKind::Deepinfra => &deepinfra::BACKEND,
        BackendKind::Ollama => &ollama::BACKEND,
        BackendKind::Anthropic => &anthropic::BACKEND,
        BackendKind::Openwebui => &openwebui::BACKEND,
        BackendKind::Demo => &demo::BACKEND,
        BackendKind::Runpod if takes_jobs(endpoint) => &runpod::BACKEND,
        BackendKind::Runpod => &runpod::OPENAI_ROUTE,
        BackendKind::Queue => &queue::BACKEND,
    }
}

impl Backend {
    /// The path for requests of this dialect, below the API root, if the kind takes them natively; `switched_on`
    /// are the dialects that the endpoint's configuration adds.
    pub fn native(&self, dialect: DialectId, operation: Operation, switched_on: &[String]) -> Option<&'static str> {
        let find = |routes: &'static [NativeRoute]| {
            routes.iter().find(|(d, o, _)| *d == dialect && *o == operation).map(|(_, _, path)| *path)
        };
        find(self.routes).or_else(|| {
            let on = switched_on.iter().any(|name| name == dialect.name());
            if on { find(self.optional_routes) } else { None }
        })
    }

    /// Where a translated request goes that is best asked as `operation`; to the chat route where the kind has no
    /// other.
    pub(crate) fn translated(&self, operation: Operation) -> NativeRoute {
        let best = self.routes.iter().find(|(_, o, _)| *o == operation);
        best.or(self.routes.first()).copied().unwrap_or((self.dialect, Operation::Chat, ""))
    }

    /// Where requests of embeddings go, below the API root, and in which dialect: this one, if the kind takes it, else
    /// the one that it takes. `None`: it gives no embeddings.
    pub fn embeddings(&self, dialect: EmbeddingsId, switched_on: &[String]) -> Option<EmbeddingsRoute> {
        let on = |route: &&EmbeddingsRoute| switched_on.iter().any(|name| name == route.0.dialect().name());
        let mut routes = self.embeddings.iter().chain(self.optional_embeddings.iter().filter(on));
        routes.clone().find(|(own, _)| *own == dialect).or_else(|| routes.next()).copied()
    }

    /// What the dialect's encoder must know.
    pub fn target(&self) -> Target<'static> {
        Target {
            backend: self.name,
            sampling_extensions: self.sampling_extensions,
            max_completion_tokens: self.max_completion_tokens,
            custom_tools: self.custom_tools,
            default_max_tokens: DEFAULT_MAX_TOKENS,
        }
    }
}
