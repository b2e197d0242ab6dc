//! Requests, both ways, and the edits of relayed ones.

use super::super::request::{keep_alive, relay_edits as common_edits, typed};
use super::{Embed, fields};
use crate::dialect::{RelayWants, Unsupported};
use crate::ir::{ApiError, Concept, EmbeddingsRequest, Extra, Family, Input, InputKind, Loss, VectorForm};
use crate::json::{Edits, Kind, Member, Object, Raw, Writer};
use std::borrow::Cow;

/// Reads a request. Without any input, or an empty one, it asks that the model be loaded (`server/routes.go`).
pub(super) fn decode<'a>(dialect: &Embed, object: &Object<'a>) -> Result<EmbeddingsRequest<'a>, ApiError> {
    let mut request = EmbeddingsRequest {
        family: Family::Ollama,
        model: Cow::Borrowed(""),
        input: None,
        dimensions: None,
        form: VectorForm::Numbers,
        special: Vec::new(),
        extra: Vec::new(),
    };
    for member in object.members().iter().filter(|member| !member.value.is_null()) {
        decode_one(dialect, member, &mut request)?;
    }
    if request.model.is_empty() {
        request.model = object.given("name").map_or(Ok(Cow::Borrowed("")), |name| typed::string(name, "name"))?;
    }
    let given = object.given(dialect.input).or_else(|| object.given(dialect.other_input));
    request.input = given.map_or(Ok(None), |value| input(dialect, value))?;
    Ok(request)
}

fn decode_one<'a>(dialect: &Embed, member: &Member<'a>, request: &mut EmbeddingsRequest<'a>) -> Result<(), ApiError> {
    let (key, value) = (member.key.as_ref(), member.value);
    let kept = || Extra { path: key.to_owned(), key: member.key.clone(), value };
    match key {
        "model" => request.model = typed::string(value, "model")?,
        "name" | "input" | "prompt" => {}
        "options" => options(member, request)?,
        "keep_alive" => {
            keep_alive::check(value)?;
            request.special.push((Concept::KeepAlive, kept()));
        }
        "truncate" if !dialect.single => {
            typed::boolean(value, "truncate")?;
            request.special.push((Concept::Truncate, kept()));
        }
        "dimensions" if !dialect.single => {
            // Zero is what Ollama's own client says for none.
            request.dimensions = Some(typed::unsigned(value, "dimensions")?).filter(|number| *number > 0);
        }
        _ => request.extra.push(kept()),
    }
    Ok(())
}

/// Options say how the model runs; one that is not known may say more than that.
fn options<'a>(member: &Member<'a>, request: &mut EmbeddingsRequest<'a>) -> Result<(), ApiError> {
    for option in typed::object(member.value, "options")?.members() {
        if fields::place(&option.key).0 != "options" {
            let path = format!("options.{}", option.key);
            request.extra.push(Extra { path, key: option.key.clone(), value: option.value });
        }
    }
    let kept = Extra { path: "options".to_owned(), key: member.key.clone(), value: member.value };
    request.special.push((Concept::RunnerOption, kept));
    Ok(())
}

fn input<'a>(dialect: &Embed, value: Raw<'a>) -> Result<Option<Input<'a>>, ApiError> {
    let texts = |count| Input { kind: InputKind::Text, count: Some(count), value };
    match value.kind() {
        Kind::String => Ok((value.bytes() != b"\"\"").then(|| texts(1))),
        Kind::Array if !dialect.single => {
            let mut count = 0;
            for element in value.array().into_iter().flatten() {
                if element.kind() != Kind::String {
                    return Err(ApiError::invalid(dialect.input, "invalid input type"));
                }
                count += 1;
            }
            Ok((count > 0).then(|| texts(count)))
        }
        _ if dialect.single => Err(typed::wrong(dialect.input, "a string", value)),
        _ => Err(ApiError::invalid(dialect.input, "invalid input type")),
    }
}

/// Appends a request.
pub(super) fn encode(
    dialect: &Embed,
    request: &EmbeddingsRequest<'_>,
    loss: &mut Loss,
    out: &mut Vec<u8>,
) -> Result<(), Unsupported> {
    let own = request.family == Family::Ollama;
    let mut w = Writer::new(out);
    w.begin_object();
    w.string_member("model", &request.model);
    if let Some(input) = &request.input {
        taken(dialect, input)?;
        w.raw_member(dialect.input, input.value);
    }
    match request.dimensions {
        Some(_) if dialect.single => return Err(unsupported(Concept::Dimensions, "the length of a vector is fixed")),
        Some(dimensions) => w.integer_member("dimensions", dimensions),
        None => {}
    }
    for (_, extra) in &request.special {
        if own {
            w.raw_member(&extra.key, extra.value);
        } else {
            loss.path(extra.path.as_str());
        }
    }
    for extra in &request.extra {
        if !own {
            loss.path(extra.path.as_str());
        } else if extra.path == extra.key {
            // Those of `options` went with it.
            w.raw_member(&extra.key, extra.value);
        }
    }
    w.end_object();
    Ok(())
}

/// Ollama embeds texts alone (its `docs/api/openai-compatibility.mdx`).
fn taken(dialect: &Embed, input: &Input<'_>) -> Result<(), Unsupported> {
    match input.kind {
        InputKind::Tokens => Err(unsupported(Concept::Input, "token arrays are not taken; send text")),
        InputKind::Opaque => Err(unsupported(Concept::Input, "only text is embedded")),
        InputKind::Text if dialect.single && input.value.kind() != Kind::String => {
            Err(unsupported(Concept::Input, "only one text is embedded at a time"))
        }
        InputKind::Text => Ok(()),
    }
}

fn unsupported(concept: Concept, reason: &str) -> Unsupported {
    Unsupported { concept, path: None, reason: reason.to_owned() }
}

/// Names the model, takes out what the upstream refuses, and puts an input to the place where Ollama looks for it.
pub(super) fn relay_edits(dialect: &Embed, object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits) {
    common_edits(object, wants, edits);
    edits.remove(object, "name");
    if object.given(dialect.input).is_none()
        && let Some(input) = object.given(dialect.other_input)
    {
        edits.remove(object, dialect.other_input);
        edits.set(object, dialect.input, input.bytes());
    }
}
