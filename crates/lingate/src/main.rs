//! The `lingate` program: all of it is in the library.

use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    ExitCode::from(lingate::run(std::env::args_os(), Arc::new(lingate_config::ProcessEnvironment)))
}
