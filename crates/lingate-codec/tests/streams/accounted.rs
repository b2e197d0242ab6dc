//! Nothing of a request is lost in silence: whatever is taken out of a client's body shows, in what goes upstream, in
//! what is told as lost, or in a refusal. What does not show says nothing, and stands in [`says_nothing`].

use crate::config;
use crate::requests::{anthropic_request, ollama_request, openai_request, responses_request};
use crate::support::{ALL, target};
use lingate_codec::dialect::{Dialect, DialectId, path_of};
use lingate_codec::ir::{Loss, Operation};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What became of a request: the body upstream and everything that was told, or the path that was refused.
#[derive(Debug, PartialEq)]
enum Outcome {
    Sent(String, Vec<String>),
    Refused(String),
}

fn outcome(body: &Value, from: &dyn Dialect, to: &dyn Dialect) -> Outcome {
    let text = body.to_string();
    let request = match from.decode_request(Operation::Chat, text.as_bytes()) {
        Ok(request) => request,
        Err(error) => return Outcome::Refused(error.param.unwrap_or_default()),
    };
    let (mut loss, mut out) = (Loss::new(), Vec::new());
    if let Err(refused) = to.encode_request(&request, &target(to), &mut loss, &mut out) {
        return Outcome::Refused(refused.path.unwrap_or_else(|| path_of(from, refused.concept).to_owned()));
    }
    let spelt = |concept| path_of(from, concept);
    let mut told = loss.paths_in(text.as_bytes(), spelt);
    told.extend(loss.quiet_paths_in(text.as_bytes(), spelt));
    Outcome::Sent(String::from_utf8(out).expect("bodies are text"), told)
}

/// Takes out top-level members until the rest is taken; `None` if that does not help.
fn without_refusals(mut body: Value, from: &dyn Dialect, to: &dyn Dialect) -> Option<(Value, Outcome)> {
    loop {
        match outcome(&body, from, to) {
            Outcome::Refused(path) => {
                let member = path.split(['.', '[']).next().filter(|member| !["messages", "input"].contains(member))?;
                body.as_object_mut()?.remove(member)?;
            }
            sent => return Some((body, sent)),
        }
    }
}

/// JSON pointers of all members, and their paths as lingate writes them.
fn members(value: &Value, pointer: &str, path: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let pointer = format!("{pointer}/{key}");
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                members(value, &pointer, &path, out);
                out.push((pointer, path));
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                members(value, &format!("{pointer}/{index}"), &format!("{path}[{index}]"), out);
            }
        }
        _ => {}
    }
}

fn take_out(body: &Value, pointer: &str) -> Value {
    let mut body = body.clone();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a slash");
    if let Some(object) = body.pointer_mut(parent).and_then(Value::as_object_mut) {
        object.remove(key);
    }
    body
}

/// The short list of members that may go without a trace.
fn says_nothing(path: &str, value: &Value, body: &Value) -> bool {
    let idle = body.get("tools").and_then(Value::as_array).is_none_or(Vec::is_empty);
    let mut plain = String::new();
    let mut inside = false;
    for c in path.chars() {
        inside = (inside || c == '[') && c != ']';
        if !inside && c != ']' {
            plain.push(c);
        }
    }
    match plain.as_str() {
        // lingate's own: how the answer comes, and whether a stream's usage is shown.
        "stream" | "stream_options.include_usage" => true,
        // Said a second time by the order of calls and results.
        "messages.tool_call_id" | "messages.tool_name" => true,
        // An item that is one of the conversation's messages anyway.
        "input.type" => value == "message",
        // Asks for probabilities, as does the other; and for sealed thoughts, which only OpenAI must be asked for.
        "include" => body.get("top_logprobs").is_some(),
        // An item's own name, which only its provider knows; calls and results have another one.
        "input.id" => true,
        "input.summary.type" => value == "summary_text",
        // A call without arguments.
        "input.arguments" => value == "{}",
        // What everyone is given who does not say.
        "service_tier" => value == "auto",
        // Keeping answers is lingate's own matter, and of the others none but OpenAI does it; asked to, they tell.
        "store" => value == false,
        // The only kind that has no other word.
        "tools.type" | "messages.tool_calls.type" => value == "function",
        // What a dialect must write where another is silent.
        "tools.function.parameters" => *value == json!({"type": "object"}),
        "tools.parameters" => *value == json!({"type": "object", "properties": {}}),
        "messages.content" => value.is_null() || value == "",
        "modalities" => *value == json!(["text"]),
        // A label of the schema; and that it is kept to, which the others always do.
        "response_format.json_schema.name"
        | "response_format.json_schema.strict"
        | "text.format.name"
        | "text.format.strict" => true,
        // How tools are called, where there are none.
        "parallel_tool_calls" | "tool_choice.disable_parallel_tool_use" => idle,
        _ => false,
    }
}

/// Whether a member, or one that it stands in, was told.
fn is_told(path: &str, sent: &Outcome) -> bool {
    let Outcome::Sent(_, told) = sent else { return true };
    // Where only the name is known, the indices are left out.
    let digits = |c: char| c.is_ascii_digit();
    let nameless = path.split('[').map(|piece| piece.trim_start_matches(digits)).collect::<Vec<_>>().join("[");
    told.iter().any(|told| {
        let within = |path: &str| {
            path.strip_prefix(told.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        within(path) || within(&nameless)
    })
}

fn every_member_shows(body: &Value, from: DialectId) -> Result<(), TestCaseError> {
    for to in ALL {
        let (from, to) = (from.dialect(), to.dialect());
        let Some((body, sent)) = without_refusals(body.clone(), from, to) else { continue };
        let mut all = Vec::new();
        members(&body, "", "", &mut all);
        for (pointer, path) in all {
            let value = body.pointer(&pointer).expect("a member of the body");
            let shows = is_told(&path, &sent)
                || says_nothing(&path, value, &body)
                || outcome(&take_out(&body, &pointer), from, to) != sent;
            prop_assert!(shows, "{} to {}: `{}` went without a trace: {}", from.name(), to.name(), path, body);
        }
    }
    Ok(())
}

/// Each case is some hundred requests.
fn fewer() -> ProptestConfig {
    let all = config();
    ProptestConfig { cases: all.cases.div_ceil(8), ..all }
}

proptest! {
    #![proptest_config(fewer())]

    #[test]
    fn of_an_openai_request(body in openai_request()) {
        every_member_shows(&body, DialectId::OpenAiChat)?;
    }

    #[test]
    fn of_an_anthropic_request(body in anthropic_request()) {
        every_member_shows(&body, DialectId::AnthropicMessages)?;
    }

    #[test]
    fn of_an_ollama_request(body in ollama_request()) {
        every_member_shows(&body, DialectId::Ollama)?;
    }
    #[test]
    fn of_a_responses_request(body in responses_request()) {
        every_member_shows(&body, DialectId::OpenAiResponses)?;
    }
}
