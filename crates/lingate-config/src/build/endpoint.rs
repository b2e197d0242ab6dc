//! One upstream, raw to checked.

use std::path::PathBuf;

use super::{headers, is_header_name, name, non_empty, sealed};
use crate::checked::{
    Breaker, Endpoint, EndpointTls, ExposeModels, HealthCheck, Limits, QueueOptions, StreamMode, TimeoutOverrides,
    Worker, nowhere,
};
use crate::diagnostic::Findings;
use crate::kind::BackendKind;
use crate::net::upstream_url;
use crate::node::{item, member};
use crate::raw;
use crate::suggest::nearest;

/// The dialects that an upstream may speak besides its kind's own.
pub(crate) const DIALECTS: [&str; 6] =
    ["openai_chat", "openai_completions", "openai_embeddings", "openai_responses", "anthropic_messages", "ollama"];

/// Always an endpoint, so that targets find its name even when something else about it is wrong.
pub(super) fn endpoint(raw: raw::Endpoint, path: &str, findings: &mut Findings) -> Option<Endpoint> {
    let name = name(raw.name, path, findings);
    let kind = raw.r#type.map(|word| word.0);
    if kind.is_none() {
        let help = "give the kind of this upstream, for example `type: openai`";
        findings.missing(&member(path, "type"), Some(help));
    }
    let kind = kind.unwrap_or(BackendKind::Openai);
    let url = match (raw.url, kind.needs_url()) {
        (_, false) => nowhere(),
        (url, true) => url_of(url.as_deref(), path, findings),
    };
    let base = Endpoint::with_url(name, kind, url);
    let dialects = raw.dialects.unwrap_or_default();
    check_dialects(&dialects, &member(path, "dialects"), findings);
    let queue = raw.queue.map_or_else(QueueOptions::default, queue);
    let endpoint = Endpoint {
        path_prefix: raw.path_prefix,
        api_key: sealed(raw.api_key),
        email: non_empty(raw.email),
        password: sealed(raw.password),
        auth_header: non_empty(raw.auth_header).map(|header| header.to_ascii_lowercase()),
        query: raw.query.map(|m| m.0.into_iter().map(|(k, v)| (k, v.0)).collect()).unwrap_or_default(),
        tls: tls(raw.tls.unwrap_or_default(), &member(path, "tls"), findings),
        allow_model_management: raw.allow_model_management.unwrap_or(false),
        headers: headers(raw.headers, &member(path, "headers"), findings),
        strip: raw.strip.unwrap_or_default(),
        dialects,
        num_ctx: raw.num_ctx,
        priority: raw.priority.unwrap_or(0),
        limits: limits(&raw.limits.unwrap_or_default()),
        breaker: breaker(&raw.breaker.unwrap_or_default()),
        health_check: health_check(raw.health_check.unwrap_or_default()),
        enabled: raw.enabled.unwrap_or(true),
        stream: raw.stream.map_or(StreamMode::Auto, |word| word.0),
        timeouts: timeouts(&raw.timeouts.unwrap_or_default()),
        expose_models: raw.expose_models.map_or(ExposeModels::Off, expose),
        poll_interval: raw.poll_interval.map_or(base.poll_interval, |span| span.0),
        worker: raw.worker.map_or(Worker::Auto, |word| word.0),
        queue,
        ..base
    };
    check_path_prefix(&endpoint, path, findings);
    if endpoint.auth_header.as_deref().is_some_and(|header| !is_header_name(header)) {
        findings.add(&member(path, "auth_header"), "not the name of a header", None);
    }
    Some(endpoint)
}

fn url_of(text: Option<&str>, path: &str, findings: &mut Findings) -> url::Url {
    let at = member(path, "url");
    match text.map(upstream_url) {
        Some(Ok(url)) => return url,
        Some(Err(problem)) => findings.add(&at, problem.to_string(), None),
        None => findings.missing(&at, Some("give the upstream's address, for example `url: https://…`")),
    }
    nowhere()
}

fn check_path_prefix(endpoint: &Endpoint, path: &str, findings: &mut Findings) {
    let Some(prefix) = &endpoint.path_prefix else { return };
    let plain = prefix.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '\\'));
    if !plain || prefix.contains("://") || prefix.split('/').any(|segment| segment == "." || segment == "..") {
        findings.add(&member(path, "path_prefix"), "not a plain path", Some("write for example /openai/v1"));
    }
}

fn check_dialects(dialects: &[String], path: &str, findings: &mut Findings) {
    for (index, dialect) in dialects.iter().enumerate() {
        if !DIALECTS.contains(&dialect.as_str()) {
            let help = match nearest(dialect, &DIALECTS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known: {}", DIALECTS.join(", ")),
            };
            findings.add(&item(path, index), "not a dialect", Some(&help));
        }
    }
}

fn tls(raw: raw::EndpointTls, path: &str, findings: &mut Findings) -> EndpointTls {
    let file = |text| non_empty(text).map(PathBuf::from);
    let tls = EndpointTls { ca: file(raw.ca), cert: file(raw.cert), key: file(raw.key) };
    if tls.cert.is_some() != tls.key.is_some() {
        findings.add(path, "a client certificate needs both `cert` and `key`", None);
    }
    tls
}

fn limits(raw: &raw::Limits) -> Limits {
    Limits {
        concurrency: raw.concurrency.unwrap_or(0),
        queue: raw.queue.unwrap_or(0),
        rpm: raw.rpm.unwrap_or(0),
        tpm: raw.tpm.unwrap_or(0),
        wait: raw.wait.map_or(Limits::default().wait, |span| span.0),
    }
}

fn breaker(raw: &raw::Breaker) -> Breaker {
    let base = Breaker::default();
    Breaker {
        failures: raw.failures.unwrap_or(base.failures),
        cooldown: raw.cooldown.map_or(base.cooldown, |span| span.0),
    }
}

fn health_check(raw: raw::HealthCheck) -> HealthCheck {
    let interval = raw.interval.map(|span| span.0).filter(|interval| !interval.is_zero());
    HealthCheck { interval, path: non_empty(raw.path) }
}

fn queue(raw: raw::Queue) -> QueueOptions {
    let base = QueueOptions::default();
    QueueOptions {
        priority: raw.priority.map_or(base.priority, |word| word.0),
        source: non_empty(raw.source).unwrap_or(base.source),
    }
}

pub(super) fn timeouts(raw: &raw::Timeouts) -> TimeoutOverrides {
    TimeoutOverrides {
        connect: raw.connect.map(|span| span.0),
        first_byte: raw.first_byte.map(|span| span.0),
        first_token: raw.first_token.map(|span| span.0),
        stream_idle: raw.stream_idle.map(|span| span.0),
        total: raw.total.map(|span| span.0),
    }
}

fn expose(raw: raw::Expose) -> ExposeModels {
    match raw {
        raw::Expose::All(false) => ExposeModels::Off,
        raw::Expose::All(true) => ExposeModels::All,
        raw::Expose::Filter(filter) => ExposeModels::Filter {
            include: filter.include.unwrap_or_default(),
            exclude: filter.exclude.unwrap_or_default(),
            prefix: filter.prefix.unwrap_or_default(),
        },
    }
}
