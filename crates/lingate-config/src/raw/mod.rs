//! What was written: one struct for each mapping of the file, every member optional, nothing checked but its form.
//!
//! The structs are read by [`Read`] and not by serde's derive, because serde stops at the first error: here an unknown
//! key, a wrong type and a bad word are all reported at once. `schemars` derives the JSON Schema from the same structs.

mod either;
mod endpoint;
mod json;
mod read;
mod scalar;
mod tool_pattern;
mod virtual_model;

pub(crate) use either::{Cache, Expose, ListenAt, OffOrDuration, Repair};
pub(crate) use endpoint::{Breaker, Endpoint, EndpointTls, ExposeFilter, HealthCheck, Limits, Queue};
pub(crate) use json::Json;
pub(crate) use read::{Read, object};
pub(crate) use scalar::{Decimal, Members, Sealed, Size, Span, Word};
pub(crate) use tool_pattern::ToolPattern;
pub(crate) use virtual_model::{CacheOptions, Price, Record, Retry, Target, VirtualModel};

use crate::checked::{AdminAuth, ClientAuth};
use crate::choice::choice;

object! {
    /// lingate's configuration. Text values may hold `${NAME}`, `${NAME:-default}` and `${file:/path}`.
    struct File {
        /// Data listeners: host:port, unix:/path, or { address, tls: { cert, key } }. Default: 127.0.0.1:8002.
        listen: Vec<ListenAt>,
        /// Host headers served besides IP addresses, single-label names, localhost and host.docker.internal.
        allowed_hosts: Vec<String>,
        /// Address blocks (CIDR) whose X-Forwarded-For, PROXY protocol and forward-auth headers count.
        trusted_proxies: Vec<String>,
        /// The listener of the admin UI and API.
        admin: Admin,
        /// Folder of the database and everything else that lasts. Default: ./data.
        data_dir: String,
        /// postgres:// URL of a database that several replicas share. Default: SQLite in data_dir.
        database_url: Sealed,
        /// redis:// URL for shared limits, budgets and circuit state.
        redis_url: Sealed,
        /// How the usage ledger is written.
        ledger: Ledger,
        /// How long stored Responses are kept, or off (0s is the same). Default: 24h.
        responses_store: OffOrDuration,
        /// Origins that browsers may call from; "*" is any. Default: none.
        cors_origins: Vec<String>,
        /// Largest request body. Default: 32MiB.
        max_body: Size,
        /// How much of an upstream's error body is read. Default: 1MiB.
        max_error_body: Size,
        /// How long model lists are kept. Default: 10m.
        tags_ttl: Span,
        /// How long answers of /api/show are kept. Default: 30m.
        show_ttl: Span,
        /// What /api/version says. Default: a current Ollama version.
        ollama_version: String,
        /// Time-outs of upstream calls; 0s is no limit.
        timeouts: Timeouts,
        /// How long an answer's head waits for its first meaningful event, so that failover stays possible. Default: 4s.
        holdback: Span,
        /// After how much silence a stream gets a sign of life; 0s is never. Default: 4s.
        keep_alive: Span,
        /// How long open streams may finish at shutdown. Default: 30s.
        shutdown_timeout: Span,
        /// Reload when the file changes. Default: false.
        watch: bool,
        /// Who may call the data listeners.
        clients: Clients,
        /// Further OpenAI paths that are relayed unread, beside the built-in list.
        passthrough: Vec<String>,
        /// The upstreams.
        endpoints: Vec<Endpoint>,
        /// The model names that clients ask for.
        virtual_models: Vec<VirtualModel>,
        /// Patterns that repair tool calls, beside the built-in ones.
        tool_patterns: Vec<ToolPattern>,
    }
}

object! {
    /// Certificate and key of a listener.
    struct ServerTls {
        /// PEM file of the certificate chain; reread on reload.
        #[schemars(required)]
        cert: String,
        /// PEM file of the private key; reread on reload.
        #[schemars(required)]
        key: String,
    }
}

object! {
    /// A listener with TLS.
    struct ListenObject {
        /// host:port or unix:/path.
        #[schemars(required)]
        address: String,
        /// Certificate and key.
        tls: ServerTls,
    }
}

object! {
    /// The admin listener.
    struct Admin {
        /// Where it listens; "" is no admin listener. Default: 127.0.0.1:5001.
        listen: ListenAt,
        /// How people sign in: password, session-service, forward-auth, oidc, or off (loopback only). Default: password.
        auth: Word<AdminAuth>,
        /// Bearer token for automation.
        token: Sealed,
    }
}

choice! {
    /// What the ledger survives.
    pub(crate) enum Durability {
        /// A killed process.
        Normal = "normal",
        /// Power loss.
        Strict = "strict",
    }
}

object! {
    /// How the usage ledger is written.
    struct Ledger {
        /// normal survives a killed process, strict survives power loss. Default: normal.
        durability: Word<Durability>,
    }
}

object! {
    /// Time-outs of upstream calls; 0s is no limit.
    struct Timeouts {
        /// Until the connection stands. Default: 5s.
        connect: Span,
        /// Until the answer's first byte. Default: 120s.
        first_byte: Span,
        /// Until the answer's first piece of content, of streams; 0s is no limit of its own. Default: 0s.
        first_token: Span,
        /// Between two pieces of a stream. Default: 5m.
        stream_idle: Span,
        /// For the whole call. Default: 0s.
        total: Span,
    }
}

object! {
    /// Who may call the data listeners.
    struct Clients {
        /// auto (open on loopback-only listeners without keys, else keys), keys or open. Default: auto.
        auth: Word<ClientAuth>,
        /// Keys that clients may use.
        keys: Vec<ClientKey>,
        /// Requests a second over all clients; 0 is no limit. Default: 0.
        rate_limit: Decimal,
    }
}

object! {
    /// A key that clients may use.
    struct ClientKey {
        /// What the ledger calls it.
        #[schemars(required)]
        name: String,
        /// The key itself; or give key_sha256.
        key: Sealed,
        /// The key's SHA-256, 64 hexadecimal digits.
        key_sha256: Sealed,
        /// Virtual models that it may use; empty is all.
        models: Vec<String>,
        /// Date (end of that day, UTC) or RFC 3339 time from which it is refused; "" is never.
        expires: String,
    }
}
