//! Further OpenAI paths, relayed unread: audio, images, moderations, files … to the endpoint of the model that
//! body, form field, query or `x-model-id` names.

use crate::answering;
use crate::body::Body;
use crate::endpoint::{EndpointCall, Path};
use crate::error::{Class, Failure};
use crate::headers::{ATTEMPTS, ENDPOINT};
use crate::ingress::multipart;
use crate::pipeline::{Exchange, Served};
use crate::route;
use crate::snapshot::Target;
use crate::told::Told;
use crate::tries;
use crate::upstream::Segments;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, header};
use lingate_codec::dialect::parse_object;
use lingate_codec::ir::ApiError;
use lingate_codec::json::Edits;
use std::borrow::Cow;
use std::ops::Range;

/// Where a request names its model.
enum Named {
    /// In a JSON body.
    Json,
    /// In this range of a form.
    Form(Range<usize>),
    /// In the query or a header.
    Outside,
}

/// What came of one attempt: an answer to pass on, and the failure that it stands for if it is a refusal.
struct Passed {
    response: Response<Body>,
    refused: Option<Failure>,
}

/// Relays a request to `path` below the API root, to the next target where one fails.
pub(crate) async fn serve(exchange: &Exchange<'_>, path: &str, body: Bytes) -> Served {
    let (named, asked) = find_model(exchange, &body)?;
    let model = exchange.find_model(&asked).await?;
    let targets = model.targets.iter().enumerate();
    let able: Vec<usize> = targets.filter(|(_, t)| t.endpoint.backend.openai_paths).map(|(index, _)| index).collect();
    if able.is_empty() {
        return Err(ApiError::new(404, format!("no endpoint of model `{asked}` serves /v1{path}")).into());
    }
    // Files and batches live at one endpoint: what a client asks of these paths stays together.
    let key = || route::conversation_key(&model.config.name, exchange.client_key.as_deref(), None);
    let mut walk = tries::walk(exchange, &model, Some(&able), &key);
    loop {
        let turn = walk.turn();
        let index = turn.target;
        let target = &model.targets[index];
        let call = call(exchange, target, path, &asked, &named, &body)?;
        let (mut failure, response) = match relay(exchange, target, call).await {
            Ok(Passed { mut response, refused: None }) => {
                turn.ended(&model, Ok(()));
                Told::new(target, &[], None).tell(response.headers_mut(), walk.number());
                return Ok(response);
            }
            Ok(Passed { response, refused: Some(failure) }) => (failure, Some(response)),
            Err(failure) => (failure, None),
        };
        turn.ended(&model, Err(&failure));
        match tries::after_failure(exchange, &mut walk, &model, index, &mut failure) {
            Some(pause) => tokio::time::sleep(pause).await,
            // The upstream's own words, but for when to come back.
            None => return response.map(|response| told_last(response, &failure)).ok_or(failure),
        }
    }
}

fn told_last(mut response: Response<Body>, failure: &Failure) -> Response<Body> {
    for name in [header::RETRY_AFTER, ENDPOINT, ATTEMPTS] {
        if let Some(value) = failure.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn call(
    exchange: &Exchange<'_>,
    target: &Target,
    path: &str,
    asked: &str,
    named: &Named,
    body: &Bytes,
) -> Result<EndpointCall, ApiError> {
    let real = if target.model.is_empty() { asked } else { target.model.as_str() };
    Ok(EndpointCall {
        method: exchange.parts.method.clone(),
        path: Path::Root(path.to_owned()),
        query: query(exchange.parts.uri.query().unwrap_or_default(), asked, real),
        json: false,
        limits: target.call_limits(false),
        work: exchange.parts.method == http::Method::POST,
        headers: passed(&exchange.parts.headers),
        body: renamed(named, real, body.clone())?,
        job_status: false,
    })
}

async fn relay(exchange: &Exchange<'_>, target: &Target, call: EndpointCall) -> Result<Passed, Failure> {
    let answer = target.endpoint.call(call).await?;
    let (parts, body) = (answer.parts, answer.body);
    if parts.status.is_redirection() {
        let error = ApiError::upstream("the upstream answered with a redirect").with_code("upstream_redirect");
        return Err(Failure::new(Class::NotAnApi, error));
    }
    if parts.status == http::StatusCode::UNAUTHORIZED {
        let error = ApiError::upstream("the upstream refused the gateway's credential").with_code("upstream_auth");
        return Err(Failure::new(Class::Denied, error));
    }
    let status = parts.status.as_u16();
    let mut refused = None;
    // Error bodies are short; they are read to make sure that no credential is quoted in them.
    let body = if parts.status.is_success() {
        Body::Unread(Box::new(body))
    } else {
        let bytes = body.collect(exchange.snapshot.config.max_error_body).await.unwrap_or_default();
        let failure = Failure::new(Class::of_status(status), ApiError::new(status, "the upstream refused the request"));
        let failure = failure.with_headers(answering::forwarded(&parts.headers));
        if target.endpoint.secrets().are_in(&bytes) {
            return Err(failure);
        }
        refused = Some(failure);
        Body::Whole(bytes)
    };
    let mut response = Response::new(body);
    *response.status_mut() = parts.status;
    let secrets = target.endpoint.secrets();
    for (name, value) in &parts.headers {
        let stays = is_hop_by_hop(name) || is_named_by_connection(name, &parts.headers);
        if !stays && !secrets.are_in(value.as_bytes()) {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    Ok(Passed { response, refused })
}

fn find_model<'b>(exchange: &Exchange<'_>, body: &'b Bytes) -> Result<(Named, Cow<'b, str>), ApiError> {
    let headers = &exchange.parts.headers;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(value) = headers.get("x-model-id").and_then(|value| value.to_str().ok()) {
        let named = if is_json(content_type, body) { Named::Json } else { form(content_type, body) };
        return Ok((named, Cow::Owned(value.to_owned())));
    }
    let from_query = url::form_urlencoded::parse(exchange.parts.uri.query().unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "model")
        .map(|(_, value)| Cow::Owned(value.into_owned()));
    if is_json(content_type, body) {
        let object = parse_object(body)?;
        if let Some(model) = object.string("model") {
            return Ok((Named::Json, Cow::Owned(model.into_owned())));
        }
    } else if let Named::Form(range) = form(content_type, body)
        && let Ok(model) = std::str::from_utf8(&body[range.clone()])
    {
        return Ok((Named::Form(range), Cow::Borrowed(model)));
    }
    from_query.map(|model| (Named::Outside, model)).ok_or_else(|| {
        let message = "no model is named: put `model` into the body or the query, or send the header x-model-id";
        ApiError::invalid("model", message)
    })
}

fn is_json(content_type: &str, body: &[u8]) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    // `curl -d` calls everything a form; a form never begins with a brace.
    let loose = kind.is_empty() || kind.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let named = loose || kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json");
    named && body.trim_ascii_start().starts_with(b"{")
}

fn form(content_type: &str, body: &[u8]) -> Named {
    multipart::find_field(content_type, body, "model").map_or(Named::Outside, Named::Form)
}

/// The body with the model's real name; every other byte stays.
fn renamed(named: &Named, real: &str, body: Bytes) -> Result<Segments, ApiError> {
    match named {
        Named::Outside => Ok(body.into()),
        Named::Form(range) => Ok(Segments::new(vec![
            body.slice(..range.start),
            Bytes::copy_from_slice(real.as_bytes()),
            body.slice(range.end..),
        ])),
        Named::Json => {
            let object = parse_object(&body)?;
            let mut edits = Edits::new();
            if let Some(member) = object.member("model") {
                edits.replace_with_string(member.value_span.clone(), real);
            }
            Ok(Segments::new(edits.apply_to_bytes(&object, &body)))
        }
    }
}

fn query(query: &str, model: &str, real: &str) -> String {
    if query.is_empty() {
        return String::new();
    }
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let renamed = name == "model" && value == model;
        out.append_pair(&name, if renamed { real } else { &value });
    }
    out.finish()
}

/// What of the client's headers goes on: what describes the body, and nothing that says who calls.
fn passed(headers: &HeaderMap) -> HeaderMap {
    const PASSED: [HeaderName; 4] = [header::CONTENT_TYPE, header::ACCEPT, header::ACCEPT_LANGUAGE, header::RANGE];
    let further = ["openai-beta", "idempotency-key", "traceparent", "tracestate"];
    let mut out = HeaderMap::new();
    for name in PASSED.iter().map(HeaderName::as_str).chain(further) {
        if let (Some(value), Ok(name)) = (headers.get(name), HeaderName::try_from(name)) {
            out.insert(name, value.clone());
        }
    }
    out
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "proxy-connection"
            | "set-cookie"
            | "alt-svc"
    ) || name.as_str().starts_with("access-control-")
}

/// Whether the upstream says that a header is for this connection alone.
fn is_named_by_connection(name: &HeaderName, headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|named| named.trim().eq_ignore_ascii_case(name.as_str()))
}
