//! The command line as users and scripts see it: texts, exit codes, files.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::Read;
use std::process::Stdio;
use support::{command, outcome, run, write};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn check_points_at_the_line() {
    let folder = folder();
    write(folder.path(), "lingate.yaml", "endpoints:\n  - name: a\n    type: opnai\n    url: https://h/v1\n");
    let (code, out, err) = outcome(folder.path(), &["check"], &[]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("error: endpoints[0].type: "), "{err}");
    assert!(err.contains("\n --> lingate.yaml:3:11\n  |\n3 |     type: opnai\n  |           ^^^^^\n"), "{err}");
    assert!(err.ends_with("1 error in the configuration\n"), "{err}");
    assert!(!err.contains('\u{1b}'), "piped output is plain");
}

#[test]
fn check_prints_where_chats_go() {
    let folder = folder();
    let yaml = "endpoints:\n  - { name: a, type: openai, url: https://h }\n  - { name: long, type: anthropic, url: \
                https://x/v1, enabled: false }\n  - { name: d, type: demo }\n";
    write(folder.path(), "other.yaml", yaml);
    let (code, out, err) = outcome(folder.path(), &["check", "-c", "other.yaml"], &[]);
    let expected = "a     openai     https://h/v1/chat/completions\n\
                    long  anthropic  https://x/v1/messages  (disabled)\n\
                    d     demo       built in\n\
                    other.yaml: ok, 3 endpoints and 0 virtual models\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), expected, ""));
    assert!(!folder.path().join("data").exists(), "a check leaves nothing behind");
}

#[test]
fn check_finds_what_only_a_start_would() {
    let folder = folder();
    let tls = "{ address: '127.0.0.1:0', tls: { cert: FOLDER/none.pem, key: FOLDER/none.key } }";
    let yaml = format!("listen: [{tls}]\nendpoints: [{{ name: d, type: demo }}]\n");
    write(folder.path(), "lingate.yaml", &yaml);
    let (code, _, err) = outcome(folder.path(), &["check"], &[]);
    assert_eq!(code, Some(2));
    assert!(err.contains("listen[0].tls") && err.contains("none.pem"), "{err}");
}

#[test]
fn check_prints_warnings_and_the_schema() {
    let folder = folder();
    write(folder.path(), "lingate.yaml", "endpoints: []\n");
    let (code, _, err) = outcome(folder.path(), &["check"], &[]);
    assert_eq!(code, Some(0));
    assert!(err.starts_with("warning: endpoints: no endpoint is enabled"), "{err}");
    let (code, out, _) = outcome(folder.path(), &["check", "--schema"], &[]);
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(0));
    assert!(schema["properties"]["endpoints"].is_object());
}

#[test]
fn init_writes_a_good_example_once() {
    let folder = folder();
    let (code, out, _) = outcome(folder.path(), &["init"], &[]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("wrote lingate.yaml\n"), "{out}");
    assert_eq!(outcome(folder.path(), &["check"], &[]).0, Some(0));
    write(folder.path(), "lingate.yaml", "mine");
    let (code, _, err) = outcome(folder.path(), &["init"], &[]);
    assert_eq!(code, Some(1));
    assert_eq!(err, "error: lingate.yaml exists and was left alone; --force overwrites it\n");
    let text = || std::fs::read_to_string(folder.path().join("lingate.yaml")).unwrap();
    assert_eq!(text(), "mine");
    assert_eq!(outcome(folder.path(), &["init", "--force"], &[]).0, Some(0));
    assert_eq!(text(), lingate_config::example());
}

#[test]
fn info_in_all_its_forms() {
    let folder = folder();
    let json = outcome(folder.path(), &["info", "--json"], &[]);
    let info: serde_json::Value = serde_json::from_str(&json.1).unwrap();
    for member in ["version", "commit", "build_date", "target", "features"] {
        assert!(!info[member].is_null(), "{member}");
    }
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    let text = outcome(folder.path(), &["info"], &[]);
    assert!(text.1.contains(&format!("version     {}\n", env!("CARGO_PKG_VERSION"))));
    for form in [&["-i", "json"][..], &["--info=json"], &["-info", "json"], &["--openwebui-url", "x", "-i", "json"]] {
        assert_eq!(outcome(folder.path(), form, &[]), json, "{form:?}");
    }
    for form in [&["-i"][..], &["-i", "text"], &["--info"]] {
        assert_eq!(outcome(folder.path(), form, &[]), text, "{form:?}");
    }
}

#[test]
fn for_packagers() {
    let folder = folder();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, out, _) = outcome(folder.path(), &["completions", shell], &[]);
        assert_eq!(code, Some(0));
        assert!(out.contains("lingate") && out.contains("admin-listen"), "{shell}");
    }
    let (code, out, _) = outcome(folder.path(), &["man"], &[]);
    assert_eq!(code, Some(0));
    assert!(out.contains(".TH lingate 1"), "{out}");
    let (_, out, _) = outcome(folder.path(), &["man", "serve"], &[]);
    assert!(out.contains("\\-\\-admin\\-listen") && out.contains("LINGATE_ADMIN_LISTEN"), "{out}");
    assert_eq!(outcome(folder.path(), &["man", "nothing"], &[]).0, Some(2));
}

#[test]
fn exit_codes() {
    let folder = folder();
    for (arguments, expected) in [
        (&[][..], 0),
        (&["--help"], 0),
        (&["--version"], 0),
        (&["serve", "--help"], 0),
        (&["frobnicate"], 2),
        (&["serve", "--frobnicate"], 2),
        (&["serve"], 2),
        (&["check", "-c", "none.yaml"], 2),
        (&["serve", "--demo", "--listen", "nonsense"], 2),
        (&["serve", "--demo", "-v", "-q"], 2),
        (&["--openwebui-url", "http://h"], 2),
        (&["doctor"], 2),
    ] {
        assert_eq!(run(folder.path(), arguments, &[]).status.code(), Some(expected), "{arguments:?}");
    }
    let (_, out, err) = outcome(folder.path(), &[], &[]);
    assert!(out.contains("Usage: lingate") && err.is_empty(), "a plain `lingate` is a question");
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, err) = outcome(folder.path(), &["--demo", "--listen", &address, "--admin-listen", ""], &[]);
    assert_eq!(code, Some(1));
    let expected =
        format!("error: cannot listen on {address}: another program does; stop it or choose another address");
    assert!(err.contains(&expected), "{err}");
    let (code, _, err) =
        outcome(folder.path(), &["--demo", "--listen", "127.0.0.1:0", "--admin-listen", &address], &[]);
    assert_eq!(code, Some(1), "an admin port that was asked for must be had");
    assert!(err.contains(&format!("cannot listen on {address}")), "{err}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let folder = folder();
    let mut child = command(folder.path(), &["completions", "zsh"], &[]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}
