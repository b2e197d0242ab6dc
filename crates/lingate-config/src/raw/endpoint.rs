//! What was written under `endpoints`.

use super::{Expose, Members, Sealed, Span, Timeouts, Word, object};
use crate::checked::{QueuePriority, StreamMode, Worker};
use crate::kind::BackendKind;

object! {
    /// One upstream.
    struct Endpoint {
        /// Its name, unique among endpoints.
        #[schemars(required)]
        name: String,
        /// Its kind.
        #[schemars(required)]
        r#type: Word<BackendKind>,
        /// Its URL. The kind's API root (/v1, deepinfra /v1/openai, openwebui /api) is appended unless the path ends with it.
        url: String,
        /// Takes the place of the kind's API root; "" appends nothing.
        path_prefix: String,
        /// The credential.
        api_key: Sealed,
        /// Account to sign in with (openwebui).
        email: String,
        /// Password of that account.
        password: Sealed,
        /// Header that carries the bare credential, e.g. api-key (Azure). Default: Authorization: Bearer.
        auth_header: String,
        /// Query members of every call, e.g. { api-version: "2024-10-21" }.
        query: Members<Sealed>,
        /// Private CA and client certificate.
        tls: EndpointTls,
        /// First wait between status polls (runpod); grows. Default: 500ms.
        poll_interval: Span,
        /// What the worker runs (runpod). Default: auto.
        worker: Word<Worker>,
        /// How jobs are queued (queue).
        queue: Queue,
        /// Whether clients may pull, push, create, copy and delete models (ollama). Default: false.
        allow_model_management: bool,
        /// Headers of every call.
        headers: Members<Sealed>,
        /// Request members that this upstream refuses.
        strip: Vec<String>,
        /// Dialects that it speaks natively besides its kind's own, e.g. anthropic_messages.
        dialects: Vec<String>,
        /// Context of requests that do not say theirs, in tokens (ollama); 0 is the server's own. Default: computed for long requests.
        num_ctx: u64,
        /// Higher wins. Default: 0.
        priority: i32,
        /// Load limits; 0 is none.
        limits: Limits,
        /// When it is left alone for a while after failures.
        breaker: Breaker,
        /// Whether it is asked from time to time if it is well.
        health_check: HealthCheck,
        /// Whether it is used at all. Default: true.
        enabled: bool,
        /// Whether it is asked for streams; with never the client still gets one. Default: auto.
        stream: Word<StreamMode>,
        /// Time-outs of its own.
        timeouts: Timeouts,
        /// Serve the models that it lists under their own names: true, or { include, exclude, prefix }. Default: false.
        expose_models: Expose,
    }
}

object! {
    /// Private CA and client certificate of an upstream.
    struct EndpointTls {
        /// PEM file of a CA that is trusted besides the system's.
        ca: String,
        /// PEM file of the client certificate.
        cert: String,
        /// PEM file of its key.
        key: String,
    }
}

object! {
    /// How jobs are queued.
    struct Queue {
        /// Their priority. Default: NORMAL.
        priority: Word<QueuePriority>,
        /// Who asks. Default: lingate.
        source: String,
    }
}

object! {
    /// Load limits of an upstream; 0 is none.
    struct Limits {
        /// Requests at once.
        concurrency: u32,
        /// Requests that wait for a place; when full, the endpoint counts as unavailable.
        queue: u32,
        /// Requests a minute.
        rpm: u64,
        /// Tokens a minute.
        tpm: u64,
        /// How long a request waits in the queue. Default: 30s.
        wait: Span,
    }
}

object! {
    /// When an upstream is left alone for a while. Not the last one that is well.
    struct Breaker {
        /// So many failures in a row open the circuit; 0 is never. Default: 5.
        failures: u32,
        /// How long it stays open before one request tries again; doubles up to 5m. Default: 10s.
        cooldown: Span,
    }
}

object! {
    /// Whether it is asked from time to time if it is well.
    struct HealthCheck {
        /// How often; 0s is never. Default: 0s.
        interval: Span,
        /// What is fetched, below the bare URL; empty: its list of models.
        path: String,
    }
}

object! {
    /// Which models are served under their own names.
    struct ExposeFilter {
        /// Names that are served, * is any text; empty is all.
        include: Vec<String>,
        /// Of these, names that are not.
        exclude: Vec<String>,
        /// Put before each name.
        prefix: String,
    }
}
