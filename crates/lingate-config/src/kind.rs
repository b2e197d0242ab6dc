//! The kinds of upstream, and the one place where a kind decides a URL: its API root.

use crate::checked::Endpoint;
use std::time::Duration;

use crate::choice::{Choice as _, choice};

/// A job of RunPod waits for a machine, which may have to be started and to load the model first.
const RUNPOD_FIRST_BYTE: Duration = Duration::from_secs(10 * 60);
/// How long AI Queue's own clients wait for a job, whose answer comes when it is done.
const QUEUE_FIRST_BYTE: Duration = Duration::from_secs(20 * 60);

choice! {
    /// A kind of upstream: which dialect it speaks, how it signs in, where its API lies.
    pub enum BackendKind {
        /// Any server with OpenAI's API.
        Openai = "openai",
        /// Open WebUI.
        Openwebui = "openwebui",
        /// Ollama, by its native API.
        Ollama = "ollama",
        /// vLLM's OpenAI-compatible server.
        Vllm = "vllm",
        /// Together AI.
        Together = "together",
        /// RunPod serverless jobs.
        Runpod = "runpod",
        /// Anthropic's Messages API.
        Anthropic = "anthropic",
        /// DeepInfra.
        Deepinfra = "deepinfra",
        /// AI Queue Master.
        Queue = "queue",
        /// Built in: answers without any upstream.
        Demo = "demo",
    }
}

impl BackendKind {
    /// Every kind, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::WORDS.iter().map(|(_, kind)| *kind)
    }

    /// The path of the kind's API below its host.
    fn root(self) -> &'static str {
        match self {
            Self::Openai | Self::Vllm | Self::Together | Self::Queue | Self::Anthropic => "/v1",
            Self::Deepinfra => "/v1/openai",
            Self::Openwebui => "/api",
            Self::Ollama | Self::Runpod | Self::Demo => "",
        }
    }

    /// The path of the chat route below the API root.
    fn chat(self) -> &'static str {
        match self {
            Self::Anthropic => "/messages",
            Self::Ollama => "/api/chat",
            Self::Runpod => "/run",
            _ => "/chat/completions",
        }
    }

    /// How long the kind's answers may take to begin where nobody says; `None`: as long as any other's.
    pub(crate) fn first_byte(self) -> Option<Duration> {
        match self {
            Self::Runpod => Some(RUNPOD_FIRST_BYTE),
            Self::Queue => Some(QUEUE_FIRST_BYTE),
            _ => None,
        }
    }

    /// Whether a URL must be given: all kinds but the built-in one.
    pub fn needs_url(self) -> bool {
        self != Self::Demo
    }
}

/// The API root of an endpoint, without a trailing slash: its URL plus the kind's root (`/v1`, deepinfra `/v1/openai`,
/// openwebui `/api`), unless the URL's path ends with that root already; a path that ends with the first part of the
/// root gets the rest. `path_prefix` takes the place of the kind's root. Ollama has none: its routes begin with
/// `/api`, and an `/api` at the URL's end is dropped; so is a `/run` or `/runsync` at the end of a RunPod endpoint's.
pub fn api_root(endpoint: &Endpoint) -> String {
    let origin = endpoint.url.origin().ascii_serialization();
    let path = endpoint.url.path().trim_end_matches('/');
    let path = match (endpoint.path_prefix.as_deref().map(|prefix| prefix.trim_matches('/')), endpoint.kind) {
        (Some(""), _) => path.to_owned(),
        (Some(prefix), _) => {
            let root = format!("/{prefix}");
            if path.ends_with(&root) { path.to_owned() } else { path.to_owned() + &root }
        }
        (None, BackendKind::Ollama) => path.strip_suffix("/api").unwrap_or(path).to_owned(),
        (None, BackendKind::Runpod) => {
            let operation = ["/run", "/runsync"].into_iter().find_map(|end| path.strip_suffix(end));
            operation.unwrap_or(path).to_owned()
        }
        (None, kind) => with_root(path, kind.root()),
    };
    origin + &path
}

/// The URL of the endpoint's chat route, as `lingate check` prints it.
pub fn chat_url(endpoint: &Endpoint) -> String {
    match endpoint.kind {
        BackendKind::Demo => "built in".to_owned(),
        BackendKind::Runpod if !takes_jobs(endpoint) => api_root(endpoint) + BackendKind::Openai.chat(),
        kind => api_root(endpoint) + kind.chat(),
    }
}

/// Whether an endpoint takes jobs: one of RunPod, unless its API root is the plain OpenAI route (`/openai/v1`) that
/// RunPod has beside its queue.
pub fn takes_jobs(endpoint: &Endpoint) -> bool {
    endpoint.kind == BackendKind::Runpod && !api_root(endpoint).ends_with("/openai/v1")
}

/// Appends the part of `root` that the path does not end with yet, by whole segments.
fn with_root(path: &str, root: &str) -> String {
    let cuts = root.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    let mut heads: Vec<usize> = cuts.chain([root.len()]).collect();
    heads.reverse();
    let have = heads.into_iter().find(|end| path.ends_with(&root[..*end])).unwrap_or(0);
    format!("{path}{}", &root[have..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chat_urls() {
        use BackendKind::*;
        for (kind, url, expected) in [
            (Openai, "https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
            (Openai, "https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
            (Openai, "http://h/openai/v1", "http://h/openai/v1/chat/completions"),
            (Openai, "https://h/v1/api/abc", "https://h/v1/api/abc/v1/chat/completions"),
            (Openai, "http://h/xv1", "http://h/xv1/v1/chat/completions"),
            (Vllm, "http://h:8000", "http://h:8000/v1/chat/completions"),
            (Together, "https://api.together.xyz/v1", "https://api.together.xyz/v1/chat/completions"),
            (Deepinfra, "https://api.deepinfra.com", "https://api.deepinfra.com/v1/openai/chat/completions"),
            (Deepinfra, "https://api.deepinfra.com/v1", "https://api.deepinfra.com/v1/openai/chat/completions"),
            (Deepinfra, "https://api.deepinfra.com/v1/openai", "https://api.deepinfra.com/v1/openai/chat/completions"),
            (Openwebui, "http://h:3000/", "http://h:3000/api/chat/completions"),
            (Openwebui, "http://h/webui/api", "http://h/webui/api/chat/completions"),
            (Ollama, "http://127.0.0.1:11434", "http://127.0.0.1:11434/api/chat"),
            (Ollama, "http://h/ollama/", "http://h/ollama/api/chat"),
            (Ollama, "http://h/api", "http://h/api/chat"),
            (Ollama, "http://api", "http://api/api/chat"),
            (Openai, "http://v1", "http://v1/v1/chat/completions"),
            (Anthropic, "http://h/anthropic", "http://h/anthropic/v1/messages"),
            (Anthropic, "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
            (Runpod, "https://api.runpod.ai/v2/ep1/", "https://api.runpod.ai/v2/ep1/run"),
            (Runpod, "https://api.runpod.ai/v2/ep1/run", "https://api.runpod.ai/v2/ep1/run"),
            (Runpod, "https://api.runpod.ai/v2/ep1/runsync/", "https://api.runpod.ai/v2/ep1/run"),
            (Runpod, "http://h/v2/ep1/openai/v1", "http://h/v2/ep1/openai/v1/chat/completions"),
            (Openai, "http://[::1]:8080", "http://[::1]:8080/v1/chat/completions"),
        ] {
            let endpoint = Endpoint::new("e", kind, url).unwrap();
            assert_eq!(chat_url(&endpoint), expected, "{kind} {url}");
        }
        assert_eq!(chat_url(&Endpoint::demo("d")), "built in");
    }

    #[test]
    fn the_openai_route_of_runpod_takes_no_jobs() {
        let takes = |prefix: Option<&str>, url: &str| {
            let mut endpoint = Endpoint::new("e", BackendKind::Runpod, url).unwrap();
            endpoint.path_prefix = prefix.map(str::to_owned);
            takes_jobs(&endpoint)
        };
        assert!(takes(None, "https://api.runpod.ai/v2/ep1"));
        assert!(!takes(None, "https://api.runpod.ai/v2/ep1/openai/v1/"));
        assert!(!takes(Some("/openai/v1"), "https://api.runpod.ai/v2/ep1"));
        assert!(!takes_jobs(&Endpoint::new("e", BackendKind::Vllm, "http://h").unwrap()));
    }

    #[test]
    fn jobs_may_take_longer_to_begin() {
        let first_byte = |file: u64, own: Option<u64>| {
            let mut config = crate::Config::default();
            config.timeouts.first_byte = Some(Duration::from_secs(file));
            let mut endpoint = Endpoint::new("e", BackendKind::Runpod, "http://h/v2/ep").unwrap();
            endpoint.timeouts.first_byte = own.map(Duration::from_secs);
            config.timeouts_for(&endpoint).first_byte.map(|limit| limit.as_secs())
        };
        assert_eq!(first_byte(120, None), Some(600));
        assert_eq!(first_byte(30, None), Some(30));
        assert_eq!((first_byte(120, Some(9)), first_byte(120, Some(0))), (Some(9), None));
    }

    #[test]
    fn path_prefix_takes_the_place_of_the_rule() {
        for (prefix, url, expected) in [
            ("", "http://h", "http://h/chat/completions"),
            ("/", "http://h/", "http://h/chat/completions"),
            ("/openai/deployments/x", "https://h", "https://h/openai/deployments/x/chat/completions"),
            ("api/v3/", "https://h/v1", "https://h/v1/api/v3/chat/completions"),
            ("/v1", "https://h/v1", "https://h/v1/chat/completions"),
            ("/v1", "https://v1", "https://v1/v1/chat/completions"),
        ] {
            let mut endpoint = Endpoint::new("e", BackendKind::Openai, url).unwrap();
            endpoint.path_prefix = Some(prefix.to_owned());
            assert_eq!(chat_url(&endpoint), expected, "{prefix} {url}");
            assert!(!api_root(&endpoint).ends_with('/'));
        }
    }
}
