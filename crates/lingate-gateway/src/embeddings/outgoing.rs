//! From the client's request to the target's: splice where the dialects are the same, decode and encode where they
//! are not. Pure.

use super::Incoming;
use crate::error::Failure;
use crate::outgoing::{edited, lossless, members, unsupported};
use crate::snapshot::{Target, VirtualModel};
use crate::upstream::Segments;
use lingate_codec::dialect::embeddings::embeddings_path_of;
use lingate_codec::dialect::{EmbeddingsId, RelayWants, malformed, parse_object};
use lingate_codec::ir::{ApiError, Loss};
use lingate_codec::json::{Edits, Object, Raw};

/// A request as it goes out.
pub(super) struct Outgoing {
    /// The body.
    pub(super) body: Segments,
    /// Where to, below the API root.
    pub(super) path: &'static str,
    /// The dialect of body and answer.
    pub(super) id: EmbeddingsId,
    /// What was lost, as JSON paths of the client's.
    pub(super) lost: Vec<String>,
}

/// Where a target takes requests of a dialect, and in which dialect.
pub(super) fn route(target: &Target) -> impl Fn(EmbeddingsId) -> Option<(EmbeddingsId, &'static str)> {
    |id| target.endpoint.backend.embeddings(id, &target.endpoint.config.dialects)
}

/// Makes the request for one target.
///
/// # Errors
/// A 400 that names what the target cannot take.
pub(super) fn prepare(incoming: &Incoming<'_>, model: &VirtualModel, target: &Target) -> Result<Outgoing, Failure> {
    let backend = target.endpoint.backend.name;
    let (id, path) = route(target)(incoming.id)
        .ok_or_else(|| ApiError::invalid("model", format!("the {backend} backend gives no embeddings")))?;
    let name = if target.model.is_empty() { &*incoming.request.model } else { target.model.as_str() };
    let wants = RelayWants { model: name, strip: &target.endpoint.config.strip, ..RelayWants::default() };
    if id == incoming.id {
        let edits = edits(id, incoming.object, &wants, model);
        return Ok(Outgoing { body: edited(edits, incoming.object, incoming.body), path, id, lost: Vec::new() });
    }
    // What is written anew is checked to the last character.
    Raw::check(incoming.body).map_err(|error| malformed(&error))?;
    let mut request = incoming.request.clone();
    request.model = name.into();
    let (mut loss, mut body) = (Loss::new(), Vec::with_capacity(incoming.body.len() + 64));
    let path_of = |concept| embeddings_path_of(incoming.dialect, concept);
    id.dialect().encode_request(&request, &mut loss, &mut body).map_err(|refused| {
        unsupported(refused.path.as_deref().unwrap_or_else(|| path_of(refused.concept)), backend, &refused)
    })?;
    let lost = loss.paths(path_of);
    lossless(model, backend, &lost)?;
    let object = parse_object(&body)?;
    let body = edits(id, &object, &wants, model).apply_to_vec(&object).into();
    Ok(Outgoing { body, path, id, lost })
}

/// The model's name, strips, and what the operator adds to every request.
fn edits(id: EmbeddingsId, object: &Object<'_>, wants: &RelayWants<'_>, model: &VirtualModel) -> Edits {
    let dialect = id.dialect();
    let mut edits = Edits::new();
    dialect.relay_edits(object, wants, &mut edits);
    members::apply(&|member| dialect.place(member), object, &model.config, None, &mut edits);
    edits
}
