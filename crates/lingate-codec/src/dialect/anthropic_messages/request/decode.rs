//! Reads a request: its top level.

use super::super::fields;
use super::messages::Conversation;
use super::{keep_rest, missing, settings, tools, wrong};
use crate::dialect::parse_object;
use crate::ir::{ApiError, Extra, Family, MaxTokens, Number, Operation, Request};
use crate::json::{Kind, Member, Object, Raw};
use std::borrow::Cow;

/// Members that must be there, and their kinds.
pub(in super::super) fn check(object: &Object<'_>) -> Result<(), ApiError> {
    check_messages(object)?;
    let max_tokens = object.given("max_tokens").ok_or_else(|| missing("max_tokens"))?;
    whole("max_tokens", max_tokens).map(|_| ())
}

fn check_messages(object: &Object<'_>) -> Result<(), ApiError> {
    let messages = object.given("messages").ok_or_else(|| missing("messages"))?;
    if messages.kind() == Kind::Array { Ok(()) } else { Err(wrong("messages", "an array", messages)) }
}

/// Reads a request body.
pub(in super::super) fn decode(body: &[u8]) -> Result<Request<'_>, ApiError> {
    let object = parse_object(body)?;
    check(&object)?;
    read(&object)
}

/// Reads the body of a request to count tokens.
pub(in super::super) fn decode_count(body: &[u8]) -> Result<Request<'_>, ApiError> {
    let object = parse_object(body)?;
    check_messages(&object)?;
    read(&object)
}

fn read<'a>(object: &Object<'a>) -> Result<Request<'a>, ApiError> {
    let mut request = Request::new(Operation::Chat, Family::Anthropic, "");
    for member in object.members() {
        read_member(&mut request, member)?;
    }
    let mut conversation = Conversation::default();
    if let Some(system) = object.given("system") {
        conversation.add_system(system)?;
    }
    for (index, message) in object.get("messages").and_then(Raw::array).into_iter().flatten().enumerate() {
        conversation.add(index, message)?;
    }
    request.messages = conversation.messages;
    Ok(request)
}

fn read_member<'a>(request: &mut Request<'a>, member: &Member<'a>) -> Result<(), ApiError> {
    let (key, value): (&str, _) = (&member.key, member.value);
    let known_null = value.is_null() && (fields::special(key).is_some() || is_known(key));
    if known_null {
        return Ok(());
    }
    match key {
        // Read after all others, in this order, whatever the order in the body.
        "system" | "messages" => {}
        "model" => request.model = text("model", value)?,
        "max_tokens" => request.max_tokens = Some(MaxTokens::Limit(whole("max_tokens", value)?)),
        "stream" => request.stream = flag("stream", value)?,
        "temperature" => request.sampling.temperature = Some(number("temperature", value)?),
        "top_p" => request.sampling.top_p = Some(number("top_p", value)?),
        "top_k" => request.sampling.top_k = Some(number("top_k", value)?),
        "stop_sequences" => request.stop = texts("stop_sequences", value)?,
        "service_tier" => request.metadata.service_tier = Some(text("service_tier", value)?),
        "tools" => request.tools = tools::decode(value)?,
        "tool_choice" => tools::decode_choice(value, request)?,
        "thinking" => settings::thinking(value, request)?,
        "output_config" => settings::output_config(value, request)?,
        // The name of `output_config.format` in a former beta.
        "output_format" => request.response_format = Some(settings::format("output_format", value)?),
        "metadata" => {
            let metadata = value.object().ok_or_else(|| wrong("metadata", "an object", value))?;
            request.metadata.user = super::optional(&metadata, &"metadata", "user_id")?;
            keep_rest(&metadata, &["user_id"], &"metadata", &"metadata", &mut request.extra);
        }
        _ => {
            let extra = Extra { path: key.to_owned(), key: member.key.clone(), value };
            match fields::special(key) {
                Some(concept) => request.special.push((concept, extra)),
                None => request.extra.push(extra),
            }
        }
    }
    Ok(())
}

/// Members that count as absent when null.
fn is_known(key: &str) -> bool {
    const KNOWN: [&str; 15] = [
        "model",
        "max_tokens",
        "stream",
        "system",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "service_tier",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "metadata",
    ];
    KNOWN.contains(&key)
}

pub(super) fn text<'a>(path: &str, value: Raw<'a>) -> Result<Cow<'a, str>, ApiError> {
    value.string().ok_or_else(|| wrong(path, "a string", value))
}

pub(super) fn flag(path: &str, value: Raw<'_>) -> Result<bool, ApiError> {
    value.bool().ok_or_else(|| wrong(path, "true or false", value))
}

/// A whole number, not negative.
pub(super) fn whole(path: &str, value: Raw<'_>) -> Result<u64, ApiError> {
    match value.u64() {
        Some(number) => Ok(number),
        None if value.kind() == Kind::Number => {
            let message = format!("`{path}` must be a whole number that is not negative");
            Err(ApiError::invalid(path, message))
        }
        None => Err(wrong(path, "a number", value)),
    }
}

fn number<'a>(path: &str, value: Raw<'a>) -> Result<Number<'a>, ApiError> {
    Number::from_raw(value).ok_or_else(|| wrong(path, "a number", value))
}

fn texts<'a>(path: &str, value: Raw<'a>) -> Result<Vec<Cow<'a, str>>, ApiError> {
    let elements = value.array().ok_or_else(|| wrong(path, "an array", value))?;
    elements.enumerate().map(|(index, element)| text(&format!("{path}[{index}]"), element)).collect()
}
