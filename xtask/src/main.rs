//! Chores of this repository, run as `cargo xtask <command>`: the architecture's rules as a check, the bench, and the
//! page of what translates into what.

mod bench;
mod matrix;
mod output;
mod tidy;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const HELP: &str = "\
Chores of this repository.

  cargo xtask tidy                   check arrows, sizes, module docs and the other rules of the house
  cargo xtask bench [ARGS…]          build, then compare lingate with its neighbours (bench.py run ARGS)
  cargo xtask bench icount [ARGS…]   instructions or system calls a request (bench.py icount ARGS)
  cargo xtask bench table [ARGS…]    the table of a saved run (bench.py table ARGS)
  cargo xtask matrix [--check]       play the golden wire cases and write docs/compatibility.md, or see that it is current
  cargo xtask help                   this text
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let root = repository_root();
    let result = match args.first().map(String::as_str) {
        Some("tidy") if args.len() == 1 => tidy::run(&root),
        Some("bench") => bench::run(&root, &args[1..]),
        Some("matrix") => matrix::run(&root, &args[1..]),
        None | Some("help" | "-h" | "--help") => {
            output::line(HELP.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Some(_) => Err(format!("unknown command: {}\n\n{HELP}", args.join(" "))),
    };
    result.unwrap_or_else(|message| {
        output::error(message.trim_end());
        ExitCode::from(2)
    })
}

/// The folder above this crate's own, as `cargo run` tells it: worktrees that share a target folder share this program,
/// so the path that it was built with may be another worktree's.
fn repository_root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let own = Path::new(&own);
    own.parent().unwrap_or(own).to_path_buf()
}
