//! Large input: what it costs grows with its length, not with the square of that.

use crate::hostile::{rewrite, try_answer, try_relay};
use crate::support::{EVERY, context, converses, stamp};
use lingate_codec::dialect::{Dialect, DialectId};
use lingate_codec::frame::{DEFAULT_CAP, Framer};
use lingate_codec::ir::Operation;
use std::sync::LazyLock;
use std::time::Instant;

/// Time that this thread has worked, in nanoseconds; that of other threads and programs does not count.
fn worked() -> u64 {
    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|told| told.split(' ').next()?.parse().ok());
    told.unwrap_or_else(|| STARTED.elapsed().as_nanos().try_into().unwrap_or(u64::MAX))
}

/// Makes input of `n` and of `8 n` things of every kind and holds the second to eight times the first's work, with
/// room for noise. Work that grows by the square would be 64 times as much.
fn grows_with_length<I>(inputs: impl Fn(usize) -> Vec<(&'static str, I)>, work: impl Fn(&I)) {
    const SMALL: usize = 1_000;
    let cost = |input: &I| {
        let started = worked();
        work(input);
        worked() - started
    };
    for ((what, small), (_, large)) in inputs(SMALL).iter().zip(&inputs(8 * SMALL)) {
        let (small, large) = (cost(small), cost(large));
        assert!(large < 12 * small + 50_000_000, "{what}: {small} ns, and for eight times as many {large} ns");
    }
}

fn many(count: usize, entry: impl Fn(usize) -> String) -> String {
    (0..count).map(entry).collect::<Vec<_>>().join(",")
}

/// Long conversations.
fn large_requests(count: usize) -> Vec<(&'static str, String)> {
    let many = |entry: &dyn Fn(usize) -> String| many(count, entry);
    let call =
        |id: &str| format!(r#"{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{}}"}},"x":1}}"#);
    let messages = |messages: String| format!(r#"{{"model":"m","max_tokens":9,"messages":[{messages}]}}"#);
    vec![
        ("messages", messages(many(&|n| format!(r#"{{"role":"user","content":"q","x{n}":1}}"#)))),
        ("systems", messages(many(&|n| format!(r#"{{"role":"{}","content":"q"}}"#, ["system", "user"][n % 2])))),
        (
            "parts",
            messages(format!(
                r#"{{"role":"user","content":[{}]}}"#,
                many(&|n| format!(r#"{{"type":"text","text":"t","x{n}":1,"cache_control":{{}}}}"#))
            )),
        ),
        (
            "calls of one id",
            messages(format!(
                r#"{{"role":"assistant","content":null,"tool_calls":[{}]}},{}"#,
                many(&|_| call("c")),
                many(&|_| r#"{"role":"tool","tool_call_id":"c","content":"r"}"#.to_owned())
            )),
        ),
        (
            "calls",
            messages(format!(
                r#"{{"role":"assistant","content":null,"tool_calls":[{}]}},{}"#,
                many(&|n| call(&format!("c{n}"))),
                many(&|n| format!(r#"{{"role":"tool","tool_call_id":"c{n}","content":"r"}}"#))
            )),
        ),
        (
            "calls without ids",
            messages(format!(
                r#"{{"role":"assistant","content":"","tool_calls":[{}]}},{}"#,
                many(&|_| r#"{"function":{"name":"f","arguments":{}}}"#.to_owned()),
                many(&|_| r#"{"role":"tool","content":"r"}"#.to_owned())
            )),
        ),
        (
            "blocks",
            messages(format!(
                r#"{{"role":"assistant","content":[{}]}},{{"role":"user","content":[{}]}}"#,
                many(&|n| format!(r#"{{"type":"tool_use","id":"c{n}","name":"f","input":{{}},"x":1}}"#)),
                many(&|n| format!(
                    r#"{{"type":"tool_result","tool_use_id":"c{n}","content":[{{"type":"text","text":"t","x":1}}]}}"#
                ))
            )),
        ),
        (
            "turns",
            messages(many(&|n| {
                format!(
                    r#"{{"role":"{}","content":[{{"type":"text","text":"t","x":1}}]}}"#,
                    ["assistant", "user"][n % 2]
                )
            })),
        ),
        (
            "items",
            format!(
                r#"{{"model":"m","input":[{},{}]}}"#,
                many(&|n| {
                    format!(
                        r#"{{"type":"{}","call_id":"c{n}","name":"f{n}","namespace":"n","input":"i","x":1,"role":"assistant","content":"t"}}"#,
                        ["function_call", "custom_tool_call", "function_call", "message"][n % 4]
                    )
                }),
                many(&|n| format!(r#"{{"type":"function_call_output","call_id":"c{n}","output":"r"}}"#))
            ),
        ),
        ("depth", messages(format!(r#"{{"role":"user","content":{}1{}}}"#, "[".repeat(count), "]".repeat(count)))),
        ("backslashes", messages(format!(r#"{{"role":"user","content":"{}"}}"#, "\\\\".repeat(count * 10)))),
    ]
}

/// Much of one member.
fn large_members(count: usize) -> Vec<(&'static str, String)> {
    let many = |entry: &dyn Fn(usize) -> String| many(count, entry);
    let user = r#"{"role":"user","content":"q"}"#;
    vec![
        (
            "members",
            format!(r#"{{"model":"m","max_tokens":9,"messages":[{user}],{}}}"#, many(&|n| format!("\"x{n}\":1"))),
        ),
        (
            "options",
            format!(
                r#"{{"model":"m","max_tokens":9,"messages":[{user}],"options":{{{}}}}}"#,
                many(&|n| format!("\"x{n}\":1"))
            ),
        ),
        (
            "tools",
            format!(
                r#"{{"model":"m","max_tokens":9,"messages":[{user}],"tools":[{}],"tool_choice":{{"type":"allowed_tools","allowed_tools":{{"mode":"auto","tools":[{}]}}}}}}"#,
                many(&|n| format!(r#"{{"type":"function","function":{{"name":"f{n}","x":1}}}}"#)),
                many(&|n| format!(r#"{{"type":"function","function":{{"name":"f{n}"}}}}"#))
            ),
        ),
        (
            "groups of tools",
            format!(
                r#"{{"model":"m","input":[{}],"tools":[{},{{"type":"namespace","name":"n","tools":[{}]}}],"tool_choice":{{"type":"allowed_tools","mode":"auto","tools":[{}]}}}}"#,
                many(&|n| format!(r#"{{"type":"function_call","call_id":"c","name":"f{n}","namespace":"n"}}"#)),
                many(&|_| r#"{"type":"custom","name":"c"}"#.to_owned()),
                many(&|n| format!(r#"{{"type":"function","name":"f{}"}}"#, n / 2)),
                many(&|n| format!(r#"{{"type":"function","name":"f{n}","namespace":"n"}}"#))
            ),
        ),
        (
            "stops",
            format!(
                r#"{{"model":"m","max_tokens":9,"messages":[{user}],"stop":[{0}],"stop_sequences":[{0}]}}"#,
                many(&|n| format!("\"s{n}\""))
            ),
        ),
    ]
}

#[test]
fn large_requests_cost_no_more_than_their_length() {
    let all = |count| large_requests(count).into_iter().chain(large_members(count)).collect();
    grows_with_length(all, |body: &String| {
        for dialect in EVERY.map(DialectId::dialect) {
            let operation = if converses(dialect.id()) { Operation::Chat } else { Operation::TextCompletion };
            rewrite(dialect, operation, body.as_bytes());
            try_relay(dialect, operation, body.as_bytes());
        }
    });
}

fn large_answers(count: usize) -> Vec<(&'static str, String)> {
    let many = |entry: &dyn Fn(usize) -> String| many(count, entry);
    let openai =
        |message: String| format!(r#"{{"choices":[{{"index":0,"message":{{{message}}},"finish_reason":"stop"}}]}}"#);
    let call =
        |n: usize, id: &str| format!(r#"{{"index":{n},"id":"{id}","function":{{"name":"f","arguments":"{{}}"}}}}"#);
    vec![
        ("calls", openai(format!(r#""tool_calls":[{}]"#, many(&|n| call(n, &format!("c{n}")))))),
        ("calls of one id", openai(format!(r#""tool_calls":[{}]"#, many(&|n| call(n, "c"))))),
        ("calls of one index", openai(format!(r#""tool_calls":[{}]"#, many(&|n| call(0, &format!("c{n}")))))),
        (
            "nameless calls",
            openai(format!(
                r#""tool_calls":[{}]"#,
                many(&|n| format!(r#"{{"id":"c{n}","function":{{"arguments":"x"}}}}"#))
            )),
        ),
        (
            "citations",
            openai(format!(
                r#""content":"t","annotations":[{}]"#,
                many(&|_| r#"{"url_citation":{"url":"u"}}"#.to_owned())
            )),
        ),
        (
            "blocks",
            format!(
                r#"{{"content":[{}],"stop_reason":"end_turn"}}"#,
                many(&|n| format!(
                    r#"{{"type":"{}","text":"t","id":"c","name":"f","thinking":"x","signature":"s","input":{{}}}}"#,
                    ["text", "tool_use", "thinking"][n % 3]
                ))
            ),
        ),
        (
            "Ollama's calls",
            format!(
                r#"{{"message":{{"content":"","tool_calls":[{}]}},"done":true}}"#,
                many(&|_| r#"{"id":"c","function":{"name":"f","arguments":{}}}"#.to_owned())
            ),
        ),
        (
            "tokens with alternatives",
            format!(
                r#"{{"choices":[{{"text":"t","logprobs":{{"tokens":[{}],"token_logprobs":[{}],"top_logprobs":[{{{}}}]}}}}]}}"#,
                many(&|n| format!("\"t{n}\"")),
                many(&|_| "-1".to_owned()),
                many(&|n| format!("\"t{n}\":-1")),
            ),
        ),
        ("lines", vec![r#"{"message":{"content":"t"},"done":false}"#; count].join("\n")),
        ("errors", format!(r#"{{"error":{}"x"{}}}"#, r#"{"error":"#.repeat(60), "}".repeat(60))),
    ]
}

#[test]
fn large_answers_cost_no_more_than_their_length() {
    grows_with_length(large_answers, |body| {
        for dialect in EVERY.map(DialectId::dialect) {
            try_answer(dialect, Operation::Chat, body.as_bytes());
        }
    });
}

fn long_streams(count: usize) -> Vec<(&'static str, (DialectId, String))> {
    let openai = |deltas: &dyn Fn(usize) -> String| -> String {
        (0..count).map(|n| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{{}}}}}]}}\n\n", deltas(n))).collect()
    };
    let streams = vec![
        ("calls", DialectId::OpenAiChat, openai(&|n| format!(r#""tool_calls":[{{"index":{n},"id":"c{n}","function":{{"name":"f","arguments":"{{"}}}}]"#))),
        ("calls of one id", DialectId::OpenAiChat, openai(&|n| format!(r#""tool_calls":[{{"index":{n},"id":"c","function":{{"name":"f","arguments":"{{}}"}}}}]"#))),
        ("a call and much text", DialectId::OpenAiChat, openai(&|n| {
            if n == 0 { r#""tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]"#.to_owned() } else { r#""content":"t""#.to_owned() }
        })),
        ("arguments", DialectId::OpenAiChat, openai(&|n| {
            if n == 0 { r#""tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\":\""}}]"#.to_owned() } else { r#""tool_calls":[{"index":0,"function":{"arguments":"tt"}}]"#.to_owned() }
        })),
        ("open blocks", DialectId::AnthropicMessages, (0..count).map(|n| format!("event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":{n},\"content_block\":{{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{{}}}}}}\n\n")).collect()),
        ("pings", DialectId::AnthropicMessages, "event: ping\ndata: {}\n\n".repeat(count)),
        ("lines of calls", DialectId::Ollama, "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":{}}}]},\"done\":false}\n".repeat(count)),
        ("blank lines", DialectId::Ollama, "\n".repeat(count)),
    ];
    streams.into_iter().map(|(what, dialect, stream)| (what, (dialect, stream))).collect()
}

#[test]
fn long_streams_cost_no_more_than_their_length() {
    let done = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    grows_with_length(long_streams, |(dialect, stream)| {
        write_all(dialect.dialect(), stream);
        if *dialect == DialectId::OpenAiChat {
            write_all(dialect.dialect(), &format!("{stream}{done}"));
        }
    });
}

/// Reads a stream and writes it for every client, frame by frame.
fn write_all(dialect: &dyn Dialect, stream: &str) {
    let mut framer = Framer::new(dialect.framing(), DEFAULT_CAP);
    let mut decoder = dialect.stream_decoder(Operation::Chat);
    let mut encoders = EVERY.map(|client| client.dialect().stream_encoder(context()));
    let (mut events, mut out, mut written) = (Vec::new(), Vec::new(), 0);
    framer.push(stream.as_bytes());
    framer.finish();
    while let Some(frame) = framer.next_frame().unwrap() {
        decoder.push(&frame, &mut events);
        for event in events.drain(..) {
            for encoder in &mut encoders {
                encoder.push(&event, stamp(1), &mut out);
                written += out.len();
                out.clear();
            }
        }
    }
    // A short piece of text may need a long frame, but not more than that.
    assert!(written < 40 * stream.len() + 10_000, "{written} bytes for {}", stream.len());
}
