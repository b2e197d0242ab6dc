//! The only place that prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its purpose")]

/// One line for the reader, on standard output.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// What went wrong, on standard error.
pub(crate) fn error(text: &str) {
    eprintln!("xtask: {text}");
}
