//! Messages and tools of a chat, decoded.

use super::history::History;
use super::typed;
use crate::ir::{ApiError, Extra, Image, ImageSource, Message, Part, Role, Tool, ToolCall, ToolResult};
use crate::json::{Kind, Member, Object, Raw};
use crate::media;
use std::borrow::Cow;

/// Reads `messages` onto the end of `out`.
pub(super) fn decode<'a>(list: Raw<'a>, out: &mut Vec<Message<'a>>) -> Result<(), ApiError> {
    let mut history = History::default();
    for (index, entry) in typed::array(list, "messages")?.enumerate() {
        out.push(decode_message(index, entry, &mut history)?);
    }
    Ok(())
}

/// A message's members.
#[derive(Default)]
struct Found<'a> {
    content: Option<Cow<'a, str>>,
    thinking: Option<Cow<'a, str>>,
    images: Option<Raw<'a>>,
    tool_calls: Option<Raw<'a>>,
    tool_name: Option<Cow<'a, str>>,
    tool_call_id: Option<Cow<'a, str>>,
    extra: Vec<Extra<'a>>,
}

fn decode_message<'a>(index: usize, entry: Raw<'a>, history: &mut History<'a>) -> Result<Message<'a>, ApiError> {
    let object = typed::object(entry, format_args!("messages[{index}]"))?;
    let role_path = || format!("messages[{index}].role");
    let role = object.given("role").ok_or_else(|| typed::missing(role_path()))?;
    let role = decode_role(&typed::string(role, role_path())?).ok_or_else(|| {
        let path = role_path();
        let message = format!("`{path}` must be system, user, assistant or tool");
        ApiError::invalid(path, message)
    })?;
    let mut found = Found::default();
    for member in object.members() {
        take(index, role, member, &mut found)?;
    }
    let mut parts = Vec::new();
    if let Some(text) = found.thinking.filter(|text| !text.is_empty()) {
        parts.push(Part::Reasoning { text, signature: None });
    }
    let text = found.content.unwrap_or_default();
    let has_text = !text.is_empty();
    if has_text {
        parts.push(Part::text(text));
    }
    if let Some(images) = found.images {
        decode_images(images, format_args!("messages[{index}].images"), &mut parts)?;
    }
    if role == Role::Assistant {
        history.assistant();
    } else {
        history.other();
    }
    if let Some(calls) = found.tool_calls {
        decode_calls(index, calls, history, &mut parts, &mut found.extra)?;
    }
    if parts.is_empty() {
        parts.push(Part::text(""));
    }
    if role == Role::Tool {
        let (call_id, name) = history.result(found.tool_call_id, found.tool_name);
        parts = vec![Part::ToolResult(ToolResult { call_id, name, is_error: false, parts, cache_control: None })];
    }
    Ok(Message { role, name: None, parts, extra: found.extra })
}

/// Ollama folds the case of roles.
fn decode_role(word: &str) -> Option<Role> {
    const ROLES: [(&str, Role); 5] = [
        ("user", Role::User),
        ("assistant", Role::Assistant),
        ("system", Role::System),
        ("tool", Role::Tool),
        ("developer", Role::Developer),
    ];
    ROLES.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, role)| role)
}

/// Takes one member. What has no meaning in a message of this role is kept as an unknown one.
fn take<'a>(index: usize, role: Role, member: &Member<'a>, found: &mut Found<'a>) -> Result<(), ApiError> {
    let value = member.value;
    let key = member.key.as_ref();
    let path = format_args!("messages[{index}].{key}");
    let (assistant, tool) = (role == Role::Assistant, role == Role::Tool);
    let not_empty = |text: Cow<'a, str>| Some(text).filter(|text| !text.is_empty());
    match key {
        "role" => {}
        "content" | "images" | "thinking" | "tool_calls" | "tool_name" | "tool_call_id" if value.is_null() => {}
        "content" => found.content = Some(typed::string(value, path)?),
        "images" => found.images = Some(value),
        "thinking" if assistant => found.thinking = Some(typed::string(value, path)?),
        "tool_calls" if assistant => found.tool_calls = Some(value),
        "tool_name" if tool => found.tool_name = not_empty(typed::string(value, path)?),
        "tool_call_id" if tool => found.tool_call_id = not_empty(typed::string(value, path)?),
        // An older spelling of `tool_name`.
        "name" if tool && found.tool_name.is_none() && value.kind() == Kind::String => {
            found.tool_name = value.string().and_then(not_empty);
        }
        _ => found.extra.push(Extra { path: path.to_string(), key: member.key.clone(), value }),
    }
    Ok(())
}

/// Pictures are base64 text; a data URL's prefix is taken off.
pub(super) fn decode_images<'a>(
    list: Raw<'a>,
    path: impl std::fmt::Display,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), ApiError> {
    for (index, entry) in typed::array(list, &path)?.enumerate() {
        let text = typed::string(entry, format_args!("{path}[{index}]"))?;
        let image = decode_image(text).ok_or_else(|| {
            let path = format!("{path}[{index}]");
            let message = format!("`{path}` must be base64 text (an address is not fetched)");
            ApiError::invalid(path, message)
        })?;
        parts.push(Part::Image(image));
    }
    Ok(())
}

fn decode_image(text: Cow<'_, str>) -> Option<Image<'_>> {
    let (said, mut data) = media::take_data_url(text).unwrap_or_else(|text| (Cow::Borrowed(""), text));
    // Go's decoder passes over line breaks; others do not.
    if data.contains(['\n', '\r']) {
        data = Cow::Owned(data.replace(['\n', '\r'], ""));
    }
    let bytes = data.as_bytes();
    let valid = !bytes.is_empty()
        && (base64_simd::STANDARD.check(bytes).is_ok() || base64_simd::STANDARD_NO_PAD.check(bytes).is_ok());
    if !valid {
        return None;
    }
    let media_type = match media::sniff_base64(&data) {
        Some(known) => Cow::Borrowed(known),
        None if said.is_empty() => Cow::Borrowed("image/png"),
        None => said,
    };
    Some(Image { source: ImageSource::Base64 { media_type, data }, detail: None })
}

fn decode_calls<'a>(
    index: usize,
    calls: Raw<'a>,
    history: &mut History<'a>,
    parts: &mut Vec<Part<'a>>,
    extra: &mut Vec<Extra<'a>>,
) -> Result<(), ApiError> {
    for (number, entry) in typed::array(calls, format_args!("messages[{index}].tool_calls"))?.enumerate() {
        let path = format!("messages[{index}].tool_calls[{number}]");
        let entry = typed::object(entry, &path)?;
        let mut id = None;
        let mut function = None;
        for member in entry.members() {
            match member.key.as_ref() {
                "id" if member.value.is_null() => {}
                "id" => id = Some(typed::string(member.value, format_args!("{path}.id"))?),
                "function" => function = Some(member.value),
                "type" => {}
                key => {
                    extra.push(Extra { path: format!("{path}.{key}"), key: member.key.clone(), value: member.value })
                }
            }
        }
        let function = function.ok_or_else(|| typed::missing(format_args!("{path}.function")))?;
        let (name, arguments) = decode_function(&path, function, extra)?;
        let id = history.call(id.filter(|id| !id.is_empty()), name.clone());
        parts.push(Part::ToolCall(ToolCall { id, name, arguments, cache_control: None }));
    }
    Ok(())
}

/// Name and arguments of a call. Arguments are an object; some clients send OpenAI's string.
fn decode_function<'a>(
    path: &str,
    function: Raw<'a>,
    extra: &mut Vec<Extra<'a>>,
) -> Result<(Cow<'a, str>, Cow<'a, str>), ApiError> {
    let mut name = None;
    let mut arguments = Cow::Borrowed("{}");
    for member in typed::object(function, format_args!("{path}.function"))?.members() {
        let value = member.value;
        match member.key.as_ref() {
            "name" => name = Some(typed::string(value, format_args!("{path}.function.name"))?),
            "arguments" => match value.kind() {
                Kind::Object => arguments = value.text(),
                Kind::Null => {}
                Kind::String => {
                    let text = value.string().unwrap_or_default();
                    arguments = if text.trim().is_empty() { Cow::Borrowed("{}") } else { text };
                }
                _ => return Err(typed::wrong(format_args!("{path}.function.arguments"), "an object", value)),
            },
            "index" => {}
            key => extra.push(Extra { path: format!("{path}.function.{key}"), key: member.key.clone(), value }),
        }
    }
    let name = name.filter(|name| !name.is_empty());
    Ok((name.ok_or_else(|| typed::missing(format_args!("{path}.function.name")))?, arguments))
}

/// Reads `tools`, which are as OpenAI's.
pub(super) fn decode_tools(list: Raw<'_>) -> Result<Vec<Tool<'_>>, ApiError> {
    typed::array(list, "tools")?.enumerate().map(|(index, entry)| decode_tool(index, entry)).collect()
}

/// See [`crate::dialect::Dialect::tools`].
pub(in crate::dialect::ollama) fn offered<'a>(object: &Object<'a>) -> Vec<Tool<'a>> {
    object.given("tools").and_then(|tools| decode_tools(tools).ok()).unwrap_or_default()
}

fn decode_tool(index: usize, raw: Raw<'_>) -> Result<Tool<'_>, ApiError> {
    let path = format!("tools[{index}]");
    let entry = typed::object(raw, &path)?;
    let kind = entry
        .given("type")
        .map_or(Ok(Cow::Borrowed("function")), |kind| typed::string(kind, format_args!("{path}.type")))?;
    if kind != "function" {
        return Ok(Tool::Hosted { kind, raw });
    }
    let function = entry.given("function").ok_or_else(|| typed::missing(format_args!("{path}.function")))?;
    let function = typed::object(function, format_args!("{path}.function"))?;
    let (mut name, mut description, mut parameters, mut strict) = (None, None, None, None);
    let mut extra = Vec::new();
    for member in entry.members().iter().filter(|member| !matches!(member.key.as_ref(), "type" | "function")) {
        extra.push(Extra { path: format!("{path}.{}", member.key), key: member.key.clone(), value: member.value });
    }
    for member in function.members() {
        let (key, value) = (member.key.as_ref(), member.value);
        let path = format_args!("{path}.function.{key}");
        match key {
            "name" | "description" | "parameters" | "strict" if value.is_null() => {}
            "name" => name = Some(typed::string(value, path)?),
            "description" => description = Some(typed::string(value, path)?),
            "parameters" if value.kind() == Kind::Object => parameters = Some(value),
            "parameters" => return Err(typed::wrong(path, "an object", value)),
            "strict" => strict = Some(typed::boolean(value, path)?),
            _ => extra.push(Extra { path: path.to_string(), key: member.key.clone(), value }),
        }
    }
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| typed::missing(format_args!("{path}.function.name")))?;
    Ok(Tool::Function { name, description, parameters, strict, cache_control: None, extra })
}
