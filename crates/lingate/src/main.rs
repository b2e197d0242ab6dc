//! The `lingate` program: all of it is in the library.

use lingate_config::{Environment, ProcessEnvironment};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let env: Arc<dyn Environment + Send + Sync> = Arc::new(ProcessEnvironment);
    ExitCode::from(lingate::run(std::env::args_os(), &env))
}
