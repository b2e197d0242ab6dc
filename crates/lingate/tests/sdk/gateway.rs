//! The program in front of the upstreams, and a script of checks that runs against it.

use crate::upstreams::{CLIENT_KEY, DIALECTS, MODELS, UPSTREAM_KEY};
use crate::{mind, support};
use lingate_testkit::{Disconnect, Request, Upstream};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// A red pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// How long a script may run.
const PATIENCE: Duration = Duration::from_secs(180);

/// The running program, and what stands behind it.
pub(crate) struct Gateway {
    child: Child,
    log: JoinHandle<String>,
    url: String,
    upstreams: Vec<Upstream>,
    folder: TempDir,
}

impl Gateway {
    /// Starts everything.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut upstreams = Vec::new();
        for dialect in DIALECTS {
            upstreams.push(dialect.start().await);
        }
        support::write(folder.path(), "lingate.yaml", &configuration(&upstreams));
        let mut command = Command::from(support::command(folder.path(), &["serve"], &[]));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut text = String::new();
        let url = loop {
            let line = tokio::time::timeout(support::PATIENCE, lines.next_line()).await.expect("the program starts");
            let line = line.unwrap().unwrap_or_else(|| panic!("the program ended: {text}"));
            text += &format!("{line}\n");
            if let Some((_, address)) = line.split_once("listening on ") {
                break format!("http://{}", address.split_whitespace().next().unwrap());
            }
        };
        // Read all the time: a full pipe would stop the program.
        let log = tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                text += &format!("{line}\n");
            }
            text
        });
        Self { child, log, url, upstreams, folder }
    }

    /// Runs a script; fails if one of its checks does.
    pub(crate) async fn check(&self, python: &Path, script: &str) {
        let setup = json!({
            "url": self.url, "key": CLIENT_KEY, "upstream_key": UPSTREAM_KEY, "png": PNG,
            "tool": mind::tool(), "schema": mind::schema(), "thought": mind::THOUGHT, "signature": mind::SIGNATURE,
            "usage": { "input": mind::USAGE.0, "cached": mind::USAGE.1, "output": mind::USAGE.2 },
            "backends": DIALECTS.map(|dialect| dialect.name),
        });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(script);
        let mut command = Command::new(python);
        command.arg(&script).env_clear().envs([("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONUTF8", "1")]);
        command.env("HOME", self.folder.path()).env("LINGATE_SDK_SETUP", setup.to_string());
        let run = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(PATIENCE, run).await.expect("the script ends").unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        println!("{text}");
        assert!(output.status.success(), "{}: {}", script.display(), output.status);
    }

    /// Waits until each upstream has seen a client leave in the middle of a stream.
    pub(crate) async fn left(&self) {
        for upstream in &self.upstreams {
            let disconnect = upstream.next_disconnect().await;
            assert!(matches!(disconnect, Disconnect::InReply { .. }), "{disconnect:?}");
        }
    }

    /// What the upstream of this name was asked.
    pub(crate) fn asked(&self, name: &str) -> Vec<Request> {
        let at = DIALECTS.iter().position(|dialect| dialect.name == name).unwrap();
        self.upstreams[at].requests()
    }

    /// Stops the program, which must end well and have logged no secret.
    pub(crate) async fn stop(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = tokio::time::timeout(support::PATIENCE, self.child.wait()).await.expect("the program ends");
        let log = self.log.await.unwrap();
        println!("{log}");
        assert_eq!(ended.unwrap().code(), Some(0));
        assert!(!log.contains(UPSTREAM_KEY) && !log.contains(CLIENT_KEY), "a key in the log");
        assert!(!log.contains("panicked"), "a panic in the log");
    }
}

/// A virtual model `BACKEND-MODEL` for each model of each upstream, and two of the built-in backend.
fn configuration(upstreams: &[Upstream]) -> String {
    let mut text = format!(
        "listen: ['127.0.0.1:0']\nadmin: {{ listen: '' }}\ndata_dir: FOLDER/data\n\
         clients: {{ auth: keys, keys: [{{ name: sdk, key: {CLIENT_KEY} }}] }}\n\
         endpoints:\n  - {{ name: demo, type: demo }}\n"
    );
    for (dialect, upstream) in DIALECTS.iter().zip(upstreams) {
        let exposed = if dialect.name == "ollama" { ", expose_models: { prefix: 'exposed/' }" } else { "" };
        let (name, url) = (dialect.name, upstream.url(dialect.root));
        writeln!(text, "  - {{ name: {name}, type: {name}, url: '{url}', api_key: {UPSTREAM_KEY}{exposed} }}").unwrap();
    }
    text += "virtual_models:\n";
    for model in ["echo", "tool"] {
        writeln!(text, "  - {{ name: demo-{model}, targets: [{{ endpoint: demo, model: demo-{model} }}] }}").unwrap();
    }
    for dialect in DIALECTS {
        for model in MODELS {
            let (name, target) = (dialect.name, format!("{{ endpoint: {}, model: {model} }}", dialect.name));
            writeln!(text, "  - {{ name: {name}-{model}, targets: [{target}], retry: {{ attempts: 1 }} }}").unwrap();
        }
    }
    text
}

/// Whether `value` or a value inside it has all that `wanted` has: objects may have more members.
pub(crate) fn holds(value: &Value, wanted: &Value) -> bool {
    let inside = match value {
        Value::Object(members) => members.values().any(|member| holds(member, wanted)),
        Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
        _ => false,
    };
    inside || covers(value, wanted)
}

fn covers(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(value), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| value.get(key).is_some_and(|value| covers(value, wanted)))
        }
        (value, wanted) => value == wanted,
    }
}
