//! A judge of streams that knows nothing of the encoder: what OpenAI's clients rely on.

use serde_json::Value;
use std::collections::BTreeMap;

/// What a client makes of a stream.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) content: String,
    pub(crate) reasoning: String,
    pub(crate) refusal: String,
    /// Id, name, arguments.
    pub(crate) calls: Vec<(String, String, String)>,
    pub(crate) finish: Option<String>,
    pub(crate) usage: Option<Value>,
    pub(crate) done: bool,
    pub(crate) error: Option<Value>,
}

/// Reads a stream as a strict client does; says what is illegal in it.
pub(crate) fn check(stream: &str, ended: bool) -> Result<Seen, String> {
    let mut seen = Seen::default();
    let mut heads = BTreeMap::new();
    if !stream.is_empty() && !stream.ends_with("\n\n") {
        return Err("the last event is not ended".into());
    }
    for (number, event) in stream.split_terminator("\n\n").enumerate() {
        if event.starts_with(':') {
            continue;
        }
        let data = event.strip_prefix("data: ").ok_or_else(|| format!("not a data line: {event}"))?;
        if data.contains('\n') {
            return Err("an event of several lines".into());
        }
        if seen.done || seen.error.is_some() {
            return Err("something after the end".into());
        }
        if data == "[DONE]" {
            seen.done = true;
            continue;
        }
        let value: Value = serde_json::from_str(data).map_err(|error| format!("{error}: {data}"))?;
        if let Some(error) = value.get("error") {
            if !error["message"].is_string() || !error["type"].is_string() {
                return Err(format!("a strange error: {data}"));
            }
            seen.error = Some(error.clone());
            continue;
        }
        chunk(&value, number, &mut heads, &mut seen).map_err(|reason| format!("{reason}: {data}"))?;
    }
    match (ended, seen.done, &seen.error) {
        (true, true, None) if seen.finish.is_some() => Ok(seen),
        (true, false, Some(_)) | (false, false, None) if seen.finish.is_none() => Ok(seen),
        _ => Err(format!("ended wrongly: {seen:?}")),
    }
}

fn chunk(value: &Value, number: usize, heads: &mut BTreeMap<String, Value>, seen: &mut Seen) -> Result<(), String> {
    if value["object"] != "chat.completion.chunk" || !value["created"].is_u64() || !value["choices"].is_array() {
        return Err("not a chunk".into());
    }
    for key in ["id", "model", "created"] {
        if heads.entry(key.into()).or_insert_with(|| value[key].clone()) != &value[key] {
            return Err(format!("{key} changes"));
        }
    }
    let choices = value["choices"].as_array().unwrap();
    if let Some(usage) = value.get("usage").filter(|usage| !usage.is_null()) {
        if !choices.is_empty() || seen.finish.is_none() || seen.usage.is_some() {
            return Err("usage out of place".into());
        }
        seen.usage = Some(usage.clone());
        return Ok(());
    }
    let [choice] = choices.as_slice() else { return Err("not one choice".into()) };
    if seen.finish.is_some() {
        return Err("a choice after the finish".into());
    }
    let delta = choice["delta"].as_object().ok_or("no delta")?;
    if choice["index"] != 0 || delta.contains_key("role") != (number == 0) {
        return Err("the role chunk is not the first, or not alone".into());
    }
    for (key, to) in
        [("content", &mut seen.content), ("reasoning_content", &mut seen.reasoning), ("refusal", &mut seen.refusal)]
    {
        match delta.get(key).map(|text| text.as_str()) {
            Some(Some("")) if number > 0 => return Err("an empty delta".into()),
            Some(Some(text)) => to.push_str(text),
            Some(None) => return Err(format!("{key} is no text")),
            None => {}
        }
    }
    for entry in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        call(entry, seen)?;
    }
    seen.finish = choice["finish_reason"].as_str().map(str::to_owned);
    Ok(())
}

fn call(entry: &Value, seen: &mut Seen) -> Result<(), String> {
    let index = entry["index"].as_u64().and_then(|index| usize::try_from(index).ok()).ok_or("a call without index")?;
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    if index == seen.calls.len() {
        let id = text(&entry["id"]).ok_or("a call opened without id")?;
        if seen.calls.iter().any(|(other, ..)| *other == id) {
            return Err("two calls with one id".into());
        }
        let name = text(&entry["function"]["name"]).ok_or("a call opened without name")?;
        seen.calls.push((id, name, String::new()));
    } else if entry.get("id").is_some() {
        return Err("a call opened twice".into());
    }
    let call = seen.calls.get_mut(index).ok_or("a gap in the calls' indexes")?;
    call.2.push_str(entry["function"]["arguments"].as_str().ok_or("no arguments")?);
    Ok(())
}
