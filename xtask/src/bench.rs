//! `cargo xtask bench`: builds the bench and lingate, then hands over to `bench/bench.py`.

use crate::output;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Compared by default; those of `IF_FOUND` only where their program is at hand.
const TARGETS: &[&str] = &["direct", "nginx", "rawproxy", "rawproxy-account", "lingate"];
const IF_FOUND: &[&str] = &["nginx"];

/// Takes the words after `bench`; gives bench.py's exit code.
///
/// # Errors
/// A missing program or a failed build, as text for the reader.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<ExitCode, String> {
    let (verb, rest) = match args.split_first() {
        Some((first, rest)) if ["run", "icount", "table"].contains(&first.as_str()) => (first.as_str(), rest),
        _ => ("run", args),
    };
    need("python3", "bench/bench.py is written in Python (3.9 or later, no packages)")?;
    let plan = plan(root, verb, rest, |program| find(program).is_some());
    for (program, why) in &plan.needs {
        need(program, why)?;
    }
    for build in &plan.builds {
        output::line(&format!("cargo {}", build.join(" ")));
        status(Command::new(cargo()).args(build).current_dir(root))?;
    }
    let code = Command::new("python3").args(&plan.python).status().map_err(|e| format!("python3: {e}"))?;
    Ok(u8::try_from(code.code().unwrap_or(1)).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What a call does, before it does it.
struct Plan {
    needs: Vec<(&'static str, &'static str)>,
    builds: Vec<Vec<String>>,
    python: Vec<String>,
}

/// Defaults go first: bench.py lets a later option override an earlier one.
fn plan(root: &Path, verb: &str, args: &[String], found: impl Fn(&str) -> bool) -> Plan {
    let bench = root.join("bench");
    let text = |p: PathBuf| p.display().to_string();
    let mut plan =
        Plan { needs: Vec::new(), builds: Vec::new(), python: vec![text(bench.join("bench.py")), verb.into()] };
    plan.python.extend(["--out".into(), text(bench.join("bench-result.json"))]);
    let asks_help = args.iter().any(|a| a == "-h" || a == "--help");
    if verb != "table" && !asks_help {
        let targets: Vec<&str> = match option(args, "--targets") {
            Some(list) => list.split(',').collect(),
            // `direct` has no process of its own, so there is nothing to count.
            None => TARGETS
                .iter()
                .filter(|t| !IF_FOUND.contains(t) || found(t))
                .filter(|t| verb != "icount" || **t != "direct")
                .copied()
                .collect(),
        };
        plan.python.extend(["--work".into(), text(bench.join("bench-work"))]);
        plan.python.extend(["--targets".into(), targets.join(",")]);
        if !targets.contains(&"nginx") {
            // What the ratios refer to must be among the measured.
            plan.python.extend(["--limit".into(), "rawproxy".into()]);
        }
        plan.needs.push(("taskset", "the bench pins its processes to cores (package util-linux)"));
        let manifest = text(bench.join("Cargo.toml"));
        plan.builds.push(["build", "--release", "--manifest-path", &manifest].map(String::from).into());
        if targets.contains(&"lingate") {
            plan.builds.push(["build", "--release", "-p", "lingate"].map(String::from).into());
            let program = format!("lingate{}", std::env::consts::EXE_SUFFIX);
            let program = text(target_dir(root).join("release").join(program));
            plan.python.extend(["--set".into(), format!("lingate={program}")]);
        }
        if verb == "icount" {
            plan.needs.push(match option(args, "--counter") {
                Some("strace") => ("strace", "it counts the system calls"),
                _ => ("valgrind", "it counts the instructions; `--counter strace` counts system calls instead"),
            });
        }
    }
    plan.python.extend_from_slice(args);
    plan
}

/// The last value of `--name value` or `--name=value`.
fn option<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let joined = format!("{name}=");
    let mut value = None;
    for (i, arg) in args.iter().enumerate() {
        if arg == name {
            value = args.get(i + 1).map(String::as_str);
        } else if let Some(v) = arg.strip_prefix(&joined) {
            value = Some(v);
        }
    }
    value
}

/// Cargo's target folder, from the environment as cargo itself reads it.
fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |d| root.join(d))
}

fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn need(program: &str, why: &str) -> Result<(), String> {
    if find(program).is_some() {
        return Ok(());
    }
    Err(format!("`{program}` is not on the PATH: {why}. Install it and call again."))
}

fn find(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&paths).map(|d| d.join(OsStr::new(&name))).find(|p| p.is_file())
}

fn status(command: &mut Command) -> Result<(), String> {
    let done = command.status().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if done.success() { Ok(()) } else { Err("the build failed".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(String::from).collect()
    }

    fn python(verb: &str, args: &str, nginx: bool) -> String {
        plan(Path::new("/r"), verb, &words(args), |p| p != "nginx" || nginx).python.join(" ")
    }

    #[test]
    fn run_compares_the_default_targets_and_lets_later_words_win() {
        let line = python("run", "--rounds 1", true);
        assert!(line.contains("--targets direct,nginx,rawproxy,rawproxy-account,lingate"), "{line}");
        assert!(line.contains("--set lingate=/"), "{line}");
        assert!(line.ends_with("--rounds 1"), "{line}");
        assert!(python("run", "", false).contains("--targets direct,rawproxy,"));
        assert!(python("run", "", false).contains("--limit rawproxy"));
        assert!(python("run", "--targets direct,rawproxy", true).contains("--limit rawproxy"));
        assert!(!python("run", "", true).contains("--limit"));
    }

    #[test]
    fn lingate_is_built_only_when_it_is_measured() {
        let builds = |args| plan(Path::new("/r"), "run", &words(args), |_| true).builds.len();
        assert_eq!(builds(""), 2);
        assert_eq!(builds("--targets direct,rawproxy"), 1);
        assert_eq!(builds("--targets=rawproxy"), 1);
        assert_eq!(builds("--targets rawproxy,lingate"), 2);
        assert!(plan(Path::new("/r"), "table", &[], |_| true).builds.is_empty());
    }

    #[test]
    fn icount_needs_the_counter_that_was_asked_for() {
        let needs = |args| plan(Path::new("/r"), "icount", &words(args), |_| true).needs.last().map(|n| n.0);
        assert_eq!(needs(""), Some("valgrind"));
        assert_eq!(needs("--counter strace"), Some("strace"));
        assert!(!python("icount", "", true).contains("direct"));
    }
}
