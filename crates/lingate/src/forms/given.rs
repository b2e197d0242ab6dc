//! What is given for an option: the flag, else its `LINGATE_…` variable. One reader for both.

use crate::cli::{ConfigOptions, variable};
use crate::failure::Failure;
use lingate_config::{Environment, Secret, parse_duration, parse_size};
use std::path::Path;
use std::time::Duration;

/// The options and the environment of one command line.
pub(super) struct Given<'a> {
    pub(super) options: &'a ConfigOptions,
    pub(super) env: &'a dyn Environment,
}

/// A value and who gave it, for messages.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) origin: String,
    /// Whether a flag gave it, not a variable.
    pub(super) flag: bool,
}

impl Value {
    /// The error for a value that cannot be taken. The value itself is not shown: it may be a secret.
    pub(super) fn refused(&self, why: impl std::fmt::Display) -> Failure {
        Failure::usage(format!("{}: {why}", self.origin))
    }

    pub(super) fn number<T: std::str::FromStr>(&self, what: &str) -> Result<T, Failure> {
        self.text.trim().parse().map_err(|_| self.refused(format_args!("not {what}")))
    }
}

impl Given<'_> {
    /// The variable of an option, unless it is empty.
    pub(super) fn variable(&self, option: &str) -> Option<String> {
        self.meant(option).filter(|text| !text.is_empty())
    }

    /// The variable of an option as it is set. Kubernetes sets LINGATE_PORT=tcp://… beside a service of that name:
    /// that is no port of ours.
    fn meant(&self, option: &str) -> Option<String> {
        self.env.var(&variable(option)).filter(|text| !(option == "port" && text.starts_with("tcp://")))
    }

    /// The flag's value, else the variable's unless that is empty.
    pub(super) fn text(&self, flag: Option<&String>, option: &str) -> Option<Value> {
        self.text_or_empty(flag, option).filter(|value| value.flag || !value.text.is_empty())
    }

    /// The same for options to which the empty text is a value.
    pub(super) fn text_or_empty(&self, flag: Option<&String>, option: &str) -> Option<Value> {
        match flag {
            Some(text) => Some(Value { text: text.clone(), origin: format!("--{option}"), flag: true }),
            None => {
                let origin = variable(option);
                self.meant(option).map(|text| Value { text, origin, flag: false })
            }
        }
    }

    /// A switch: the flag, or a variable that says yes.
    pub(super) fn switch(&self, flag: bool, option: &str) -> Result<bool, Failure> {
        if flag {
            return Ok(true);
        }
        match self.variable(option).as_deref().map(str::trim) {
            None | Some("0" | "false" | "no" | "off") => Ok(false),
            Some("1" | "true" | "yes" | "on") => Ok(true),
            Some(_) => Err(Failure::usage(format!("{}: write true or false", variable(option)))),
        }
    }

    pub(super) fn duration(&self, flag: Option<&String>, option: &str) -> Result<Option<Duration>, Failure> {
        let read = |value: Value| parse_duration(&value.text).map_err(|error| value.refused(error));
        self.text(flag, option).map(read).transpose()
    }

    pub(super) fn size(&self, flag: Option<&String>, option: &str) -> Result<Option<u64>, Failure> {
        let read = |value: Value| match parse_size(&value.text) {
            Ok(0) => Err(value.refused("at least one byte is needed")),
            Ok(size) if size > 1 << 40 => Err(value.refused("at most 1TiB is possible")),
            Ok(size) => Ok(size),
            Err(error) => Err(value.refused(error)),
        };
        self.text(flag, option).map(read).transpose()
    }

    /// A secret: `--NAME` or `--NAME-file`, else `LINGATE_NAME` or `LINGATE_NAME_FILE`; none of a pair may be given
    /// twice. A newline at a file's end is none of the secret.
    pub(super) fn secret(
        &self,
        flag: Option<&String>,
        file: Option<&String>,
        name: &str,
    ) -> Result<Option<Secret>, Failure> {
        let file_option = format!("{name}-file");
        let value = self.text(flag, name);
        let path = self.text(file, &file_option);
        let (value, path) = match (value, path) {
            (Some(value), Some(path)) if value.flag == path.flag => {
                return Err(Failure::usage(format!("{} and {} exclude each other", value.origin, path.origin)));
            }
            (Some(value), Some(path)) if path.flag => (Some(value).filter(|value| value.flag), Some(path)),
            (Some(value), _) => (Some(value), None),
            (None, path) => (None, path),
        };
        if let Some(path) = path {
            let text = self.env.file(Path::new(&path.text));
            let text = text.map_err(|why| path.refused(format_args!("{} cannot be read: {why}", path.text)))?;
            let text = text.trim_end_matches(['\n', '\r']);
            return match text.is_empty() {
                true => Err(path.refused(format_args!("{} is empty", path.text))),
                false => Ok(Some(Secret::new(text))),
            };
        }
        Ok(value.map(|value| Secret::new(value.text)))
    }
}
