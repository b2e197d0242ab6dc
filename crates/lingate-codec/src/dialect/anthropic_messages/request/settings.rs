//! Reads `thinking` and `output_config`.

use super::decode::{text, whole};
use super::{keep_rest, missing, wrong};
use crate::ir::{ApiError, Effort, Extra, Request, ResponseFormat};
use crate::json::{Kind, Object, Raw};

/// `thinking`: enabled with a budget, adaptive, disabled; other types count as on (`between_tools` of API version
/// 2026-10-21, and those yet to come).
pub(super) fn thinking<'a>(value: Raw<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
    let object = value.object().ok_or_else(|| wrong("thinking", "an object", value))?;
    let kind = object.given("type").ok_or_else(|| missing("thinking.type"))?;
    let reasoning = request.reasoning.get_or_insert_default();
    match text("thinking.type", kind)?.as_ref() {
        "disabled" => reasoning.enabled = Some(false),
        "enabled" => reasoning.enabled = Some(true),
        "adaptive" => (reasoning.enabled, reasoning.adaptive) = (Some(true), true),
        word => {
            reasoning.enabled = Some(true);
            // Between calls of tools: the model decides how much, as with `adaptive`.
            reasoning.adaptive = word == "between_tools";
            let path = "thinking.type";
            request.extra.push(Extra { path: path.to_owned(), key: path.into(), value: kind });
        }
    }
    if let Some(budget) = object.given("budget_tokens") {
        reasoning.budget_tokens = Some(whole("thinking.budget_tokens", budget)?);
    }
    keep_rest(&object, &["type", "budget_tokens"], &"thinking", &"thinking", &mut request.extra);
    Ok(())
}

/// `output_config`: `effort` and `format`.
pub(super) fn output_config<'a>(value: Raw<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
    let object = value.object().ok_or_else(|| wrong("output_config", "an object", value))?;
    if let Some(effort) = object.given("effort") {
        let path = "output_config.effort";
        match Effort::from_word(&text(path, effort)?) {
            Some(effort) => request.reasoning.get_or_insert_default().effort = Some(effort),
            None => request.extra.push(Extra { path: path.to_owned(), key: path.into(), value: effort }),
        }
    }
    if let Some(wanted) = object.given("format") {
        request.response_format = Some(format("output_config.format", wanted)?);
    }
    keep_rest(&object, &["effort", "format"], &"output_config", &"output_config", &mut request.extra);
    Ok(())
}

/// A form of the answer. Only `json_schema` exists; another one cannot be passed over.
pub(super) fn format<'a>(path: &str, value: Raw<'a>) -> Result<ResponseFormat<'a>, ApiError> {
    let object: Object<'a> = value.object().ok_or_else(|| wrong(path, "an object", value))?;
    let kind = super::required(&object, &path, "type")?;
    if kind != "json_schema" {
        let path = format!("{path}.type");
        let message = format!("`{path}` must be \"json_schema\"");
        return Err(ApiError::invalid(path, message));
    }
    let schema = object.given("schema").ok_or_else(|| missing(format_args!("{path}.schema")))?;
    if schema.kind() != Kind::Object {
        return Err(wrong(format_args!("{path}.schema"), "an object", schema));
    }
    Ok(ResponseFormat::JsonSchema { name: None, description: None, schema, strict: None })
}
