//! The program as a process: real sockets, signals, folders.

mod support;

use lingate_testkit::{ClientRequest, End, RawClient, Reply, Step, Upstream};
use rustix::process::Signal;
use serde_json::json;
use std::path::Path;
use support::{DEMO, Program, in_front_of, outcome, write};

/// Starts `serve` on a configuration file.
async fn serve(folder: &Path, yaml: &str) -> (Program, std::net::SocketAddr) {
    write(folder, "lingate.yaml", yaml);
    let mut program = Program::start(folder, &["serve"], &[]);
    let address = program.address().await;
    (program, address)
}

fn question(model: &str, stream: bool) -> ClientRequest {
    let body = json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "Hello!" }] });
    ClientRequest::post("/v1/chat/completions").json(&body)
}

fn delta(text: &str) -> Step {
    Step::sse(
        &json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "real",
        "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] })
        .to_string(),
    )
}

fn finish() -> Vec<Step> {
    let end = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "real",
        "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    vec![Step::sse(&end.to_string()), Step::sse("[DONE]")]
}

/// An upstream whose stream stops after `one` until the gate opens.
async fn gated() -> (Upstream, std::sync::Arc<tokio::sync::Notify>) {
    let upstream = Upstream::start().await;
    let (gate, open) = Step::gate();
    let steps = [vec![delta("one"), gate, delta("two")], finish()].concat();
    upstream.once(Reply::stream("text/event-stream", steps));
    (upstream, open)
}

#[tokio::test]
async fn the_demo_s_three_requests() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--demo", "--listen", "127.0.0.1:0", "--admin-listen", ""];
    let mut command = tokio::process::Command::from(support::command(folder.path(), &arguments, &[]));
    let mut child = command.stdout(std::process::Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut out = tokio::io::BufReader::new(child.stdout.take().unwrap());
    let mut commands = Vec::new();
    while commands.len() < 3 {
        let mut line = String::new();
        tokio::io::AsyncBufReadExt::read_line(&mut out, &mut line).await.unwrap();
        assert!(!line.is_empty(), "the program ended early");
        if line.starts_with("curl ") {
            commands.push(line);
        }
    }
    for (line, dialect) in commands.iter().zip(["chat.completion", "\"type\":\"message\"", "\"done\":true"]) {
        let (before, body) = line.trim_end().split_once(" -d '").unwrap();
        let (address, path) = before.split_once("http://").unwrap().1.split_once('/').unwrap();
        let request = ClientRequest::new("POST", &format!("/{path}")).body(body.trim_end_matches('\'').to_owned());
        // What curl says of a body.
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send(address.parse().unwrap()).await.unwrap();
        assert_eq!(answer.status, 200, "{line}: {}", answer.text());
        assert!(answer.text().contains(dialect) && answer.text().contains("Hello!"), "{}", answer.text());
    }
    assert!(!folder.path().join("data").exists(), "a demo leaves nothing behind");
}

#[tokio::test]
async fn sigterm_lets_a_stream_finish() {
    let folder = tempfile::tempdir().unwrap();
    let (upstream, open) = gated().await;
    let (mut program, address) = serve(folder.path(), &in_front_of(&upstream.url(""))).await;
    let mut idle = RawClient::connect(address).await;
    idle.send("GET /health HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    idle.read_until("\"ok\"").await.unwrap();
    let mut answer = question("m", true).open(address).await.unwrap();
    answer.read_until("one").await;
    program.signal(Signal::TERM);
    program.line("shutting down").await;
    idle.read_to_end().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "no new connections");
    open.notify_one();
    let rest = answer.finish(support::PATIENCE).await;
    assert!(rest.text().contains("two") && rest.text().ends_with("data: [DONE]\n\n"), "{}", rest.text());
    assert_eq!(rest.end, End::Whole);
    let (code, log) = program.ended().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("ending the streams"), "{log}");
}

#[tokio::test]
async fn sigterm_ends_a_stream_that_does_not_finish() {
    let folder = tempfile::tempdir().unwrap();
    let (upstream, _open) = gated().await;
    let yaml = format!("shutdown_timeout: 50ms\n{}", in_front_of(&upstream.url("")));
    let (program, address) = serve(folder.path(), &yaml).await;
    let mut answer = question("m", true).open(address).await.unwrap();
    answer.read_until("one").await;
    program.signal(Signal::INT);
    let rest = answer.finish(support::PATIENCE).await;
    assert_eq!(rest.end, End::Whole);
    assert!(rest.text().contains("\"error\"") && !rest.text().contains("[DONE]"), "{}", rest.text());
    assert_eq!(program.ended().await.0, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (upstream, _open) = gated().await;
    let (mut program, address) = serve(folder.path(), &in_front_of(&upstream.url(""))).await;
    let mut answer = question("m", true).open(address).await.unwrap();
    answer.read_until("one").await;
    program.signal(Signal::TERM);
    program.line("shutting down").await;
    program.signal(Signal::TERM);
    assert_eq!(program.ended().await.0, Some(1));
}

#[tokio::test]
async fn sighup_reloads() {
    let folder = tempfile::tempdir().unwrap();
    let (mut program, address) = serve(folder.path(), DEMO).await;
    assert_eq!(question("renamed", false).send(address).await.unwrap().status, 404);
    write(folder.path(), "lingate.yaml", &DEMO.replace("name: demo, targets", "name: renamed, targets"));
    program.signal(Signal::HUP);
    program.line("the configuration was reloaded").await;
    assert_eq!(question("renamed", false).send(address).await.unwrap().status, 200);
    write(folder.path(), "lingate.yaml", "endpoints: [{ name: demo, type: dmeo }]\n");
    program.signal(Signal::HUP);
    let line = program.line("the configuration was not reloaded").await;
    assert!(line.contains("endpoints[0].type") && line.contains("lingate.yaml:1:"), "one line: {line}");
    assert_eq!(question("renamed", false).send(address).await.unwrap().status, 200);
    program.signal(Signal::TERM);
    assert_eq!(program.ended().await.0, Some(0));
}

#[tokio::test]
async fn one_process_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (program, address) = serve(folder.path(), DEMO).await;
    let (code, _, err) = outcome(folder.path(), &["serve"], &[]);
    assert_eq!(code, Some(1));
    assert!(err.contains("is in use by another lingate process"), "{err}");
    assert_eq!(question("demo", false).send(address).await.unwrap().status, 200);
    program.signal(Signal::TERM);
    assert_eq!(program.ended().await.0, Some(0));
}

#[tokio::test]
async fn reachable_from_elsewhere_needs_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = DEMO.replace("'127.0.0.1:0'", "'0.0.0.0:0', '127.0.0.1:0'");
    write(folder.path(), "lingate.yaml", &yaml);
    let mut program = Program::start(folder.path(), &["serve"], &[]);
    let key = program.line("    lg-").await.trim().to_owned();
    let address = program.address().await;
    assert_eq!(question("demo", false).send(address).await.unwrap().status, 401);
    let with_key = |key: &str| question("demo", false).header("authorization", &format!("Bearer {key}"));
    assert_eq!(with_key("lg-wrong").send(address).await.unwrap().status, 401);
    assert_eq!(with_key(&key).send(address).await.unwrap().status, 200);
    program.signal(Signal::TERM);
    let (_, log) = program.ended().await;
    assert_eq!(log.matches(&key).count(), 1, "shown once");

    let mut program = Program::start(folder.path(), &["serve"], &[]);
    let address = program.address().await;
    assert_eq!(with_key(&key).send(address).await.unwrap().status, 200, "the next start takes the same key");
    program.signal(Signal::TERM);
    assert!(!program.ended().await.1.contains("lg-"));
}

#[tokio::test]
async fn an_admin_port_that_nobody_asked_for_may_be_taken() {
    let folder = tempfile::tempdir().unwrap();
    // Whether this port was free or not, the default one is taken now.
    let _taken = std::net::TcpListener::bind("127.0.0.1:5001");
    write(folder.path(), "lingate.yaml", &DEMO.replace("admin: { listen: '' }\n", ""));
    let mut program = Program::start(folder.path(), &["serve"], &[]);
    program.line("the admin port is taken").await;
    let address = program.address().await;
    assert_eq!(question("demo", false).send(address).await.unwrap().status, 200);
    program.signal(Signal::TERM);
    assert_eq!(program.ended().await.0, Some(0));
}

#[tokio::test]
async fn a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lingate.sock");
    // What a killed program leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let yaml = DEMO.replace("'127.0.0.1:0'", &format!("'unix:{}'", path.display()));
    write(folder.path(), "lingate.yaml", &yaml);
    let mut program = Program::start(folder.path(), &["serve"], &[]);
    program.line("listening on unix:").await;
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o660);
    let mut client = tokio::net::UnixStream::connect(&path).await.unwrap();
    let request = "GET /health HTTP/1.1\r\nhost: lingate\r\nconnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut client, request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut client, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    let other = tempfile::tempdir().unwrap();
    write(other.path(), "lingate.yaml", &yaml);
    let (code, _, err) = outcome(other.path(), &["serve"], &[]);
    assert_eq!(code, Some(1), "a socket that answers is somebody's: {err}");
    program.signal(Signal::TERM);
    assert_eq!(program.ended().await.0, Some(0));
    assert!(!path.exists());
}

#[tokio::test]
async fn seed_001_s_own_routes() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start().await;
    let json = |id: &str| format!(r#"{{"endpoints":{{"{id}":{{"url":"{}","apiKey":"s3cret"}}}}}}"#, upstream.url(""));
    let file = write(folder.path(), "proxy.json", &json("one"));
    let env = [("CM_OPEN_WEBUI_PROXY_CONFIG_FILE", file.as_str()), ("CM_OPEN_WEBUI_PROXY_PORT", "0")];
    let mut program = Program::start(folder.path(), &["serve", "--admin-listen", ""], &env);
    let address = program.address().await;
    let debug = ClientRequest::get("/debug").send(address).await.unwrap();
    assert!(debug.json()["endpoints"]["one"].is_object() && !debug.text().contains("s3cret"), "{}", debug.text());
    write(folder.path(), "proxy.json", &json("two"));
    let reload = ClientRequest::post("/reload").send(address).await.unwrap();
    assert_eq!((reload.status.as_u16(), reload.json()["models"][0].as_str()), (200, Some("two")), "{}", reload.text());
    write(folder.path(), "proxy.json", "{");
    assert_eq!(ClientRequest::post("/reload").send(address).await.unwrap().status, 500);
    program.signal(Signal::TERM);
    assert_eq!(program.ended().await.0, Some(0));
}

#[tokio::test]
async fn a_log_line_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (program, address) = serve(folder.path(), DEMO).await;
    question("demo\n2026 INFO forged \u{1b}[2J", false).send(address).await.unwrap();
    program.signal(Signal::TERM);
    let (_, log) = program.ended().await;
    assert!(!log.lines().any(|line| line.starts_with("2026 INFO forged")), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[tokio::test]
async fn logs_as_json_and_quietly() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "lingate.yaml", DEMO);
    let mut program = Program::start(folder.path(), &["serve", "--log-format", "json"], &[]);
    let line = program.line("listening on").await;
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["level"], "INFO");
    let address = event["message"].as_str().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!(question("demo\nINFO forged", false).send(address).await.unwrap().status, 404);
    program.signal(Signal::TERM);
    let (_, log) = program.ended().await;
    assert!(log.lines().all(|line| line.starts_with('{')), "{log}");

    let path = folder.path().join("quiet.sock");
    let listen = format!("unix:{}", path.display());
    let program = Program::start(folder.path(), &["serve", "--listen", &listen], &[("LINGATE_QUIET", "1")]);
    while tokio::net::UnixStream::connect(&path).await.is_err() {
        tokio::task::yield_now().await;
    }
    program.signal(Signal::TERM);
    assert_eq!(program.ended().await, (Some(0), String::new()));
}

#[tokio::test]
async fn files_that_run_out_are_no_reason_to_fail() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "lingate.yaml", DEMO);
    let binary = env!("CARGO_BIN_EXE_lingate");
    // 64 files allow 25 connections: the others wait for a place.
    let mut command = tokio::process::Command::new("sh");
    let script = format!("ulimit -n 64; exec {binary} serve");
    command.args(["-c", &script]).current_dir(folder.path()).env_clear().kill_on_drop(true);
    let mut program = Program::spawn(command);
    let address = program.address().await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = RawClient::connect(address).await;
        client.send("GET /health HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        clients.push(client);
    }
    for client in clients.iter_mut().take(20) {
        client.read_until("\"ok\"").await.unwrap();
    }
    let late = clients.split_off(20);
    drop(clients);
    for mut client in late {
        client.read_until("\"ok\"").await.unwrap();
    }
    program.signal(Signal::TERM);
    assert_eq!(program.ended().await.0, Some(0));
}
