//! The log: one line (or one JSON object) an event, to standard error, by a writer that never holds a request up.

mod sink;

use crate::failure::Failure;
use sink::Sink;
use std::panic::PanicHookInfo;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// The form of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

impl LogFormat {
    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Warnings and errors.
    Quiet,
    /// A line a request, and what happens to the program itself.
    #[default]
    Normal,
    /// Everything that helps to find a fault.
    Verbose,
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Quiet => LevelFilter::WARN,
            Self::Normal => LevelFilter::INFO,
            Self::Verbose => LevelFilter::DEBUG,
        }
    }
}

/// Starts the log of this process. `directives` are `RUST_LOG`'s and win over a level that was not asked for.
///
/// # Errors
/// If the directives cannot be read, or the log's thread cannot be started.
pub(crate) fn init(format: LogFormat, level: Option<LogLevel>, directives: Option<&str>) -> Result<(), Failure> {
    let sink = Sink::start().map_err(|error| Failure::runtime(format!("cannot start the log: {error}")))?;
    let colour = format == LogFormat::Text && crate::output::colour();
    sink.allow_escapes(colour);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => Box::new(fmt::layer().with_writer(sink).with_ansi(colour)),
        LogFormat::Json => Box::new(fmt::layer().json().flatten_event(true).with_writer(sink)),
    };
    let registry = match (level, directives) {
        (None, Some(directives)) => {
            let filter = EnvFilter::try_new(directives);
            let filter = filter.map_err(|error| Failure::usage(format!("RUST_LOG: {error}")))?;
            tracing_subscriber::registry().with(layer.with_filter(filter)).try_init()
        }
        (level, _) => {
            let own = level.unwrap_or_default().filter();
            // Libraries have nothing to say that an operator needs every day; lingate's crates share the prefix.
            let filter = Targets::new().with_default(own.min(LevelFilter::WARN)).with_target("lingate", own);
            tracing_subscriber::registry().with(layer.with_filter(filter)).try_init()
        }
    };
    registry.map_err(|error| Failure::runtime(format!("cannot start the log: {error}")))?;
    std::panic::set_hook(Box::new(panicked));
    Ok(())
}

/// Writes out what is still waiting. Call it before the process ends.
pub(crate) fn flush() {
    sink::flush();
}

/// A panic may carry data of a request: where it happened is told, and its text only if it is a constant.
fn panicked(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let text = info.payload().downcast_ref::<&str>().copied().unwrap_or("(a text with values)");
    tracing::error!(place, text, "panic: this is a fault of lingate, please report it");
}
