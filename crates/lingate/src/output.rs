//! The one place that writes to standard output and, outside the log, to standard error.
//!
//! A reader that has gone away (`lingate check | head -1`) is no failure.

use crate::failure::Failure;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Writes a text to standard output.
///
/// # Errors
/// What the operating system said; a closed pipe is a success.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::runtime(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a text to standard error. There is nobody left to tell if that fails.
pub(crate) fn complain(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Whether errors may be coloured: on a terminal, unless `NO_COLOR` is set (see no-color.org).
pub(crate) fn colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && io::stderr().is_terminal()
}
