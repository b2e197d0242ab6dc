//! Starts the program, and servers within the test, on ports that the system picks.

#![expect(dead_code, reason = "every test file uses a part of it")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

use lingate::cli::ConfigOptions;
use lingate::forms::{self, Plan};
use lingate::server::{Limits, Server, Start};
use lingate_config::{FixedEnvironment, ListenAddress, ProcessEnvironment};
use lingate_store::MasterKeySource;
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// How long a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The program in a folder of its own, without anything of this process's environment.
pub(crate) fn command(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lingate"));
    command.args(arguments).env_clear().env("HOME", folder).envs(env.iter().copied()).current_dir(folder);
    command
}

/// Runs the program to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    command(folder, arguments, env).output().unwrap()
}

/// The exit code, standard output and standard error of a run.
pub(crate) fn outcome(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = run(folder, arguments, env);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A running program.
pub(crate) struct Program {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    seen: Vec<String>,
}

impl Program {
    /// Starts it in `folder`.
    pub(crate) fn start(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        Self::spawn(Command::from(command(folder, arguments, env)))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped()).stdin(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log, seen: Vec::new() }
    }

    /// The next line of standard error that holds `text`.
    pub(crate) async fn line(&mut self, text: &str) -> String {
        let found = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                self.seen.push(line.clone());
                if line.contains(text) {
                    return line;
                }
            }
            panic!("the program ended without saying {text:?}: {:#?}", self.seen)
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("waited in vain for {text:?}"))
    }

    /// Where the next data listener is.
    pub(crate) async fn address(&mut self) -> SocketAddr {
        let line = self.line(" listening on 127.0.0.1:").await;
        let at = line.find("listening on ").unwrap();
        line[at + 13..].split_whitespace().next().unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; returns the exit code and what it still said.
    pub(crate) async fn ended(mut self) -> (Option<i32>, String) {
        let ended = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                self.seen.push(line);
            }
            self.child.wait().await.unwrap().code()
        };
        let code = tokio::time::timeout(PATIENCE, ended).await.expect("the program ends");
        (code, self.seen.join("\n"))
    }
}

/// A server within the test, on a configuration file with this text.
pub(crate) struct Local {
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
}

impl Local {
    pub(crate) async fn start(yaml: &str) -> Self {
        Self::limited(yaml, Limits::default()).await
    }

    pub(crate) async fn limited(yaml: &str, limits: Limits) -> Self {
        Self::within(tempfile::tempdir().unwrap(), yaml, limits).await
    }

    /// In a folder that is already prepared; `FOLDER` in the text stands for it.
    pub(crate) async fn within(folder: TempDir, yaml: &str, limits: Limits) -> Self {
        let local = folder.path().join("lingate.yaml");
        let text = format!("data_dir: FOLDER/data\n{yaml}");
        write(folder.path(), "lingate.yaml", &text);
        let options = ConfigOptions { config: Some(local.display().to_string()), ..ConfigOptions::default() };
        let reread: Arc<dyn Fn() -> Result<Plan, lingate::Failure> + Send + Sync> =
            Arc::new(move || forms::build(&options, &ProcessEnvironment));
        let plan = reread().unwrap_or_else(|failure| panic!("{failure}"));
        let server = Server::start(plan, Start { limits, master_key: MasterKeySource::default(), reread });
        Self { server: server.await.unwrap_or_else(|failure| panic!("{failure}")), folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        socket(&self.server.addresses()[0])
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        socket(&self.server.admin_addresses()[0])
    }

    /// Writes the configuration file anew.
    pub(crate) fn rewrite(&self, yaml: &str) {
        write(self.folder.path(), "lingate.yaml", &format!("data_dir: FOLDER/data\n{yaml}"));
    }
}

/// Writes a file; `FOLDER` in the text becomes the folder.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text.replace("FOLDER", &folder.display().to_string())).unwrap();
    path.display().to_string()
}

pub(crate) fn socket(address: &ListenAddress) -> SocketAddr {
    match address {
        ListenAddress::Socket(address) => *address,
        other => panic!("not a socket address: {other}"),
    }
}

/// An environment with these variables.
pub(crate) fn environment(variables: &[(&str, &str)]) -> FixedEnvironment {
    variables.iter().fold(FixedEnvironment::new(), |env, (name, value)| env.with_var(name, value))
}

/// A demo configuration without admin listener.
pub(crate) const DEMO: &str = "listen: ['127.0.0.1:0']\nadmin: { listen: '' }\nendpoints: [{ name: demo, type: demo }]\n\
                        virtual_models: [{ name: demo, targets: [{ endpoint: demo, model: demo-echo }] }]\n";

/// A configuration file in front of an OpenAI upstream, without admin listener.
pub(crate) fn in_front_of(url: &str) -> String {
    format!(
        "listen: ['127.0.0.1:0']\nadmin: {{ listen: '' }}\nendpoints: [{{ name: up, type: openai, url: '{url}' }}]\n\
         virtual_models: [{{ name: m, targets: [{{ endpoint: up, model: real }}] }}]\n"
    )
}
