//! One gateway between any LLM client and any LLM backend: the program, as a library so that tests can start it.
//!
//! [`run`] is the whole program. [`forms::build`] turns a command line and an environment into a configuration,
//! [`server::Server`] serves it.

mod admin;
pub mod cli;
mod client_key;
mod commands;
mod failure;
pub mod forms;
mod logging;
mod nofile;
mod output;
pub mod server;

pub use failure::Failure;
pub use logging::{LogFormat, LogLevel};

use lingate_config::Environment;
use std::ffi::OsString;
use std::sync::Arc;

/// Runs the program; returns its exit code: 0 done, 1 failed at run time, 2 usage or configuration error.
pub fn run(arguments: impl IntoIterator<Item = OsString>, env: &Arc<dyn Environment + Send + Sync>) -> u8 {
    let code = match commands::run(arguments, env) {
        Ok(code) => code,
        Err(failure) => {
            output::complain(&failure.render(output::colour()));
            failure.code()
        }
    };
    logging::flush();
    code
}
