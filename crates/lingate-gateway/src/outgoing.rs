//! From the client's request to the target's: splice where the dialects are the same, decode and encode where
//! they are not. Pure.

pub(crate) mod members;

use crate::endpoint::Path;
use crate::error::Failure;
use crate::snapshot::{Target, VirtualModel};
use crate::upstream::Segments;
use bytes::Bytes;
use lingate_codec::dialect::{Dialect, DialectId, Envelope, RelayWants, Unsupported, malformed, parse_object, path_of};
use lingate_codec::ir::{ApiError, Loss, Message, Operation, Role};
use lingate_codec::json::{Edits, Object, Raw};
use lingate_config::StreamMode;

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
}

/// Makes the request for one target.
///
/// # Errors
/// A 400 that names what the target cannot take, or what is malformed.
pub(crate) fn prepare(incoming: &Incoming<'_>, model: &VirtualModel, target: &Target) -> Result<Outgoing, Failure> {
    let config = &target.endpoint.config;
    let never = model.config.stream == StreamMode::Never || config.stream == StreamMode::Never;
    let stream = incoming.envelope.stream && !never;
    let name = if target.model.is_empty() { &*incoming.envelope.model } else { target.model.as_str() };
    let backend = target.endpoint.backend;
    let dialect = incoming.dialect.dialect();
    match backend.native(incoming.dialect, incoming.operation, &config.dialects) {
        Some(path) if dialect.can_relay(incoming.operation, &incoming.envelope.object) => {
            relay(incoming, model, target, name, stream, path)
        }
        Some(path) => re_encode(incoming, model, target, name, stream, (dialect, path, incoming.operation)),
        None => {
            let there = (backend.dialect.dialect(), backend.chat_path(), Operation::Chat);
            re_encode(incoming, model, target, name, stream, there)
        }
    }
}

fn relay(
    incoming: &Incoming<'_>,
    model: &VirtualModel,
    target: &Target,
    name: &str,
    stream: bool,
    path: &'static str,
) -> Result<Outgoing, Failure> {
    let dialect = incoming.dialect.dialect();
    let object = &incoming.envelope.object;
    dialect.check(incoming.operation, object)?;
    let mut edits = Edits::new();
    let wants = RelayWants {
        model: name,
        stream: (stream != incoming.envelope.stream).then_some(stream),
        ask_usage: stream,
        system_prompt: model.config.system_prompt.as_deref().unwrap_or_default(),
        strip: &target.endpoint.config.strip,
    };
    dialect.relay_edits(object, &wants, &mut edits);
    members::apply(&|member| dialect.place(member), object, &model.config, &mut edits);
    Ok(Outgoing {
        body: edited(edits, object, incoming.body),
        path: Path::Native(path),
        dialect,
        operation: incoming.operation,
        relay: true,
        stream,
        lost: Vec::new(),
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

fn re_encode(
    incoming: &Incoming<'_>,
    model: &VirtualModel,
    target: &Target,
    name: &str,
    stream: bool,
    (dialect, path, operation): (&'static dyn Dialect, &'static str, Operation),
) -> Result<Outgoing, Failure> {
    let client = incoming.dialect.dialect();
    let backend = target.endpoint.backend;
    // What is written anew is checked to the last character; the envelope of a long body was not.
    Raw::check(incoming.body).map_err(|error| malformed(&error))?;
    let mut request = client.decode_request(incoming.operation, incoming.body)?;
    let mut loss = Loss::new();
    if let Some(version) = incoming.version {
        client.fit_version(version, &mut request, &mut loss)?;
    }
    request.model = name.into();
    request.stream = stream;
    if let Some(prompt) = &model.config.system_prompt {
        request.messages.insert(0, Message::text(Role::System, prompt.as_str()));
    }
    let mut description = target.endpoint.target();
    if let Some(limit) = members::default_max_tokens(&model.config) {
        description.default_max_tokens = limit;
    }
    let mut body = Vec::with_capacity(incoming.body.len() + 256);
    dialect
        .encode_request(&request, &description, &mut loss, &mut body)
        .map_err(|unsupported| refused(client, backend.name, &unsupported))?;
    let spelt = |concept| path_of(client, concept);
    let lost = loss.paths_in(incoming.body, spelt);
    lossless(model, backend.name, &lost)?;
    // What is dropped by rule is not reported; a strict model loses not even that.
    if model.config.strict {
        lossless(model, backend.name, &loss.quiet_paths_in(incoming.body, spelt))?;
    }
    Ok(Outgoing {
        body: finish(dialect, body, (name, stream), model, target)?.into(),
        path: Path::Native(path),
        dialect,
        operation,
        relay: false,
        stream,
        lost,
    })
}

/// Configured members and strips, applied to an encoded body.
fn finish(
    dialect: &dyn Dialect,
    mut body: Vec<u8>,
    request: (&str, bool),
    model: &VirtualModel,
    target: &Target,
) -> Result<Vec<u8>, Failure> {
    let strip = &target.endpoint.config.strip;
    if !strip.is_empty() {
        // The dialect knows where its members stand (Ollama's options), as for a relayed body.
        let wants = RelayWants { model: request.0, stream: None, ask_usage: request.1, system_prompt: "", strip };
        let object = parse_object(&body)?;
        let mut edits = Edits::new();
        dialect.relay_edits(&object, &wants, &mut edits);
        body = edits.apply_to_vec(&object);
    }
    if model.config.defaults.is_empty() && model.config.force.is_empty() {
        return Ok(body);
    }
    let object = parse_object(&body)?;
    let mut edits = Edits::new();
    members::apply(&|member| dialect.place(member), &object, &model.config, &mut edits);
    Ok(edits.apply_to_vec(&object))
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

fn refused(client: &dyn Dialect, backend: &str, refused: &Unsupported) -> Failure {
    let path = refused.path.as_deref().unwrap_or_else(|| path_of(client, refused.concept));
    unsupported(path, backend, refused)
}

/// The 400 for what a target cannot take.
pub(crate) fn unsupported(path: &str, backend: &str, refused: &Unsupported) -> Failure {
    let message = format!("`{path}` cannot be sent to the {backend} backend: {}", refused.reason);
    ApiError::invalid(path, message).with_code(refused.concept.refusal_code()).into()
}
