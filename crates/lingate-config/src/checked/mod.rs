//! The checked configuration: plain, owned, immutable data without anything of the file's form.

mod endpoint;
mod tool_pattern;
mod virtual_model;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

pub(crate) use endpoint::nowhere;
pub use endpoint::{
    Breaker, Endpoint, EndpointTls, ExposeModels, HealthCheck, Limits, QueueOptions, QueuePriority, StreamMode,
    TimeoutOverrides, Worker,
};
pub use tool_pattern::{PatternType, ToolPattern};
pub use virtual_model::{
    HostedTools, Price, Reasoning, ResponseModel, Retry, Sticky, Strategy, Target, ToolRepair, VirtualModel,
};

use crate::choice::choice;
use crate::net::{Cidr, Listen};
use crate::secret::Secret;

/// A whole configuration. [`Config::default`] is what an empty file gives; the fields may be changed before
/// [`Config::check`] is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The data listeners; at least one.
    pub listen: Vec<Listen>,
    /// Host headers served besides the built-in ones, lower case.
    pub allowed_hosts: Vec<String>,
    /// Peers whose forwarding headers count.
    pub trusted_proxies: Vec<Cidr>,
    /// The admin listener.
    pub admin: Admin,
    /// The folder of everything that lasts.
    pub data_dir: PathBuf,
    /// How long stored Responses are kept; `None` stores none.
    pub responses_store: Option<Duration>,
    /// Origins that browsers may call from; `*` is any.
    pub cors_origins: Vec<String>,
    /// The largest request body, in bytes.
    pub max_body: u64,
    /// How much of an upstream's error body is read, in bytes.
    pub max_error_body: u64,
    /// How long model lists are kept.
    pub tags_ttl: Duration,
    /// How long `/api/show` answers are kept.
    pub show_ttl: Duration,
    /// What `/api/version` says; `None` is a current Ollama version.
    pub ollama_version: Option<String>,
    /// Time-outs of upstream calls.
    pub timeouts: Timeouts,
    /// How long an answer's head waits for its first meaningful event.
    pub holdback: Duration,
    /// After how much silence a stream gets a sign of life; `None` never.
    pub keep_alive: Option<Duration>,
    /// How long open streams may finish at shutdown.
    pub shutdown_timeout: Duration,
    /// Who may call the data listeners.
    pub clients: Clients,
    /// Further OpenAI paths that are relayed unread, beside the built-in list.
    pub passthrough: Vec<String>,
    /// The upstreams.
    pub endpoints: Vec<Endpoint>,
    /// The names that clients ask for.
    pub virtual_models: Vec<VirtualModel>,
    /// Patterns that repair tool calls, beside the built-in ones.
    pub tool_patterns: Vec<ToolPattern>,
    /// The older program whose configuration file this was, if it was one.
    pub seed: Option<Seed>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![Listen::socket((Ipv4Addr::LOCALHOST, 8002))],
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            admin: Admin::default(),
            data_dir: PathBuf::from("./data"),
            responses_store: Some(Duration::from_secs(24 * 60 * 60)),
            cors_origins: Vec::new(),
            max_body: 32 << 20,
            max_error_body: 1 << 20,
            tags_ttl: Duration::from_secs(10 * 60),
            show_ttl: Duration::from_secs(30 * 60),
            ollama_version: None,
            timeouts: Timeouts::default(),
            holdback: Duration::from_secs(4),
            keep_alive: Some(Duration::from_secs(4)),
            shutdown_timeout: Duration::from_secs(30),
            clients: Clients::default(),
            passthrough: Vec::new(),
            endpoints: Vec::new(),
            virtual_models: Vec::new(),
            tool_patterns: Vec::new(),
            seed: None,
        }
    }
}

impl Config {
    /// The time-outs of one endpoint: its own where it has some, else the configuration's; where that says nothing of
    /// the first byte (or the default), its kind's.
    pub fn timeouts_for(&self, endpoint: &Endpoint) -> Timeouts {
        let mut base = self.timeouts;
        if base.first_byte == Timeouts::default().first_byte {
            base.first_byte = endpoint.kind.first_byte().or(base.first_byte);
        }
        endpoint.timeouts.over(&base)
    }

    /// The endpoint of this name.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }

    /// Whether only this machine can reach the data listeners.
    pub fn is_local(&self) -> bool {
        self.listen.iter().all(Listen::is_local)
    }
}

/// Whether clients need a key, with `auto` resolved: open if and only if every data listener is reachable from this
/// machine alone and the configuration has no keys. Keys of the store are the caller's to add.
pub fn resolve_client_auth(config: &Config) -> ClientAuth {
    match config.clients.auth {
        ClientAuth::Auto if config.is_local() && config.clients.keys.is_empty() => ClientAuth::Open,
        ClientAuth::Auto => ClientAuth::Keys,
        decided => decided,
    }
}

/// The admin listener.
#[derive(Debug, Clone, PartialEq)]
pub struct Admin {
    /// Where it listens; `None` is no admin listener.
    pub listen: Option<Listen>,
    /// How people sign in.
    pub auth: AdminAuth,
    /// The bearer token for automation.
    pub token: Option<Secret>,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: Some(Listen::socket((Ipv4Addr::LOCALHOST, 5001))), auth: AdminAuth::Password, token: None }
    }
}

choice! {
    /// How people sign in to the admin listener.
    pub enum AdminAuth {
        /// By an account of lingate's own.
        Password = "password",
        /// By an external session service.
        SessionService = "session-service",
        /// By a proxy in front.
        ForwardAuth = "forward-auth",
        /// By an OpenID provider.
        Oidc = "oidc",
        /// Not at all; only on a listener that this machine alone can reach.
        Off = "off",
    }
}

/// Time-outs of upstream calls; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Option<Duration>,
    /// From the request to the answer's first byte.
    pub first_byte: Option<Duration>,
    /// Until a stream's first piece of content.
    pub first_token: Option<Duration>,
    /// Between two pieces of a stream.
    pub stream_idle: Option<Duration>,
    /// For the whole call.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Some(Duration::from_secs(5)),
            first_byte: Some(Duration::from_secs(120)),
            first_token: None,
            stream_idle: Some(Duration::from_secs(5 * 60)),
            total: None,
        }
    }
}

/// Who may call the data listeners.
#[derive(Debug, Clone, PartialEq)]
pub struct Clients {
    /// Whether a key is needed; see [`resolve_client_auth`].
    pub auth: ClientAuth,
    /// The keys of the file.
    pub keys: Vec<ClientKey>,
    /// Requests a second over all clients; 0 is no limit.
    pub rate_limit: f64,
}

impl Default for Clients {
    fn default() -> Self {
        Self { auth: ClientAuth::Auto, keys: Vec::new(), rate_limit: 0.0 }
    }
}

choice! {
    /// Whether clients need a key.
    pub enum ClientAuth {
        /// Decided by the listeners and keys.
        Auto = "auto",
        /// Every request needs a key.
        Keys = "keys",
        /// No request needs one.
        Open = "open",
    }
}

/// A virtual key of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// What the ledger calls it.
    pub name: String,
    /// The key or its hash.
    pub secret: KeySecret,
    /// The virtual models that it may use; empty is all.
    pub models: Vec<String>,
    /// From when it is refused.
    pub expires: Option<SystemTime>,
}

/// How a virtual key is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySecret {
    /// The key itself.
    Key(Secret),
    /// Its SHA-256.
    Sha256([u8; 32]),
}

/// An older program whose configuration file was taken over, with the special routes that come with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    /// The multi-endpoint OpenAI proxy of seed 001: `/debug` and `POST /reload` for loopback peers.
    S001,
}
