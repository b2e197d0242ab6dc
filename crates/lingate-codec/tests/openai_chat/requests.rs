//! Requests of the dialect itself.

use super::{WIDE, decode, encode};
use lingate_codec::ir::{Concept, ImageSource, Loss, MaxTokens, Part, ResponseFormat, Role, ToolChoice};
use serde_json::Value;

#[test]
fn a_maximal_request_survives_its_own_dialect() {
    let body = include_str!("../golden/openai_chat/request_maximal.json");
    let mut loss = Loss::new();
    let mut request = decode(body).unwrap();
    request.model = "client-model".into();
    let value = encode(&request, &WIDE, &mut loss).unwrap();
    let wanted: Value = serde_json::from_str(body).unwrap();
    assert!(loss.is_empty(), "{loss:?}");
    for (key, member) in wanted.as_object().unwrap() {
        assert_eq!(&value[key], member, "{key}");
    }
    assert_eq!(value, wanted);
}

#[test]
fn numbers_keep_their_spelling() {
    let body = include_str!("../golden/openai_chat/request_maximal.json");
    let mut out = Vec::new();
    use lingate_codec::dialect::Dialect;
    lingate_codec::dialect::openai_chat::OpenAiChat
        .encode_request(&decode(body).unwrap(), &WIDE, &mut Loss::new(), &mut out)
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    for spelt in
        ["\"temperature\":0.70", "\"seed\":12345678901234567890123", "\"x_number\":1.10", "\"x_outer\":1.10", "5e-1"]
    {
        assert!(text.contains(spelt), "{spelt}");
    }
}

#[test]
fn texts_are_borrowed_from_the_body() {
    let request = decode(r#"{"model":"m","messages":[{"role":"user","content":"plain"}]}"#).unwrap();
    assert!(matches!(&request.messages[0].parts[0], Part::Text { text: std::borrow::Cow::Borrowed("plain"), .. }));
}

#[test]
fn what_is_wrong_is_named_by_its_path() {
    let message = |content: &str| format!(r#"{{"messages":[{{"role":"user","content":"a"}},{content}]}}"#);
    for (body, path, words) in [
        ("{".to_owned(), None, "not valid JSON"),
        ("[]".to_owned(), None, "not valid JSON"),
        ("{}".to_owned(), Some("messages"), "missing"),
        (r#"{"messages":"Q"}"#.to_owned(), Some("messages"), "must be an array, not a string"),
        (r#"{"messages":[]}"#.to_owned(), Some("messages"), "must not be empty"),
        (r#"{"prompt":["a"]}"#.to_owned(), Some("prompt"), "must be a string, not an array"),
        (message("1"), Some("messages[1]"), "must be an object, not a number"),
        (message("{}"), Some("messages[1].role"), "missing"),
        (message(r#"{"role":"robot"}"#), Some("messages[1].role"), "not `robot`"),
        (message(r#"{"role":"user"}"#), Some("messages[1].content"), "missing"),
        (message(r#"{"role":"user","content":1}"#), Some("messages[1].content"), "a string or an array, not a number"),
        (
            message(r#"{"role":"user","content":[{"type":"text","text":"x"},{"type":"text","text":1}]}"#),
            Some("messages[1].content[1].text"),
            "must be a string, not a number",
        ),
        (message(r#"{"role":"user","content":["x"]}"#), Some("messages[1].content[0]"), "must be an object"),
        (
            message(r#"{"role":"user","content":[{"type":"image_url","image_url":{}}]}"#),
            Some("messages[1].content[0].image_url.url"),
            "missing",
        ),
        (
            message(r#"{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":[]}}]}"#),
            Some("messages[1].tool_calls[0].function.arguments"),
            "must be a string, not an array",
        ),
        (message(r#"{"role":"tool","content":"x"}"#), Some("messages[1].tool_call_id"), "missing"),
        (
            message("{\"role\":\"user\",\"content\":\"x\"}],\"temperature\":\"hot\",\"x\":["),
            Some("temperature"),
            "a number, not a string",
        ),
        (
            message("{\"role\":\"user\",\"content\":\"x\"}],\"max_tokens\":-1,\"x\":["),
            Some("max_tokens"),
            "zero or more, not -1",
        ),
        (message("{\"role\":\"user\",\"content\":\"x\"}],\"stop\":[1],\"x\":["), Some("stop[0]"), "must be a string"),
        (
            message("{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":\"function\"}],\"x\":["),
            Some("tools[0].function"),
            "missing",
        ),
        (
            message("{\"role\":\"user\",\"content\":\"x\"}],\"tool_choice\":\"maybe\",\"x\":["),
            Some("tool_choice"),
            "not `maybe`",
        ),
        (
            message("{\"role\":\"user\",\"content\":\"x\"}],\"stream_options\":{\"include_usage\":1},\"x\":["),
            Some("stream_options.include_usage"),
            "true or false",
        ),
    ] {
        let error = decode(&body).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, path), "{body}");
        assert!(error.message.contains(words), "{body}: {}", error.message);
    }
}

#[test]
fn a_prompt_is_one_user_message_and_the_newer_bound_wins() {
    for body in [
        r#"{"prompt":"hi","model":"m","max_tokens":5,"max_completion_tokens":6}"#,
        r#"{"prompt":"hi","model":"m","max_completion_tokens":6,"max_tokens":5}"#,
    ] {
        let request = decode(body).unwrap();
        assert_eq!(request.messages.len(), 1);
        assert_eq!(request.messages[0].role, Role::User);
        assert_eq!(request.max_tokens, Some(MaxTokens::Limit(6)));
        assert!(request.special.is_empty() && request.extra.is_empty());
        assert!(!request.stream);
    }
}

#[test]
fn results_find_their_calls() {
    let request = decode(include_str!("../golden/openai_chat/request_old.json")).unwrap();
    let results: Vec<_> = request
        .messages
        .iter()
        .filter_map(|message| match message.parts.as_slice() {
            [Part::ToolResult(result)] => Some((&*result.call_id, result.name.as_deref().unwrap())),
            _ => None,
        })
        .collect();
    assert_eq!(results, [("call_0", "get_weather"), ("call_2", "get_time"), ("call_1", "get_weather")]);
    let Part::ToolCall(call) = &request.messages[1].parts[1] else { panic!("no call") };
    assert_eq!((&*call.id, &*call.arguments), ("call_0", r#"{"city": "Oslo"}"#));
    let Part::Image(image) = &request.messages[6].parts[0] else { panic!("no image") };
    assert!(
        matches!(&image.source, ImageSource::Base64 { media_type, .. } if media_type == "image/png"),
        "by its bytes"
    );
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert!(matches!(request.response_format, Some(ResponseFormat::JsonSchema { .. })));
    let specials: Vec<_> = request.special.iter().map(|(concept, _)| *concept).collect();
    assert_eq!(specials, [Concept::Functions, Concept::FunctionCall]);
}

#[test]
fn a_repeated_id_goes_to_the_oldest_open_call() {
    let request = decode(
        r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f"}}]},
        {"role":"tool","tool_call_id":"c","content":"1"},
        {"role":"assistant","tool_calls":[{"id":"c","function":{"name":"g"}}]},
        {"role":"tool","tool_call_id":"c","content":"2"},{"role":"tool","tool_call_id":"nobody","content":"3"}]}"#,
    )
    .unwrap();
    let names = request.messages.iter().filter_map(|message| match message.parts.as_slice() {
        [Part::ToolResult(result)] => Some(result.name.as_deref()),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    assert_eq!(names, [Some("f"), Some("g"), None]);
}

#[test]
fn forms_that_only_some_servers_know_are_kept_as_written() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":false,
        "response_format":{"type":"structural_tag","format":{}},"reasoning_effort":"default",
        "tool_choice":{"type":"custom","custom":{"name":"sh"}}}"#;
    let request = decode(body).unwrap();
    assert!(request.response_format.is_none() && request.tool_choice.is_none() && request.reasoning.is_none());
    let value = encode(&request, &WIDE, &mut Loss::new()).unwrap();
    assert_eq!(value, serde_json::from_str::<Value>(body).unwrap());
}
