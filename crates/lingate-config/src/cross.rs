//! Checks across the configuration: names, references, listeners; the same for files and for command lines.

use std::collections::HashMap;

use crate::checked::{AdminAuth, ClientAuth, Config, Endpoint, KeySecret, VirtualModel};
use crate::diagnostic::Diagnostic;
use crate::kind::BackendKind;
use crate::node::{item, member};
use crate::secret::Secret;
use crate::suggest::nearest;

/// The most upstream attempts of one request.
const MAX_ATTEMPTS: u32 = 10;
/// Shorter tokens and keys get a warning.
const MIN_SECRET: usize = 8;

impl Config {
    /// Checks what one value alone cannot tell: names taken twice, targets without endpoint, listeners that collide,
    /// an open admin listener. A configuration of [`crate::parse`] has passed it; call it after changing one.
    ///
    /// # Errors
    /// Every problem, by key path (`endpoints[0].name`), without a place in a file.
    pub fn check(&self) -> Result<(), Vec<Diagnostic>> {
        let mut out = Vec::new();
        listeners(self, &mut out);
        admin(self, &mut out);
        keys(self, &mut out);
        endpoints(self, &mut out);
        virtual_models(self, &mut out);
        tool_patterns(self, &mut out);
        if out.is_empty() { Ok(()) } else { Err(out) }
    }

    /// What is allowed but probably not meant.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        if self.clients.auth == ClientAuth::Open && !self.is_local() {
            let message = "whoever reaches a data listener can spend the accounts of all endpoints";
            out.push(Diagnostic::new("clients.auth", message).help("set `auth: keys`, or listen on 127.0.0.1"));
        }
        if !self.endpoints.iter().any(|endpoint| endpoint.enabled) {
            out.push(Diagnostic::new("endpoints", "no endpoint is enabled; every request will fail"));
        }
        let weak = |secret: &Secret| secret.expose().len() < MIN_SECRET;
        if self.admin.token.as_ref().is_some_and(weak) {
            out.push(Diagnostic::new("admin.token", "so short a token is guessed soon"));
        }
        for (index, key) in self.clients.keys.iter().enumerate() {
            if matches!(&key.secret, KeySecret::Key(secret) if weak(secret)) {
                let key = member(&item("clients.keys", index), "key");
                out.push(
                    Diagnostic::new(key, "so short a key is guessed soon")
                        .help("32 random bytes make a good one: `openssl rand -hex 32`"),
                );
            }
        }
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let tls = &endpoint.tls;
            if endpoint.url.scheme() == "http" && (tls.ca.is_some() || tls.cert.is_some()) {
                let key = member(&item("endpoints", index), "tls");
                out.push(Diagnostic::new(key, "has no effect: the URL is http"));
            }
            idle(endpoint, &item("endpoints", index), &mut out);
        }
        for (index, model) in self.virtual_models.iter().enumerate().filter(|(_, model)| model.enabled) {
            let usable = |name: &str| self.endpoint(name).is_some_and(|endpoint| endpoint.enabled);
            if !model.targets.iter().any(|target| usable(&target.endpoint)) {
                let key = member(&item("virtual_models", index), "targets");
                out.push(Diagnostic::new(key, "all endpoints of this virtual model are disabled"));
            }
        }
        out
    }
}

/// Reports what of an endpoint does nothing without something else.
fn idle(endpoint: &Endpoint, path: &str, out: &mut Vec<Diagnostic>) {
    if endpoint.limits.queue > 0 && endpoint.limits.concurrency == 0 {
        let key = member(&member(path, "limits"), "queue");
        out.push(Diagnostic::new(key, "has no effect: nobody waits where `concurrency` is not limited"));
    }
    if endpoint.health_check.path.is_some() && endpoint.health_check.interval.is_none() {
        let key = member(&member(path, "health_check"), "path");
        out.push(Diagnostic::new(key, "has no effect: no `interval` is set"));
    }
}

fn listeners(config: &Config, out: &mut Vec<Diagnostic>) {
    if config.listen.is_empty() {
        out.push(Diagnostic::new("listen", "at least one data listener is needed"));
    }
    let data = config.listen.iter().enumerate().map(|(i, listen)| (item("listen", i), listen));
    let admin = config.admin.listen.iter().map(|listen| ("admin.listen".to_owned(), listen));
    let all: Vec<_> = data.chain(admin).collect();
    for (i, (key, listen)) in all.iter().enumerate() {
        if let Some((other, _)) = all[..i].iter().find(|(_, earlier)| earlier.collides(listen)) {
            let message = format!("the address {} is taken by {other}", listen.address);
            let help =
                if key.starts_with("admin") { "choose another; \"\" is no admin listener" } else { "choose another" };
            out.push(Diagnostic::new(key.clone(), message).help(help));
        }
    }
}

fn admin(config: &Config, out: &mut Vec<Diagnostic>) {
    let local = config.admin.listen.as_ref().is_none_or(|listen| listen.is_local());
    if config.admin.auth == AdminAuth::Off && !local {
        let message = "`off` is only allowed on a listener that this machine alone can reach";
        out.push(Diagnostic::new("admin.auth", message).help("listen on 127.0.0.1, or choose another sign-in"));
    }
    if config.admin.token.as_ref().is_some_and(|token| !token.expose().chars().all(|c| c.is_ascii_graphic())) {
        out.push(Diagnostic::new("admin.token", "a token must be printable ASCII without spaces"));
    }
}

fn keys(config: &Config, out: &mut Vec<Diagnostic>) {
    let mut names = HashMap::new();
    let mut secrets: Vec<&KeySecret> = Vec::new();
    for (index, key) in config.clients.keys.iter().enumerate() {
        let path = item("clients.keys", index);
        unique(&mut names, &key.name, &path, out);
        if secrets.contains(&&key.secret) {
            out.push(Diagnostic::new(path, "the same key stands under another name"));
        }
        secrets.push(&key.secret);
    }
}

fn endpoints(config: &Config, out: &mut Vec<Diagnostic>) {
    let mut names = HashMap::new();
    for (index, endpoint) in config.endpoints.iter().enumerate() {
        let path = item("endpoints", index);
        unique(&mut names, &endpoint.name, &path, out);
        credentials(endpoint, &path, out);
        if endpoint.num_ctx.is_some() && endpoint.kind != BackendKind::Ollama {
            let message = "only endpoints of type ollama are asked for a context";
            out.push(Diagnostic::new(member(&path, "num_ctx"), message).help("remove it"));
        }
    }
}

fn credentials(endpoint: &Endpoint, path: &str, out: &mut Vec<Diagnostic>) {
    let account = endpoint.email.is_some() || endpoint.password.is_some();
    let account_key = if endpoint.email.is_some() { "email" } else { "password" };
    if account && endpoint.kind != BackendKind::Openwebui {
        let message = "only endpoints of type openwebui sign in with email and password";
        out.push(Diagnostic::new(member(path, account_key), message).help("use `api_key`"));
    } else if endpoint.email.is_some() != endpoint.password.is_some() {
        out.push(Diagnostic::new(member(path, account_key), "signing in needs both `email` and `password`"));
    } else if account && endpoint.api_key.is_some() {
        let message = "`api_key` and `email` with `password` exclude each other";
        out.push(Diagnostic::new(member(path, "api_key"), message).help("keep one of them"));
    }
    let sendable = |c: char| c.is_ascii_graphic() || c == ' ';
    if endpoint.api_key.as_ref().is_some_and(|key| !key.expose().chars().all(sendable)) {
        let message = "holds characters that no header can carry, or a line break";
        out.push(Diagnostic::new(member(path, "api_key"), message));
    }
}

fn virtual_models(config: &Config, out: &mut Vec<Diagnostic>) {
    let known: Vec<&str> = config.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    let all_named = !known.contains(&"");
    let mut names = HashMap::new();
    for (index, model) in config.virtual_models.iter().enumerate() {
        let path = item("virtual_models", index);
        // `name` and `name:latest` are one model to every client.
        let plain = model.name.strip_suffix(":latest").unwrap_or(&model.name);
        unique(&mut names, plain, &path, out);
        if model.targets.is_empty() {
            out.push(Diagnostic::new(member(&path, "targets"), "at least one target is needed"));
        }
        if !(1..=MAX_ATTEMPTS).contains(&model.retry.attempts) {
            let message = format!("must lie between 1 and {MAX_ATTEMPTS}; the first attempt counts");
            out.push(Diagnostic::new(member(&member(&path, "retry"), "attempts"), message));
        }
        overflow(config, model, &member(&path, "overflow_to"), out);
        for (index, target) in model.targets.iter().enumerate() {
            let path = item(&member(&path, "targets"), index);
            if !known.contains(&target.endpoint.as_str()) && all_named && !target.endpoint.is_empty() {
                out.push(unknown_endpoint(&target.endpoint, &known, &path));
            }
        }
    }
}

fn overflow(config: &Config, model: &VirtualModel, path: &str, out: &mut Vec<Diagnostic>) {
    let Some(to) = &model.overflow_to else { return };
    if *to == model.name {
        out.push(Diagnostic::new(path, "a virtual model cannot overflow to itself"));
    } else if !config.virtual_models.iter().any(|other| other.name == *to) {
        let known: Vec<&str> = config.virtual_models.iter().map(|other| other.name.as_str()).collect();
        let diagnostic = Diagnostic::new(path, format!("there is no virtual model `{to}`"));
        out.push(match nearest(to, &known) {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
            None => diagnostic,
        });
    } else if let Some(round) = round(config, model) {
        let message = format!("the overflow comes back to where it began: {}", round.join(" -> "));
        out.push(Diagnostic::new(path, message).help("the last one, which holds most, overflows to none"));
    }
}

/// The way from a model along `overflow_to` back to itself, if there is one.
fn round<'c>(config: &'c Config, model: &'c VirtualModel) -> Option<Vec<&'c str>> {
    let mut way = vec![model.name.as_str()];
    let mut at = model;
    // A way that is longer than there are models goes round somewhere else, and is reported there.
    for _ in &config.virtual_models {
        let to = at.overflow_to.as_ref()?;
        at = config.virtual_models.iter().find(|other| other.name == *to)?;
        way.push(&at.name);
        if at.name == model.name {
            return Some(way);
        }
    }
    None
}

fn tool_patterns(config: &Config, out: &mut Vec<Diagnostic>) {
    let mut seen = Vec::new();
    for (index, pattern) in config.tool_patterns.iter().enumerate() {
        if seen.contains(&&pattern.name) && !pattern.name.is_empty() {
            let key = member(&item("tool_patterns", index), "pattern_name");
            out.push(Diagnostic::new(key, format!("the name `{}` is taken by another pattern", pattern.name)));
        }
        seen.push(&pattern.name);
    }
}

fn unknown_endpoint(name: &str, known: &[&str], path: &str) -> Diagnostic {
    let help = match (nearest(name, known), known.is_empty()) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, true) => "there are no endpoints; add one under `endpoints`".to_owned(),
        (None, false) => format!("the endpoints are {}", known.iter().take(20).copied().collect::<Vec<_>>().join(", ")),
    };
    Diagnostic::new(member(path, "endpoint"), format!("no endpoint is named `{}`", shown(name))).help(help)
}

/// A name of a bounded length.
fn shown(name: &str) -> String {
    name.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Reports a name that an earlier object has. Empty names were reported by the reader.
fn unique<'a>(names: &mut HashMap<&'a str, String>, name: &'a str, path: &str, out: &mut Vec<Diagnostic>) {
    let key = member(path, "name");
    if name.is_empty() {
        out.push(Diagnostic::new(key, "a name is needed"));
    } else if let Some(first) = names.get(name) {
        out.push(Diagnostic::new(key, format!("the name `{}` is taken by {first}", shown(name))));
    } else {
        names.insert(name, path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(ways: &[(&str, &str)]) -> Vec<String> {
        let mut config = Config { endpoints: vec![Endpoint::demo("d")], ..Config::default() };
        for (name, to) in ways {
            let mut model = VirtualModel::new(*name, "d", "x");
            model.overflow_to = Some((*to).to_owned()).filter(|to| !to.is_empty());
            config.virtual_models.push(model);
        }
        let found = config.check().err().unwrap_or_default();
        found.into_iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    #[test]
    fn what_does_nothing_is_told() {
        let mut endpoint = Endpoint::demo("d");
        endpoint.limits.queue = 5;
        endpoint.health_check.path = Some("/h".to_owned());
        let mut config = Config { endpoints: vec![endpoint], ..Config::default() };
        let keys = |config: &Config| config.warnings().into_iter().map(|warning| warning.key).collect::<Vec<_>>();
        assert_eq!(keys(&config), ["endpoints[0].limits.queue", "endpoints[0].health_check.path"]);
        config.endpoints[0].limits.concurrency = 1;
        config.endpoints[0].health_check.interval = Some(std::time::Duration::from_secs(9));
        assert!(keys(&config).is_empty());
    }

    #[test]
    fn an_overflow_ends_somewhere() {
        assert!(problems(&[("a", "b"), ("b", "c"), ("c", ""), ("d", "b")]).is_empty());
        let found = problems(&[("a", "b"), ("b", "c"), ("c", "b"), ("d", "")]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], "virtual_models[1].overflow_to: the overflow comes back to where it began: b -> c -> b");
        assert!(found[1].ends_with("c -> b -> c"), "{found:?}");
        assert_eq!(
            problems(&[("a", "a")]),
            ["virtual_models[0].overflow_to: a virtual model cannot overflow to itself"]
        );
    }
}
