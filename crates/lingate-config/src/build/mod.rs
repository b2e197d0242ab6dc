//! Raw to checked: every value gets its meaning, every problem its key.

mod clients;
mod endpoint;
mod tool_pattern;
mod virtual_model;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::checked::{Admin, AdminAuth, Config, Timeouts};
use crate::diagnostic::Findings;
use crate::net::{Listen, ServerTls, is_host_name};
use crate::node::{item, member};
use crate::raw;
use crate::secret::Secret;

/// The largest body that may be configured.
const MAX_BODY: u64 = 1 << 40;

/// Builds the configuration. Where something is wrong the default stands in, so that indices stay those of the file.
pub(crate) fn config(file: raw::File, findings: &mut Findings) -> Config {
    let base = Config::default();
    let listen = match file.listen {
        Some(list) => list_of(list, "listen", findings, listen),
        None => base.listen,
    };
    let data_dir = path("data_dir", file.data_dir, findings).unwrap_or(base.data_dir);
    Config {
        listen,
        allowed_hosts: list_of(file.allowed_hosts.unwrap_or_default(), "allowed_hosts", findings, allowed_host),
        trusted_proxies: list_of(file.trusted_proxies.unwrap_or_default(), "trusted_proxies", findings, parsed),
        admin: admin(file.admin.unwrap_or_default(), findings),
        data_dir,
        responses_store: file.responses_store.map_or(base.responses_store, |s| s.0),
        cors_origins: list_of(file.cors_origins.unwrap_or_default(), "cors_origins", findings, origin),
        max_body: size("max_body", file.max_body, base.max_body, findings),
        max_error_body: size("max_error_body", file.max_error_body, base.max_error_body, findings),
        tags_ttl: file.tags_ttl.map_or(base.tags_ttl, |s| s.0),
        show_ttl: file.show_ttl.map_or(base.show_ttl, |s| s.0),
        ollama_version: non_empty(file.ollama_version),
        timeouts: timeouts(file.timeouts.as_ref(), base.timeouts),
        holdback: file.holdback.map_or(base.holdback, |s| s.0),
        keep_alive: file.keep_alive.map_or(base.keep_alive, |s| some_time(s.0)),
        shutdown_timeout: file.shutdown_timeout.map_or(base.shutdown_timeout, |s| s.0),
        clients: clients::clients(file.clients.unwrap_or_default(), findings),
        passthrough: list_of(file.passthrough.unwrap_or_default(), "passthrough", findings, passthrough),
        endpoints: list_of(file.endpoints.unwrap_or_default(), "endpoints", findings, endpoint::endpoint),
        virtual_models: list_of(
            file.virtual_models.unwrap_or_default(),
            "virtual_models",
            findings,
            virtual_model::virtual_model,
        ),
        tool_patterns: list_of(
            file.tool_patterns.unwrap_or_default(),
            "tool_patterns",
            findings,
            tool_pattern::tool_pattern,
        ),
        seed: None,
    }
}

/// Builds each item with its path; items that come to nothing are left out.
fn list_of<T, U>(
    list: Vec<T>,
    path: &str,
    findings: &mut Findings,
    build: impl Fn(T, &str, &mut Findings) -> Option<U>,
) -> Vec<U> {
    list.into_iter().enumerate().filter_map(|(i, raw)| build(raw, &item(path, i), findings)).collect()
}

/// A text by its type's own parser.
#[expect(clippy::needless_pass_by_value, reason = "the form that list_of takes")]
fn parsed<T: FromStr<Err: std::fmt::Display>>(text: String, path: &str, findings: &mut Findings) -> Option<T> {
    text.parse().map_err(|error| findings.add(path, format!("{error}"), None)).ok()
}

fn listen(at: raw::ListenAt, path: &str, findings: &mut Findings) -> Option<Listen> {
    let (address, tls) = match at {
        raw::ListenAt::Address(address) => return parsed(address, path, findings),
        raw::ListenAt::Object(object) => (object.address, object.tls),
    };
    let Some(address) = address else {
        findings.missing(&member(path, "address"), Some("write { address: \"127.0.0.1:8002\" }"));
        return None;
    };
    let listen: Listen = parsed(address, &member(path, "address"), findings)?;
    let Some(tls) = tls else { return Some(listen) };
    let at = member(path, "tls");
    match (non_empty(tls.cert), non_empty(tls.key)) {
        (Some(cert), Some(key)) => {
            Some(Listen { tls: Some(ServerTls { cert: PathBuf::from(cert), key: PathBuf::from(key) }), ..listen })
        }
        _ => {
            findings.add(&at, "both `cert` and `key` are needed", Some("give the two PEM files"));
            None
        }
    }
}

fn admin(raw: raw::Admin, findings: &mut Findings) -> Admin {
    let base = Admin::default();
    let listen = match raw.listen {
        None => base.listen,
        Some(raw::ListenAt::Address(address)) if address.is_empty() => None,
        Some(at) => listen(at, "admin.listen", findings),
    };
    Admin { listen, auth: raw.auth.map_or(AdminAuth::Password, |a| a.0), token: sealed(raw.token) }
}

fn timeouts(raw: Option<&raw::Timeouts>, base: Timeouts) -> Timeouts {
    let Some(raw) = raw else { return base };
    let pick = |own: Option<raw::Span>, base| own.map_or(base, |span| some_time(span.0));
    Timeouts {
        connect: pick(raw.connect, base.connect),
        first_byte: pick(raw.first_byte, base.first_byte),
        first_token: pick(raw.first_token, base.first_token),
        stream_idle: pick(raw.stream_idle, base.stream_idle),
        total: pick(raw.total, base.total),
    }
}

fn size(key: &str, own: Option<raw::Size>, base: u64, findings: &mut Findings) -> u64 {
    let value = own.map_or(base, |size| size.0);
    if !(1..=MAX_BODY).contains(&value) {
        findings.add(key, "must lie between 1 byte and 1TiB", None);
    }
    value
}

/// A path of the file system; `~` is a shell's affair.
fn path(key: &str, text: Option<String>, findings: &mut Findings) -> Option<PathBuf> {
    let text = text?;
    if text.is_empty() {
        findings.add(key, "a path is needed", None);
    } else if text == "~" || text.starts_with("~/") {
        findings.add(key, "`~` is not expanded", Some("write `${HOME}/…`"));
    }
    Some(PathBuf::from(text))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that list_of takes")]
fn allowed_host(text: String, path: &str, findings: &mut Findings) -> Option<String> {
    let host = text.trim().trim_end_matches('.').to_ascii_lowercase();
    if is_host_name(&host) {
        return Some(host);
    }
    findings.add(path, "not a host name", Some("write the name alone, without scheme, port, path or `*`"));
    None
}

#[expect(clippy::needless_pass_by_value, reason = "the form that list_of takes")]
fn origin(text: String, path: &str, findings: &mut Findings) -> Option<String> {
    let origin = text.trim().trim_end_matches('/');
    let host = origin.split_once("://").map(|(_, host)| host);
    let well_formed = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', '*']))
        && origin.chars().all(|c| c.is_ascii_graphic());
    if well_formed || origin == "*" {
        return Some(origin.to_ascii_lowercase());
    }
    findings.add(path, "not an origin", Some("write scheme and host, for example https://chat.example.com, or \"*\""));
    None
}

fn passthrough(text: String, path: &str, findings: &mut Findings) -> Option<String> {
    let well_formed = text.starts_with('/')
        && text.len() > 1
        && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '%' | '\\' | '*' | '{'))
        && !text.split('/').any(|segment| segment == "." || segment == "..")
        && !text.contains("//");
    if well_formed {
        return Some(text);
    }
    findings.add(path, "not a plain path", Some("write for example /v1/ocr"));
    None
}

/// Zero is no limit.
fn some_time(span: Duration) -> Option<Duration> {
    (!span.is_zero()).then_some(span)
}

/// The empty text is the same as none.
fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn sealed(raw: Option<raw::Sealed>) -> Option<Secret> {
    raw.map(|sealed| sealed.0).filter(|secret| !secret.is_empty())
}

/// Names end up in headers, metrics and pages: bounded, without control characters and outer spaces.
fn name(raw: Option<String>, path: &str, findings: &mut Findings) -> String {
    name_in("name", raw, path, findings)
}

/// The same under another key.
fn name_in(key: &str, raw: Option<String>, path: &str, findings: &mut Findings) -> String {
    const MOST: usize = 256;
    let Some(name) = raw else {
        findings.missing(&member(path, key), None);
        return String::new();
    };
    if let Some(problem) = name_problem(&name, MOST) {
        findings.add(&member(path, key), problem, None);
        return String::new();
    }
    name
}

fn name_problem(name: &str, most: usize) -> Option<String> {
    if name.is_empty() {
        Some("a name is needed".to_owned())
    } else if name.len() > most {
        Some(format!("longer than {most} bytes"))
    } else if name.trim() != name || name.contains(char::is_control) {
        Some("a name must not begin or end with a space, nor hold control characters".to_owned())
    } else {
        None
    }
}

/// Headers that lingate or HTTP itself sets.
const OWN_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn headers(raw: Option<raw::Members<raw::Sealed>>, path: &str, findings: &mut Findings) -> Vec<(String, Secret)> {
    let mut out: Vec<(String, Secret)> = Vec::new();
    for (key, value) in raw.map(|members| members.0).unwrap_or_default() {
        let at = member(path, &key);
        let key = key.to_ascii_lowercase();
        if !is_header_name(&key) {
            findings.add(&at, "not the name of a header", None);
        } else if OWN_HEADERS.contains(&key.as_str()) {
            findings.add(&at, "this header cannot be set", Some("it belongs to the connection, not to the request"));
        } else if out.iter().any(|(other, _)| *other == key) {
            findings.add(&at, "this header is set twice", None);
        } else if value.0.expose().contains(|c: char| c.is_control() && c != '\t') {
            findings.add(&at, "a header's value must not hold control characters or line breaks", None);
        }
        out.push((key, value.0));
    }
    out
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}
