//! What was written under `virtual_models`.

use super::{Cache, Decimal, Json, Members, Repair, Sealed, Span, Timeouts, Word, object};
use crate::checked::{HostedTools, Reasoning, ResponseModel, Sticky, Strategy, StreamMode};
use crate::choice::choice;

object! {
    /// A name that clients ask for.
    struct VirtualModel {
        /// The name; "*" serves every name that nothing else serves.
        #[schemars(required)]
        name: String,
        /// Where it goes; the next one is tried when one fails.
        #[schemars(required)]
        targets: Vec<Target>,
        /// How a target is chosen among those of equal priority. Default: priority.
        strategy: Word<Strategy>,
        /// Whether a conversation keeps its target. Default: conversation.
        sticky: Word<Sticky>,
        /// Virtual model that takes a request whose context does not fit.
        overflow_to: String,
        /// The name that model lists show.
        display_name: String,
        /// Put before all messages.
        system_prompt: String,
        /// Any members, used when the request has none (max_tokens, temperature, num_ctx …).
        defaults: Members<Json>,
        /// Any members, overriding the request's.
        force: Members<Json>,
        /// Headers of every upstream call.
        headers: Members<Sealed>,
        /// Whether the upstream is asked for streams. Default: auto.
        stream: Word<StreamMode>,
        /// The answer's model name: as requested, or the upstream's. Default: requested.
        response_model: Word<ResponseModel>,
        /// Reasoning: keep in its own field, inline in the text, or hide. Default: keep.
        reasoning: Word<Reasoning>,
        /// Repair of tool calls that come as text: off, on, auto (on for self-hosted kinds) or pattern names. Default: auto.
        tool_repair: Repair,
        /// true: a tool call written as text that max_tokens cut off counts as whole. Default: false.
        repair_cut_calls: bool,
        /// Refuse a request of which something would be dropped. Default: false.
        strict: bool,
        /// Tools that only their provider can run (web_search …), towards another backend: refuse the request, or drop and report them. Default: refuse.
        hosted_tools: Word<HostedTools>,
        /// Retries.
        retry: Retry,
        /// The answer when all attempts failed.
        fallback_message: String,
        /// true: a target that is slow to begin gets a second one beside it; the slower is cancelled. Default: false.
        hedge: bool,
        /// true: while a job waits (runpod), the reasoning says so: its place in the queue, cold start. Default: false.
        job_status: bool,
        /// Cache of answers: off or { ttl }. Default: off.
        cache: Cache,
        /// Keep prompts and answers, sealed: off or on. Default: off.
        record: Word<Record>,
        /// Dollars a million tokens. Default: the catalogue's price.
        price: Price,
        /// Whether it is served at all. Default: true.
        enabled: bool,
    }
}

object! {
    /// An endpoint and the model that it is asked for.
    struct Target {
        /// Name of the endpoint.
        #[schemars(required)]
        endpoint: String,
        /// Name of the model there.
        #[schemars(required)]
        model: String,
        /// Share among equals, for the weighted strategy. Default: 1.
        weight: u32,
        /// Higher wins. Default: the endpoint's.
        priority: i32,
        /// Time-outs over those of its endpoint.
        timeouts: Timeouts,
    }
}

object! {
    /// Retries of one request.
    struct Retry {
        /// Upstream attempts in all, the first included. Default: 2.
        attempts: u32,
        /// Whether an answer without choices counts as failed. Default: false.
        on_empty: bool,
        /// Whether to send again what the upstream may already be working on. Default: false.
        after_send: bool,
    }
}

object! {
    /// How answers are cached.
    struct CacheOptions {
        /// How long they are kept.
        #[schemars(required)]
        ttl: Span,
    }
}

object! {
    /// Dollars a million tokens; a written 0 is free.
    struct Price {
        /// Fresh input.
        input: Decimal,
        /// Output.
        output: Decimal,
        /// Input read from the upstream's cache.
        cache_read: Decimal,
        /// Input written to it.
        cache_write: Decimal,
    }
}

choice! {
    /// Whether prompts and answers are kept.
    pub(crate) enum Record {
        /// No.
        Off = "off",
        /// Yes, sealed.
        On = "on",
    }
}
