//! From the client's request to the target's: splice where the dialects are the same, decode and encode where
//! they are not. Pure.

mod hosted;
pub(crate) mod members;
mod window;

use crate::backend::NativeRoute;
use crate::endpoint::Path;
use crate::error::Failure;
use crate::snapshot::{Target, VirtualModel};
use crate::transforms::Recipe;
use crate::upstream::Segments;
use bytes::Bytes;
use lingate_codec::dialect::{Dialect, DialectId, Envelope, RelayWants, Unsupported, malformed, parse_object, path_of};
use lingate_codec::ir::{ApiError, Concept, Loss, Message, Operation, Request, Role};
use lingate_codec::json::{Edits, Object, Raw, rewrite};
use lingate_codec::transform::tool_repair::Catalogue;
use lingate_config::{HostedTools, StreamMode};
use std::sync::Arc;

pub(crate) use window::KnownContext;

/// A request as it came in.
pub(crate) struct Incoming<'a> {
    /// The client's dialect.
    pub dialect: DialectId,
    /// What is asked.
    pub operation: Operation,
    /// The body.
    pub body: &'a Bytes,
    /// Its top level.
    pub envelope: &'a Envelope<'a>,
    /// The version of the API that the client named, if it did.
    pub version: Option<&'a str>,
    /// What tool repair looks for.
    pub catalogue: &'a Arc<Catalogue>,
}

/// A request as it goes out.
pub(crate) struct Outgoing {
    /// The body.
    pub body: Segments,
    /// Where to.
    pub path: Path,
    /// The dialect of the answer.
    pub dialect: &'static dyn Dialect,
    /// What was asked in that dialect.
    pub operation: Operation,
    /// Whether the body was relayed: the answer can be, too.
    pub relay: bool,
    /// Whether the upstream was asked for a stream.
    pub stream: bool,
    /// What was lost, as JSON paths of the client's.
    pub lost: Vec<String>,
    /// What the client is to be warned of.
    pub warning: Option<String>,
    /// Which transforms the answer goes through.
    pub recipe: Recipe,
}

/// What is decided before the body is looked at.
#[derive(Clone, Copy)]
struct Plan<'p> {
    model: &'p VirtualModel,
    target: &'p Target,
    /// The model's name upstream.
    name: &'p str,
    /// Whether a stream is asked for.
    stream: bool,
    /// What is known of the context of the model of that name.
    known: &'p dyn Fn(&str) -> KnownContext,
}

/// Makes the request for one target. `known` tells what is known of the context of a model of the target's endpoint;
/// it is asked only when it matters.
///
/// The client's own dialect is relayed where the backend has it. Else the request goes, translated, to the route of
/// the backend that suits what it asks: a prompt to be continued to where prompts are continued, if there is such a
/// place, all others to the chat.
///
/// # Errors
/// A 400 that names what the target cannot take, or what is malformed.
pub(crate) fn prepare(
    incoming: &Incoming<'_>,
    model: &VirtualModel,
    target: &Target,
    known: &dyn Fn(&str) -> KnownContext,
) -> Result<Outgoing, Failure> {
    let config = &target.endpoint.config;
    let never = model.config.stream == StreamMode::Never || config.stream == StreamMode::Never;
    let stream = incoming.envelope.stream && !never && target.endpoint.backend.streams;
    let name = if target.model.is_empty() { &*incoming.envelope.model } else { target.model.as_str() };
    let plan = Plan { model, target, name, stream, known };
    let native = target.endpoint.native(incoming.dialect, incoming.operation);
    let can_relay =
        |target| incoming.dialect.dialect().can_relay(incoming.operation, &incoming.envelope.object, &target);
    let outgoing = match native {
        Some(path) if can_relay(target.endpoint.target()) => relay(incoming, &plan, path),
        _ => {
            // What is written anew is checked to the last character; the envelope of a long body was not.
            Raw::check(incoming.body).map_err(|error| malformed(&error))?;
            let request = incoming.dialect.dialect().decode_request(incoming.operation, incoming.body)?;
            match native {
                Some(path) => re_encode(incoming, request, &plan, (incoming.dialect, incoming.operation, path)),
                None => translate(incoming, request, &plan),
            }
        }
    };
    outgoing.map(|outgoing| Outgoing { recipe: Recipe::of(incoming, model, target), ..outgoing })
}

/// In the backend's own dialect; what that cannot say, its other one may.
fn translate(incoming: &Incoming<'_>, request: Request<'_>, plan: &Plan<'_>) -> Result<Outgoing, Failure> {
    let endpoint = &plan.target.endpoint;
    let own = endpoint.backend.translated(request.best_asked_as());
    let Some(path) = endpoint.native(DialectId::OpenAiResponses, Operation::Chat) else {
        return re_encode(incoming, request, plan, own);
    };
    re_encode(incoming, request, plan, own).or_else(|refusal| {
        // Read again, because a copy for the few that come here would be one for all.
        let request = incoming.dialect.dialect().decode_request(incoming.operation, incoming.body)?;
        let other = (DialectId::OpenAiResponses, Operation::Chat, path);
        re_encode(incoming, request, plan, other).map_err(|_| refusal)
    })
}

fn relay(incoming: &Incoming<'_>, plan: &Plan<'_>, path: &'static str) -> Result<Outgoing, Failure> {
    let Plan { model, target, stream, .. } = *plan;
    let dialect = incoming.dialect.dialect();
    let object = &incoming.envelope.object;
    dialect.check(incoming.operation, object)?;
    if stream != incoming.envelope.stream && dialect.wants_several(object) {
        return Err(only_one(dialect, target.endpoint.backend.name));
    }
    let mut edits = Edits::new();
    let system_prompt = model.config.system_prompt.as_deref().unwrap_or_default();
    let wants = RelayWants {
        model: plan.name,
        stream: (stream != incoming.envelope.stream).then_some(stream),
        ask_usage: stream,
        system_prompt,
        strip: &target.endpoint.config.strip,
    };
    dialect.relay_edits(object, &wants, &mut edits);
    let place = |member: &str| dialect.place(member);
    let window = window::of(dialect, object, system_prompt.len(), plan);
    let body = if wants.strip.is_empty() || !members::any(&model.config, window.num_ctx) {
        members::apply(&place, object, &model.config, window.num_ctx, &mut edits);
        edited(edits, object, incoming.body)
    } else {
        // Both may edit one member (Ollama's options), so one goes after the other.
        let stripped = Bytes::from(edits.apply_to_vec(object));
        let object = parse_object(&stripped)?;
        let mut edits = Edits::new();
        members::apply(&place, &object, &model.config, window.num_ctx, &mut edits);
        edited(edits, &object, &stripped)
    };
    Ok(Outgoing {
        body,
        path: Path::Native(path),
        dialect,
        operation: incoming.operation,
        relay: true,
        stream,
        lost: Vec::new(),
        warning: window.warning,
        recipe: Recipe::default(),
    })
}

/// The edited body: a short one in one piece, a long one as slices of what came in.
pub(crate) fn edited(edits: Edits, object: &Object<'_>, body: &Bytes) -> Segments {
    const SHORT: usize = 16 * 1024;
    if body.len() <= SHORT {
        edits.apply_to_vec(object).into()
    } else {
        Segments::new(edits.apply_to_bytes(object, body))
    }
}

fn re_encode<'a>(
    incoming: &Incoming<'_>,
    mut request: Request<'a>,
    plan: &Plan<'a>,
    (dialect, operation, path): NativeRoute,
) -> Result<Outgoing, Failure> {
    let Plan { model, target, name, stream, .. } = *plan;
    let client = incoming.dialect.dialect();
    let dialect = dialect.dialect();
    let backend = target.endpoint.backend;
    let mut loss = Loss::new();
    if let Some(version) = incoming.version {
        client.fit_version(version, &mut request, &mut loss)?;
    }
    request.operation = operation;
    request.model = name.into();
    request.stream = stream;
    if request.n.is_some_and(|n| n > 1) {
        return Err(only_one(client, backend.name));
    }
    if let Some(prompt) = &model.config.system_prompt {
        request.messages.insert(0, Message::text(Role::System, prompt.as_str()));
    }
    let mut description = target.endpoint.target();
    if let Some(limit) = members::default_max_tokens(&model.config) {
        description.default_max_tokens = limit;
    }
    let mut body = Vec::with_capacity(incoming.body.len() + 256);
    if model.config.hosted_tools == HostedTools::Drop && dialect.id() != incoming.dialect {
        hosted::drop(&mut request, &incoming.envelope.object, &mut loss);
    }
    dialect
        .encode_request(&request, &description, &mut loss, &mut body)
        .map_err(|unsupported| refused(client, backend.name, unsupported, &request))?;
    let spelt = |concept| path_of(client, concept);
    let lost = loss.paths_in(incoming.body, spelt);
    lossless(model, backend.name, &lost)?;
    // What is dropped by rule is not reported; a strict model loses not even that.
    if model.config.strict {
        lossless(model, backend.name, &loss.quiet_paths_in(incoming.body, spelt))?;
    }
    let (body, warning) = finish(dialect, body, plan)?;
    Ok(Outgoing {
        body,
        path: Path::Native(path),
        dialect,
        operation,
        relay: false,
        stream,
        lost,
        warning,
        recipe: Recipe::default(),
    })
}

/// Configured members and strips, applied to an encoded body without another copy of it; and a warning for the client.
fn finish(dialect: &dyn Dialect, mut body: Vec<u8>, plan: &Plan<'_>) -> Result<(Segments, Option<String>), Failure> {
    let strip = &plan.target.endpoint.config.strip;
    if !strip.is_empty() {
        // The dialect knows where its members stand (Ollama's options), as for a relayed body.
        let wants = RelayWants { model: plan.name, stream: None, ask_usage: plan.stream, system_prompt: "", strip };
        let object = parse_object(&body)?;
        let mut edits = Edits::new();
        dialect.relay_edits(&object, &wants, &mut edits);
        let segments = edits.apply(&object);
        rewrite(&mut body, segments);
    }
    let body = Bytes::from(body);
    let config = &plan.model.config;
    if config.defaults.is_empty() && config.force.is_empty() && !dialect.cuts_in_silence() {
        return Ok((body.into(), None));
    }
    let object = parse_object(&body)?;
    let window = window::of(dialect, &object, 0, plan);
    let mut edits = Edits::new();
    members::apply(&|member| dialect.place(member), &object, config, window.num_ctx, &mut edits);
    let body = if edits.is_empty() { body.clone().into() } else { edited(edits, &object, &body) };
    Ok((body, window.warning))
}

/// Of an answer that changes its form the first choice is read.
fn only_one(client: &dyn Dialect, backend: &str) -> Failure {
    let reason = "of several answers only one would be left".to_owned();
    unsupported(path_of(client, Concept::N), backend, &Unsupported { concept: Concept::N, path: None, reason })
}

/// A model that is strict refuses what would lose something.
pub(crate) fn lossless(model: &VirtualModel, backend: &str, lost: &[String]) -> Result<(), Failure> {
    match lost.first() {
        Some(path) if model.config.strict => {
            let message = format!("`{path}` would be lost on the {backend} backend, and this model is strict");
            Err(ApiError::invalid(path, message).with_code("unsupported_parameter").into())
        }
        _ => Ok(()),
    }
}

fn refused(client: &dyn Dialect, backend: &str, mut refused: Unsupported, request: &Request<'_>) -> Failure {
    refused.reason += hosted::hint(request, &refused);
    let path = refused.path.as_deref().unwrap_or_else(|| path_of(client, refused.concept));
    unsupported(path, backend, &refused)
}

/// The 400 for what a target cannot take.
pub(crate) fn unsupported(path: &str, backend: &str, refused: &Unsupported) -> Failure {
    let message = format!("`{path}` cannot be sent to the {backend} backend: {}", refused.reason);
    ApiError::invalid(path, message).with_code(refused.concept.refusal_code()).into()
}
