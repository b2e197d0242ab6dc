//! Oddities of a stream's frames: which there are, what they hold, how they are written.

use serde_json::{Value, json};

use super::{
    form::{Form, Frame, Part, Said},
    refusal::TOLD,
    scenario::Scenario,
    tag::Count,
};

/// The tokens that an answer claims, as the scenario bends them.
pub(super) fn odd_count(scenario: &Scenario, count: Count) -> Option<Count> {
    match scenario.get("usage").and_then(|act| act.arg("")) {
        Some("none") => None,
        Some("absurd") => Some(Count { input: i64::MAX, output: 9_000_000_000_000, cached: i64::MAX }),
        Some("negative") => Some(Count { input: -5, output: -7, cached: -1 }),
        _ => Some(count),
    }
}

/// The frames of a stream, as the scenario bends them.
pub(super) fn change_frames(form: Form, said: &Said, mut frames: Vec<Frame>, scenario: &Scenario) -> Vec<Frame> {
    let has = |verb| scenario.has(verb);
    if has("no_done_nofinish") {
        frames.retain(|frame| matches!(frame.part, Part::Opening | Part::Word));
    }
    if has("no_done") {
        frames.retain(|frame| frame.part != Part::End);
    }
    if has("done_twice") {
        let ends: Vec<Frame> = frames.iter().filter(|frame| frame.part == Part::End).cloned().collect();
        frames.extend(ends);
    }
    if has("event_after_done") {
        frames.push(form.word(said, " after-the-end"));
    }
    if has("err_first_event") {
        frames.retain(|frame| frame.part == Part::Opening);
        frames.push(form.error_frame(TOLD));
    }
    if let Some(act) = scenario.get("err_event_after") {
        frames.insert(after_words(&frames, act.number(2)), form.error_frame(TOLD));
    }
    if let Some(act) = scenario.get("sse_badjson") {
        let bad = Frame { part: Part::Error, event: None, data: "{\"choices\":[".to_owned() };
        frames.insert(after_words(&frames, act.number(2)), bad);
    }
    match scenario.get("usage").and_then(|act| act.arg("")) {
        Some("late") => {
            frames.retain(|frame| frame.part != Part::Usage);
            frames.extend(form.usage(said));
        }
        Some("twice") => {
            let at = frames.iter().position(|frame| frame.part == Part::End).unwrap_or(frames.len());
            if let Some(usage) = form.usage(said) {
                frames.insert(at, usage);
            }
        }
        _ => {}
    }
    if has("delta_quirks") || has("empty_choices") {
        frames = interleaved(form, said, frames, scenario);
    }
    if has("null_fields") {
        frames.iter_mut().for_each(|frame| nulls(form, frame));
    }
    frames
}

/// The place behind so many words.
fn after_words(frames: &[Frame], words: usize) -> usize {
    let mut places = frames.iter().enumerate().filter(|(_, frame)| frame.part == Part::Word).map(|(at, _)| at + 1);
    places.nth(words.saturating_sub(1)).unwrap_or(frames.len())
}

/// Frames that say nothing between those that do.
fn interleaved(form: Form, said: &Said, frames: Vec<Frame>, scenario: &Scenario) -> Vec<Frame> {
    let mut out = Vec::new();
    for frame in frames {
        let word = frame.part == Part::Word;
        out.push(frame);
        if !word {
            continue;
        }
        if scenario.has("delta_quirks") {
            let mut empty = form.word(said, "");
            empty.part = Part::Opening;
            out.push(empty);
        }
        if form == Form::Chat {
            let chunk = |choices: Value| {
                let data = json!({"id": said.id, "object": "chat.completion.chunk", "created": 1_700_000_000,
                    "model": said.model, "choices": choices, "x_more": {"a": [1, null]}});
                Frame { part: Part::Opening, event: None, data: data.to_string() }
            };
            if scenario.has("empty_choices") {
                out.push(chunk(json!([])));
            }
            if scenario.has("delta_quirks") {
                let delta = json!({"role": "assistant", "content": null, "tool_calls": [], "x_odd": true});
                out.push(chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}])));
            }
        }
    }
    out
}

fn nulls(form: Form, frame: &mut Frame) {
    if let Ok(mut value) = serde_json::from_str::<Value>(&frame.data) {
        null_fields(form, &mut value);
        frame.data = value.to_string();
    }
}

/// Members that have nothing to say, said as null.
pub(super) fn null_fields(form: Form, value: &mut Value) {
    match form {
        Form::Chat | Form::Completions => {
            for key in ["system_fingerprint", "service_tier", "prompt_logprobs"] {
                value[key] = Value::Null;
            }
            if value.get("usage").is_none() {
                value["usage"] = Value::Null;
            }
            for part in ["delta", "message"] {
                let Some(inner) = value.pointer_mut(&format!("/choices/0/{part}")) else { continue };
                for key in ["refusal", "tool_calls", "function_call", "reasoning_content", "audio"] {
                    inner[key] = Value::Null;
                }
            }
        }
        Form::Messages => {
            if let Some(message) = value.get_mut("message") {
                message["container"] = Value::Null;
            }
            for at in ["/message/usage", "/usage"] {
                if let Some(usage) = value.pointer_mut(at) {
                    usage["cache_read_input_tokens"] = Value::Null;
                    usage["server_tool_use"] = Value::Null;
                }
            }
        }
        Form::OllamaChat | Form::OllamaGenerate => {
            if let Some(message) = value.get_mut("message") {
                message["thinking"] = Value::Null;
                message["tool_calls"] = Value::Null;
            }
            value["context"] = Value::Null;
        }
    }
}

/// The frame's bytes, as the scenario bends the framing.
pub(super) fn write_frame(form: Form, frame: &Frame, scenario: &Scenario, first: bool, last: bool) -> Vec<u8> {
    if form.is_ndjson() { line(frame, scenario, last) } else { event(frame, scenario, first, last) }.into_bytes()
}

fn line(frame: &Frame, scenario: &Scenario, last: bool) -> String {
    let has = |verb| scenario.has(verb);
    let end = match () {
        () if has("ndjson_crlf") => "\r\n",
        () if has("ndjson_no_lf") && last => "",
        () if has("ndjson_two") && frame.part == Part::Word => "",
        () => "\n",
    };
    let before = if has("ndjson_blank") { "\n  \n" } else { "" };
    format!("{before}{}{end}", frame.data)
}

fn event(frame: &Frame, scenario: &Scenario, first: bool, last: bool) -> String {
    let has = |verb| scenario.has(verb);
    let mut text = String::new();
    if first && has("sse_bom") {
        text.push('\u{feff}');
    }
    if has("sse_comments") {
        text.push_str(": a comment\nid: 7\nretry: 1000\nodd\nother: field\n");
    }
    let colon = if has("sse_no_space") { ":" } else { ": " };
    if let Some(name) = &frame.event {
        text.push_str(&format!("event{colon}{name}\n"));
    }
    // A comma that stands between two members: the first one, for ids and types come first and hold none.
    match frame.data.split_once(',').filter(|_| has("sse_multi_line")) {
        Some((start, rest)) => text.push_str(&format!("data{colon}{start},\ndata{colon}{rest}\n")),
        None => text.push_str(&format!("data{colon}{}\n", frame.data)),
    }
    if !(last && has("sse_no_blank")) {
        text.push('\n');
    }
    match () {
        () if has("sse_crlf") => text.replace('\n', "\r\n"),
        () if has("sse_cr") => text.replace('\n', "\r"),
        () => text,
    }
}
