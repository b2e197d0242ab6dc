//! What of a chat completion request the demo models look at.

use std::borrow::Cow;

use lingate_codec::json::{Object, Raw};

use super::Fault;
use super::text::{count_words, image};

/// In bytes; the name is repeated in each event of a stream.
const MAX_MODEL_NAME: usize = 256;
/// More stop sequences are not looked at.
const MAX_STOPS: usize = 16;

/// A request, read from its body.
pub(super) struct Request<'a> {
    pub(super) model: Cow<'a, str>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    /// `reasoning_effort` is not `none`.
    pub(super) may_think: bool,
    pub(super) max_words: Option<usize>,
    pub(super) stop: Vec<Cow<'a, str>>,
    /// Never empty.
    pub(super) messages: Vec<Message<'a>>,
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) choice: Choice<'a>,
    pub(super) format: Format<'a>,
}

/// One message.
pub(super) struct Message<'a> {
    pub(super) role: Cow<'a, str>,
    /// Text parts, a line each.
    pub(super) text: Cow<'a, str>,
    /// The pictures, in words.
    pub(super) images: Vec<String>,
    /// Id and name of an assistant's calls.
    pub(super) calls: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Which call a tool's result belongs to.
    pub(super) call_id: Cow<'a, str>,
    /// All words, those of calls too.
    pub(super) words: usize,
}

/// A function that may be called.
pub(super) struct Tool<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) parameters: Option<Raw<'a>>,
}

/// What `tool_choice` asks for.
pub(super) enum Choice<'a> {
    None,
    Auto,
    Required,
    Named(Cow<'a, str>),
}

/// What `response_format` asks for.
pub(super) enum Format<'a> {
    Text,
    Json,
    Schema(Raw<'a>),
}

impl<'a> Request<'a> {
    /// Reads a body.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Fault> {
        let object = Object::parse(body).map_err(|error| Fault {
            status: 400,
            message: format!("The request is not a JSON object: {error}."),
            param: None,
            code: None,
        })?;
        let model = object.string("model").filter(|model| model.len() <= MAX_MODEL_NAME);
        let model =
            model.ok_or_else(|| Fault::invalid("model", "`model` must be a string, and not a very long one."))?;
        if object.given("n").is_some_and(|n| n.u64() != Some(1)) {
            return Err(Fault::invalid("n", "The demo models give one answer: leave `n` out."));
        }
        let mut tools = tools(&object)?;
        let choice = choice(&object, &mut tools)?;
        let options = object.given("stream_options").and_then(|options| options.object());
        Ok(Self {
            model,
            stream: flag(&object, "stream")?,
            include_usage: options
                .is_some_and(|options| options.get("include_usage").and_then(Raw::bool) == Some(true)),
            may_think: object.string("reasoning_effort").is_none_or(|effort| effort != "none"),
            max_words: max_words(&object)?,
            stop: stop(&object)?,
            messages: messages(&object)?,
            tools,
            choice,
            format: format(&object),
        })
    }

    /// The last thing that the user said.
    pub(super) fn last_user(&self) -> Option<&Message<'a>> {
        self.messages.iter().rev().find(|message| message.role == "user")
    }

    /// The words of all messages.
    pub(super) fn words(&self) -> usize {
        self.messages.iter().map(|message| message.words).sum()
    }
}

impl Message<'_> {
    /// Whether it is a tool's result (`function` in the old form).
    pub(super) fn is_tool_result(&self) -> bool {
        self.role == "tool" || self.role == "function"
    }
}

fn flag(object: &Object<'_>, key: &'static str) -> Result<bool, Fault> {
    match object.given(key) {
        None => Ok(false),
        Some(value) => value.bool().ok_or_else(|| Fault::invalid(key, format!("`{key}` must be true or false."))),
    }
}

fn max_words(object: &Object<'_>) -> Result<Option<usize>, Fault> {
    for key in ["max_completion_tokens", "max_tokens"] {
        let Some(value) = object.given(key) else { continue };
        let number = value.u64().filter(|number| *number > 0);
        let number = number.ok_or_else(|| Fault::invalid(key, format!("`{key}` must be a whole number above 0.")))?;
        return Ok(Some(usize::try_from(number).unwrap_or(usize::MAX)));
    }
    Ok(None)
}

fn stop<'a>(object: &Object<'a>) -> Result<Vec<Cow<'a, str>>, Fault> {
    let Some(value) = object.given("stop") else { return Ok(Vec::new()) };
    let all: Option<Vec<_>> = match value.array() {
        Some(elements) => elements.take(MAX_STOPS).map(Raw::string).collect(),
        None => value.string().map(|one| vec![one]),
    };
    let mut all = all.ok_or_else(|| Fault::invalid("stop", "`stop` must be a string or a list of strings."))?;
    all.retain(|stop| !stop.is_empty());
    Ok(all)
}

fn messages<'a>(object: &Object<'a>) -> Result<Vec<Message<'a>>, Fault> {
    let fault = |message| Fault::invalid("messages", message);
    let list = object.given("messages").and_then(Raw::array);
    let list = list.ok_or_else(|| fault("`messages` must be a list of messages."))?;
    let mut all = Vec::new();
    for raw in list {
        let message = raw.object().ok_or_else(|| fault("Each of `messages` must be an object."))?;
        all.push(read_message(&message)?);
    }
    if all.is_empty() { Err(fault("`messages` is empty: say something.")) } else { Ok(all) }
}

fn read_message<'a>(object: &Object<'a>) -> Result<Message<'a>, Fault> {
    let fault = |message| Fault::invalid("messages", message);
    let role = object.string("role").ok_or_else(|| fault("Each message needs a `role`."))?;
    let mut images = Vec::new();
    let text = match object.given("content") {
        None => Cow::Borrowed(""),
        Some(content) => match (content.string(), content.array()) {
            (Some(text), _) => text,
            (None, Some(parts)) => Cow::Owned(read_parts(parts, &mut images)),
            (None, None) => return Err(fault("A message's `content` must be a string or a list of parts.")),
        },
    };
    let mut words = count_words(&text);
    let mut calls = Vec::new();
    for call in object.given("tool_calls").and_then(Raw::array).into_iter().flatten() {
        let Some(call) = call.object() else { continue };
        let Some(function) = call.given("function").and_then(Raw::object) else { continue };
        let name = function.string("name").unwrap_or_default();
        words += 1 + function.string("arguments").map_or(0, |arguments| count_words(&arguments));
        calls.push((call.string("id").unwrap_or_default(), name));
    }
    let call_id = object.string("tool_call_id").unwrap_or_default();
    Ok(Message { role, text, images, calls, call_id, words })
}

/// The text of a list of parts, a line each; parts that are neither text nor picture are passed over.
fn read_parts<'a>(parts: impl Iterator<Item = Raw<'a>>, images: &mut Vec<String>) -> String {
    let mut text = String::new();
    for part in parts.filter_map(Raw::object) {
        if let Some(line) = part.string("text") {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&line);
        } else if let Some(link) = part.given("image_url") {
            let url = link.string().or_else(|| link.object().and_then(|link| link.string("url")));
            images.push(image(&url.unwrap_or_default()));
        }
    }
    text
}

fn tools<'a>(object: &Object<'a>) -> Result<Vec<Tool<'a>>, Fault> {
    let Some(value) = object.given("tools") else { return Ok(Vec::new()) };
    let list = value.array().ok_or_else(|| Fault::invalid("tools", "`tools` must be a list."))?;
    let function = |tool: Raw<'a>| {
        let function = tool.object()?.given("function")?.object()?;
        Some(Tool { name: function.string("name")?, parameters: function.given("parameters") })
    };
    Ok(list.filter_map(function).collect())
}

/// Reads `tool_choice`; one that allows only some tools takes the others away.
fn choice<'a>(object: &Object<'a>, tools: &mut Vec<Tool<'a>>) -> Result<Choice<'a>, Fault> {
    let fault = |message: String| Fault::invalid("tool_choice", message);
    let unknown = || fault("`tool_choice` must be none, auto, required or the name of a function.".to_owned());
    let Some(value) = object.given("tool_choice") else { return Ok(Choice::Auto) };
    let name_of = |tool: &Object<'a>| tool.given("function")?.object()?.string("name");
    let mut mode = value.string();
    if let Some(object) = value.object() {
        if let Some(name) = name_of(&object) {
            if !tools.iter().any(|tool| tool.name == name) {
                return Err(fault(format!("`tool_choice` asks for `{name}`, which is not among `tools`.")));
            }
            return Ok(Choice::Named(name));
        }
        let allowed = object.given("allowed_tools").and_then(Raw::object).ok_or_else(unknown)?;
        let list = allowed.given("tools").and_then(Raw::array).ok_or_else(unknown)?;
        let names: Vec<_> = list.filter_map(|tool| name_of(&tool.object()?)).collect();
        tools.retain(|tool| names.contains(&tool.name));
        mode = allowed.string("mode");
    }
    match mode.as_deref() {
        Some("none") => Ok(Choice::None),
        Some("auto") => Ok(Choice::Auto),
        Some("required") if tools.is_empty() => {
            Err(fault("`tool_choice` asks for a tool, but there is none in `tools`.".to_owned()))
        }
        Some("required") => Ok(Choice::Required),
        _ => Err(unknown()),
    }
}

fn format<'a>(object: &Object<'a>) -> Format<'a> {
    let Some(format) = object.given("response_format").and_then(Raw::object) else { return Format::Text };
    let schema = format.given("json_schema").and_then(Raw::object).and_then(|outer| outer.given("schema"));
    match (format.string("type").as_deref(), schema) {
        (Some("json_schema"), Some(schema)) => Format::Schema(schema),
        (Some("json_schema" | "json_object"), _) => Format::Json,
        _ => Format::Text,
    }
}
