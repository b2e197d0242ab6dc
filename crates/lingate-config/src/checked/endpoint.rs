//! One checked upstream.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::Timeouts;
use crate::choice::choice;
use crate::kind::BackendKind;
use crate::net::{UrlError, upstream_url};
use crate::secret::Secret;

/// One configured upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its name, unique among endpoints.
    pub name: String,
    /// Its kind.
    pub kind: BackendKind,
    /// Its URL: http or https, without user info, query and trailing slash. A demo endpoint has one that resolves nowhere.
    pub url: Url,
    /// Takes the place of the kind's API root; `Some("")` appends nothing.
    pub path_prefix: Option<String>,
    /// The credential.
    pub api_key: Option<Secret>,
    /// The account that signs in (openwebui).
    pub email: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The header that carries the bare credential instead of `Authorization: Bearer`.
    pub auth_header: Option<String>,
    /// Query members of every call, in order. Values may be credentials.
    pub query: Vec<(String, Secret)>,
    /// Private CA and client certificate.
    pub tls: EndpointTls,
    /// Whether clients may pull, push, create, copy and delete its models.
    pub allow_model_management: bool,
    /// Headers of every call, in order. Values may be credentials.
    pub headers: Vec<(String, Secret)>,
    /// Request members that this upstream refuses.
    pub strip: Vec<String>,
    /// Dialects that it speaks natively besides its kind's own.
    pub dialects: Vec<String>,
    /// The context of requests that do not say theirs, in tokens (ollama); 0 is the server's own, `None` computes it.
    pub num_ctx: Option<u64>,
    /// Higher wins.
    pub priority: i32,
    /// Its load limits.
    pub limits: Limits,
    /// When it is left alone after failures.
    pub breaker: Breaker,
    /// Whether it is asked from time to time if it is well.
    pub health_check: HealthCheck,
    /// Whether it is used at all.
    pub enabled: bool,
    /// Whether it is asked for streams.
    pub stream: StreamMode,
    /// Its own time-outs.
    pub timeouts: TimeoutOverrides,
    /// Which of its models are served under their own names.
    pub expose_models: ExposeModels,
    /// First wait between status polls (runpod).
    pub poll_interval: Duration,
    /// What its worker runs (runpod).
    pub worker: Worker,
    /// How its jobs are queued (queue).
    pub queue: QueueOptions,
}

impl Endpoint {
    /// An endpoint with all defaults.
    ///
    /// # Errors
    /// If the URL cannot be an upstream's. For [`BackendKind::Demo`] the URL is not looked at.
    pub fn new(name: impl Into<String>, kind: BackendKind, url: &str) -> Result<Self, UrlError> {
        match kind.needs_url() {
            true => Ok(Self::with_url(name.into(), kind, upstream_url(url)?)),
            false => Ok(Self { kind, ..Self::demo(name) }),
        }
    }

    /// A demo endpoint with all defaults.
    pub fn demo(name: impl Into<String>) -> Self {
        Self::with_url(name.into(), BackendKind::Demo, nowhere())
    }

    pub(crate) fn with_url(name: String, kind: BackendKind, url: Url) -> Self {
        Self {
            name,
            kind,
            url,
            path_prefix: None,
            api_key: None,
            email: None,
            password: None,
            auth_header: None,
            query: Vec::new(),
            tls: EndpointTls::default(),
            allow_model_management: false,
            headers: Vec::new(),
            strip: Vec::new(),
            dialects: Vec::new(),
            num_ctx: None,
            priority: 0,
            limits: Limits::default(),
            breaker: Breaker::default(),
            health_check: HealthCheck::default(),
            enabled: true,
            stream: StreamMode::Auto,
            timeouts: TimeoutOverrides::default(),
            expose_models: ExposeModels::Off,
            poll_interval: Duration::from_millis(500),
            worker: Worker::Auto,
            queue: QueueOptions::default(),
        }
    }
}

/// A URL that no resolver knows (RFC 6761, `.invalid`).
#[expect(clippy::expect_used, reason = "a constant text; a test reads it")]
pub(crate) fn nowhere() -> Url {
    Url::parse("http://demo.invalid").expect("a constant URL")
}

/// Private CA and client certificate of an upstream, PEM files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointTls {
    /// Trusted besides the system's roots.
    pub ca: Option<PathBuf>,
    /// The client certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// Load limits of an upstream; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests at once.
    pub concurrency: u32,
    /// Requests that wait for a place.
    pub queue: u32,
    /// Requests a minute.
    pub rpm: u64,
    /// Tokens a minute.
    pub tpm: u64,
    /// How long a request waits in the queue.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: 0, queue: 0, rpm: 0, tpm: 0, wait: Duration::from_secs(30) }
    }
}

/// When an upstream is left alone for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// So many failures in a row open the circuit; 0: never.
    pub failures: u32,
    /// How long it stays open at first.
    pub cooldown: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, cooldown: Duration::from_secs(10) }
    }
}

/// Whether an upstream is asked from time to time if it is well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthCheck {
    /// How often; `None`: never.
    pub interval: Option<Duration>,
    /// What is fetched, below the bare URL; `None`: its list of models.
    pub path: Option<String>,
}

choice! {
    /// Whether the upstream is asked for a stream.
    pub enum StreamMode {
        /// As the client asks.
        Auto = "auto",
        /// Never; a client that asked for a stream still gets one.
        Never = "never",
    }
}

choice! {
    /// What a RunPod worker runs.
    pub enum Worker {
        /// Found out by its answers.
        Auto = "auto",
        /// vLLM.
        Vllm = "vllm",
        /// Ollama.
        Ollama = "ollama",
    }
}

choice! {
    /// The priority of queued jobs.
    pub enum QueuePriority {
        /// Before all others.
        High = "HIGH",
        /// The default.
        Normal = "NORMAL",
        /// After all others.
        Low = "LOW",
    }
}

/// How jobs are queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueOptions {
    /// Their priority.
    pub priority: QueuePriority,
    /// Who asks.
    pub source: String,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { priority: QueuePriority::Normal, source: "lingate".to_owned() }
    }
}

/// Time-outs that an endpoint sets for itself: `None` takes the configuration's, zero is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeoutOverrides {
    /// Until the connection stands.
    pub connect: Option<Duration>,
    /// Until the answer's first byte.
    pub first_byte: Option<Duration>,
    /// Until a stream's first piece of content.
    pub first_token: Option<Duration>,
    /// Between two pieces of a stream.
    pub stream_idle: Option<Duration>,
    /// For the whole call.
    pub total: Option<Duration>,
}

impl TimeoutOverrides {
    /// The time-outs that hold, over those of the configuration.
    pub fn over(&self, base: &Timeouts) -> Timeouts {
        let pick = |own: Option<Duration>, base: Option<Duration>| match own {
            Some(own) => (!own.is_zero()).then_some(own),
            None => base,
        };
        Timeouts {
            connect: pick(self.connect, base.connect),
            first_byte: pick(self.first_byte, base.first_byte),
            first_token: pick(self.first_token, base.first_token),
            stream_idle: pick(self.stream_idle, base.stream_idle),
            total: pick(self.total, base.total),
        }
    }
}

/// Which of an upstream's models are served under their own names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExposeModels {
    /// None.
    Off,
    /// All that it lists.
    All,
    /// Some of them.
    Filter {
        /// The names that are served, `*` is any text; empty is all.
        include: Vec<String>,
        /// Of these, the names that are not.
        exclude: Vec<String>,
        /// Put before each name.
        prefix: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_and_their_zero() {
        let own = TimeoutOverrides {
            first_byte: Some(Duration::ZERO),
            total: Some(Duration::from_secs(9)),
            ..TimeoutOverrides::default()
        };
        let all = own.over(&Timeouts::default());
        assert_eq!(all.connect, Some(Duration::from_secs(5)));
        assert_eq!(all.first_byte, None);
        assert_eq!(all.total, Some(Duration::from_secs(9)));
    }

    #[test]
    fn the_demo_url_is_one() {
        assert_eq!(nowhere().host_str(), Some("demo.invalid"));
        assert_eq!(Endpoint::new("d", BackendKind::Demo, "").unwrap(), Endpoint::demo("d"));
    }
}
