//! Requests, both ways, and the edits of relayed ones.

use crate::dialect::embeddings::MAX_INPUTS;
use crate::dialect::{RelayWants, Unsupported};
use crate::ir::{ApiError, Concept, EmbeddingsRequest, Extra, Family, Input, InputKind, Loss, VectorForm};
use crate::json::{Edits, Kind, Object, Raw, Writer};

/// Reads a request. What OpenAI itself would refuse is refused here, relayed or not.
pub(super) fn decode<'a>(object: &Object<'a>) -> Result<EmbeddingsRequest<'a>, ApiError> {
    let mut request = EmbeddingsRequest {
        family: Family::OpenAi,
        model: std::borrow::Cow::Borrowed(""),
        input: None,
        dimensions: None,
        form: VectorForm::Numbers,
        special: Vec::new(),
        extra: Vec::new(),
    };
    for member in object.members() {
        let (key, value) = (member.key.as_ref(), member.value);
        let kept = || Extra { path: key.to_owned(), key: member.key.clone(), value };
        match key {
            "model" | "input" | "messages" | "dimensions" | "encoding_format" | "user" if value.is_null() => {}
            "model" => request.model = value.string().ok_or_else(|| wrong("model", "a string", value))?,
            "input" => request.input = Some(input(value)?),
            "dimensions" => request.dimensions = Some(dimensions(value)?),
            "encoding_format" => request.form = form(value)?,
            "user" => request.special.push((Concept::User, kept())),
            // vLLM takes a conversation in place of an input (its docs, serving/openai_compatible_server).
            "messages" if object.given("input").is_none() => {
                request.input = Some(Input { kind: InputKind::Opaque, count: None, value });
            }
            _ => request.extra.push(kept()),
        }
    }
    if request.input.is_none() {
        return Err(ApiError::invalid("input", "`input` is required"));
    }
    Ok(request)
}

fn dimensions(value: Raw<'_>) -> Result<u64, ApiError> {
    value
        .u64()
        .filter(|number| *number > 0)
        .ok_or_else(|| ApiError::invalid("dimensions", "`dimensions` must be a whole number of at least 1"))
}

fn form(value: Raw<'_>) -> Result<VectorForm, ApiError> {
    match value.string().as_deref() {
        Some("float") => Ok(VectorForm::Numbers),
        Some("base64") => Ok(VectorForm::Base64),
        _ => Err(ApiError::invalid("encoding_format", "`encoding_format` must be \"float\" or \"base64\"")),
    }
}

fn input(value: Raw<'_>) -> Result<Input<'_>, ApiError> {
    const EXPECTED: &str = "a string, an array of strings, or an array of token arrays";
    let one = |kind| Ok(Input { kind, count: Some(1), value });
    if value.kind() == Kind::String {
        return if value.bytes() == b"\"\"" { Err(empty("input")) } else { one(InputKind::Text) };
    }
    let Some(mut elements) = value.array() else { return Err(wrong("input", EXPECTED, value)) };
    let Some(first) = elements.next() else { return Err(empty("input")) };
    let many = |kind, count| Ok(Input { kind, count, value });
    let all = || value.array().into_iter().flatten().enumerate();
    let count = all().take(MAX_INPUTS + 1).count();
    if count > MAX_INPUTS {
        let message = format!("`input` has more than {MAX_INPUTS} elements");
        return Err(ApiError::invalid("input", message).with_code("array_above_max_length"));
    }
    match first.kind() {
        Kind::Number => {
            tokens(value, "input")?;
            return one(InputKind::Tokens);
        }
        Kind::Array => {
            for (index, element) in all() {
                tokens(element, &format!("input[{index}]"))?;
            }
            return many(InputKind::Tokens, Some(count));
        }
        Kind::String | Kind::Object => {}
        Kind::Null | Kind::Bool => return Err(wrong("input[0]", "a string or an array of tokens", first)),
    }
    match all().find(|(_, element)| element.kind() != first.kind()) {
        Some((index, element)) => Err(wrong(&format!("input[{index}]"), first.kind().name(), element)),
        None if first.kind() == Kind::String => many(InputKind::Text, Some(count)),
        None => many(InputKind::Opaque, None),
    }
}

/// Checks an array of tokens.
fn tokens(value: Raw<'_>, path: &str) -> Result<(), ApiError> {
    let elements = value.array().ok_or_else(|| wrong(path, "an array of tokens", value))?;
    let mut count = 0_usize;
    for token in elements {
        if token.u64().is_none() {
            return Err(wrong(&format!("{path}[{count}]"), "a token (a whole number)", token));
        }
        count += 1;
    }
    if count == 0 { Err(empty(path)) } else { Ok(()) }
}

fn empty(path: &str) -> ApiError {
    ApiError::invalid(path, format!("`{path}` must not be empty"))
}

fn wrong(path: &str, expected: &str, value: Raw<'_>) -> ApiError {
    ApiError::invalid(path, format!("`{path}` must be {expected}, not {}", value.kind().name()))
}

/// Appends a request. The form of the vectors is left to the server: floats unless it has its own mind.
pub(super) fn encode(request: &EmbeddingsRequest<'_>, loss: &mut Loss, out: &mut Vec<u8>) -> Result<(), Unsupported> {
    let own = request.family == Family::OpenAi;
    let mut w = Writer::new(out);
    w.begin_object();
    w.string_member("model", &request.model);
    let input = match &request.input {
        None => return Err(refused("there is nothing to embed")),
        Some(input) if input.count.is_some_and(|count| count > MAX_INPUTS) => {
            return Err(refused("it has more than 2048 elements"));
        }
        Some(input) => input,
    };
    w.raw_member("input", input.value);
    if let Some(dimensions) = request.dimensions {
        w.integer_member("dimensions", dimensions);
    }
    for (concept, extra) in &request.special {
        match concept {
            _ if own => w.raw_member(&extra.key, extra.value),
            // Of use to the server that was asked for, and to no other.
            Concept::KeepAlive | Concept::RunnerOption => {}
            // OpenAI refuses what is too long, as one wants it who says no.
            Concept::Truncate if extra.value.bool() != Some(true) => {}
            _ => loss.path(extra.path.as_str()),
        }
    }
    for extra in &request.extra {
        if own {
            w.raw_member(&extra.key, extra.value);
        } else {
            loss.path(extra.path.as_str());
        }
    }
    w.end_object();
    Ok(())
}

fn refused(reason: &str) -> Unsupported {
    Unsupported { concept: Concept::Input, path: None, reason: reason.to_owned() }
}

/// Names the model, takes out what the upstream refuses.
pub(super) fn relay_edits(object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits) {
    let mut name = Vec::with_capacity(wants.model.len() + 2);
    Writer::new(&mut name).string(wants.model);
    edits.set(object, "model", &name);
    for member in wants.strip.iter().filter(|member| !matches!(member.as_str(), "model" | "input")) {
        edits.remove(object, member);
    }
}
