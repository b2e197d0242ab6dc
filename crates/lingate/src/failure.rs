//! Why the program ends without having done its work, and with which exit code.

use lingate_config::{ConfigErrors, Diagnostic, Level};

/// The exit code of a failure at run time.
pub(crate) const RUNTIME: u8 = 1;
/// The exit code of a wrong command line or configuration.
pub(crate) const USAGE: u8 = 2;

/// Why the program could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Something failed at run time: exit code 1.
    Runtime(String),
    /// The command line is wrong: exit code 2.
    Usage(String),
    /// The configuration is wrong: exit code 2.
    Config(ConfigErrors),
}

impl Failure {
    /// A failure at run time.
    pub fn runtime(message: impl Into<String>) -> Self {
        Self::Runtime(message.into())
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Problems of a configuration that stand in no file, or in `file` at no particular line.
    pub fn checks(file: &str, diagnostics: Vec<Diagnostic>) -> Self {
        Self::Config(ConfigErrors { file: file.to_owned(), diagnostics })
    }

    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Runtime(_) => RUNTIME,
            Self::Usage(_) | Self::Config(_) => USAGE,
        }
    }

    /// The text for standard error, with a newline at its end.
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Runtime(message) => Diagnostic::new("", message.clone()).render(Level::Error, "", colour),
            Self::Usage(message) => {
                let help = "`lingate --help` lists the commands, `lingate serve --help` the options";
                Diagnostic::new("", message.clone()).help(help).render(Level::Error, "", colour)
            }
            Self::Config(errors) => errors.render(colour),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Failure {}
