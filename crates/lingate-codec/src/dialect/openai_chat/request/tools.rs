//! Tools and the choice among them, both ways.

use super::encode::Writing;
use super::path::{self, Kept, Path};
use crate::dialect::{self, Unsupported, free_text};
use crate::ir::{ApiError, Concept, Tool, ToolChoice, ToolForm};
use crate::json::{Edits, Object, Raw, Writer};
use memchr::memmem;
use std::borrow::Cow;

/// The schema of a function that takes nothing: some servers refuse a function without one.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Reads the tools; those that take free text stand among the `forms`, too.
pub(super) fn decode<'a>(
    value: Raw<'a>,
    path: &Path<'_>,
    forms: &mut Vec<ToolForm<'a>>,
) -> Result<Vec<Tool<'a>>, ApiError> {
    path::array(value, path)?.enumerate().map(|(index, tool)| one(tool, &path.index(index), forms)).collect()
}

/// The tools of a request that take free text. A request that cannot be read has none.
pub(in crate::dialect::openai_chat) fn forms(object: &Object<'_>) -> Vec<dialect::ToolForm> {
    let mut forms = Vec::new();
    // Nearly no request has any, and every request is asked.
    let tools = object.given("tools").filter(|tools| memmem::find(tools.bytes(), b"\"custom\"").is_some());
    if let Some(tools) = tools
        && decode(tools, &Path::Root, &mut forms).is_err()
    {
        forms.clear();
    }
    forms.into_iter().map(Into::into).collect()
}

/// See [`crate::dialect::Dialect::tools`].
pub(in crate::dialect::openai_chat) fn offered<'a>(object: &Object<'a>) -> Vec<Tool<'a>> {
    let tools = object.given("tools").and_then(|tools| decode(tools, &Path::Root, &mut Vec::new()).ok());
    tools.unwrap_or_default()
}

fn one<'a>(value: Raw<'a>, path: &Path<'_>, forms: &mut Vec<ToolForm<'a>>) -> Result<Tool<'a>, ApiError> {
    let tool = path::object(value, path)?;
    let kind = path::string_in(&tool, "type", path)?.unwrap_or(Cow::Borrowed("function"));
    if kind == "custom" {
        return custom(&tool, value, path, forms);
    }
    if kind != "function" {
        return Ok(Tool::Hosted { kind, raw: value });
    }
    let inner_path = path.key("function");
    let function = path::object(tool.given("function").ok_or_else(|| path::missing(&inner_path))?, &inner_path)?;
    let parameters = function.given("parameters");
    if let Some(parameters) = parameters {
        path::object(parameters, &inner_path.key("parameters"))?;
    }
    let strict = function.given("strict").map(|strict| path::boolean(strict, &inner_path.key("strict")));
    let mut extra = Vec::new();
    path::keep_unknown(&tool, &["type", "function", "cache_control"], path, &mut extra);
    path::keep_unknown(&function, &["name", "description", "parameters", "strict"], &inner_path, &mut extra);
    Ok(Tool::Function {
        name: path::string_needed(&function, "name", &inner_path)?,
        description: path::string_in(&function, "description", &inner_path)?,
        parameters,
        strict: strict.transpose()?,
        cache_control: tool.given("cache_control"),
        extra,
    })
}

/// A tool that takes free text, as a function.
fn custom<'a>(
    tool: &Object<'a>,
    raw: Raw<'a>,
    path: &Path<'_>,
    forms: &mut Vec<ToolForm<'a>>,
) -> Result<Tool<'a>, ApiError> {
    let inner_path = path.key("custom");
    let custom = path::object(tool.given("custom").ok_or_else(|| path::missing(&inner_path))?, &inner_path)?;
    let name = path::string_needed(&custom, "name", &inner_path)?;
    forms.push(ToolForm {
        name: name.clone(),
        own_name: name.clone(),
        namespace: None,
        custom: true,
        search: false,
        raw,
    });
    let mut extra = Vec::new();
    path::keep_unknown(tool, &["type", "custom", "cache_control"], path, &mut extra);
    path::keep_unknown(&custom, &["name", "description"], &inner_path, &mut extra);
    let description = path::string_in(&custom, "description", &inner_path)?;
    Ok(Tool::Function {
        name,
        description: free_text::with_grammar(description, &mut extra),
        parameters: free_text::parameters(),
        strict: None,
        cache_control: tool.given("cache_control"),
        extra,
    })
}

/// `None` for a choice that no other dialect knows, or of a tool that is not there: it stays raw.
pub(super) fn decode_choice<'a>(
    value: Raw<'a>,
    path: &Path<'_>,
    forms: &[ToolForm<'a>],
) -> Result<Option<ToolChoice<'a>>, ApiError> {
    if let Some(word) = value.string() {
        return Ok(match &*word {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            // `any` is Mistral's word.
            "required" | "any" => Some(ToolChoice::Required),
            _ => return Err(unknown_choice(path, &word)),
        });
    }
    let Some(choice) = value.object() else { return Err(path::wrong(path, "a string or an object", value)) };
    match &*path::string_needed(&choice, "type", path)? {
        "function" => {
            let inner_path = path.key("function");
            let function = choice.given("function").ok_or_else(|| path::missing(&inner_path))?;
            let name = path::string_needed(&path::object(function, &inner_path)?, "name", &inner_path)?;
            Ok(Some(ToolChoice::Named(name)))
        }
        "custom" => Ok(custom_name(&choice, forms).map(ToolChoice::Named)),
        "allowed_tools" => Ok(allowed(&choice, forms)),
        _ => Ok(None),
    }
}

fn unknown_choice(path: &Path<'_>, word: &str) -> ApiError {
    let word: String = word.chars().take(40).collect();
    ApiError::invalid(path.to_string(), format!("`{path}` must be none, auto, required or an object, not `{word}`"))
}

/// The name of a tool that takes free text, if it is among the tools.
fn custom_name<'a>(choice: &Object<'a>, forms: &[ToolForm<'a>]) -> Option<Cow<'a, str>> {
    let name = choice.given("custom")?.object()?.string("name")?;
    forms.iter().any(|form| form.name == name).then_some(name)
}

/// Only a choice among functions and tools that take free text can be said in other words.
fn allowed<'a>(choice: &Object<'a>, forms: &[ToolForm<'a>]) -> Option<ToolChoice<'a>> {
    let allowed = choice.given("allowed_tools")?.object()?;
    let names = allowed.given("tools")?.array()?.map(|tool| {
        let tool = tool.object()?;
        match tool.string("type").as_deref() {
            None | Some("function") => tool.given("function")?.object()?.string("name"),
            Some("custom") => custom_name(&tool, forms),
            Some(_) => None,
        }
    });
    let required = match &*allowed.string("mode")? {
        "required" => true,
        "auto" => false,
        _ => return None,
    };
    Some(ToolChoice::Allowed { names: names.collect::<Option<_>>()?, required })
}

pub(super) fn encode(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    let request = writing.request;
    if !request.tools.is_empty() {
        w.key("tools");
        w.begin_array();
        for (index, tool) in request.tools.iter().enumerate() {
            tool_entry(writing, index, tool, w)?;
        }
        w.end_array();
    }
    // "As you like" and "none" say nothing where there are no tools, and OpenAI refuses them there.
    let idle = request.tools.is_empty() && !writing.own;
    match &request.tool_choice {
        None => {}
        Some(ToolChoice::Auto | ToolChoice::None) if idle => {}
        Some(choice) => {
            w.key("tool_choice");
            encode_choice(writing, choice, w);
        }
    }
    if let Some(parallel) = request.parallel_tool_calls.filter(|_| !idle) {
        w.bool_member("parallel_tool_calls", parallel);
    }
    Ok(())
}

/// The form in which the client declared the tool, if the target takes that.
fn form<'r, 'a>(writing: &Writing<'_, 'r, 'a>, tool: &Tool<'_>) -> Option<&'r ToolForm<'a>> {
    let Tool::Function { name, .. } = tool else { return None };
    writing.form(name)
}

fn tool_entry(
    writing: &mut Writing<'_, '_, '_>,
    index: usize,
    tool: &Tool<'_>,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    if let Some(form) = form(writing, tool) {
        w.raw(form.raw);
        return Ok(());
    }
    match tool {
        Tool::Hosted { raw, .. } if writing.own => w.raw(*raw),
        Tool::Hosted { kind, .. } => {
            return Err(Unsupported {
                concept: Concept::Tools,
                path: Some(format!("tools[{index}]")),
                reason: format!("a tool of type `{kind}` cannot be run by the {} backend", writing.target.backend),
            });
        }
        Tool::Function { name, description, parameters, strict, cache_control, extra } => {
            w.begin_object();
            w.string_member("type", "function");
            w.key("function");
            w.begin_object();
            w.string_member("name", name);
            if let Some(description) = description {
                w.string_member("description", description);
            }
            w.key("parameters");
            schema(*parameters, writing.own, w);
            if let Some(strict) = strict {
                w.bool_member("strict", *strict);
            }
            let kept = Kept::new(extra);
            writing.restore(&kept, "function.", w);
            w.end_object();
            writing.restore(&kept, "", w);
            writing.cache_control(*cache_control, w);
            w.end_object();
            writing.lose(extra);
            writing.lose_free(&kept, "custom.");
        }
    }
    Ok(())
}

/// OpenAI refuses an object schema without `properties`, which Anthropic takes.
fn schema(parameters: Option<Raw<'_>>, own: bool, w: &mut Writer<'_>) {
    let Some(parameters) = parameters else { return w.json(NO_PARAMETERS.as_bytes()) };
    let object = parameters.object().filter(|_| !own);
    match object {
        Some(object) if object.get("properties").is_none() && object.string("type").as_deref() == Some("object") => {
            let mut edits = Edits::new();
            edits.append("properties", b"{}");
            w.json(&edits.apply_to_vec(&object));
        }
        _ => w.raw(parameters),
    }
}

fn encode_choice(writing: &Writing<'_, '_, '_>, choice: &ToolChoice<'_>, w: &mut Writer<'_>) {
    match choice {
        ToolChoice::Auto => w.string("auto"),
        ToolChoice::None => w.string("none"),
        ToolChoice::Required => w.string("required"),
        ToolChoice::Named(name) => named(writing, name, w),
        ToolChoice::Allowed { names, required } => {
            w.begin_object();
            w.string_member("type", "allowed_tools");
            w.key("allowed_tools");
            w.begin_object();
            w.string_member("mode", if *required { "required" } else { "auto" });
            w.key("tools");
            w.begin_array();
            for name in names {
                named(writing, name, w);
            }
            w.end_array();
            w.end_object();
            w.end_object();
        }
    }
}

fn named(writing: &Writing<'_, '_, '_>, name: &str, w: &mut Writer<'_>) {
    let kind = if writing.form(name).is_some() { "custom" } else { "function" };
    w.begin_object();
    w.string_member("type", kind);
    w.key(kind);
    w.begin_object();
    w.string_member("name", name);
    w.end_object();
    w.end_object();
}
