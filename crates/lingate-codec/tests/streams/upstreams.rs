//! Well-formed streams of every upstream dialect, in the variants that servers write, and what becomes of them.

use crate::checker::{Ended, check};
use crate::config;
use crate::scripts::{Script, Step, script};
use crate::support::{EVERY, context, converses, decode_answer, decode_stream, encode_stream, stamp};
use lingate_codec::dialect::{Dialect, DialectId};
use lingate_codec::frame::{DEFAULT_CAP, Framer};
use lingate_codec::ir::{Answer, Block, Event, FinishReason, Operation, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

/// How a server writes.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    /// Something between frames that means nothing.
    pub(crate) keep_alive: u8,
    /// Where usage stands.
    pub(crate) usage: u8,
    /// How the end is said.
    pub(crate) finish: u8,
    /// Whether texts of one frame are put together where the dialect allows it.
    pub(crate) dense: bool,
    /// Escapes all that is not ASCII.
    ascii: bool,
    line_end: u8,
}

pub(crate) fn habits() -> impl Strategy<Value = Habits> {
    (0_u8..4, 0_u8..4, 0_u8..4, any::<bool>(), any::<bool>(), 0_u8..3).prop_map(
        |(keep_alive, usage, finish, dense, ascii, line_end)| Habits {
            keep_alive,
            usage,
            finish,
            dense,
            ascii,
            line_end,
        },
    )
}

impl Habits {
    fn json(&self, value: &Value) -> String {
        let text = value.to_string();
        if !self.ascii {
            return text;
        }
        let mut out = String::new();
        for unit in text.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => out.push(char::from(byte)),
                _ => out.push_str(&format!("\\u{unit:04x}")),
            }
        }
        out
    }

    pub(crate) fn sse(&self, event: &str, value: &Value) -> String {
        let end = ["\n", "\r\n", "\r"][usize::from(self.line_end)];
        let name = if event.is_empty() { String::new() } else { format!("event: {event}{end}") };
        format!("{name}data: {}{end}{end}", self.json(value))
    }

    pub(crate) fn pause(&self, number: usize, comment: &str) -> String {
        let often = usize::from(self.keep_alive);
        if often > 0 && number.is_multiple_of(often) { comment.to_owned() } else { String::new() }
    }
}

/// The stream that a server of that dialect sends.
pub(crate) fn stream_of(dialect: DialectId, script: &Script, habits: &Habits) -> String {
    match dialect {
        DialectId::OpenAiChat => openai(script, habits),
        DialectId::AnthropicMessages => anthropic(&script.serial(), habits),
        DialectId::Ollama => ollama(&script.serial(), habits),
        DialectId::OpenAiCompletions => completions(&script.sayable(dialect), habits),
        DialectId::OpenAiResponses => crate::responses::stream_of(script, habits),
    }
}

fn completions(script: &Script, habits: &Habits) -> String {
    let chunk = |text: &str, finish: Value| {
        json!({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "up",
            "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}]})
    };
    let mut chunks: Vec<Value> = script
        .in_order()
        .iter()
        .filter_map(|(step, _)| if let Step::Say(text) = step { Some(chunk(text, Value::Null)) } else { None })
        .collect();
    chunks.push(chunk("", json!(openai_finish(script, habits))));
    if habits.usage == 1 {
        chunks.push(json!({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "up", "choices": [],
            "usage": openai_usage(script)}));
    } else if let Some(last) = chunks.last_mut() {
        last["usage"] = openai_usage(script);
    }
    let chunks = chunks.iter().enumerate();
    let events: String =
        chunks.map(|(number, chunk)| habits.pause(number, ": ping\n\n") + &habits.sse("", chunk)).collect();
    events + if habits.finish == 2 { "" } else { "data: [DONE]\n\n" }
}

fn openai_usage(script: &Script) -> Value {
    let (input, cached, output) = script.usage;
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": cached}})
}

fn openai_finish(script: &Script, habits: &Habits) -> &'static str {
    match (script.length, script.calls.is_empty(), habits.finish) {
        (true, ..) => "length",
        (_, false, 0) => "tool_calls",
        _ => "stop",
    }
}

fn openai(script: &Script, habits: &Habits) -> String {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]})
    };
    let mut chunks = Vec::new();
    if habits.finish != 3 {
        chunks.push(chunk(json!({"role": "assistant", "content": ""}), Value::Null));
    }
    let thought = ["reasoning_content", "reasoning"][usize::from(habits.usage % 2)];
    let steps = script.in_order();
    for (number, (step, (id, name))) in steps.iter().enumerate() {
        let delta = match step {
            Step::Think(text) => json!({thought: text}),
            Step::Say(text) => json!({"content": text}),
            Step::Open(call) => {
                let mut entry = json!({"index": call, "type": "function", "function": {"name": name, "arguments": ""}});
                if !id.is_empty() {
                    entry["id"] = json!(id);
                }
                json!({"tool_calls": [entry]})
            }
            Step::Argue(call, text) => {
                let mut delta = json!({"tool_calls": [{"index": call, "function": {"arguments": text}}]});
                if habits.dense {
                    delta["content"] = Value::Null;
                }
                delta
            }
        };
        let mut chunk = chunk(delta, Value::Null);
        match habits.keep_alive {
            1 => chunk["usage"] = Value::Null,
            2 => chunk["obfuscation"] = json!("x".repeat(number % 3)),
            3 => chunk["usage"] = openai_usage(script),
            _ => {}
        }
        chunks.push(chunk);
    }
    let mut last = chunk(json!({}), json!(openai_finish(script, habits)));
    match habits.usage {
        0 => last["usage"] = openai_usage(script),
        1 => last["choices"][0]["usage"] = openai_usage(script),
        _ => {}
    }
    chunks.push(last);
    if habits.usage >= 2 {
        let mut chunk = chunk(json!({}), Value::Null);
        chunk["choices"] = json!([]);
        chunk["usage"] = openai_usage(script);
        chunks.push(chunk);
    }
    let mut out = String::new();
    for (number, chunk) in chunks.iter().enumerate() {
        out.push_str(&habits.pause(number, ": keep-alive\n\n"));
        out.push_str(&habits.sse("", chunk));
    }
    if habits.finish != 2 {
        out.push_str("data: [DONE]\n\n");
    }
    out
}

fn anthropic(script: &Script, habits: &Habits) -> String {
    let (input, cached, output) = script.usage;
    let counts = json!({"input_tokens": input - cached, "cache_read_input_tokens": cached, "output_tokens": output});
    let first = if habits.usage == 0 { json!({"input_tokens": 1, "output_tokens": 1}) } else { counts.clone() };
    let mut events = vec![json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "up", "content": [], "stop_reason": null,
        "usage": first}})];
    let mut open: Option<Step> = None;
    let mut index = 0;
    for (step, (id, name)) in script.in_order() {
        let same = matches!(
            (&open, &step),
            (Some(Step::Think(_)), Step::Think(_))
                | (Some(Step::Say(_)), Step::Say(_))
                | (Some(Step::Open(_)), Step::Argue(..))
        );
        if !same {
            if open.is_some() {
                events.push(json!({"type": "content_block_stop", "index": index}));
                index += 1;
            }
            let block = match &step {
                Step::Think(_) => json!({"type": "thinking", "thinking": "", "signature": ""}),
                Step::Say(_) => json!({"type": "text", "text": ""}),
                Step::Open(call) | Step::Argue(call, _) => {
                    let id = if id.is_empty() { format!("toolu_{call}") } else { id };
                    json!({"type": "tool_use", "id": id, "name": name, "input": {}})
                }
            };
            events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        }
        let delta = match &step {
            Step::Think(text) => Some(json!({"type": "thinking_delta", "thinking": text})),
            Step::Say(text) => Some(json!({"type": "text_delta", "text": text})),
            Step::Argue(_, text) => Some(json!({"type": "input_json_delta", "partial_json": text})),
            Step::Open(_) => habits.dense.then(|| json!({"type": "input_json_delta", "partial_json": ""})),
        };
        events.extend(delta.map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})));
        if !same {
            open = Some(step);
        }
    }
    if open.is_some() {
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    let reason = match (script.length, script.calls.is_empty(), habits.finish) {
        (true, ..) => "max_tokens",
        (_, false, _) => "tool_use",
        (_, _, 0) => "a_reason_yet_to_come",
        _ => "end_turn",
    };
    let usage = if habits.usage == 1 { json!({"output_tokens": output}) } else { counts };
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": usage}),
    );
    if habits.finish != 2 {
        events.push(json!({"type": "message_stop"}));
    }
    let mut out = String::new();
    for (number, event) in events.iter().enumerate() {
        out.push_str(&habits.pause(number, "event: ping\ndata: {\"type\": \"ping\"}\n\n"));
        let name = if habits.keep_alive == 3 { "" } else { event["type"].as_str().unwrap() };
        out.push_str(&habits.sse(name, event));
    }
    out
}

/// Ollama sends whole calls.
fn ollama(script: &Script, habits: &Habits) -> String {
    let line = |message: Value, done: bool| json!({"model": "up", "created_at": "2025-11-20T10:00:00.123456789Z", "message": message, "done": done});
    let mut lines = Vec::new();
    for (step, _) in script.in_order() {
        match step {
            Step::Think(text) => {
                lines.push(line(json!({"role": "assistant", "content": "", "thinking": text}), false));
            }
            Step::Say(text) => {
                // A line may hold the end of the thought and the beginning of the text.
                let last = lines.last_mut().filter(|last: &&mut Value| {
                    habits.dense && last["message"]["content"] == "" && last["message"].get("thinking").is_some()
                });
                match last {
                    Some(last) => last["message"]["content"] = json!(text),
                    None => lines.push(line(json!({"role": "assistant", "content": text}), false)),
                }
            }
            Step::Open(call) => {
                let called = &script.calls[call];
                let arguments = called.arguments();
                let arguments =
                    if arguments.is_empty() { json!({}) } else { serde_json::from_str(&arguments).unwrap() };
                let mut entry = json!({"function": {"index": call, "name": called.name, "arguments": arguments}});
                if !called.id.is_empty() {
                    entry["id"] = json!(called.id);
                }
                lines.push(line(json!({"role": "assistant", "content": "", "tool_calls": [entry]}), false));
            }
            Step::Argue(..) => {}
        }
    }
    let mut last = line(json!({"role": "assistant", "content": ""}), true);
    if script.length || habits.finish != 0 {
        last["done_reason"] = json!(if script.length { "length" } else { "stop" });
    }
    last["prompt_eval_count"] = json!(script.usage.0);
    last["eval_count"] = json!(script.usage.2);
    lines.push(last);
    let end = if habits.line_end == 1 { "\r\n" } else { "\n" };
    let mut out: String =
        lines.iter().enumerate().map(|(number, line)| habits.pause(number, "\n") + &habits.json(line) + end).collect();
    if habits.finish == 2 {
        // The connection ends with the last line.
        out.truncate(out.trim_end().len());
    }
    out
}

/// The whole answer that the same server gives when it is not asked for a stream.
fn whole_of(dialect: DialectId, script: &Script, habits: &Habits) -> String {
    let (input, cached, output) = script.usage;
    let ollama_call = |call: &crate::scripts::Called| {
        let arguments = call.arguments();
        let arguments = if arguments.is_empty() { json!({}) } else { serde_json::from_str(&arguments).unwrap() };
        (call.id.clone(), call.name.clone(), arguments)
    };
    let value = match dialect {
        DialectId::OpenAiChat => {
            let calls: Vec<_> = script
                .calls
                .iter()
                .map(|call| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments()}}))
                .collect();
            json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "up", "choices": [{
                "index": 0, "finish_reason": openai_finish(script, habits),
                "message": {"role": "assistant", "content": script.text(), "reasoning_content": script.thought(), "tool_calls": calls}}],
                "usage": openai_usage(script)})
        }
        DialectId::AnthropicMessages => {
            let mut content = vec![
                json!({"type": "thinking", "thinking": script.thought(), "signature": ""}),
                json!({"type": "text", "text": script.text()}),
            ];
            content.extend(script.calls.iter().enumerate().map(|(number, call)| {
                let (id, name, input) = ollama_call(call);
                let id = if id.is_empty() { format!("toolu_{number}") } else { id };
                json!({"type": "tool_use", "id": id, "name": name, "input": input})
            }));
            let reason = match (script.length, script.calls.is_empty()) {
                (true, _) => "max_tokens",
                (_, false) => "tool_use",
                _ => "end_turn",
            };
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "up", "content": content,
                "stop_reason": reason, "stop_sequence": null,
                "usage": {"input_tokens": input - cached, "cache_read_input_tokens": cached, "output_tokens": output}})
        }
        DialectId::OpenAiCompletions => {
            let script = script.sayable(dialect);
            json!({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "up", "choices": [{"index": 0,
                "text": script.text(), "logprobs": null, "finish_reason": openai_finish(&script, habits)}],
                "usage": openai_usage(&script)})
        }
        DialectId::Ollama => {
            let calls: Vec<_> = script
                .calls
                .iter()
                .map(|call| {
                    let (id, name, arguments) = ollama_call(call);
                    json!({"id": id, "function": {"name": name, "arguments": arguments}})
                })
                .collect();
            json!({"model": "up", "created_at": "2025-11-20T10:00:00Z", "done": true,
                "done_reason": if script.length { "length" } else { "stop" },
                "message": {"role": "assistant", "content": script.text(), "thinking": script.thought(), "tool_calls": calls},
                "prompt_eval_count": input, "eval_count": output})
        }
        DialectId::OpenAiResponses => crate::responses::whole_of(script),
    };
    habits.json(&value)
}

/// All that an answer says, however its blocks are cut.
#[derive(Debug, PartialEq)]
struct Told {
    id: String,
    text: String,
    thought: String,
    refusal: String,
    calls: Vec<(String, String, Value)>,
    finish: Option<FinishReason>,
    usage: Usage,
}

fn told(answer: &Answer) -> Told {
    let calls = answer.blocks.iter().filter_map(|block| match block {
        Block::ToolCall { id, name, arguments, .. } => {
            let text = if arguments.is_empty() { "{}" } else { arguments };
            let value = serde_json::from_str(text).unwrap_or_else(|_| json!({"raw": text}));
            Some((id.clone(), name.clone(), value))
        }
        _ => None,
    });
    Told {
        id: answer.start.id.clone(),
        text: answer.text(),
        thought: answer.reasoning(),
        refusal: answer.refusal(),
        calls: calls.collect(),
        finish: answer.finish.as_ref().map(|finish| finish.reason),
        usage: answer.usage,
    }
}

fn one_end(events: &[Event]) -> Result<(), TestCaseError> {
    let end = events.iter().position(|event| matches!(event, Event::End | Event::Error(_)));
    prop_assert_eq!(end, Some(events.len() - 1), "{:?}", events);
    prop_assert_eq!(events.last(), Some(&Event::End), "{:?}", events);
    Ok(())
}

/// The answer as a client of that dialect gets it, whole.
fn whole_for(client: &dyn Dialect, answer: &Answer) -> Vec<Event> {
    let mut out = Vec::new();
    client.encode_response(answer, &context(), stamp(1), &mut out);
    decode_answer(client, &out)
}

/// Decodes a stream as a relay does, which needs only usage, finish, error and end.
fn tap_stream(dialect: &dyn Dialect, bytes: &[u8]) -> Vec<Event> {
    let mut framer = Framer::new(dialect.framing(), DEFAULT_CAP);
    let mut decoder = dialect.stream_decoder(Operation::Chat);
    let mut events = Vec::new();
    framer.push(bytes);
    framer.finish();
    while let Some(frame) = framer.next_frame().expect("a frame of normal size") {
        decoder.tap(&frame, &mut events);
    }
    decoder.finish(&mut events);
    events
}

proptest! {
    #![proptest_config(config())]

    /// A stream says what was put into it, and what the whole answer says.
    #[test]
    fn streams_are_read_as_they_were_meant(script in script(), habits in habits()) {
        for upstream in EVERY {
            let script = script.sayable(upstream);
            let stream = stream_of(upstream, &script, &habits);
            let events = decode_stream(upstream.dialect(), [stream.as_bytes()]);
            one_end(&events)?;
            let got = told(&Answer::fold(events));
            prop_assert_eq!((&got.text, &got.thought), (&script.text(), &script.thought()), "{}", stream);
            let names: Vec<_> = got.calls.iter().map(|(_, name, _)| name.as_str()).collect();
            let expected: Vec<_> = script.calls.iter().map(|call| call.name.as_str()).collect();
            prop_assert_eq!(names, expected, "{}", stream);
            let whole = whole_of(upstream, &script, &habits);
            let events = decode_answer(upstream.dialect(), whole.as_bytes());
            one_end(&events)?;
            prop_assert_eq!(got, told(&Answer::fold(events)), "{}\n{}", stream, whole);
        }
    }

    /// Whichever way an answer goes to its client, streamed or whole, it says the same.
    #[test]
    fn streamed_and_whole_answers_say_the_same(script in script(), habits in habits()) {
        for upstream in EVERY {
            let stream = stream_of(upstream, &script, &habits);
            let events = decode_stream(upstream.dialect(), [stream.as_bytes()]);
            let answer = Answer::fold(events.iter().cloned());
            for client in EVERY {
                let written = encode_stream(client.dialect(), &events);
                let seen = check(client, &written)
                    .map_err(|error| TestCaseError::fail(format!("{}: {error}\n{written}", client.name())))?;
                prop_assert_eq!(seen.ended, Ended::Normally);
                let streamed = decode_stream(client.dialect(), [written.as_bytes()]);
                one_end(&streamed)?;
                let whole = whole_for(client.dialect(), &answer);
                one_end(&whole)?;
                let (streamed, whole) = (Answer::fold(streamed), Answer::fold(whole));
                prop_assert_eq!(told(&streamed), told(&whole), "{} to {}", upstream.name(), client.name());
                let mut expected = told(&answer);
                if !converses(client) {
                    expected.thought.clear();
                    expected.calls.clear();
                }
                let got = told(&whole);
                prop_assert_eq!(&got.text, &expected.text);
                prop_assert_eq!(&got.thought, &expected.thought);
                expected.calls.iter_mut().zip(&got.calls).for_each(|(call, other)| call.0.clone_from(&other.0));
                prop_assert_eq!(&got.calls, &expected.calls);
            }
        }
    }

    /// However the network cuts the bytes, the events are the same.
    #[test]
    fn cuts_change_nothing(
        script in script(),
        habits in habits(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        bytewise in any::<bool>(),
    ) {
        for upstream in EVERY {
            let stream = stream_of(upstream, &script, &habits);
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            if bytewise {
                cuts.extend(0..bytes.len());
            }
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
            let dialect = upstream.dialect();
            prop_assert_eq!(decode_stream(dialect, pieces), decode_stream(dialect, [bytes]), "{}", stream);
        }
    }

    /// A relay's tap misses nothing that it must tell.
    #[test]
    fn taps_tell_the_end_and_the_usage(script in script(), habits in habits()) {
        for upstream in EVERY {
            let stream = stream_of(upstream, &script, &habits);
            let dialect = upstream.dialect();
            let read = Answer::fold(decode_stream(dialect, [stream.as_bytes()]));
            let tapped = Answer::fold(tap_stream(dialect, stream.as_bytes()));
            prop_assert_eq!((tapped.usage, &tapped.error), (read.usage, &read.error), "{}", stream);
            // Whether tools were called is content, which a tap may leave out.
            let reason = |answer: &Answer| match answer.finish.as_ref().map(|finish| finish.reason) {
                Some(FinishReason::ToolCalls) => Some(FinishReason::Stop),
                other => other,
            };
            prop_assert_eq!(reason(&tapped), reason(&read), "{}", stream);
        }
    }

    /// A stream that is cut off before its end is never told as complete.
    #[test]
    fn cut_streams_are_errors(script in script(), habits in habits(), cut in any::<prop::sample::Index>()) {
        for upstream in EVERY {
            let stream = stream_of(upstream, &script, &habits);
            let mark = match upstream {
                DialectId::OpenAiChat | DialectId::OpenAiCompletions => "\"finish_reason\":\"",
                DialectId::AnthropicMessages => "\"stop_reason\":\"",
                DialectId::Ollama => "\"done\":true",
                DialectId::OpenAiResponses => "\"terminal\"",
            };
            let before = stream.find(mark).expect("every stream has a finish");
            let bytes = &stream.as_bytes()[..cut.index(before + 1)];
            let events = decode_stream(upstream.dialect(), [bytes]);
            prop_assert!(matches!(events.last(), Some(Event::Error(_))), "{:?}", events);
            for client in EVERY {
                let written = encode_stream(client.dialect(), &events);
                let seen = check(client, &written)
                    .map_err(|error| TestCaseError::fail(format!("{}: {error}\n{written}", client.name())))?;
                prop_assert_eq!(seen.ended, Ended::InError);
            }
        }
    }
}
