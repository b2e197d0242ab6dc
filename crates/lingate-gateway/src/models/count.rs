//! `POST /v1/messages/count_tokens`: the upstream's own count where it has one, else an estimate that says so.

use super::relay::{ask, envelope, from, real_name};
use crate::endpoint::{EndpointCall, Path};
use crate::headers::{self, ESTIMATED};
use crate::own;
use crate::pipeline::{Exchange, Served};
use crate::snapshot::{Target, VirtualModel};
use crate::upstream::Segments;
use bytes::Bytes;
use http::HeaderValue;
use lingate_codec::dialect::anthropic_messages::decode_count;
use lingate_codec::dialect::{DialectId, Envelope, RelayWants};
use lingate_codec::estimate::{input_tokens, text_tokens};
use lingate_codec::ir::{ApiError, Loss, Operation};
use lingate_codec::json::{Edits, Writer};

const DIALECT: DialectId = DialectId::AnthropicMessages;

/// Where a target counts tokens, below its API root.
struct Counter<'t> {
    target: &'t Target,
    path: String,
    /// Whether its refusal is the answer: its own API counts. Others may or may not, whatever their version.
    sure: bool,
}

/// Answers a client's question how long a request is.
pub(super) async fn serve(exchange: &Exchange<'_>, body: &Bytes) -> Served {
    let envelope = envelope(DIALECT, body)?;
    let model = exchange.find_model(&envelope.model).await?;
    if let Some(counter) = model.targets.iter().find_map(counter) {
        match counted(exchange, &counter, &model, &envelope, body).await {
            Err(failure) if counter.sure => return Err(failure),
            Err(failure) => tracing::debug!(error = failure.error.message, "an upstream did not count; estimating"),
            answered => return answered,
        }
    }
    let mut response = own::json(estimate(exchange, &model, body)?);
    response.headers_mut().insert(ESTIMATED, HeaderValue::from_static("true"));
    Ok(response)
}

fn counter(target: &Target) -> Option<Counter<'_>> {
    let backend = target.endpoint.backend;
    let native = || target.endpoint.native(DIALECT, Operation::Chat);
    let path = backend.count_path.map(str::to_owned).or_else(|| Some(format!("{}/count_tokens", native()?)))?;
    Some(Counter { target, path, sure: backend.dialect == DIALECT })
}

async fn counted(
    exchange: &Exchange<'_>,
    counter: &Counter<'_>,
    model: &VirtualModel,
    envelope: &Envelope<'_>,
    body: &Bytes,
) -> Served {
    let target = counter.target;
    let mut edits = Edits::new();
    let wants = RelayWants {
        model: real_name(target, &envelope.model),
        // What the operator puts before every conversation is counted, too.
        system_prompt: model.config.system_prompt.as_deref().unwrap_or_default(),
        strip: &target.endpoint.config.strip,
        ..RelayWants::default()
    };
    DIALECT.dialect().relay_edits(&envelope.object, &wants, &mut edits);
    let body = Segments::new(edits.apply_to_bytes(&envelope.object, body));
    let mut call = EndpointCall::post(Path::Root(counter.path.clone()), body);
    headers::pass(&exchange.parts.headers, true, model, &mut call.headers);
    Ok(from(target, ask(exchange, target, call, DIALECT).await?.to_vec()))
}

/// `{"input_tokens": …}` by the codec's estimate.
fn estimate(exchange: &Exchange<'_>, model: &VirtualModel, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let mut request = decode_count(body)?;
    if let Some(version) = headers::version(&exchange.parts.headers) {
        // What a version does not have is not counted either way.
        DIALECT.dialect().fit_version(version, &mut request, &mut Loss::new())?;
    }
    let tokens = input_tokens(&request) + model.config.system_prompt.as_deref().map_or(0, text_tokens);
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.integer_member("input_tokens", tokens);
    w.end_object();
    Ok(out)
}
