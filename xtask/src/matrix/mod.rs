//! `cargo xtask matrix`: plays the golden wire cases and makes `docs/compatibility.md` of what came out.

mod page;
mod results;

use crate::output;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Where the page stands.
const PAGE: &str = "docs/compatibility.md";

/// Takes the words after `matrix`: none writes the page, `--check` compares it.
///
/// # Errors
/// The tests could not be run, or failed, or left nothing behind.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<ExitCode, String> {
    let check = match args {
        [] => false,
        [only] if only == "--check" => true,
        _ => return Err("cargo xtask matrix [--check]".to_owned()),
    };
    let folder = play(root)?;
    let mut cases = Vec::new();
    for file in ["cases.jsonl", "matrix.jsonl"] {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        cases.extend(results::parse(&text).map_err(|why| format!("{}: {why}", path.display()))?);
    }
    let page = page::render(&cases);
    let path = root.join(PAGE);
    if !check {
        fs::write(&path, page).map_err(|error| format!("{PAGE}: {error}"))?;
        output::line(&format!("{PAGE}: {} cases", cases.len()));
        return Ok(ExitCode::SUCCESS);
    }
    if fs::read_to_string(&path).is_ok_and(|there| there == page) {
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!("{PAGE} is stale: run cargo xtask matrix"));
    Ok(ExitCode::FAILURE)
}

/// Runs the test that plays the cases; gives the folder of its results.
fn play(root: &Path) -> Result<PathBuf, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    let folder = target.join("wire-cases");
    // What an earlier run left must not pass for this one's.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let test = Command::new(cargo)
        .args(["test", "--quiet", "--package", "lingate-gateway", "--test", "golden"])
        .env("LINGATE_CASES_OUT", &folder)
        .env_remove("LINGATE_CASES")
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo test: {error}"))?;
    if test.status.success() {
        return Ok(folder);
    }
    output::line(&String::from_utf8_lossy(&test.stdout));
    output::error(&String::from_utf8_lossy(&test.stderr));
    Err("the cases do not pass; a page of them would not be true".to_owned())
}
