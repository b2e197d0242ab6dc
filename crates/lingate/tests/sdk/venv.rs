//! A Python environment with the vendors' SDKs, made once and kept below `target/`.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// What is installed.
const REQUIREMENTS: &str = include_str!("requirements.txt");
/// Set to 1, it makes a missing Python or package registry a failure.
const REQUIRED: &str = "LINGATE_REQUIRE_SDK_TESTS";
/// The longest that a step of the set-up may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The environment's Python; `None` where it cannot be had and need not be, which a line on standard error tells.
pub(crate) async fn python() -> Option<PathBuf> {
    // Each test of this process shares the outcome, so that a registry out of reach is waited for once.
    static READY: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    match READY.get_or_init(set_up).await {
        Ok(python) => Some(python.clone()),
        Err(reason) if std::env::var(REQUIRED).is_ok_and(|value| value == "1") => {
            panic!("{REQUIRED}=1, and the SDKs are missing: {reason}")
        }
        Err(reason) => {
            notice(&format!("SKIPPED, for the SDKs are missing ({REQUIRED}=1 makes it a failure): {reason}"));
            None
        }
    }
}

/// A line that is seen although the test passes: the test runner captures the print macros alone.
pub(crate) fn notice(text: &str) {
    writeln!(std::io::stderr(), "sdk tests: {text}").unwrap();
}

async fn set_up() -> Result<PathBuf, String> {
    let version = run(Command::new("python3").args(["-c", "import sys; print(sys.executable, sys.version)"])).await?;
    let mut hasher = DefaultHasher::new();
    (REQUIREMENTS, &version).hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sdk-python-{:016x}", hasher.finish()));
    let python = folder.join("bin/python");
    // Other test processes wait here; the lock ends with the file handle.
    let _lock = locked(folder.with_extension("lock")).await?;
    let ready = folder.join("ready");
    if ready.exists() && run(Command::new(&python).arg("--version")).await.is_ok() {
        return Ok(python);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder)).await?;
    let words: Vec<&str> = REQUIREMENTS.split_whitespace().collect();
    if let Err(reason) = install(&python, &words).await {
        // The versions are those of a recent Python; an older one gets the newest that it can run.
        let names: Vec<&str> = words.iter().map(|word| word.split("==").next().unwrap_or(word)).collect();
        install(&python, &names).await?;
        notice(&format!("other versions than in requirements.txt, for: {reason}"));
    }
    fs::write(&ready, "").map_err(|error| format!("{}: {error}", ready.display()))?;
    Ok(python)
}

async fn locked(path: PathBuf) -> Result<File, String> {
    let lock = move || {
        let file = File::create(&path)?;
        file.lock()?;
        Ok(file)
    };
    let locked: std::io::Result<File> = tokio::task::spawn_blocking(lock).await.unwrap();
    locked.map_err(|error| format!("the lock of the Python environment: {error}"))
}

async fn install(python: &Path, packages: &[&str]) -> Result<String, String> {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    run(command.args(["--retries", "1", "--timeout", "60"]).args(packages)).await
}

/// Runs a command to its end; returns what it printed, or why it failed.
async fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let name = format!("{:?}", command.as_std());
    match tokio::time::timeout(PATIENCE, output).await {
        Err(_) => Err(format!("{name} took longer than {PATIENCE:?}")),
        Ok(Err(error)) => Err(format!("{name}: {error}")),
        Ok(Ok(Output { status, stdout, .. })) if status.success() => Ok(String::from_utf8_lossy(&stdout).into_owned()),
        Ok(Ok(Output { status, stdout, stderr })) => {
            let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
            Err(format!("{name}: {status}: {}", text.trim()))
        }
    }
}
