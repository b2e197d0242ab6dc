//! Bodies to requests: the top level.

use super::{keep_alive, messages, options, typed};
use crate::dialect::parse_object;
use crate::ir::{
    ApiError, Concept, Effort, Extra, Family, Message, Operation, Part, Reasoning, Request, ResponseFormat, Role,
};
use crate::json::{Kind, Member, Object, Raw};
use std::borrow::Cow;

/// Checks a request that is relayed unread, or only loads a model: what it must not get wrong even for Ollama itself.
pub(in crate::dialect::ollama) fn check(operation: Operation, object: &Object<'_>) -> Result<(), ApiError> {
    let (member, kind, expected) = match operation {
        Operation::Chat => ("messages", Kind::Array, "an array"),
        Operation::TextCompletion => ("prompt", Kind::String, "a string"),
    };
    for (member, kind, expected) in [(member, kind, expected), ("options", Kind::Object, "an object")] {
        if let Some(value) = object.given(member).filter(|value| value.kind() != kind) {
            return Err(typed::wrong(member, expected, value));
        }
    }
    object.given("keep_alive").map_or(Ok(()), keep_alive::check)?;
    object.given("think").map_or(Ok(()), |think| reasoning(think).map(|_| ()))
}

/// Members that are put together when all are known.
#[derive(Debug, Default)]
struct Found<'a> {
    messages: Option<Raw<'a>>,
    prompt: Option<Raw<'a>>,
    system: Option<Cow<'a, str>>,
    images: Option<Raw<'a>>,
    /// Whether a template or a context is given, which does not go with a raw prompt.
    shaped: bool,
    raw: bool,
}

/// Reads a request.
pub(in crate::dialect::ollama) fn decode(operation: Operation, body: &[u8]) -> Result<Request<'_>, ApiError> {
    let object = parse_object(body)?;
    let mut request = Request::new(operation, Family::Ollama, "");
    request.stream = true;
    let mut found = Found::default();
    for member in object.members() {
        let known = match operation {
            Operation::Chat => chat_member(member, &mut request, &mut found)?,
            Operation::TextCompletion => generate_member(member, &mut request, &mut found)?,
        };
        if !known && !common_member(member, &mut request, &mut found)? {
            let path = member.key.clone().into_owned();
            request.extra.push(Extra { path, key: member.key.clone(), value: member.value });
        }
    }
    if request.model.is_empty()
        && let Some(name) = object.given("name")
    {
        request.model = typed::string(name, "name")?;
    }
    match operation {
        Operation::Chat => conversation(found, &mut request)?,
        Operation::TextCompletion => prompt(found, &mut request)?,
    }
    Ok(request)
}

/// Reads a member that both operations have; false if there is no such member. Null counts as absent.
fn common_member<'a>(member: &Member<'a>, request: &mut Request<'a>, found: &mut Found<'a>) -> Result<bool, ApiError> {
    let value = member.value;
    let null = value.is_null();
    match member.key.as_ref() {
        "model" | "name" | "stream" | "prompt" | "system" | "format" | "think" | "options" | "keep_alive"
        | "truncate" | "shift" | "logprobs" | "top_logprobs"
            if null => {}
        "model" => request.model = typed::string(value, "model")?,
        "name" => {}
        "stream" => request.stream = typed::boolean(value, "stream")?,
        "prompt" => found.prompt = Some(value),
        "system" => found.system = Some(typed::string(value, "system")?).filter(|text| !text.is_empty()),
        "format" => request.response_format = format(value)?,
        "think" => request.reasoning = Some(reasoning(value)?),
        "options" => options::decode(value, request)?,
        "keep_alive" => {
            keep_alive::check(value)?;
            special(request, Concept::KeepAlive, member);
        }
        "truncate" => {
            typed::boolean(value, "truncate")?;
            special(request, Concept::Truncate, member);
        }
        "shift" => {
            typed::boolean(value, "shift")?;
            special(request, Concept::Shift, member);
        }
        "logprobs" => request.logprobs = Some(typed::boolean(value, "logprobs")?),
        "top_logprobs" => request.top_logprobs = Some(typed::unsigned(value, "top_logprobs")?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn chat_member<'a>(member: &Member<'a>, request: &mut Request<'a>, found: &mut Found<'a>) -> Result<bool, ApiError> {
    match member.key.as_ref() {
        "messages" | "tools" if member.value.is_null() => {}
        "messages" => found.messages = Some(member.value),
        "tools" => request.tools = messages::decode_tools(member.value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn generate_member<'a>(
    member: &Member<'a>,
    request: &mut Request<'a>,
    found: &mut Found<'a>,
) -> Result<bool, ApiError> {
    let value = member.value;
    match member.key.as_ref() {
        "suffix" | "template" | "context" | "raw" | "images" if value.is_null() => {}
        "suffix" => {
            if !typed::string(value, "suffix")?.is_empty() {
                special(request, Concept::Suffix, member);
            }
        }
        "template" => {
            if !typed::string(value, "template")?.is_empty() {
                found.shaped = true;
                special(request, Concept::Template, member);
            }
        }
        "context" => {
            if typed::array(value, "context")?.next().is_some() {
                found.shaped = true;
                special(request, Concept::Context, member);
            }
        }
        "raw" => {
            found.raw = typed::boolean(value, "raw")?;
            if found.raw {
                special(request, Concept::RawPrompt, member);
            }
        }
        "images" => found.images = Some(value),
        _ => return Ok(false),
    }
    Ok(true)
}

fn special<'a>(request: &mut Request<'a>, concept: Concept, member: &Member<'a>) {
    let path = member.key.clone().into_owned();
    request.special.push((concept, Extra { path, key: member.key.clone(), value: member.value }));
}

/// Messages of a chat. The top-level `system` is not Ollama's own; it is said before all messages.
fn conversation<'a>(found: Found<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
    if let Some(system) = found.system {
        request.messages.push(Message::text(Role::System, system));
    }
    match (found.messages, found.prompt) {
        (Some(list), prompt) => {
            messages::decode(list, &mut request.messages)?;
            if let Some(value) = prompt {
                request.extra.push(Extra { path: "prompt".to_owned(), key: Cow::Borrowed("prompt"), value });
            }
        }
        (None, Some(prompt)) => {
            request.messages.push(Message::text(Role::User, typed::string(prompt, "prompt")?));
        }
        (None, None) => {}
    }
    Ok(())
}

/// The system prompt and the user's message of a generate request.
fn prompt<'a>(found: Found<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
    if found.raw && (found.shaped || found.system.is_some()) {
        return Err(ApiError::invalid("raw", "raw mode does not support template, system, or context"));
    }
    if let Some(system) = found.system {
        request.messages.push(Message::text(Role::System, system));
    }
    let text = found.prompt.map_or(Ok(Cow::Borrowed("")), |prompt| typed::string(prompt, "prompt"))?;
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(Part::text(text));
    }
    if let Some(images) = found.images {
        messages::decode_images(images, "images", &mut parts)?;
    }
    if parts.is_empty() {
        parts.push(Part::text(""));
    }
    request.messages.push(Message::new(Role::User, parts));
    Ok(())
}

fn format(value: Raw<'_>) -> Result<Option<ResponseFormat<'_>>, ApiError> {
    const EXPECTED: &str = "\"json\" or a JSON schema";
    if value.kind() == Kind::Object {
        return Ok(Some(ResponseFormat::JsonSchema { name: None, description: None, schema: value, strict: None }));
    }
    match value.string().as_deref() {
        Some("") => Ok(None),
        Some("json") => Ok(Some(ResponseFormat::JsonObject)),
        Some(_) => Err(ApiError::invalid("format", format!("`format` must be {EXPECTED}"))),
        None => Err(typed::wrong("format", EXPECTED, value)),
    }
}

fn reasoning(value: Raw<'_>) -> Result<Reasoning, ApiError> {
    const EXPECTED: &str = "true, false, \"low\", \"medium\", \"high\" or \"max\"";
    if let Some(enabled) = value.bool() {
        return Ok(Reasoning { enabled: Some(enabled), ..Reasoning::default() });
    }
    let Some(word) = value.string() else { return Err(typed::wrong("think", EXPECTED, value)) };
    match Effort::from_word(&word) {
        effort @ Some(Effort::Low | Effort::Medium | Effort::High | Effort::Max) => {
            Ok(Reasoning { effort, ..Reasoning::default() })
        }
        _ => Err(ApiError::invalid("think", format!("`think` must be {EXPECTED}"))),
    }
}
