//! lingate's configuration file: what was written, with spans, to checked plain data.
//!
//! [`load`] reads a file and [`parse`] a text: YAML to a tree that knows its places, interpolation of `${…}`, raw structs
//! of what was written, and [`Config`], which is plain, owned and checked. All problems of a file are reported at once,
//! each with file, line, column, key and help; no secret is ever part of one.

mod build;
mod checked;
mod choice;
mod cross;
mod diagnostic;
mod env;
mod example;
mod interpolate;
mod kind;
mod mask;
mod net;
mod node;
mod parse;
mod raw;
mod schema;
mod secret;
mod seed001;
mod source;
mod suggest;
mod units;
mod unsupported;
mod yaml;

pub use checked::{
    Admin, AdminAuth, Breaker, ClientAuth, ClientKey, Clients, Config, Endpoint, EndpointTls, ExposeModels,
    HealthCheck, HostedTools, KeySecret, Limits, PatternType, Price, QueueOptions, QueuePriority, Reasoning,
    ResponseModel, Retry, Seed, Sticky, Strategy, StreamMode, Target, TimeoutOverrides, Timeouts, ToolPattern,
    ToolRepair, VirtualModel, Worker, resolve_client_auth,
};
pub use choice::UnknownWord;
pub use diagnostic::{ConfigErrors, Diagnostic, Level};
pub use env::{Environment, FixedEnvironment, MAX_REFERENCED_FILE, ProcessEnvironment};
pub use example::example;
pub use kind::{BackendKind, api_root, chat_url, takes_jobs};
pub use net::{AddressError, Cidr, CidrError, Listen, ListenAddress, ServerTls, UrlError};
pub use parse::{Format, Loaded, MAX_FILE, load, parse};
pub use schema::schema;
pub use secret::Secret;
pub use units::{MAX_DURATION, UnitError, parse_duration, parse_size};
