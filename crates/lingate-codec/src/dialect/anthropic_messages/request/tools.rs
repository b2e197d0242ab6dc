//! Tools and the choice among them, both ways.

use super::decode::{flag, text};
use super::{keep_rest, missing, optional, required, write_rest, wrong};
use crate::dialect::{Target, Unsupported};
use crate::ir::{ApiError, Concept, Extra, Family, Loss, Request, Tool, ToolChoice};
use crate::json::{Kind, Object, Raw, Writer};
use std::borrow::Cow;
use std::collections::HashSet;

/// Reads `tools`. Those without a `type`, or of type `custom`, are the client's; all others the provider's.
pub(super) fn decode<'a>(value: Raw<'a>) -> Result<Vec<Tool<'a>>, ApiError> {
    let elements = value.array().ok_or_else(|| wrong("tools", "an array", value))?;
    elements.enumerate().map(|(index, raw)| decode_tool(index, raw)).collect()
}

/// See [`crate::dialect::Dialect::tools`].
pub(in super::super) fn offered<'a>(object: &Object<'a>) -> Vec<Tool<'a>> {
    object.given("tools").and_then(|tools| decode(tools).ok()).unwrap_or_default()
}

fn decode_tool<'a>(index: usize, raw: Raw<'a>) -> Result<Tool<'a>, ApiError> {
    let at = format_args!("tools[{index}]").to_string();
    let object = raw.object().ok_or_else(|| wrong(&at, "an object", raw))?;
    if let Some(kind) = optional(&object, &at, "type")?.filter(|kind| kind != "custom") {
        return Ok(Tool::Hosted { kind, raw });
    }
    let parameters = object.given("input_schema");
    if let Some(schema) = parameters.filter(|schema| schema.kind() != Kind::Object) {
        return Err(wrong(format_args!("{at}.input_schema"), "an object", schema));
    }
    let strict = object.given("strict").map(|strict| flag(&format!("{at}.strict"), strict)).transpose()?;
    let known = ["type", "name", "description", "input_schema", "strict", "cache_control"];
    let mut extra = Vec::new();
    for member in object.members().iter().filter(|member| !known.contains(&member.key.as_ref())) {
        extra.push(Extra { path: format!("{at}.{}", member.key), key: member.key.clone(), value: member.value });
    }
    Ok(Tool::Function {
        name: required(&object, &at, "name")?,
        description: optional(&object, &at, "description")?,
        parameters,
        strict,
        cache_control: object.given("cache_control"),
        extra,
    })
}

/// Reads `tool_choice`.
pub(super) fn decode_choice<'a>(value: Raw<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
    let object = value.object().ok_or_else(|| wrong("tool_choice", "an object", value))?;
    let kind = object.given("type").ok_or_else(|| missing("tool_choice.type"))?;
    request.tool_choice = Some(match text("tool_choice.type", kind)?.as_ref() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(required(&object, &"tool_choice", "name")?),
        _ => {
            let message = "`tool_choice.type` must be \"auto\", \"any\", \"tool\" or \"none\"";
            return Err(ApiError::invalid("tool_choice.type", message));
        }
    });
    if let Some(disabled) = object.given("disable_parallel_tool_use") {
        request.parallel_tool_calls = Some(!flag("tool_choice.disable_parallel_tool_use", disabled)?);
    }
    let known = ["type", "name", "disable_parallel_tool_use"];
    keep_rest(&object, &known, &"tool_choice", &"tool_choice", &mut request.extra);
    Ok(())
}

/// Appends the members `tools` and `tool_choice`.
pub(super) fn encode(
    request: &Request<'_>,
    target: &Target<'_>,
    loss: &mut Loss,
    writer: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    let native = request.family == Family::Anthropic;
    let allowed = match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => Some(names.iter().collect::<HashSet<_>>()),
        _ => None,
    };
    let mut any = false;
    for (index, tool) in request.tools.iter().enumerate() {
        let known = match (tool, &allowed) {
            (Tool::Function { name, .. }, Some(names)) => names.contains(name),
            _ => true,
        };
        if !known {
            continue;
        }
        if !any {
            writer.key("tools");
            writer.begin_array();
            any = true;
        }
        match tool {
            Tool::Function { .. } => write_function(tool, native, loss, writer),
            Tool::Hosted { raw, .. } if native => writer.raw(*raw),
            Tool::Hosted { kind, .. } => {
                return Err(Unsupported {
                    concept: Concept::Tools,
                    path: Some(format!("tools[{index}]")),
                    reason: format!("tools of type {kind} are not offered by the {} backend", target.backend),
                });
            }
        }
    }
    if any {
        writer.end_array();
    }
    write_choice(request, any, writer);
    Ok(())
}

fn write_function(tool: &Tool<'_>, native: bool, loss: &mut Loss, writer: &mut Writer<'_>) {
    let Tool::Function { name, description, parameters, strict, cache_control, extra } = tool else { return };
    writer.begin_object();
    writer.string_member("name", name);
    if let Some(description) = description {
        writer.string_member("description", description);
    }
    writer.key("input_schema");
    write_schema(*parameters, writer);
    if let Some(strict) = strict {
        writer.bool_member("strict", *strict);
    }
    if let Some(mark) = cache_control {
        writer.raw_member("cache_control", *mark);
    }
    for item in extra {
        if native {
            writer.raw_member(&item.key, item.value);
        } else {
            loss.path(item.path.as_str());
        }
    }
    writer.end_object();
}

/// A schema must be of type `object` here; elsewhere it may be absent or empty.
fn write_schema(parameters: Option<Raw<'_>>, writer: &mut Writer<'_>) {
    let Some((raw, object)) = parameters.and_then(|raw| Some((raw, raw.object()?))) else {
        writer.json(br#"{"type":"object","properties":{}}"#);
        return;
    };
    if object.get("type").is_some() {
        writer.raw(raw);
        return;
    }
    writer.begin_object();
    writer.string_member("type", "object");
    if object.members().is_empty() {
        writer.json_member("properties", "{}");
    }
    for member in object.members() {
        writer.raw_member(&member.key, member.value);
    }
    writer.end_object();
}

/// `any`: whether a tool is offered; a choice among none is refused.
fn write_choice(request: &Request<'_>, any: bool, writer: &mut Writer<'_>) {
    let native = request.family == Family::Anthropic;
    let forced = matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    if !any && !native && !forced {
        return;
    }
    let serial = request.parallel_tool_calls == Some(false);
    let (kind, name): (_, Option<&Cow<'_, str>>) = match &request.tool_choice {
        Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => ("auto", None),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => ("any", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(name)),
        Some(ToolChoice::None) => ("none", None),
        None if serial => ("auto", None),
        None => return,
    };
    writer.key("tool_choice");
    writer.begin_object();
    writer.string_member("type", kind);
    if let Some(name) = name {
        writer.string_member("name", name);
    }
    if kind != "none" {
        if serial {
            writer.bool_member("disable_parallel_tool_use", true);
        } else if native && request.parallel_tool_calls == Some(true) {
            writer.bool_member("disable_parallel_tool_use", false);
        }
    }
    if native {
        write_rest(&request.extra, "tool_choice", writer);
    }
    writer.end_object();
}
