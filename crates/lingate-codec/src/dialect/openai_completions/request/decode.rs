//! A completion request, read.

use crate::dialect::openai_completions::fields;
use crate::dialect::parse_object;
use crate::ir::{ApiError, Concept, Extra, Family, MaxTokens, Message, Number, Operation, Request, Role};
use crate::json::{Kind, Member, Raw};
use std::borrow::Cow;

/// Reads a request.
pub(in crate::dialect::openai_completions) fn decode(
    operation: Operation,
    body: &[u8],
) -> Result<Request<'_>, ApiError> {
    let object = parse_object(body)?;
    let mut request = Request::new(operation, Family::OpenAi, "");
    if object.given("prompt").is_none() {
        return Err(ApiError::invalid("prompt", "`prompt` is missing"));
    }
    for member in object.members() {
        if member.value.is_null() && fields::concept(&member.key).is_some() {
            continue;
        }
        if !about_text(&mut request, member)? && !about_sampling(&mut request, member)? {
            let extra = extra(member);
            match fields::concept(&member.key) {
                Some(concept) => request.special.push((concept, extra)),
                None => request.extra.push(extra),
            }
        }
    }
    Ok(request)
}

/// What is to be continued, and how the answer travels.
fn about_text<'a>(request: &mut Request<'a>, member: &Member<'a>) -> Result<bool, ApiError> {
    let (key, value) = (&*member.key, member.value);
    match key {
        "model" => request.model = string(value, key)?,
        "prompt" => prompt(request, member)?,
        "suffix" => {
            if !string(value, key)?.is_empty() {
                request.special.push((Concept::Suffix, extra(member)));
            }
        }
        "echo" => {
            if boolean(value, key)? {
                request.special.push((Concept::Echo, extra(member)));
            }
        }
        "best_of" => {
            // The best one of one is that one.
            if unsigned(value, key)? > 1 {
                request.special.push((Concept::BestOf, extra(member)));
            }
        }
        // As an unknown member it would be a second one of the messages that a chat is made of.
        "messages" => {
            let message = "`messages` is not taken beside a prompt; a conversation goes to /v1/chat/completions";
            return Err(ApiError::invalid("messages", message));
        }
        "stream" => request.stream = boolean(value, key)?,
        "stream_options" => stream_options(request, value)?,
        "n" => request.n = Some(unsigned(value, key)?),
        "max_tokens" => request.max_tokens = Some(MaxTokens::Limit(unsigned(value, key)?)),
        "stop" => request.stop = stop(value)?,
        "user" => request.metadata.user = Some(string(value, key)?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn about_sampling<'a>(request: &mut Request<'a>, member: &Member<'a>) -> Result<bool, ApiError> {
    let (key, value, sampling) = (&*member.key, member.value, &mut request.sampling);
    let slot = match key {
        "temperature" => &mut sampling.temperature,
        "top_p" => &mut sampling.top_p,
        "top_k" => &mut sampling.top_k,
        "min_p" => &mut sampling.min_p,
        "seed" => &mut sampling.seed,
        "frequency_penalty" => &mut sampling.frequency_penalty,
        "presence_penalty" => &mut sampling.presence_penalty,
        "repetition_penalty" => &mut sampling.repetition_penalty,
        "logit_bias" => {
            value.object().ok_or_else(|| wrong(key, "an object", value))?;
            sampling.logit_bias = Some(value);
            return Ok(true);
        }
        "logprobs" => {
            // A number of alternatives; older clients of chats say true or false.
            let alternatives =
                if let Some(asked) = value.bool() { asked.then_some(0) } else { Some(unsigned(value, key)?) };
            request.logprobs = alternatives.map(|_| true);
            request.top_logprobs = alternatives.filter(|number| *number > 0);
            return Ok(true);
        }
        _ => return Ok(false),
    };
    *slot = Some(Number::from_raw(value).ok_or_else(|| wrong(key, "a number", value))?);
    Ok(true)
}

/// One text is one message of the user's; several, and tokens, stay as they are written.
fn prompt<'a>(request: &mut Request<'a>, member: &Member<'a>) -> Result<(), ApiError> {
    const FORMS: &str = "a string, an array of strings, or tokens";
    let value = member.value;
    if let Some(text) = value.string() {
        request.messages.push(Message::text(Role::User, text));
        return Ok(());
    }
    let Some(mut list) = value.array() else { return Err(wrong("prompt", FORMS, value)) };
    let Some(first) = list.next() else {
        return Err(ApiError::invalid("prompt", "`prompt` must not be an empty array"));
    };
    match (first.string(), list.next()) {
        (Some(text), None) => request.messages.push(Message::text(Role::User, text)),
        _ if matches!(first.kind(), Kind::String | Kind::Number | Kind::Array) => {
            request.special.push((Concept::PromptList, extra(member)));
        }
        _ => return Err(wrong("prompt", FORMS, value)),
    }
    Ok(())
}

fn stream_options<'a>(request: &mut Request<'a>, value: Raw<'a>) -> Result<(), ApiError> {
    let options = value.object().ok_or_else(|| wrong("stream_options", "an object", value))?;
    if let Some(value) = options.given("include_usage") {
        request.include_usage = boolean(value, "stream_options.include_usage")?;
    }
    for member in options.members().iter().filter(|member| member.key != "include_usage") {
        let path = format!("stream_options.{}", member.key);
        request.extra.push(Extra { path, key: member.key.clone(), value: member.value });
    }
    Ok(())
}

fn stop(value: Raw<'_>) -> Result<Vec<Cow<'_, str>>, ApiError> {
    if let Some(text) = value.string() {
        return Ok(vec![text]);
    }
    let Some(texts) = value.array() else { return Err(wrong("stop", "a string or an array of strings", value)) };
    texts.enumerate().map(|(index, text)| string(text, &format!("stop[{index}]"))).collect()
}

fn extra<'a>(member: &Member<'a>) -> Extra<'a> {
    Extra { path: member.key.to_string(), key: member.key.clone(), value: member.value }
}

/// The 400 for a value of the wrong kind.
pub(super) fn wrong(path: &str, wanted: &str, value: Raw<'_>) -> ApiError {
    ApiError::invalid(path, format!("`{path}` must be {wanted}, not {}", value.kind().name()))
}

fn string<'a>(value: Raw<'a>, path: &str) -> Result<Cow<'a, str>, ApiError> {
    value.string().ok_or_else(|| wrong(path, "a string", value))
}

fn boolean(value: Raw<'_>, path: &str) -> Result<bool, ApiError> {
    value.bool().ok_or_else(|| wrong(path, "true or false", value))
}

fn unsigned(value: Raw<'_>, path: &str) -> Result<u64, ApiError> {
    match (value.u64(), value.number()) {
        (Some(number), _) => Ok(number),
        (None, Some(_)) => Err(ApiError::invalid(path, format!("`{path}` must be a whole number of at least 0"))),
        (None, None) => Err(wrong(path, "a number", value)),
    }
}
