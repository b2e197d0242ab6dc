//! Single questions that a golden file would bury.

use crate::support::{ALL, decode_answer, decode_stream, encode, encode_stream, named};
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::{Answer, Block, Event, Operation};
use serde_json::{Value, json};
use std::time::Instant;

fn sent(client: &str, body: &Value, upstream: &str) -> Result<Value, String> {
    let body = body.to_string();
    let (client, upstream) = (named(client), named(upstream));
    let mut request = client.decode_request(Operation::Chat, body.as_bytes()).expect("a good request");
    request.model = "claude-sonnet-4-5".into();
    let sent = encode(&request, client, upstream).map_err(|(path, _)| path)?;
    Ok(serde_json::from_slice(&sent.body).expect("what is written is JSON"))
}

#[test]
fn forms_that_are_not_understood_are_refused_by_other_families() {
    let forms = [
        ("response_format", json!({"type": "structural_tag", "structures": []})),
        ("response_format", json!({"type": "grammar", "grammar": "root ::= \"a\""})),
        ("tool_choice", json!({"type": "custom", "custom": {"name": "c"}})),
        (
            "tool_choice",
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "mcp"}]}}),
        ),
    ];
    for (member, form) in forms {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Q"}]});
        body[member] = form.clone();
        for upstream in ["anthropic_messages", "ollama"] {
            assert_eq!(sent("openai_chat", &body, upstream), Err(member.to_owned()), "{upstream}: {form}");
        }
        assert_eq!(sent("openai_chat", &body, "openai_chat").unwrap()[member], form);
    }
}

#[test]
fn many_calls_cost_no_more_than_their_length() {
    // As long as every fragment looks for its call among all, this takes minutes.
    const CALLS: usize = 60_000;
    let started = Instant::now();
    let mut answer = Answer::default();
    for call in 0..CALLS {
        answer.add(Event::ToolCallStart { call, id: String::new(), name: "f".into() });
    }
    for call in 0..CALLS {
        answer.add(Event::ToolCallArguments { call, fragment: "{}".into() });
    }
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    let whole = |block: &Block| matches!(block, Block::ToolCall { arguments, .. } if arguments == "{}");
    assert!(answer.blocks.iter().all(whole));
}

/// A character outside of the first plane, cut in two by a server that counts in UTF-16.
#[test]
fn halves_of_a_character_are_put_together() {
    let chunk = |delta: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{{delta}}}}}]}}\n\n");
    let block = |kind: &str, member: &str, text: &str| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
             \"delta\":{{\"type\":\"{kind}\",\"{member}\":\"{text}\"}}}}\n\n"
        )
    };
    let line = |member: &str, text: &str| {
        format!(
            "{{\"model\":\"m\",\"created_at\":\"2025-11-20T10:00:00Z\",\
             \"message\":{{\"role\":\"assistant\",\"content\":\"\",\"{member}\":\"{text}\"}},\"done\":false}}\n"
        )
    };
    let pieces = [r"a\ud83d", r"\ude00b\\ud83d", r"\ude00", r"\\\uD83D", r"\uDE00", r"\ud83d", "c"];
    let expected = "a😀b\\ud83d\u{fffd}\\😀\u{fffd}c";
    let all = |piece: &dyn Fn(&str) -> String| pieces.iter().map(|text| piece(text)).collect::<String>();
    let begin = |kind: &str| {
        format!(
            "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,\
             \"content_block\":{{\"type\":\"{kind}\",\"id\":\"t\",\"name\":\"f\",\"input\":{{}}}}}}\n\n"
        )
    };
    let call = |arguments: &str| {
        let opening = arguments == pieces[0];
        let name = if opening { "\"id\":\"c\",\"function\":{\"name\":\"f\"," } else { "\"function\":{" };
        chunk(&format!("\"tool_calls\":[{{\"index\":0,{name}\"arguments\":\"{arguments}\"}}}}]"))
    };
    for (dialect, stream) in [
        ("openai_chat", all(&|text| chunk(&format!("\"content\":\"{text}\"")))),
        ("openai_chat", all(&|text| chunk(&format!("\"reasoning_content\":\"{text}\"")))),
        ("openai_chat", all(&call)),
        ("anthropic_messages", begin("text") + &all(&|text| block("text_delta", "text", text))),
        ("anthropic_messages", begin("thinking") + &all(&|text| block("thinking_delta", "thinking", text))),
        ("anthropic_messages", begin("tool_use") + &all(&|text| block("input_json_delta", "partial_json", text))),
        ("ollama", all(&|text| line("content", text).replacen("\"content\":\"\",", "", 1))),
        ("ollama", all(&|text| line("thinking", text))),
    ] {
        let answer = Answer::fold(decode_stream(named(dialect), [stream.as_bytes()]));
        let got = match answer.blocks.as_slice() {
            [Block::Text { text, .. } | Block::Reasoning { text, .. }] => text,
            [Block::ToolCall { arguments, .. }] => arguments,
            other => panic!("{other:?} of {stream}"),
        };
        assert_eq!(got, expected, "{stream}");
    }
}

#[test]
fn calls_of_one_id_stay_apart_upstream() {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let result = |id: &str, text: &str| json!({"role": "tool", "tool_call_id": id, "content": text});
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "tool_calls": [call("call_0", "{\"n\":0}"), call("call_0", "{\"n\":1}")]},
        result("call_0", "r0"), result("call_0", "r1"),
        {"role": "assistant", "tool_calls": [call("call_0", "{\"n\":2}")]},
        result("call_0", "r2"), result("call_0", "again"),
    ]});
    let value = sent("openai_chat", &body, "anthropic_messages").unwrap();
    let blocks =
        value["messages"].as_array().unwrap().iter().flat_map(|turn| turn["content"].as_array().into_iter().flatten());
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for block in blocks {
        match block["type"].as_str() {
            Some("tool_use") => calls.push(block["id"].as_str().unwrap()),
            Some("tool_result") => {
                results.push((block["tool_use_id"].as_str().unwrap(), block["content"].as_str().unwrap()))
            }
            other => panic!("{other:?}"),
        }
    }
    let [a, b, c] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(*a, "call_0");
    assert!(a != b && b != c && a != c, "{calls:?}");
    assert_eq!(results, [(*a, "r0"), (*b, "r1"), (*c, "r2"), (*c, "again")]);
}

#[test]
fn calls_of_one_id_stay_apart_for_every_client() {
    let call = |call: usize| Event::ToolCallStart { call, id: "same".into(), name: "f".into() };
    let end = |call: usize| Event::ToolCallEnd { call };
    let events = [call(0), end(0), call(1), end(1), Event::End];
    for dialect in ALL.map(DialectId::dialect) {
        let stream = encode_stream(dialect, &events);
        let mut whole = Vec::new();
        let answer = Answer::fold(events.clone());
        dialect.encode_response(&answer, &crate::support::context(), crate::support::stamp(1), &mut whole);
        for answer in
            [Answer::fold(decode_stream(dialect, [stream.as_bytes()])), Answer::fold(decode_answer(dialect, &whole))]
        {
            let ids: Vec<_> = answer
                .blocks
                .iter()
                .map(|block| match block {
                    Block::ToolCall { id, .. } => id.as_str(),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert!(ids.len() == 2 && ids[0] == "same" && ids[1] != "same", "{}: {ids:?}", dialect.name());
        }
    }
}

/// An answer of another provider's holds thoughts without a signature; Anthropic refuses them in a history.
#[test]
fn unsigned_thoughts_are_not_sent_to_anthropic() {
    let thought = |signature: &str| json!({"type": "thinking", "thinking": "Hm.", "signature": signature});
    let body = json!({
        "model": "m", "max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 2000},
        "messages": [
            {"role": "user", "content": "Q"},
            {"role": "assistant", "content": [thought("SIG"), {"type": "text", "text": "A"}]},
            {"role": "user", "content": "Q"},
            {"role": "assistant", "content": [thought(""), {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
        ],
    });
    let value = sent("anthropic_messages", &body, "anthropic_messages").unwrap();
    assert_eq!(value["messages"][1], body["messages"][1], "a signed thought stays");
    assert_eq!(value["messages"][3]["content"], json!([body["messages"][3]["content"][1]]));
    assert_eq!(value["thinking"], json!({"type": "disabled"}), "thinking needs a thought before the call");
}

/// A schema that a model cannot be held to is refused, not passed over.
#[test]
fn a_schema_reaches_every_backend_or_is_refused() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let format = |form: &str| match form {
        "openai_chat" => {
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}})
        }
        "anthropic_messages" => json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
        "openai_responses" => json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}}),
        _ => json!({"format": schema}),
    };
    for client in ALL.map(DialectId::name) {
        let mut body = format(client);
        body["model"] = "m".into();
        match client {
            "openai_responses" => body["input"] = "Q".into(),
            _ => body["messages"] = json!([{"role": "user", "content": "Q"}]),
        }
        if client == "anthropic_messages" {
            body["max_tokens"] = 9.into();
        }
        for upstream in ALL.map(DialectId::name) {
            let value = sent(client, &body, upstream).unwrap();
            let expected = format(upstream);
            for (member, form) in expected.as_object().unwrap() {
                let (mut got, mut form) = (value[member].clone(), form.clone());
                // A name that nobody gave is made.
                for one in [&mut got, &mut form] {
                    for place in ["/json_schema/name", "/format/name"] {
                        if let Some(name) = one.pointer_mut(place) {
                            *name = "any".into();
                        }
                    }
                }
                assert_eq!(got, form, "{client} to {upstream}");
            }
        }
    }
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "Q"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}})
    .to_string();
    let (openai, anthropic) = (named("openai_chat"), named("anthropic_messages"));
    let mut request = openai.decode_request(Operation::Chat, body.as_bytes()).unwrap();
    request.model = "claude-3-5-haiku-latest".into();
    let refused = encode(&request, openai, anthropic).err().map(|(path, _)| path);
    assert_eq!(refused.as_deref(), Some("response_format"));
}

#[test]
fn cache_breakpoints_become_cache_marks() {
    let text = |text: &str, marked: bool| match marked {
        true => json!({"type": "text", "text": text, "prompt_cache_breakpoint": {"mode": "explicit"}}),
        false => json!({"type": "text", "text": text}),
    };
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": [text("S", true)]},
        {"role": "user", "content": [text("a", false), text("b", true)]},
        {"role": "assistant", "reasoning_content": "Hm.", "content": [text("c", true)]},
        {"role": "user", "content": [text("d", true), text("e", true)]},
    ]});
    let mark = json!({"type": "ephemeral"});
    let block = |text: &str, marked: bool| match marked {
        true => json!({"type": "text", "text": text, "cache_control": mark}),
        false => json!({"type": "text", "text": text}),
    };
    let value = sent("openai_chat", &body, "anthropic_messages").unwrap();
    assert_eq!(value["system"], json!([block("S", true)]));
    assert_eq!(value["messages"][0]["content"], json!([block("a", false), block("b", true)]));
    assert_eq!(value["messages"][1]["content"], json!([block("c", true)]));
    assert_eq!(value["messages"][2]["content"], json!([block("d", true), block("e", false)]), "four at most");
    let bytes = body.to_string();
    let request = named("openai_chat").decode_request(Operation::Chat, bytes.as_bytes()).unwrap();
    let lost = encode(&request, named("openai_chat"), named("anthropic_messages")).map(|sent| sent.lost).unwrap();
    assert_eq!(lost, ["messages[].reasoning_content", "messages[3].content[1].prompt_cache_breakpoint"]);
}

/// A member that one of OpenAI's dialects does not know must not speak in the other's name.
#[test]
fn members_do_not_change_their_meaning_on_the_way() {
    let body = json!({"model": "m", "input": "Q", "messages": [], "n": 3, "max_tokens": 1, "seed": "x", "y": 1});
    let chat = sent("openai_responses", &body, "openai_chat").unwrap();
    let expected =
        json!({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Q"}], "stream": false, "y": 1});
    assert_eq!(chat, expected);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "Q"}], "input": "Z", "background": true,
                      "previous_response_id": "resp_1", "text": {}, "y": 1});
    let items = json!([{"type": "message", "role": "user", "content": "Q"}]);
    let expected = json!({"model": "claude-sonnet-4-5", "input": items, "stream": false, "store": false, "y": 1});
    assert_eq!(sent("openai_chat", &body, "openai_responses").unwrap(), expected);
}
