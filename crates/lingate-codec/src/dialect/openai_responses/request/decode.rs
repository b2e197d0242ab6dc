//! A Responses request, read.

use super::path::{self, Path};
use super::tools::{self, Declared, Names};
use super::{input, relay};
use crate::dialect::openai_responses::{fields, reasoning::SEALED_THOUGHTS};
use crate::dialect::parse_object;
use crate::ir::{
    ApiError, Concept, Effort, Extra, Family, Form, MaxTokens, Message, Operation, Reasoning, Request, ResponseFormat,
    Role,
};
use crate::json::{Member, Object, Raw};
use std::borrow::Cow;

/// Reads a request.
pub(in crate::dialect::openai_responses) fn decode(body: &[u8]) -> Result<Request<'_>, ApiError> {
    let object = parse_object(body)?;
    without_state(&object)?;
    let mut request = Request::new(Operation::Chat, Family::OpenAi, "");
    request.form = Form::Items;
    let root = Path::Root;
    let mut declared = match object.given("tools") {
        Some(tools) => tools::decode(tools, &root.key("tools"))?,
        None => Declared::default(),
    };
    let input_path = root.key("input");
    let given = object.given("input").ok_or_else(|| path::missing(&input_path))?;
    declared.found(given, &input_path)?;
    let names = Names::of(&declared.forms);
    if let Some(text) = path::string_in(&object, "instructions", &root)?.filter(|text| !text.is_empty()) {
        request.messages.push(Message::text(Role::System, text));
    }
    input::decode(given, &input_path, &names, &mut request.messages)?;
    for member in object.members() {
        if member.value.is_null() && fields::concept(&member.key).is_some() {
            continue;
        }
        let path = root.key(&member.key);
        let taken = about_answer(&mut request, member, &names, &path)? || about_form(&mut request, member, &path)?;
        if !taken {
            keep(&mut request, path::extra(member, &root));
        }
    }
    request.tools = declared.tools;
    request.tool_forms = declared.forms;
    Ok(request)
}

/// A request that only the server can answer that has what it speaks of.
fn without_state(object: &Object<'_>) -> Result<(), ApiError> {
    relay::check_background(object)?;
    for (key, what) in [
        ("previous_response_id", "names an answer that is not stored here"),
        ("conversation", "names a conversation that is not stored here"),
        ("prompt", "names a prompt that is not stored here"),
    ] {
        if object.given(key).is_some() {
            return Err(ApiError::invalid(key, format!("`{key}` {what}")).with_code("unsupported_parameter"));
        }
    }
    Ok(())
}

/// What is asked of the answer, by whom, and how it travels.
fn about_answer<'a>(
    request: &mut Request<'a>,
    member: &Member<'a>,
    names: &Names<'_, 'a>,
    path: &Path<'_>,
) -> Result<bool, ApiError> {
    let value = member.value;
    match &*member.key {
        // Read already.
        "input" | "instructions" | "tools" => {}
        // lingate's own matter: what is stored, and where.
        "store" | "background" => _ = path::boolean(value, path)?,
        "model" => request.model = path::string(value, path)?,
        "stream" => request.stream = path::boolean(value, path)?,
        "stream_options" => stream_options(request, value, path)?,
        "temperature" => request.sampling.temperature = Some(path::number(value, path)?),
        "top_p" => request.sampling.top_p = Some(path::number(value, path)?),
        "top_logprobs" => {
            let top = path::unsigned(value, path)?;
            request.top_logprobs = Some(top).filter(|top| *top > 0);
            request.logprobs = request.logprobs.or(Some(true)).filter(|_| top > 0);
        }
        "max_output_tokens" => request.max_tokens = Some(MaxTokens::Limit(path::unsigned(value, path)?)),
        "user" => request.metadata.user = Some(path::string(value, path)?),
        "metadata" => request.metadata.pairs = path::object(value, path).map(|_| Some(value))?,
        "service_tier" => request.metadata.service_tier = Some(path::string(value, path)?),
        "tool_choice" => {
            let Some(choice) = tools::decode_choice(value, names, path)? else { return Ok(false) };
            request.tool_choice = Some(choice);
        }
        "parallel_tool_calls" => request.parallel_tool_calls = Some(path::boolean(value, path)?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// The answer's form, and what comes with it.
fn about_form<'a>(request: &mut Request<'a>, member: &Member<'a>, path: &Path<'_>) -> Result<bool, ApiError> {
    let value = member.value;
    match &*member.key {
        "text" => text(request, value, path)?,
        "reasoning" => reasoning(request, value, path)?,
        "include" => include(request, value, path)?,
        // Without it, a conversation that is too long is refused, as everywhere.
        "truncation" => return Ok(path::string(value, path)? == "disabled"),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Members whose meaning stays in their bytes: known ones as special, others as extra.
fn keep<'a>(request: &mut Request<'a>, extra: Extra<'a>) {
    match fields::concept(&extra.path) {
        Some(concept) => request.special.push((concept, extra)),
        None => request.extra.push(extra),
    }
}

fn stream_options<'a>(request: &mut Request<'a>, value: Raw<'a>, path: &Path<'_>) -> Result<(), ApiError> {
    // Obfuscation pads a stream against listeners on the provider's line; there is nothing to pad here.
    path::keep_unknown(&path::object(value, path)?, &["include_obfuscation"], path, &mut request.extra);
    Ok(())
}

fn text<'a>(request: &mut Request<'a>, value: Raw<'a>, path: &Path<'_>) -> Result<(), ApiError> {
    for member in path::object(value, path)?.members().iter().filter(|member| !member.value.is_null()) {
        if member.key != "format" || !format(request, member.value, &path.key("format"))? {
            keep(request, path::extra(member, path));
        }
    }
    Ok(())
}

/// False for a form that no other dialect knows (`grammar`): it is kept as written.
fn format<'a>(request: &mut Request<'a>, value: Raw<'a>, path: &Path<'_>) -> Result<bool, ApiError> {
    let format = path::object(value, path)?;
    request.response_format = Some(match &*path::string_needed(&format, "type", path)? {
        "text" => ResponseFormat::Text,
        "json_object" => ResponseFormat::JsonObject,
        "json_schema" => {
            let schema_path = path.key("schema");
            let schema = format.given("schema").ok_or_else(|| path::missing(&schema_path))?;
            path::object(schema, &schema_path)?;
            let strict = format.given("strict").map(|strict| path::boolean(strict, &path.key("strict")));
            ResponseFormat::JsonSchema {
                name: path::string_in(&format, "name", path)?,
                description: path::string_in(&format, "description", path)?,
                schema,
                strict: strict.transpose()?,
            }
        }
        _ => return Ok(false),
    });
    path::keep_unknown(&format, &["type", "name", "description", "schema", "strict"], path, &mut request.extra);
    Ok(true)
}

fn reasoning<'a>(request: &mut Request<'a>, value: Raw<'a>, path: &Path<'_>) -> Result<(), ApiError> {
    for member in path::object(value, path)?.members().iter().filter(|member| !member.value.is_null()) {
        let path_here = path.key(&member.key);
        match &*member.key {
            "effort" => match Effort::from_word(&path::string(member.value, &path_here)?) {
                Some(effort) => request.reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() }),
                // A level that only the server knows, by the chat API's name.
                None => {
                    let extra = Extra { key: Cow::Borrowed("reasoning_effort"), ..path::extra(member, path) };
                    request.special.push((Concept::Reasoning, extra));
                }
            },
            "summary" | "generate_summary" => {
                path::string(member.value, &path_here)?;
                request.special.push((Concept::ReasoningSummary, path::extra(member, path)));
            }
            _ => request.extra.push(path::extra(member, path)),
        }
    }
    Ok(())
}

/// Log probabilities, and thoughts to be sent back; with more, the list is kept as written.
fn include<'a>(request: &mut Request<'a>, value: Raw<'a>, path: &Path<'_>) -> Result<(), ApiError> {
    let kept = |path: &Path<'_>, value| Extra { path: path.to_string(), key: Cow::Borrowed("include"), value };
    let mut all_known = true;
    for (index, entry) in path::array(value, path)?.enumerate() {
        let path = path.index(index);
        match &*path::string(entry, &path)? {
            "message.output_text.logprobs" => request.logprobs = Some(true),
            SEALED_THOUGHTS => request.special.push((Concept::SealedThoughts, kept(&path, entry))),
            _ => all_known = false,
        }
    }
    if !all_known {
        request.special.push((Concept::Include, kept(path, value)));
    }
    Ok(())
}
