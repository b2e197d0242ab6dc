//! The command line: what may be written. What it means is the affair of [`crate::forms`] and [`crate::commands`].

mod argv;
mod options;

pub use argv::rewrite;
pub(crate) use options::variable;
pub use options::{ConfigOptions, LogOptions};

use crate::logging::LogFormat;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

const AFTER: &str = "\
Every option of `serve` and `check` has an environment variable: LINGATE_ and its name, as LINGATE_ADMIN_LISTEN.
A flag wins over the variable, the variable over the file. Secrets can be given as files: LINGATE_PASSWORD_FILE.

Try it: lingate serve --demo";

/// One gateway between any LLM client and any LLM backend.
#[derive(Debug, Parser)]
#[command(name = "lingate", version, about, after_help = AFTER, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Print what `lingate info` prints.
    #[arg(short, long, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "text")]
    pub info: Option<InfoFormat>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway: data listeners and the admin listener.
    Serve {
        /// Where the configuration comes from.
        #[command(flatten)]
        config: Box<ConfigOptions>,
        /// What is logged.
        #[command(flatten)]
        log: LogOptions,
    },
    /// Check the configuration as `serve` would, without opening a port.
    Check {
        /// Where the configuration comes from.
        #[command(flatten)]
        config: Box<ConfigOptions>,
        /// Print the JSON Schema of the configuration file instead.
        #[arg(long)]
        schema: bool,
    },
    /// Write a commented example configuration.
    Init {
        /// The file to write.
        #[arg(default_value = "lingate.yaml")]
        file: PathBuf,
        /// Overwrite the file if it exists.
        #[arg(long)]
        force: bool,
    },
    /// Print version, commit, build date, target and features.
    Info {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a shell's completion script.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, of lingate or of one of its commands.
    Man {
        /// The command.
        command: Option<String>,
    },
}

/// How `info` is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InfoFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The log's formats as the command line names them.
impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.word()))
    }
}

/// The command line's description, with the environment variable of every option in its help.
pub fn command() -> clap::Command {
    let with_variables = |command: clap::Command| {
        command.mut_args(|arg| match (arg.get_long().map(options::variable), arg.get_help().cloned()) {
            (Some(variable), Some(help)) if options::has_variable(arg.get_id().as_str()) => {
                arg.help(format!("{help} [env: {variable}]"))
            }
            _ => arg,
        })
    };
    Cli::command().mut_subcommand("serve", with_variables).mut_subcommand("check", with_variables)
}
