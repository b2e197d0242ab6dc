//! The options that decide the configuration and the log. All values are text here: a flag and its environment
//! variable are read by one and the same code, in [`crate::forms`].

use crate::logging::LogFormat;
use clap::Args;

const FILE: &str = "Without a file";
const OPENWEBUI: &str = "In front of an Open WebUI";
const VALUES: &str = "Over the file's values";

/// Where the configuration comes from, and what goes over the file's values.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigOptions {
    /// The configuration file [default: ./lingate.yaml, then the user's configuration folder].
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<String>,
    /// Serve a built-in demo backend, without any configuration.
    #[arg(long)]
    pub demo: bool,
    /// Listen here, instead of the file's listeners: host:port or unix:/path; repeatable.
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<String>,
    /// The admin listener; "" is none.
    #[arg(long, value_name = "ADDR")]
    pub admin_listen: Option<String>,
    /// The folder of everything that lasts.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,

    /// One upstream instead of a file, for example openai=https://HOST/v1.
    #[arg(long, value_name = "KIND=URL", help_heading = FILE)]
    pub upstream: Option<String>,
    /// A file with the upstream's key.
    #[arg(long, value_name = "FILE", help_heading = FILE)]
    pub upstream_key_file: Option<String>,
    /// A model of the upstream to serve; repeatable [default: all that it lists].
    #[arg(long, value_name = "NAME", help_heading = FILE)]
    pub model: Vec<String>,
    /// max_tokens of requests that have none.
    #[arg(long, value_name = "N", help_heading = FILE)]
    pub max_tokens: Option<String>,
    /// Whether the upstream is asked for streams: auto or never.
    #[arg(long, value_name = "WHEN", help_heading = FILE)]
    pub stream: Option<String>,
    /// Ask once more when the answer has no choices.
    #[arg(long, help_heading = FILE)]
    pub retry_on_empty: bool,
    /// Answer this when all attempts failed.
    #[arg(long, value_name = "TEXT", help_heading = FILE)]
    pub fallback_message: Option<String>,

    /// Serve every model of this Open WebUI under its own name.
    #[arg(long, value_name = "URL", help_heading = OPENWEBUI)]
    pub openwebui_url: Option<String>,
    /// The account that signs in.
    #[arg(long, value_name = "EMAIL", help_heading = OPENWEBUI)]
    pub email: Option<String>,
    /// Its password; other users of this machine can see it here, LINGATE_PASSWORD or a file hides it.
    #[arg(long, value_name = "PASSWORD", help_heading = OPENWEBUI)]
    pub password: Option<String>,
    /// A file with its password.
    #[arg(long, value_name = "FILE", help_heading = OPENWEBUI)]
    pub password_file: Option<String>,
    /// Where sessions and model lists are kept [default: the user's cache folder].
    #[arg(long, value_name = "DIR", help_heading = OPENWEBUI)]
    pub cache_dir: Option<String>,
    /// Time limit of model lists and sign-in, never of a chat; kept for compatibility.
    #[arg(long, value_name = "DURATION", help_heading = OPENWEBUI)]
    pub timeout: Option<String>,

    /// The host to listen on, with --port, instead of --listen.
    #[arg(long, value_name = "HOST", help_heading = VALUES)]
    pub host: Option<String>,
    /// The port to listen on, with --host, instead of --listen.
    #[arg(long, value_name = "PORT", help_heading = VALUES)]
    pub port: Option<String>,
    /// The largest request body.
    #[arg(long, value_name = "SIZE", help_heading = VALUES)]
    pub max_body: Option<String>,
    /// How much of an upstream's error body is read.
    #[arg(long, value_name = "SIZE", help_heading = VALUES)]
    pub max_error_body: Option<String>,
    /// How long model lists are kept.
    #[arg(long, value_name = "DURATION", help_heading = VALUES)]
    pub tags_ttl: Option<String>,
    /// How long /api/show answers are kept.
    #[arg(long, value_name = "DURATION", help_heading = VALUES)]
    pub show_ttl: Option<String>,
    /// The longest silence of a stream; 0 is no limit.
    #[arg(long, value_name = "DURATION", help_heading = VALUES)]
    pub stream_idle_timeout: Option<String>,
    /// How long open streams may finish at shutdown.
    #[arg(long, value_name = "DURATION", help_heading = VALUES)]
    pub shutdown_timeout: Option<String>,
    /// Web pages that may call from a browser, comma-separated; "*" is any, "" is none.
    #[arg(long, value_name = "ORIGINS", help_heading = VALUES)]
    pub cors_origins: Option<String>,
    /// Requests a second over all clients; 0 is no limit.
    #[arg(long, value_name = "N", help_heading = VALUES)]
    pub rate_limit: Option<String>,
    /// What /api/version says.
    #[arg(long, value_name = "VERSION", help_heading = VALUES)]
    pub ollama_version: Option<String>,
}

/// What is logged, and how. The log goes to standard error.
#[derive(Debug, Clone, Default, Args)]
pub struct LogOptions {
    /// One line for people or one JSON object an event [default: text].
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Log more.
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Log warnings and errors only.
    #[arg(short, long)]
    pub quiet: bool,
}

/// The environment variable of an option: `admin-listen` is `LINGATE_ADMIN_LISTEN`.
pub(crate) fn variable(option: &str) -> String {
    format!("LINGATE_{}", option.replace('-', "_").to_ascii_uppercase())
}

/// Whether an argument has a variable: all but those that ask for another work than serving.
pub(super) fn has_variable(id: &str) -> bool {
    !matches!(id, "schema" | "help" | "version")
}
