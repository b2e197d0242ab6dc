//! The configuration as JSON for people who look for a fault: secrets are only said to be there.

use lingate_config::{
    ClientKey, Config, Endpoint, ExposeModels, Listen, Secret, Target, Timeouts, VirtualModel, chat_url,
    resolve_client_auth,
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What stands for a secret.
const MASK: &str = "***";

pub(super) fn config(config: &Config) -> Value {
    json!({
        "listen": config.listen.iter().map(listen).collect::<Vec<_>>(),
        "allowed_hosts": config.allowed_hosts,
        "admin": {
            "listen": config.admin.listen.as_ref().map(listen),
            "auth": config.admin.auth.as_str(),
            "token": masked(config.admin.token.as_ref()),
        },
        "data_dir": config.data_dir.display().to_string(),
        "cors_origins": config.cors_origins,
        "max_body": config.max_body,
        "max_error_body": config.max_error_body,
        "tags_ttl": seconds(Some(config.tags_ttl)),
        "show_ttl": seconds(Some(config.show_ttl)),
        "timeouts": timeouts(&config.timeouts),
        "holdback": seconds(Some(config.holdback)),
        "keep_alive": seconds(config.keep_alive),
        "shutdown_timeout": seconds(Some(config.shutdown_timeout)),
        "clients": {
            "auth": resolve_client_auth(config).as_str(),
            "keys": config.clients.keys.iter().map(key).collect::<Vec<_>>(),
            "rate_limit": config.clients.rate_limit,
        },
        "passthrough": config.passthrough,
        "endpoints": config.endpoints.iter().map(|e| endpoint(e, config)).collect::<Vec<_>>(),
        "virtual_models": config.virtual_models.iter().map(virtual_model).collect::<Vec<_>>(),
    })
}

fn listen(listen: &Listen) -> Value {
    json!({ "address": listen.address.to_string(), "tls": listen.tls.is_some() })
}

fn key(key: &ClientKey) -> Value {
    json!({ "name": key.name, "key": MASK, "models": key.models })
}

fn endpoint(endpoint: &Endpoint, config: &Config) -> Value {
    json!({
        "name": endpoint.name,
        "type": endpoint.kind.as_str(),
        "url": endpoint.url.as_str(),
        "chat_url": chat_url(endpoint),
        "api_key": masked(endpoint.api_key.as_ref()),
        "email": endpoint.email,
        "password": masked(endpoint.password.as_ref()),
        "auth_header": endpoint.auth_header,
        "query": names(&endpoint.query),
        "headers": names(&endpoint.headers),
        "strip": endpoint.strip,
        "dialects": endpoint.dialects,
        "priority": endpoint.priority,
        "enabled": endpoint.enabled,
        "stream": endpoint.stream.as_str(),
        "timeouts": timeouts(&config.timeouts_for(endpoint)),
        "expose_models": match &endpoint.expose_models {
            ExposeModels::Off => Value::Bool(false),
            ExposeModels::All => Value::Bool(true),
            ExposeModels::Filter { include, exclude, prefix } => {
                json!({ "include": include, "exclude": exclude, "prefix": prefix })
            }
        },
    })
}

fn virtual_model(model: &VirtualModel) -> Value {
    let target =
        |t: &Target| json!({ "endpoint": t.endpoint, "model": t.model, "weight": t.weight, "priority": t.priority });
    let members = |list: &[(String, String)]| {
        let read = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        list.iter().map(|(name, text)| (name.clone(), read(text))).collect::<Map<_, _>>()
    };
    json!({
        "name": model.name,
        "targets": model.targets.iter().map(target).collect::<Vec<_>>(),
        "display_name": model.display_name,
        "defaults": members(&model.defaults),
        "force": members(&model.force),
        "headers": names(&model.headers),
        "stream": model.stream.as_str(),
        "strict": model.strict,
        "hosted_tools": model.hosted_tools.as_str(),
        "retry": { "attempts": model.retry.attempts, "on_empty": model.retry.on_empty },
        "enabled": model.enabled,
    })
}

fn timeouts(timeouts: &Timeouts) -> Value {
    json!({
        "connect": seconds(timeouts.connect),
        "first_byte": seconds(timeouts.first_byte),
        "stream_idle": seconds(timeouts.stream_idle),
        "total": seconds(timeouts.total),
    })
}

fn seconds(span: Option<Duration>) -> Option<f64> {
    span.map(|span| span.as_secs_f64())
}

fn masked(secret: Option<&Secret>) -> &'static str {
    if secret.is_some_and(|secret| !secret.is_empty()) { MASK } else { "" }
}

/// Names with their values masked: any of them may be a credential.
fn names(list: &[(String, Secret)]) -> Map<String, Value> {
    list.iter().map(|(name, _)| (name.clone(), MASK.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingate_config::{BackendKind, KeySecret};

    #[test]
    fn no_secret_is_shown() {
        let secret = || Secret::new("s3cret-value");
        let mut upstream = Endpoint::new("up", BackendKind::Openai, "https://h/v1").unwrap();
        upstream.api_key = Some(secret());
        upstream.password = Some(secret());
        upstream.headers = vec![("x-key".to_owned(), secret())];
        upstream.query = vec![("key".to_owned(), secret())];
        let mut model = VirtualModel::new("m", "up", "actual");
        model.headers = vec![("x-key".to_owned(), secret())];
        model.defaults = vec![("max_tokens".to_owned(), "5".to_owned())];
        let mut whole = Config { endpoints: vec![upstream], virtual_models: vec![model], ..Config::default() };
        whole.admin.token = Some(secret());
        let secret = KeySecret::Key(secret());
        whole.clients.keys = vec![ClientKey { name: "k".to_owned(), secret, models: Vec::new(), expires: None }];
        let shown = config(&whole);
        assert!(!shown.to_string().contains("s3cret-value"));
        assert_eq!(shown["endpoints"][0]["api_key"], "***");
        assert_eq!(shown["endpoints"][0]["chat_url"], "https://h/v1/chat/completions");
        assert_eq!(shown["virtual_models"][0]["defaults"]["max_tokens"], 5);
        assert_eq!(shown["clients"]["auth"], "keys");
    }
}
