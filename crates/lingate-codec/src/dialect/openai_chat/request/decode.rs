//! A chat request, read.

use super::messages;
use super::path::{self, Path};
use super::tools;
use crate::dialect::openai_chat::fields;
use crate::dialect::parse_object;
use crate::ir::{ApiError, Effort, Family, MaxTokens, Message, Operation, Reasoning, Request, ResponseFormat, Role};
use crate::json::{Member, Object, Raw};
use std::borrow::Cow;

/// Reads a request.
pub(in crate::dialect::openai_chat) fn decode(operation: Operation, body: &[u8]) -> Result<Request<'_>, ApiError> {
    let object = parse_object(body)?;
    let mut request = Request::new(operation, Family::OpenAi, "");
    // The forms of tools are wanted for the conversation and for the choice among them.
    if let Some(value) = object.given("tools") {
        request.tools = tools::decode(value, &Path::Key(&Path::Root, "tools"), &mut request.tool_forms)?;
    }
    let given = object.given("messages");
    match given {
        Some(value) => messages::decode(value, &Path::Key(&Path::Root, "messages"), &mut request)?,
        None => request.messages = vec![prompt(&object)?],
    }
    for member in object.members() {
        if member.value.is_null() && fields::concept(&member.key).is_some() {
            continue;
        }
        let path = Path::Key(&Path::Root, &member.key);
        let taken = about_answer(&mut request, member, &path)?
            || about_sampling(&mut request, member, &path)?
            || about_tools(&mut request, member, &path)?;
        if !taken {
            keep(&mut request, member, given.is_none());
        }
    }
    Ok(request)
}

/// A body with `prompt` and no `messages` is one user message.
fn prompt<'a>(object: &Object<'a>) -> Result<Message<'a>, ApiError> {
    match object.given("prompt") {
        Some(value) => Ok(Message::text(Role::User, path::string(value, &Path::Root.key("prompt"))?)),
        None => Err(path::missing(&Path::Root.key("messages"))),
    }
}

/// What kind of answer is asked for, by whom, and how it travels.
fn about_answer<'a>(request: &mut Request<'a>, member: &Member<'a>, path: &Path<'_>) -> Result<bool, ApiError> {
    let value = member.value;
    match &*member.key {
        "model" => request.model = path::string(value, path)?,
        "messages" => {}
        "stream" => request.stream = path::boolean(value, path)?,
        "stream_options" => stream_options(request, value, path)?,
        "n" => request.n = Some(path::unsigned(value, path)?),
        "response_format" => return response_format(request, value, path),
        "reasoning_effort" => {
            let Some(effort) = Effort::from_word(&path::string(value, path)?) else { return Ok(false) };
            request.reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
        }
        "user" => request.metadata.user = Some(path::string(value, path)?),
        "metadata" => request.metadata.pairs = path::object(value, path).map(|_| Some(value))?,
        "service_tier" => request.metadata.service_tier = Some(path::string(value, path)?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn about_sampling<'a>(request: &mut Request<'a>, member: &Member<'a>, path: &Path<'_>) -> Result<bool, ApiError> {
    let (value, sampling) = (member.value, &mut request.sampling);
    let number = match &*member.key {
        "temperature" => &mut sampling.temperature,
        "top_p" => &mut sampling.top_p,
        "top_k" => &mut sampling.top_k,
        "min_p" => &mut sampling.min_p,
        "seed" => &mut sampling.seed,
        "frequency_penalty" => &mut sampling.frequency_penalty,
        "presence_penalty" => &mut sampling.presence_penalty,
        "repetition_penalty" => &mut sampling.repetition_penalty,
        other => {
            match other {
                "logit_bias" => sampling.logit_bias = path::object(value, path).map(|_| Some(value))?,
                "logprobs" => request.logprobs = Some(path::boolean(value, path)?),
                "top_logprobs" => request.top_logprobs = Some(path::unsigned(value, path)?),
                "stop" => request.stop = stop(value, path)?,
                "max_completion_tokens" => request.max_tokens = Some(MaxTokens::Limit(path::unsigned(value, path)?)),
                "max_tokens" => {
                    // Of both, the newer name counts, wherever it stands.
                    let limit = MaxTokens::Limit(path::unsigned(value, path)?);
                    request.max_tokens = request.max_tokens.or(Some(limit));
                }
                _ => return Ok(false),
            }
            return Ok(true);
        }
    };
    *number = Some(path::number(value, path)?);
    Ok(true)
}

fn about_tools<'a>(request: &mut Request<'a>, member: &Member<'a>, path: &Path<'_>) -> Result<bool, ApiError> {
    let value = member.value;
    match &*member.key {
        "tools" => {}
        "tool_choice" => {
            let Some(choice) = tools::decode_choice(value, path, &request.tool_forms)? else { return Ok(false) };
            request.tool_choice = Some(choice);
        }
        "parallel_tool_calls" => request.parallel_tool_calls = Some(path::boolean(value, path)?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Members whose meaning stays in their bytes: known ones as special, others as extra.
fn keep<'a>(request: &mut Request<'a>, member: &Member<'a>, prompt_used: bool) {
    if prompt_used && member.key == "prompt" {
        return;
    }
    let extra = path::extra(member, &Path::Root);
    match fields::concept(&member.key) {
        Some(concept) => request.special.push((concept, extra)),
        None => request.extra.push(extra),
    }
}

fn stream_options<'a>(request: &mut Request<'a>, value: Raw<'a>, path: &Path<'_>) -> Result<(), ApiError> {
    let options = path::object(value, path)?;
    if let Some(value) = options.given("include_usage") {
        request.include_usage = path::boolean(value, &path.key("include_usage"))?;
    }
    path::keep_unknown(&options, &["include_usage"], path, &mut request.extra);
    Ok(())
}

fn stop<'a>(value: Raw<'a>, path: &Path<'_>) -> Result<Vec<Cow<'a, str>>, ApiError> {
    if let Some(text) = value.string() {
        return Ok(vec![text]);
    }
    let Some(texts) = value.array() else { return Err(path::wrong(path, "a string or an array of strings", value)) };
    texts.enumerate().map(|(index, text)| path::string(text, &path.index(index))).collect()
}

/// False for a form that only some servers know (`structural_tag`): it is kept as written.
fn response_format<'a>(request: &mut Request<'a>, value: Raw<'a>, path: &Path<'_>) -> Result<bool, ApiError> {
    let format = path::object(value, path)?;
    let kind = path::string_needed(&format, "type", path)?;
    match &*kind {
        "text" => request.response_format = Some(ResponseFormat::Text),
        "json_object" => {
            // Together and llama.cpp take a schema here.
            let schema = format.given("schema").filter(|schema| schema.object().is_some());
            request.response_format = Some(match schema {
                None => ResponseFormat::JsonObject,
                Some(schema) => ResponseFormat::JsonSchema { name: None, description: None, schema, strict: None },
            });
        }
        "json_schema" => {
            let inner_path = path.key("json_schema");
            let inner = format.given("json_schema").ok_or_else(|| path::missing(&inner_path))?;
            let inner = path::object(inner, &inner_path)?;
            let schema = inner.given("schema").ok_or_else(|| path::missing(&inner_path.key("schema")))?;
            path::object(schema, &inner_path.key("schema"))?;
            let strict = inner.given("strict").map(|strict| path::boolean(strict, &inner_path.key("strict")));
            request.response_format = Some(ResponseFormat::JsonSchema {
                name: path::string_in(&inner, "name", &inner_path)?,
                description: path::string_in(&inner, "description", &inner_path)?,
                schema,
                strict: strict.transpose()?,
            });
            path::keep_unknown(&inner, &["name", "description", "schema", "strict"], &inner_path, &mut request.extra);
        }
        _ => return Ok(false),
    }
    path::keep_unknown(&format, &["type", "json_schema", "schema"], path, &mut request.extra);
    Ok(true)
}
