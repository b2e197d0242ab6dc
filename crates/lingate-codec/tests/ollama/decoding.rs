//! Requests, decoded: what each member means, and what is refused.

use crate::support::{decode, refusal};
use lingate_codec::dialect::Dialect;
use lingate_codec::dialect::ollama::Ollama;
use lingate_codec::ir::{
    Concept, Effort, ImageSource, MaxTokens, Message, Operation, Part, ResponseFormat, Role, Tool,
};
use lingate_codec::json::Object;

const CHAT: Operation = Operation::Chat;
const GENERATE: Operation = Operation::TextCompletion;
const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

fn text<'m>(message: &'m Message<'_>) -> &'m str {
    match message.parts.as_slice() {
        [Part::Text { text, .. }] => text,
        other => panic!("{other:?}"),
    }
}

fn image<'m>(part: &'m Part<'_>) -> (&'m str, &'m str) {
    match part {
        Part::Image(image) => match &image.source {
            ImageSource::Base64 { media_type, data } => (media_type, data),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn streams_unless_told_otherwise() {
    assert!(decode(CHAT, r#"{"model":"m","messages":[]}"#).stream);
    assert!(decode(CHAT, r#"{"model":"m","stream":null}"#).stream);
    assert!(!decode(GENERATE, r#"{"model":"m","stream":false}"#).stream);
}

#[test]
fn roles_are_case_folded_and_the_top_level_system_comes_first() {
    let request = decode(
        CHAT,
        r#"{"model":"m","messages":[{"role":"User","content":"Hi"},{"role":"SYSTEM","content":"b"}],"system":"a"}"#,
    );
    let found: Vec<_> = request.messages.iter().map(|message| (message.role, text(message))).collect();
    assert_eq!(found, [(Role::System, "a"), (Role::User, "Hi"), (Role::System, "b")]);
}

#[test]
fn generate_is_a_system_and_a_user_message() {
    let body = format!(r#"{{"model":"m","prompt":"What?","system":"Be brief.","images":["{PNG}"]}}"#);
    let request = decode(GENERATE, &body);
    assert_eq!(request.messages.len(), 2);
    assert_eq!((request.messages[0].role, text(&request.messages[0])), (Role::System, "Be brief."));
    let user = &request.messages[1];
    assert!(matches!(&user.parts[0], Part::Text { text, .. } if text == "What?"));
    assert_eq!(image(&user.parts[1]), ("image/png", PNG));
}

#[test]
fn forms_of_a_prompt_are_special() {
    let body = r#"{"model":"m","prompt":"x","suffix":"y","template":"t","context":[1]}"#;
    let found: Vec<_> = decode(GENERATE, body).special.into_iter().map(|(concept, _)| concept).collect();
    assert_eq!(found, [Concept::Suffix, Concept::Template, Concept::Context]);
    let request = decode(GENERATE, r#"{"prompt":"x","suffix":"","template":"","context":[],"raw":false,"system":""}"#);
    assert!(request.special.is_empty() && request.messages.len() == 1);
    assert!(decode(GENERATE, r#"{"prompt":"x","raw":true}"#).special(Concept::RawPrompt).is_some());
    assert_eq!(refusal(GENERATE, r#"{"prompt":"x","raw":true,"system":"s"}"#).param.as_deref(), Some("raw"));
    assert_eq!(refusal(GENERATE, r#"{"raw":true,"context":[1],"prompt":"x"}"#).param.as_deref(), Some("raw"));
}

#[test]
fn pictures_are_known_by_their_bytes_and_lose_the_prefix_of_a_data_url() {
    for (given, media_type, data) in [
        (PNG.to_owned(), "image/png", PNG),
        (format!("data:image/jpeg;base64,{PNG}"), "image/png", PNG),
        ("data:image/tiff;base64,SUkqAA==".to_owned(), "image/tiff", "SUkqAA=="),
        ("SUkqAA==".to_owned(), "image/png", "SUkqAA=="),
        ("SUkq\\nAA==".to_owned(), "image/png", "SUkqAA=="),
        ("data:;base64,\\/9j\\/4AAQ".to_owned(), "image/jpeg", "/9j/4AAQ"),
    ] {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"x","images":["{given}"]}}]}}"#);
        assert_eq!(image(&decode(CHAT, &body).messages[0].parts[1]), (media_type, data), "{given}");
    }
    for given in ["https://img.invalid/a.png", "", "data:text/plain,hello", "AAAA*"] {
        let body = format!(r#"{{"messages":[{{"role":"user","images":["{PNG}","{given}"]}}]}}"#);
        assert_eq!(refusal(CHAT, &body).param.as_deref(), Some("messages[0].images[1]"), "{given}");
    }
}

#[test]
fn calls_without_ids_get_some_and_results_find_them() {
    let request = decode(
        CHAT,
        r#"{"messages":[
            {"role":"assistant","content":"","tool_calls":[
                {"function":{"name":"f","arguments":{"a":1}}},
                {"id":"mine","function":{"name":"g","arguments":"{\"b\": 2}"}},
                {"function":{"name":"f","arguments":""}}]},
            {"role":"tool","tool_name":"g","content":"G"},
            {"role":"tool","content":"F0"},
            {"role":"tool","tool_name":"f","content":"F1"}]}"#,
    );
    let calls: Vec<_> = request.messages[0]
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolCall(call) => (call.id.as_ref(), call.name.as_ref(), call.arguments.as_ref()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(calls, [("call_0", "f", r#"{"a":1}"#), ("mine", "g", r#"{"b": 2}"#), ("call_2", "f", "{}")]);
    let results: Vec<_> = request.messages[1..]
        .iter()
        .map(|message| match message.parts.as_slice() {
            [Part::ToolResult(result)] => (result.call_id.as_ref(), result.name.as_deref().unwrap_or("?")),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(results, [("mine", "g"), ("call_0", "f"), ("call_2", "f")]);
}

#[test]
fn thinking_levels() {
    for (think, enabled, effort) in [
        ("true", Some(true), None),
        ("false", Some(false), None),
        ("\"low\"", None, Some(Effort::Low)),
        ("\"medium\"", None, Some(Effort::Medium)),
        ("\"high\"", None, Some(Effort::High)),
        ("\"max\"", None, Some(Effort::Max)),
    ] {
        let body = format!(r#"{{"messages":[],"think":{think}}}"#);
        let reasoning = decode(CHAT, &body).reasoning.unwrap();
        assert_eq!((reasoning.enabled, reasoning.effort), (enabled, effort), "{think}");
    }
    for think in ["\"extreme\"", "\"minimal\"", "\"none\"", "\"\"", "3", "[]"] {
        let body = format!(r#"{{"messages":[],"think":{think}}}"#);
        assert_eq!(refusal(CHAT, &body).param.as_deref(), Some("think"));
        let object = Object::parse(body.as_bytes()).unwrap();
        let error = Ollama.check(CHAT, &object).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some("think")), "also where it is relayed: {think}");
    }
}

#[test]
fn options() {
    let request = decode(
        CHAT,
        r#"{"options":{"temperature":0.30,"top_k":40,"repeat_penalty":1.1,"seed":7,"stop":"END",
            "num_predict":77,"num_ctx":8192,"num_gpu":1,"use_mmap":false,"new":[1],"top_p":null}}"#,
    );
    assert_eq!(request.sampling.temperature.map(|n| n.text()), Some("0.30"));
    assert_eq!(request.sampling.top_k.map(|n| n.text()), Some("40"));
    assert_eq!(request.sampling.repetition_penalty.map(|n| n.text()), Some("1.1"));
    assert_eq!(request.sampling.seed.map(|n| n.text()), Some("7"));
    assert!(request.sampling.top_p.is_none());
    assert_eq!(request.stop, ["END"]);
    assert_eq!(request.max_tokens, Some(MaxTokens::Limit(77)));
    let special: Vec<_> = request.special.iter().map(|(concept, extra)| (*concept, extra.path.as_str())).collect();
    assert_eq!(
        special,
        [
            (Concept::ContextLength, "options.num_ctx"),
            (Concept::RunnerOption, "options.num_gpu"),
            (Concept::RunnerOption, "options.use_mmap"),
        ]
    );
    assert_eq!(request.extra[0].path, "options.new");
}

#[test]
fn bounds_of_the_answer() {
    for (given, expected) in [
        ("-1", Some(MaxTokens::Unbounded)),
        ("-2", Some(MaxTokens::FillContext)),
        ("-7", Some(MaxTokens::Unbounded)),
        ("0", None),
        ("12.9", Some(MaxTokens::Limit(12))),
        ("18446744073709551615", Some(MaxTokens::Limit(u64::MAX))),
        ("1e300", Some(MaxTokens::Limit(u64::MAX))),
    ] {
        let body = format!(r#"{{"options":{{"num_predict":{given}}}}}"#);
        assert_eq!(decode(CHAT, &body).max_tokens, expected, "{given}");
    }
    let request = decode(CHAT, r#"{"options":{"seed":-1}}"#);
    assert!(request.sampling.seed.is_none(), "minus one asks for a random seed");
    assert_eq!(request.special(Concept::RunnerOption).unwrap().bytes(), b"-1");
}

#[test]
fn formats() {
    let format = |body: &'static str| decode(CHAT, body).response_format;
    assert!(format(r#"{"format":""}"#).is_none());
    assert!(matches!(format(r#"{"format":"json"}"#), Some(ResponseFormat::JsonObject)));
    match format(r#"{"format":{"type":"object"}}"#) {
        Some(ResponseFormat::JsonSchema { name: None, schema, .. }) => {
            assert_eq!(schema.text(), r#"{"type":"object"}"#)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn wrong_types_are_refused_by_path() {
    for (operation, body, path) in [
        (CHAT, r#"{"model":7}"#, "model"),
        (CHAT, r#"{"stream":"yes"}"#, "stream"),
        (CHAT, r#"{"messages":{}}"#, "messages"),
        (CHAT, r#"{"messages":["x"]}"#, "messages[0]"),
        (CHAT, r#"{"messages":[{"content":"x"}]}"#, "messages[0].role"),
        (CHAT, r#"{"messages":[{"role":"wizard"}]}"#, "messages[0].role"),
        (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}"#, "messages[0].content"),
        (CHAT, r#"{"messages":[{"role":"user","images":"x"}]}"#, "messages[0].images"),
        (CHAT, r#"{"messages":[{"role":"user","images":[1]}]}"#, "messages[0].images[0]"),
        (CHAT, r#"{"messages":[{"role":"assistant","thinking":1}]}"#, "messages[0].thinking"),
        (CHAT, r#"{"messages":[{"role":"assistant","tool_calls":{}}]}"#, "messages[0].tool_calls"),
        (CHAT, r#"{"messages":[{"role":"assistant","tool_calls":[{}]}]}"#, "messages[0].tool_calls[0].function"),
        (
            CHAT,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":[]}}]}]}"#,
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":{}}}]}]}"#,
            "messages[0].tool_calls[0].function.name",
        ),
        (CHAT, r#"{"tools":[{"function":{"name":"f","parameters":[]}}]}"#, "tools[0].function.parameters"),
        (CHAT, r#"{"tools":[{"type":"function"}]}"#, "tools[0].function"),
        (CHAT, r#"{"format":"xml"}"#, "format"),
        (CHAT, r#"{"format":[]}"#, "format"),
        (CHAT, r#"{"keep_alive":true}"#, "keep_alive"),
        (CHAT, r#"{"options":[]}"#, "options"),
        (CHAT, r#"{"options":{"temperature":"0.5"}}"#, "options.temperature"),
        (CHAT, r#"{"options":{"num_predict":"5"}}"#, "options.num_predict"),
        (CHAT, r#"{"options":{"stop":["a",1]}}"#, "options.stop[1]"),
        (CHAT, r#"{"options":{"stop":1}}"#, "options.stop"),
        (CHAT, r#"{"options":{"num_gpu":"all"}}"#, "options.num_gpu"),
        (CHAT, r#"{"options":{"use_mmap":1}}"#, "options.use_mmap"),
        (CHAT, r#"{"top_logprobs":-1}"#, "top_logprobs"),
        (CHAT, r#"{"logprobs":5}"#, "logprobs"),
        (GENERATE, r#"{"prompt":["a"]}"#, "prompt"),
        (GENERATE, r#"{"prompt":"x","images":"y"}"#, "images"),
        (GENERATE, r#"{"prompt":"x","system":["y"]}"#, "system"),
    ] {
        let error = refusal(operation, body);
        assert_eq!(error.param.as_deref(), Some(path), "{body}");
        assert!(error.message.contains(path), "{}", error.message);
    }
    let error = refusal(CHAT, r#"{"options":{"temperature":"0.5"}}"#);
    assert_eq!(error.message, "`options.temperature` must be a number, not a string");
    assert_eq!(refusal(CHAT, r#"{"model": "m", "messages": ["#).code.as_deref(), Some("invalid_json"));
}

#[test]
fn relayed_requests_are_checked_by_kind_only() {
    let check = |operation, body: &str| Ollama.check(operation, &Object::parse(body.as_bytes()).unwrap());
    for (operation, body) in [
        (CHAT, r#"{"model":"m"}"#),
        (CHAT, r#"{"messages":[1,2],"format":7,"prompt":3}"#),
        (GENERATE, r#"{"prompt":"x","messages":"y","think":"high"}"#),
        (GENERATE, r#"{"prompt":null,"options":null}"#),
    ] {
        assert_eq!(check(operation, body), Ok(()), "{body}");
    }
    for (operation, body, path) in [
        (CHAT, r#"{"messages":"x"}"#, "messages"),
        (GENERATE, r#"{"prompt":[1]}"#, "prompt"),
        (CHAT, r#"{"options":"x"}"#, "options"),
    ] {
        assert_eq!(check(operation, body).unwrap_err().param.as_deref(), Some(path), "{body}");
    }
}

#[test]
fn what_is_unknown_is_kept() {
    let request = decode(
        CHAT,
        r#"{"messages":[{"role":"user","content":"x","a":1,"thinking":"not mine"}],"b":null,"images":[],
            "tools":[{"type":"function","function":{"name":"f","c":2},"d":3},{"type":"other"}]}"#,
    );
    let paths = |extra: &[lingate_codec::ir::Extra<'_>]| extra.iter().map(|e| e.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&request.messages[0].extra), ["messages[0].a", "messages[0].thinking"]);
    assert_eq!(paths(&request.extra), ["b", "images"]);
    match &request.tools[0] {
        Tool::Function { extra, .. } => assert_eq!(paths(extra), ["tools[0].d", "tools[0].function.c"]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(&request.tools[1], Tool::Hosted { kind, .. } if kind == "other"));
}

#[test]
fn a_chat_with_a_prompt_and_no_messages_is_one_user_message() {
    let request = decode(CHAT, r#"{"prompt":"Hi"}"#);
    assert_eq!((request.messages[0].role, text(&request.messages[0])), (Role::User, "Hi"));
}
