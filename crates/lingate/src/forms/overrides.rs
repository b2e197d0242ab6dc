//! Options and variables that go over what a form says.

use super::Draft;
use super::given::{Given, Value};
use crate::failure::Failure;
use lingate_config::{ClientAuth, Config, Listen, ListenAddress, parse};
use std::path::PathBuf;
use std::time::Duration;

/// Applies them all. Returns whether the listeners were opened to other machines on purpose.
pub(super) fn apply(draft: &mut Draft, given: &Given<'_>) -> Result<bool, Failure> {
    let options = given.options;
    let opened = listeners(draft, given)?;
    if let Some(value) = given.text_or_empty(options.admin_listen.as_ref(), "admin-listen") {
        draft.admin_named = true;
        draft.config.admin.listen = match value.text.trim() {
            "" => None,
            text => Some(text.parse::<Listen>().map_err(|error| value.refused(error))?),
        };
    }
    if let Some(value) = given.text(options.data_dir.as_ref(), "data-dir") {
        draft.temporary = false;
        draft.config.data_dir = PathBuf::from(value.text);
    }
    if let Some(token) = given.secret(None, None, "admin-token")? {
        draft.config.admin.token = Some(token);
    }
    values(&mut draft.config, given)?;
    Ok(opened)
}

/// `--listen`, else `--host` and `--port`, else their variables.
fn listeners(draft: &mut Draft, given: &Given<'_>) -> Result<bool, Failure> {
    let options = given.options;
    let host = given.text(options.host.as_ref(), "host");
    let port = given.text(options.port.as_ref(), "port");
    let by_flag = [&host, &port].into_iter().flatten().any(|value| value.flag);
    if !options.listen.is_empty() {
        if by_flag {
            return Err(Failure::usage("--listen and --host or --port exclude each other"));
        }
        let read = |text: &String| text.parse().map_err(|error| Failure::usage(format!("--listen {text}: {error}")));
        draft.config.listen = options.listen.iter().map(read).collect::<Result<_, _>>()?;
        return Ok(false);
    }
    if let Some(list) = given.variable("listen").filter(|_| !by_flag) {
        let read = |text: &str| text.parse().map_err(|error| Failure::usage(format!("LINGATE_LISTEN: {error}")));
        draft.config.listen = list.split(',').map(read).collect::<Result<_, _>>()?;
        return Ok(false);
    }
    if host.is_none() && port.is_none() {
        return Ok(false);
    }
    let listen = host_and_port(&draft.config, host.as_ref(), port.as_ref())?;
    let opened = draft.open && !listen.is_local();
    if opened {
        draft.config.clients.auth = ClientAuth::Open;
        draft.notices.push(format!(
            "{} is reachable from other machines, and no key is asked for: whoever reaches it spends this account",
            listen.address
        ));
    }
    draft.config.listen = vec![listen];
    Ok(opened)
}

/// A host, a port, or both; what is not given is that of the form's first listener.
fn host_and_port(config: &Config, host: Option<&Value>, port: Option<&Value>) -> Result<Listen, Failure> {
    let (own_host, own_port) = match config.listen.first().map(|listen| &listen.address) {
        Some(ListenAddress::Socket(address)) => (address.ip().to_string(), address.port()),
        Some(ListenAddress::Name { host, port }) => (host.clone(), *port),
        _ => ("127.0.0.1".to_owned(), 8002),
    };
    let port = match port {
        Some(value) => value.number::<u16>("a port")?,
        None => own_port,
    };
    let host_text = host.map_or(own_host.as_str(), |value| value.text.trim());
    let host_text = host_text.trim_start_matches('[').trim_end_matches(']');
    let text = if host_text.contains(':') { format!("[{host_text}]:{port}") } else { format!("{host_text}:{port}") };
    text.parse().map_err(|error| match host {
        Some(value) => value.refused("not a host name or IP address"),
        None => Failure::usage(format!("{text}: {error}")),
    })
}

fn values(config: &mut Config, given: &Given<'_>) -> Result<(), Failure> {
    let options = given.options;
    let set = |place: &mut Duration, value: Option<Duration>| *place = value.unwrap_or(*place);
    config.max_body = given.size(options.max_body.as_ref(), "max-body")?.unwrap_or(config.max_body);
    config.max_error_body =
        given.size(options.max_error_body.as_ref(), "max-error-body")?.unwrap_or(config.max_error_body);
    set(&mut config.tags_ttl, given.duration(options.tags_ttl.as_ref(), "tags-ttl")?);
    set(&mut config.show_ttl, given.duration(options.show_ttl.as_ref(), "show-ttl")?);
    set(&mut config.shutdown_timeout, given.duration(options.shutdown_timeout.as_ref(), "shutdown-timeout")?);
    if let Some(limit) = given.duration(options.stream_idle_timeout.as_ref(), "stream-idle-timeout")? {
        config.timeouts.stream_idle = (!limit.is_zero()).then_some(limit);
    }
    if let Some(value) = given.text(options.rate_limit.as_ref(), "rate-limit") {
        let rate: f64 = value.number("a number of requests a second")?;
        if !(0.0..=1e9).contains(&rate) {
            return Err(value.refused("not between 0 and 1000000000 requests a second"));
        }
        config.clients.rate_limit = rate;
    }
    if let Some(value) = given.text(options.ollama_version.as_ref(), "ollama-version") {
        config.ollama_version = Some(value.text).filter(|text| !text.is_empty());
    }
    if let Some(value) = given.text_or_empty(options.cors_origins.as_ref(), "cors-origins") {
        config.cors_origins = origins(&value, given)?;
    }
    Ok(())
}

/// Read as the file's `cors_origins` are.
fn origins(value: &Value, given: &Given<'_>) -> Result<Vec<String>, Failure> {
    let list = value.text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    let list: Vec<String> = list.map(|origin| origin.replace("${", "$${")).collect();
    let text = serde_json::json!({ "cors_origins": list }).to_string();
    match parse(&text, &value.origin, given.env) {
        Ok(loaded) => Ok(loaded.config.cors_origins),
        Err(errors) => {
            let why = errors.diagnostics.first().map_or("", |problem| problem.message.as_str());
            Err(value.refused(format_args!("{why}; write for example https://chat.example.com, or *")))
        }
    }
}
