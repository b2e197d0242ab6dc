//! The conversation, read.

use super::parts;
use super::path::{self, Path};
use crate::dialect::free_text;
use crate::ids;
use crate::ir::{ApiError, Message, Opaque, Part, Request, Role, Tool, ToolCall, ToolForm, ToolResult};
use crate::json::{Object, Raw};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet, VecDeque};

/// The calls of the conversation so far, so that results find their names.
#[derive(Default)]
struct History<'a> {
    calls: Vec<Called<'a>>,
    /// Calls that have no result yet, by id and by name, the oldest first; answered ones are taken out late.
    by_id: Places<'a>,
    by_name: Places<'a>,
    /// All calls before this one have their results.
    first_open: usize,
    /// Calls with free text, by the name of their tool.
    free: BTreeMap<Cow<'a, str>, Raw<'a>>,
}

type Places<'a> = BTreeMap<Cow<'a, str>, VecDeque<usize>>;

struct Called<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    answered: bool,
}

/// Reads the conversation into the request, whose tools were read before.
pub(super) fn decode<'a>(value: Raw<'a>, path: &Path<'_>, request: &mut Request<'a>) -> Result<(), ApiError> {
    let mut history = History::default();
    for (index, message) in path::array(value, path)?.enumerate() {
        request.messages.push(one(message, &path.index(index), &mut history)?);
    }
    if request.messages.is_empty() {
        return Err(ApiError::invalid(path.to_string(), format!("`{path}` must not be empty")));
    }
    undeclared(history.free, request);
    Ok(())
}

/// Tools that were called with free text and are no longer there have their form from the call.
fn undeclared<'a>(free: BTreeMap<Cow<'a, str>, Raw<'a>>, request: &mut Request<'a>) {
    if free.is_empty() {
        return;
    }
    let declared: HashSet<_> = request
        .tools
        .iter()
        .filter_map(|tool| match tool {
            Tool::Function { name, .. } => Some(name),
            Tool::Hosted { .. } => None,
        })
        .collect();
    let undeclared = free.into_iter().filter(|(name, _)| !declared.contains(name));
    request.tool_forms.extend(undeclared.map(|(name, raw)| ToolForm {
        own_name: name.clone(),
        name,
        namespace: None,
        custom: true,
        search: false,
        raw,
    }));
}

fn one<'a>(value: Raw<'a>, path: &Path<'_>, history: &mut History<'a>) -> Result<Message<'a>, ApiError> {
    let object = path::object(value, path)?;
    match &*path::string_needed(&object, "role", path)? {
        "system" => plain(Role::System, &object, path),
        "developer" => plain(Role::Developer, &object, path),
        "user" => plain(Role::User, &object, path),
        "assistant" => assistant(&object, path, history),
        "tool" => tool(&object, path, history),
        "function" => function(&object, path, history),
        other => {
            let (path, other) = (path.key("role"), other.chars().take(40).collect::<String>());
            let roles = "system, developer, user, assistant or tool";
            Err(ApiError::invalid(path.to_string(), format!("`{path}` must be {roles}, not `{other}`")))
        }
    }
}

fn plain<'a>(role: Role, object: &Object<'a>, path: &Path<'_>) -> Result<Message<'a>, ApiError> {
    let mut message = Message::new(role, Vec::new());
    if object.given("content").is_none() {
        return Err(path::missing(&path.key("content")));
    }
    content(object, path, &mut message)?;
    message.name = path::string_in(object, "name", path)?;
    path::keep_unknown(object, &["role", "content", "name"], path, &mut message.extra);
    Ok(message)
}

/// Reads `content` to the end of the message's parts: one part for each element.
fn content<'a>(object: &Object<'a>, path: &Path<'_>, message: &mut Message<'a>) -> Result<(), ApiError> {
    let Some(value) = object.given("content") else { return Ok(()) };
    let path = path.key("content");
    if let Some(text) = value.string() {
        message.parts.push(Part::text(text));
        return Ok(());
    }
    let Some(elements) = value.array() else { return Err(path::wrong(&path, "a string or an array", value)) };
    for (index, element) in elements.enumerate() {
        let part = parts::decode(element, &path.index(index), &mut message.extra)?;
        message.parts.push(part);
    }
    Ok(())
}

fn assistant<'a>(object: &Object<'a>, path: &Path<'_>, history: &mut History<'a>) -> Result<Message<'a>, ApiError> {
    let mut message = Message::new(Role::Assistant, Vec::new());
    let mut known = vec!["role", "content", "name", "refusal", "tool_calls", "function_call"];
    // Two spellings of one thing; the first that holds text counts, the other is carried on as it is.
    for key in ["reasoning_content", "reasoning"] {
        let null = object.get(key).is_some_and(Raw::is_null);
        let text = object.string(key).filter(|_| message.parts.is_empty());
        if text.is_some() || null {
            known.push(key);
        }
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            message.parts.push(Part::Reasoning { text, signature: None });
        }
    }
    content(object, path, &mut message)?;
    if let Some(text) = path::string_in(object, "refusal", path)? {
        message.parts.push(Part::Refusal { text });
    }
    if let Some(calls) = object.given("tool_calls") {
        let path = path.key("tool_calls");
        for (index, call) in path::array(calls, &path)?.enumerate() {
            let part = tool_call(call, &path.index(index), history, &mut message)?;
            message.parts.push(part);
        }
    }
    if let Some(call) = object.given("function_call") {
        let path = path.key("function_call");
        let part = function_parts(&path::object(call, &path)?, None, &path, history)?;
        message.parts.push(Part::ToolCall(part));
    }
    message.name = path::string_in(object, "name", path)?;
    // Clients replay whole answers; what is empty there says nothing.
    for (key, empty) in [("audio", "null"), ("annotations", "null"), ("annotations", "[]")] {
        if object.get(key).is_some_and(|value| value.bytes() == empty.as_bytes()) {
            known.push(key);
        }
    }
    path::keep_unknown(object, &known, path, &mut message.extra);
    Ok(message)
}

fn tool_call<'a>(
    value: Raw<'a>,
    path: &Path<'_>,
    history: &mut History<'a>,
    message: &mut Message<'a>,
) -> Result<Part<'a>, ApiError> {
    let object = path::object(value, path)?;
    let id = path::string_in(&object, "id", path)?;
    let kind = path::string_in(&object, "type", path)?.unwrap_or(Cow::Borrowed("function"));
    if kind == "custom" {
        return custom_call(&object, value, path, history, message).map(Part::ToolCall);
    }
    if kind != "function" {
        history.add(id.ok_or_else(|| path::missing(&path.key("id")))?, Cow::Borrowed(""));
        return Ok(Part::Opaque(Opaque { kind, raw: value }));
    }
    let inner_path = path.key("function");
    let function = path::object(object.given("function").ok_or_else(|| path::missing(&inner_path))?, &inner_path)?;
    let mut call = function_parts(&function, id, &inner_path, history)?;
    call.cache_control = object.given("cache_control");
    path::keep_unknown(&object, &["id", "type", "function", "cache_control"], path, &mut message.extra);
    path::keep_unknown(&function, &["name", "arguments"], &inner_path, &mut message.extra);
    Ok(Part::ToolCall(call))
}

/// A call with free text, as the call of the function that stands for its tool.
fn custom_call<'a>(
    object: &Object<'a>,
    raw: Raw<'a>,
    path: &Path<'_>,
    history: &mut History<'a>,
    message: &mut Message<'a>,
) -> Result<ToolCall<'a>, ApiError> {
    let id = path::string_needed(object, "id", path)?;
    let inner_path = path.key("custom");
    let custom = path::object(object.given("custom").ok_or_else(|| path::missing(&inner_path))?, &inner_path)?;
    let name = path::string_needed(&custom, "name", &inner_path)?;
    let arguments = free_text::arguments(&path::string_needed(&custom, "input", &inner_path)?);
    path::keep_unknown(object, &["id", "type", "custom", "cache_control"], path, &mut message.extra);
    path::keep_unknown(&custom, &["name", "input"], &inner_path, &mut message.extra);
    history.add(id.clone(), name.clone());
    history.free.insert(name.clone(), raw);
    Ok(ToolCall { id, name, arguments: Cow::Owned(arguments), cache_control: object.given("cache_control") })
}

fn function_parts<'a>(
    function: &Object<'a>,
    id: Option<Cow<'a, str>>,
    path: &Path<'_>,
    history: &mut History<'a>,
) -> Result<ToolCall<'a>, ApiError> {
    let name = path::string_needed(function, "name", path)?;
    let arguments = match function.given("arguments") {
        None => Cow::Borrowed("{}"),
        // Some clients send the object itself.
        Some(value) if value.object().is_some() => value.text(),
        Some(value) => path::string(value, &path.key("arguments"))?,
    };
    let arguments = if arguments.trim_ascii().is_empty() { Cow::Borrowed("{}") } else { arguments };
    let made = || Cow::Owned(ids::history_call_id(history.calls.len()));
    let id = id.filter(|id| !id.is_empty()).unwrap_or_else(made);
    history.add(id.clone(), name.clone());
    Ok(ToolCall { id, name, arguments, cache_control: None })
}

fn tool<'a>(object: &Object<'a>, path: &Path<'_>, history: &mut History<'a>) -> Result<Message<'a>, ApiError> {
    let mut message = Message::new(Role::Tool, Vec::new());
    message.name = path::string_in(object, "name", path)?;
    let id = path::string_in(object, "tool_call_id", path)?.filter(|id| !id.is_empty());
    let (call_id, called) = match id {
        Some(id) => {
            let name = history.answer(&id);
            (id, name)
        }
        None => history.answer_next(message.name.as_deref()).ok_or_else(|| path::missing(&path.key("tool_call_id")))?,
    };
    result(object, path, call_id, called, message)
}

/// The answer to a `function_call`, from before calls had ids.
fn function<'a>(object: &Object<'a>, path: &Path<'_>, history: &mut History<'a>) -> Result<Message<'a>, ApiError> {
    let name = path::string_needed(object, "name", path)?;
    let (call_id, called) = history
        .answer_next(Some(&name))
        .unwrap_or_else(|| (Cow::Owned(ids::history_call_id(history.calls.len())), None));
    result(object, path, call_id, called.or(Some(name)), Message::new(Role::Tool, Vec::new()))
}

fn result<'a>(
    object: &Object<'a>,
    path: &Path<'_>,
    call_id: Cow<'a, str>,
    called: Option<Cow<'a, str>>,
    mut message: Message<'a>,
) -> Result<Message<'a>, ApiError> {
    content(object, path, &mut message)?;
    path::keep_unknown(object, &["role", "content", "name", "tool_call_id"], path, &mut message.extra);
    let parts = std::mem::take(&mut message.parts);
    let name = message.name.clone().or(called);
    message.parts.push(Part::ToolResult(ToolResult { call_id, name, is_error: false, parts, cache_control: None }));
    Ok(message)
}

impl<'a> History<'a> {
    fn add(&mut self, id: Cow<'a, str>, name: Cow<'a, str>) {
        let number = self.calls.len();
        self.by_id.entry(id.clone()).or_default().push_back(number);
        self.by_name.entry(name.clone()).or_default().push_back(number);
        self.calls.push(Called { id, name, answered: false });
    }

    /// Marks a call as answered; gives its name. Ids may repeat in long conversations: the oldest open one counts.
    fn answer(&mut self, id: &str) -> Option<Cow<'a, str>> {
        let places = self.by_id.get_mut(id)?;
        // The last one stays, for a second result to the same call.
        while places.len() > 1 && places.front().is_some_and(|&number| self.calls[number].answered) {
            places.pop_front();
        }
        let number = *places.front()?;
        let call = self.calls.get_mut(number)?;
        call.answered = true;
        Some(call.name.clone()).filter(|name| !name.is_empty())
    }

    /// The oldest call without a result, of that name if one is given.
    fn answer_next(&mut self, name: Option<&str>) -> Option<(Cow<'a, str>, Option<Cow<'a, str>>)> {
        let number = match name {
            Some(name) => {
                let calls = &self.calls;
                let places = self.by_name.get_mut(name)?;
                while places.front().is_some_and(|&number| calls[number].answered) {
                    places.pop_front();
                }
                places.pop_front()?
            }
            None => {
                while self.calls.get(self.first_open).is_some_and(|call| call.answered) {
                    self.first_open += 1;
                }
                self.first_open
            }
        };
        let call = self.calls.get_mut(number)?;
        call.answered = true;
        Some((call.id.clone(), Some(call.name.clone())))
    }
}
