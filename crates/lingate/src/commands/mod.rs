//! The commands of the command line, one file each.

mod check;
mod info;
mod init;
mod packaging;
mod serve;

use crate::cli::{self, Cli, Command, InfoFormat};
use crate::failure::{Failure, USAGE};
use crate::output;
use clap::FromArgMatches;
use lingate_config::Environment;
use std::ffi::OsString;
use std::sync::Arc;

/// Parses a command line and does what it says; returns the exit code.
///
/// # Errors
/// Why it could not be done.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    env: &Arc<dyn Environment + Send + Sync>,
) -> Result<u8, Failure> {
    let parsed = cli::command().try_get_matches_from(cli::rewrite(arguments));
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        // Help and version are no errors; a closed pipe is none either.
        Err(error) => {
            let _ = error.print();
            return Ok(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    if let Some(format) = cli.info {
        info::run(format == InfoFormat::Json)?;
        return Ok(0);
    }
    match cli.command {
        None => output::print(&cli::command().render_help().to_string())?,
        Some(Command::Serve { config, log }) => return serve::run(*config, &log, env),
        Some(Command::Check { config, schema }) => check::run(&config, schema, env.as_ref())?,
        Some(Command::Init { file, force }) => init::run(&file, force)?,
        Some(Command::Info { json }) => info::run(json)?,
        Some(Command::Completions { shell }) => packaging::completions(shell)?,
        Some(Command::Man { command }) => packaging::man(command.as_deref())?,
    }
    Ok(0)
}
