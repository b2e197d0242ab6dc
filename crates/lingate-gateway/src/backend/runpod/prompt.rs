//! A chat as one prompt, for workers that hand their input to Ollama's `/api/generate`.
//!
//! The form is that of an older proxy (seed 003): the tools with an instruction, then a paragraph a message, then
//! `Assistant:`. Unlike there, results of tools are kept, else a conversation with tools could not go on.

use lingate_codec::ir::ApiError;
use lingate_codec::json::{Object, Raw, Writer};

/// OpenAI's members that are options of Ollama, in its spelling.
const OPTIONS: [(&str, &str); 10] = [
    ("max_completion_tokens", "num_predict"),
    ("max_tokens", "num_predict"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
    ("min_p", "min_p"),
    ("seed", "seed"),
    ("stop", "stop"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
];

/// Writes the members of the input of a chat.
pub(super) fn of_chat(object: &Object<'_>, w: &mut Writer<'_>) -> Result<(), ApiError> {
    let mut paragraphs = Vec::new();
    paragraphs.extend(tools(object));
    for message in object.given("messages").and_then(Raw::array).into_iter().flatten() {
        if let Some(message) = message.object() {
            paragraphs.push(paragraph(&message)?);
        }
    }
    paragraphs.push("Assistant:".to_owned());
    members(object, &paragraphs.join("\n\n"), w);
    Ok(())
}

/// Writes the members of the input of a text to be continued.
pub(super) fn of_completion(object: &Object<'_>, w: &mut Writer<'_>) -> Result<(), ApiError> {
    let prompt = object.given("prompt").and_then(|prompt| {
        let mut all = prompt.array().map_or_else(|| vec![prompt], Iterator::collect);
        if all.len() == 1 { all.pop()?.string() } else { None }
    });
    let prompt = prompt.ok_or_else(|| refused("prompt", "it must be one text for this worker"))?;
    members(object, &prompt, w);
    Ok(())
}

fn refused(path: &str, why: &str) -> ApiError {
    let message = format!("`{path}` cannot be sent to the runpod backend: {why}");
    ApiError::invalid(path, message).with_code("unsupported_parameter")
}

fn members(object: &Object<'_>, prompt: &str, w: &mut Writer<'_>) {
    if let Some(model) = object.given("model") {
        w.raw_member("model", model);
    }
    w.string_member("prompt", prompt);
    // Such workers answer once: what they would stream, nobody forwards.
    w.bool_member("stream", false);
    if let Some(format) = object.given("response_format").and_then(Raw::object) {
        let schema = || format.given("json_schema")?.object()?.given("schema");
        match format.string("type").as_deref() {
            Some("json_object") => w.string_member("format", "json"),
            Some("json_schema") => schema().into_iter().for_each(|schema| w.raw_member("format", schema)),
            _ => {}
        }
    }
    w.key("options");
    w.begin_object();
    let mut written = "";
    for (name, option) in OPTIONS {
        if let Some(value) = object.given(name).filter(|_| option != written) {
            written = option;
            w.key(option);
            // Ollama wants a list.
            match value.string() {
                Some(text) if name == "stop" => {
                    w.begin_array();
                    w.string(&text);
                    w.end_array();
                }
                _ => w.raw(value),
            }
        }
    }
    w.end_object();
}

/// The tools and how to call them; `None` if there are none, or none may be called.
fn tools(object: &Object<'_>) -> Option<String> {
    if object.string("tool_choice").as_deref() == Some("none") {
        return None;
    }
    let mut text = "You can call these tools:\n".to_owned();
    let mut any = false;
    for tool in object.given("tools")?.array()? {
        let Some(function) = tool.object().and_then(|tool| tool.given("function")?.object()) else { continue };
        let Some(name) = function.string("name") else { continue };
        any = true;
        text.push_str(&format!("- {name}({})", parameters(&function).join(", ")));
        if let Some(description) = function.string("description") {
            text.push_str(": ");
            text.push_str(&description);
        }
        text.push('\n');
    }
    text.push_str(
        "To call one, answer with nothing but a block of this form:\n\
         ```tool_call\n{\"name\": \"NAME\", \"arguments\": {\"PARAMETER\": \"VALUE\"}}\n```",
    );
    any.then_some(text)
}

fn parameters(function: &Object<'_>) -> Vec<String> {
    let properties = function.given("parameters").and_then(|p| p.object()?.given("properties")?.object());
    let members = properties.iter().flat_map(|properties| properties.members());
    members.map(|member| member.key.clone().into_owned()).collect()
}

fn paragraph(message: &Object<'_>) -> Result<String, ApiError> {
    let role = message.string("role").unwrap_or_default();
    let title = match &*role {
        "system" | "developer" => "System",
        "assistant" => "Assistant",
        "tool" | "function" => "Tool",
        _ => "User",
    };
    let mut text = format!("{title}: {}", content(message)?);
    for call in message.given("tool_calls").and_then(Raw::array).into_iter().flatten() {
        let Some(function) = call.object().and_then(|call| call.given("function")?.object()) else { continue };
        let name = function.given("name").map(Raw::text).unwrap_or_default();
        let arguments = function.string("arguments").filter(|text| Raw::parse(text.as_bytes()).is_ok());
        let arguments = arguments.unwrap_or("{}".into());
        text.push_str(&format!("\n```tool_call\n{{\"name\": {name}, \"arguments\": {arguments}}}\n```"));
    }
    Ok(text)
}

/// A message's text; its parts joined by newlines.
fn content(message: &Object<'_>) -> Result<String, ApiError> {
    let Some(content) = message.given("content") else { return Ok(String::new()) };
    if let Some(text) = content.string() {
        return Ok(text.into_owned());
    }
    let mut texts = Vec::new();
    for part in content.array().into_iter().flatten() {
        let object = part.object();
        match object.as_ref().and_then(|part| part.string("text").or_else(|| part.string("refusal"))) {
            Some(text) => texts.push(text.into_owned()),
            None => return Err(refused("messages", "this worker takes texts alone, no images, sounds or files")),
        }
    }
    Ok(texts.join("\n"))
}
