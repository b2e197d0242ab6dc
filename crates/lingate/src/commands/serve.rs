//! `lingate serve`: runs the gateway until it is told to stop.

use crate::cli::{ConfigOptions, LogOptions, variable};
use crate::failure::{Failure, RUNTIME};
use crate::forms::{self, Form, Plan};
use crate::logging::{self, LogFormat, LogLevel};
use crate::output;
use crate::server::{Limits, Server, Start};
use clap::ValueEnum;
use lingate_config::{ClientAuth, Environment, ListenAddress, resolve_client_auth};
use lingate_store::MasterKeySource;
use std::ffi::OsString;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

type Env = Arc<dyn Environment + Send + Sync>;

pub(super) fn run(options: ConfigOptions, log: &LogOptions, env: &Env) -> Result<u8, Failure> {
    let plan = forms::build(&options, env.as_ref())?;
    start_log(log, env.as_ref())?;
    super::check::tell_warnings(&plan);
    let runtime = runtime().map_err(|error| Failure::runtime(format!("cannot start the runtime: {error}")))?;
    let start = Start {
        limits: Limits::default(),
        master_key: MasterKeySource::from_lookup(|name| env.var(name).map(OsString::from)),
        reread: {
            let env = Arc::clone(env);
            Arc::new(move || forms::build(&options, env.as_ref()))
        },
    };
    let code = runtime.block_on(serve(plan, start));
    // What still runs has no one to answer to.
    runtime.shutdown_background();
    code
}

/// One thread where there is one processor: no locks are fought for and no work is handed about.
fn runtime() -> std::io::Result<Runtime> {
    let one = std::thread::available_parallelism().is_ok_and(|count| count.get() == 1);
    let mut builder = if one { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.enable_all().thread_name("lingate").build()
}

async fn serve(plan: Plan, start: Start) -> Result<u8, Failure> {
    // Before anything can be asked to stop.
    let mut signals =
        signals::Signals::new().map_err(|error| Failure::runtime(format!("cannot listen to signals: {error}")))?;
    let demo = plan.form == Form::Demo;
    let keyless = resolve_client_auth(&plan.config) != ClientAuth::Keys;
    let server = Server::start(plan, start).await?;
    if demo {
        let key = if keyless { None } else { Some(server.shown_key().unwrap_or("$LINGATE_KEY")) };
        output::print(&welcome(server.addresses(), key))?;
    }
    while let signals::Signal::Reload = signals.next().await {
        // What is wrong is told in the log; the old configuration stays then.
        let _ = server.reload();
    }
    tokio::select! {
        () = server.shutdown() => Ok(0),
        () = signals.stop_again() => {
            tracing::warn!("told to stop twice: ending at once");
            Ok(RUNTIME)
        }
    }
}

/// The level and format that flags, else variables ask for.
fn start_log(log: &LogOptions, env: &dyn Environment) -> Result<(), Failure> {
    let given = |option: &str| env.var(&variable(option)).filter(|text| !text.is_empty());
    let format = match (log.log_format, given("log-format")) {
        (Some(format), _) => format,
        (None, None) => LogFormat::default(),
        (None, Some(word)) => {
            LogFormat::from_str(&word, false).map_err(|_| Failure::usage("LINGATE_LOG_FORMAT: write text or json"))?
        }
    };
    let on = |option: &str| given(option).is_some_and(|word| !matches!(word.as_str(), "0" | "false" | "no" | "off"));
    let level = match (log.quiet, log.verbose) {
        (true, _) => Some(LogLevel::Quiet),
        (_, true) => Some(LogLevel::Verbose),
        _ if on("quiet") => Some(LogLevel::Quiet),
        _ if on("verbose") => Some(LogLevel::Verbose),
        _ => None,
    };
    let directives = env.var("RUST_LOG").filter(|text| !text.is_empty());
    logging::init(format, level, directives.as_deref())
}

/// What a newcomer needs: where it is, and one request in each dialect.
fn welcome(addresses: &[ListenAddress], key: Option<&str>) -> String {
    let (place, curl) = match addresses.first() {
        Some(ListenAddress::Unix(path)) => {
            (format!("unix:{}", path.display()), format!("curl -s --unix-socket {} http://lingate", path.display()))
        }
        Some(address) => (format!("http://{address}"), format!("curl -s http://{address}")),
        None => return String::new(),
    };
    let key = key.map(|key| format!(" -H 'authorization: Bearer {key}'")).unwrap_or_default();
    let messages = r#""messages":[{"role":"user","content":"Hello!"}]"#;
    format!(
        "lingate's demo listens on {place}; nothing is kept, Ctrl-C ends it. Try, in another terminal:\n\n\
         {curl}/v1/chat/completions{key} -d '{{\"model\":\"demo\",{messages}}}'\n\
         {curl}/v1/messages{key} -d '{{\"model\":\"thinker\",\"max_tokens\":100,{messages}}}'\n\
         {curl}/api/chat{key} -d '{{\"model\":\"demo\",{messages}}}'\n\n"
    )
}

#[cfg(unix)]
mod signals {
    //! SIGINT and SIGTERM stop, SIGHUP reloads.

    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    pub(super) enum Signal {
        Stop,
        Reload,
    }

    pub(super) struct Signals {
        interrupt: Stream,
        terminate: Stream,
        hangup: Stream,
    }

    impl Signals {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        pub(super) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.interrupt.recv() => Signal::Stop,
                _ = self.terminate.recv() => Signal::Stop,
                _ = self.hangup.recv() => Signal::Reload,
            }
        }

        pub(super) async fn stop_again(&mut self) {
            while !matches!(self.next().await, Signal::Stop) {}
        }
    }
}

#[cfg(not(unix))]
mod signals {
    //! Ctrl-C stops.

    pub(super) enum Signal {
        Stop,
        #[expect(dead_code, reason = "there is no such signal here")]
        Reload,
    }

    pub(super) struct Signals;

    impl Signals {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn next(&mut self) -> Signal {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Signal::Stop
        }

        pub(super) async fn stop_again(&mut self) {
            self.next().await;
        }
    }
}
