//! Tools and the choice among them, written.

use super::encode::Writing;
use crate::dialect::Unsupported;
use crate::ir::{Concept, Tool, ToolChoice, ToolForm};
use crate::json::{Edits, Object, Raw, Writer};

/// The schema of a function that takes nothing: a function without one is refused.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

pub(super) fn encode(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    let request = writing.request;
    if !request.tools.is_empty() {
        w.key("tools");
        w.begin_array();
        let mut last = None;
        for (index, tool) in request.tools.iter().enumerate() {
            match form(writing, tool) {
                // A group is one entry for all of its tools.
                Some(form) if last == Some(form.raw.bytes().as_ptr()) => {}
                Some(form) if writing.own => {
                    last = Some(form.raw.bytes().as_ptr());
                    w.raw(form.raw);
                }
                Some(form) => match chat_custom(form.raw) {
                    Some(custom) => free_text(&custom, w),
                    None => entry(writing, index, tool, w)?,
                },
                None => entry(writing, index, tool, w)?,
            }
        }
        w.end_array();
    }
    // "As you like" and "none" say nothing where there are no tools.
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

/// The form in which the client declared the tool, if it was not as a function.
fn form<'r, 'a>(writing: &Writing<'_, 'r, 'a>, tool: &Tool<'_>) -> Option<&'r ToolForm<'a>> {
    let Tool::Function { name, .. } = tool else { return None };
    writing.form(name)
}

fn entry(
    writing: &mut Writing<'_, '_, '_>,
    index: usize,
    tool: &Tool<'_>,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    match tool {
        Tool::Hosted { raw, .. } if writing.own => w.raw(*raw),
        Tool::Hosted { kind, .. } => {
            let what = format!("a tool of type `{kind}` cannot be run");
            let path = Some(format!("tools[{index}]"));
            return Err(Unsupported { path, ..writing.unsupported(Concept::Tools, &what) });
        }
        Tool::Function { name, description, parameters, strict, cache_control, extra } => {
            w.begin_object();
            w.string_member("type", "function");
            w.string_member("name", name);
            if let Some(description) = description {
                w.string_member("description", description);
            }
            w.key("parameters");
            schema(*parameters, writing.own, w);
            // Not said, it is on here and off everywhere else.
            match strict {
                Some(strict) => w.bool_member("strict", *strict),
                None if writing.own => {}
                None => w.bool_member("strict", false),
            }
            w.end_object();
            writing.lose_mark(*cache_control);
            writing.lose(extra);
        }
    }
    Ok(())
}

/// OpenAI refuses an object schema without `properties`, which Anthropic takes.
fn schema(parameters: Option<Raw<'_>>, own: bool, w: &mut Writer<'_>) {
    let Some(parameters) = parameters else { return w.json(NO_PARAMETERS.as_bytes()) };
    let is_object = |object: &Object<'_>| object.string("type").as_deref() == Some("object");
    match parameters.object().filter(is_object) {
        Some(object) if !own && object.get("properties").is_none() => {
            let mut edits = Edits::new();
            edits.append("properties", b"{}");
            w.json(&edits.apply_to_vec(&object));
        }
        _ => w.raw(parameters),
    }
}

/// A tool that takes free text, as the chat API declares it.
fn chat_custom(raw: Raw<'_>) -> Option<Object<'_>> {
    let custom = raw.object()?.given("custom")?.object()?;
    // Without a name it is refused like one of an unknown kind.
    custom.string("name").is_some().then_some(custom)
}

/// The same here: flat, its grammar too.
fn free_text(custom: &Object<'_>, w: &mut Writer<'_>) {
    w.begin_object();
    w.string_member("type", "custom");
    for member in custom.members() {
        let grammar = member.value.object().and_then(|format| format.given("grammar")?.object());
        match grammar.filter(|_| member.key == "format") {
            None => w.raw_member(&member.key, member.value),
            Some(grammar) => {
                w.key("format");
                w.begin_object();
                w.string_member("type", "grammar");
                grammar.members().iter().for_each(|member| w.raw_member(&member.key, member.value));
                w.end_object();
            }
        }
    }
    w.end_object();
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
            w.string_member("mode", if *required { "required" } else { "auto" });
            w.key("tools");
            w.begin_array();
            names.iter().for_each(|name| named(writing, name, w));
            w.end_array();
            w.end_object();
        }
    }
}

fn named(writing: &Writing<'_, '_, '_>, name: &str, w: &mut Writer<'_>) {
    let form = writing.form(name);
    w.begin_object();
    w.string_member("type", if form.is_some_and(|form| form.custom) { "custom" } else { "function" });
    w.string_member("name", form.map_or(name, |form| &form.own_name));
    if let Some(namespace) = form.and_then(|form| form.namespace.as_deref()) {
        w.string_member("namespace", namespace);
    }
    w.end_object();
}
