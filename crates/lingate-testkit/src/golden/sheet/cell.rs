//! One pair of a client and a backend, as a case.

use serde_json::{Value, json};

use super::{
    Object, Variant, fragments, overlay, streams,
    tables::{self, Backend, Client},
    with_member,
};

/// The case of this pair. `None` where the variant says that it has none (`null`).
pub(super) fn case(variant: &Variant<'_>, client: &Client, backend: &Backend) -> Result<Option<Object>, String> {
    let dialect = backend.dialect(client);
    let native = dialect == client.name;
    let request = request(variant, client, backend);
    let expectation = expectation(variant, client, backend, dialect, native, &request);
    if expectation.is_null() {
        return Ok(None);
    }
    let expectation = expectation.as_object().cloned().ok_or("an expectation is no object")?;
    let known = ["as", "sends", "heads", "loses", "refuses", "malformed", "gets"];
    if let Some(unknown) = expectation.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("unknown member {unknown} of an expectation"));
    }
    let dialect = expectation.get("as").and_then(Value::as_str).unwrap_or(dialect);
    let mut case = Object::new();
    let mut put = |key: &str, value: Value| case.insert(key.to_owned(), value);
    put("name", format!("{}__{}__{}", variant.name, client.name, backend.name).into());
    put("concept", variant.concept.into());
    put("client_dialect", client.name.into());
    put("backend_dialect", dialect.into());
    let source = variant.get("source").and_then(Value::as_str).unwrap_or(variant.source);
    put("source", source.into());
    for key in ["note", "requires", "no_invariants"] {
        if let Some(value) = variant.get(key) {
            put(key, value.clone());
        }
    }
    if let Some(headers) = variant.get("headers").and_then(|headers| headers.get(client.name)) {
        put("client_headers", headers.clone());
    }
    put("client_request", request);
    for (key, of) in [("refuses", Some(backend)), ("malformed", None)] {
        let Some(named) = expectation.get(key) else { continue };
        let named = named_paths(variant, client, named)?;
        for (key, value) in refusal(client, of, &named) {
            put(key, value);
        }
        return Ok(Some(case));
    }
    let lost = expectation.get("loses").map(|named| named_paths(variant, client, named)).transpose()?;
    let mut headers = json!({ "x-lingate-dropped": dropped(&lost.unwrap_or_default()) });
    let path = backend.path(dialect).into();
    let mut sends = expectation.get("sends").cloned().unwrap_or_else(|| json!({}));
    sends = with_member(sends, "model", &json!("backend-model"));
    for (key, value) in upstream(variant, backend, dialect, &path, &sends) {
        put(key, value);
    }
    if let Some(heads) = expectation.get("heads") {
        put("expected_backend_headers", heads.clone());
    }
    headers = overlay(headers, variant.get("heads").and_then(|heads| heads.get(client.name)));
    if let Some(fails) = variant.get("fails") {
        put("expected_status", fails["status"].clone());
        headers = overlay(headers, fails.get("headers"));
        let kind = fails["type"].as_str().unwrap_or("$nonempty");
        let mut message = json!({ "$contains": fails["says"] });
        if let Some(secret) = fails.get("hides") {
            message = json!({ "$all": [message, { "$notcontains": secret }] });
        }
        put("expected_client_response", tables::error(client.name, &message, kind));
    } else {
        let wanted = expectation.get("gets").cloned().or_else(|| variant.filled("clients", client.name, client.name));
        if let Some(events) = variant.filled("events", client.name, client.name) {
            put("expected_client_stream", events);
        }
        if variant.get("streams").is_some() {
            put("expected_client_assembled", wanted.ok_or_else(|| format!("clients: {} is missing", client.name))?);
        } else {
            put("expected_client_response", wanted.unwrap_or_else(|| tables::plain(client.name)));
        }
    }
    put("expected_client_headers", headers);
    Ok(Some(case))
}

fn request(variant: &Variant<'_>, client: &Client, backend: &Backend) -> Value {
    let mut base = json!({ "model": format!("fx-{}", backend.name) });
    base = overlay(base, Some(&tables::request(client.name)));
    if variant.get("streams").is_some() {
        base["stream"] = true.into();
    }
    overlay(base, variant.filled("requests", client.name, client.name).as_ref())
}

/// What is expected of this pair: told for the pair, or the request itself where it goes through, or told for the backend.
fn expectation(
    variant: &Variant<'_>,
    client: &Client,
    backend: &Backend,
    dialect: &str,
    native: bool,
    request: &Value,
) -> Value {
    let told = |key: &str, at: &str| variant.get(key).and_then(|told| told.get(at)).cloned();
    let readings = backend.readings();
    let pair = readings.iter().find_map(|name| told("pairs", &format!("{} {name}", client.name)));
    let by_backend = || readings.iter().find_map(|name| told("backends", name));
    let told = match pair {
        // A pair may tell a part only.
        Some(Value::Object(part)) if native && !part.contains_key("sends") => overlay(
            json!({ "sends": overlay(request.clone(), Some(&json!({ "model": "$remove" }))) }),
            Some(&part.into()),
        ),
        Some(told) => told,
        None if native => json!({ "sends": overlay(request.clone(), Some(&json!({ "model": "$remove" }))) }),
        None => by_backend().unwrap_or_else(|| json!({})),
    };
    // `sends` is in the upstream's dialect, `gets` in the client's.
    let Value::Object(mut told) = told else { return told };
    for (key, value) in &mut told {
        let dialect = if key == "gets" { client.name } else { dialect };
        *value = fragments::fill(value, variant.fragments, dialect);
    }
    Value::Object(told)
}

/// The paths of `true` (those that the variant names for this client), of one path, or of a list of them.
fn named_paths(variant: &Variant<'_>, client: &Client, named: &Value) -> Result<Vec<String>, String> {
    let own = || variant.get("named").and_then(|named| named.get(client.name)).cloned();
    let named = if named == &json!(true) { own() } else { Some(named.clone()) };
    let named = named.ok_or_else(|| format!("named: {} is missing", client.name))?;
    let list = if named.is_array() { named } else { json!([named]) };
    let text = |path: &Value| path.as_str().map(str::to_owned).ok_or_else(|| "a path is no text".to_owned());
    list.as_array().into_iter().flatten().map(text).collect()
}

/// What the header names: each of these paths, whole or as a part of longer ones, and no other.
fn dropped(paths: &[String]) -> Value {
    if paths.is_empty() {
        return "$absent".into();
    }
    let mut all: Vec<Value> = paths.iter().map(|path| json!({ "$contains": path })).collect();
    let any: Vec<String> = paths.iter().map(|path| regex_lite::escape(path)).collect();
    let one = format!("[^,]*({})[^,]*", any.join("|"));
    all.push(json!({ "$regex": format!("^{one}(,{one})*$") }));
    json!({ "$all": all })
}

/// A 400 before anything was sent, that names the member and, where it is for the backend's sake, the backend.
fn refusal(client: &Client, backend: Option<&Backend>, named: &[String]) -> Vec<(&'static str, Value)> {
    let mut says: Vec<Value> = named.iter().map(|path| json!({ "$contains": path })).collect();
    says.extend(backend.map(|backend| json!({ "$contains": backend.kind })));
    vec![
        ("expected_backend_calls", json!(0)),
        ("expected_status", json!(400)),
        ("expected_client_response", tables::error(client.name, &json!({ "$all": says }), "invalid_request_error")),
    ]
}

/// What the upstream is asked, and what it answers.
fn upstream(
    variant: &Variant<'_>,
    backend: &Backend,
    dialect: &str,
    path: &Value,
    sends: &Value,
) -> Vec<(&'static str, Value)> {
    let told = variant.filled("answers", dialect, dialect);
    let mut answer: Vec<(&str, Value)> = Vec::new();
    if let Some(items) = variant.filled("streams", dialect, dialect) {
        let frames = streams::frames(dialect, items.as_array().map_or(&[], Vec::as_slice));
        answer.push(("stream", frames.into()));
    } else if let Some(status) = told.as_ref().and_then(|told| told.get("http")) {
        let told = told.as_ref().unwrap_or(&Value::Null);
        answer.push(("status", status.clone()));
        answer.extend(told.get("headers").map(|headers| ("headers", headers.clone())));
        answer.extend(told.get("raw").map(|raw| ("response_raw", raw.clone())));
        answer.extend(told.get("body").map(|body| ("response", body.clone())));
    } else {
        answer.push(("response", tables::answer(dialect, told.as_ref())));
    }
    if backend.name == "openwebui" {
        let token = json!({ "token": "JWT-2", "token_type": "Bearer", "expires_at": 4_102_444_800_u64, "id": "u1",
            "email": "user@example.com", "name": "U", "role": "user", "profile_image_url": "" });
        let sign_in = json!({ "path": "/openwebui/api/v1/auths/signin", "response": token, "optional": true });
        let mut chat = json!({ "path": path, "expect": sends });
        for (key, value) in answer {
            chat[key] = value;
        }
        return vec![("backend_exchanges", json!([sign_in, chat]))];
    }
    let mut out = vec![("expected_backend_path", path.clone()), ("expected_backend_request", sends.clone())];
    out.extend(answer.into_iter().map(|(key, value)| {
        let key = match key {
            "stream" => "backend_stream",
            "status" => "backend_status",
            "headers" => "backend_headers",
            "response_raw" => "backend_response_raw",
            _ => "backend_response",
        };
        (key, value)
    }));
    out
}
