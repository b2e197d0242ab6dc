//! Errors, both ways.

use lingate_codec::dialect::Dialect;
use lingate_codec::dialect::openai_chat::OpenAiChat;
use lingate_codec::ir::{ApiError, ErrorKind, Event, Operation};
use serde_json::{Value, json};

#[test]
fn every_form_of_error_is_understood() {
    for (status, body, message, code) in [
        (400, r#"{"error":{"message":"bad","type":"invalid_request_error","param":"n","code":"x"}}"#, "bad", Some("x")),
        (500, r#"{"error":"text"}"#, "text", None),
        (400, r#"{"detail":"Model not found"}"#, "Model not found", None),
        (
            422,
            r#"{"detail":[{"loc":["body","messages",0],"msg":"Field required","type":"missing"},{"msg":"also"}]}"#,
            "body.messages.0: Field required; also",
            None,
        ),
        (404, r#"{"object":"error","message":"no model","type":"NotFoundError","code":404}"#, "no model", None),
        (502, r#"{"message":"gone"}"#, "gone", None),
        (400, r#"[{"error":{"code":400,"message":"listed","status":"INVALID_ARGUMENT"}}]"#, "listed", None),
        (429, r#"{"error":"{\"error\":{\"message\":\"inner\",\"code\":\"quota\"}}"}"#, "inner", Some("quota")),
        (500, r#""{\"detail\":\"in a string\"}""#, "in a string", None),
        (500, r#"{"error":{"message":"{\"error\":{\"message\":\"deep\"}}"}}"#, "deep", None),
        (503, "upstream connect error", "upstream connect error", None),
        (502, "<html><body>Bad Gateway</body></html>", "the upstream answered 502 without a readable error", None),
        (502, "", "the upstream answered 502 without a readable error", None),
        (500, "{\"error\":", "the upstream answered 500 without a readable error", None),
        (500, r#"{"error":{}}"#, "the upstream answered 500 without a readable error", None),
        (500, r#"{"error":{"message":"{broken"}}"#, "{broken", None),
    ] {
        let error = OpenAiChat.decode_error(status, body.as_bytes());
        assert_eq!((error.status, &*error.message, error.code.as_deref()), (status, message, code), "{body}");
        assert_eq!(error.kind, ErrorKind::from_status(status));
    }
    assert_eq!(OpenAiChat.decode_error(302, b"\xff\xfe").status, 502);
    let long = OpenAiChat.decode_error(500, "ä".repeat(9_000).as_bytes());
    assert_eq!(long.message.chars().count(), 2_000);
}

#[test]
fn an_error_of_status_200_has_the_status_it_means() {
    for (body, status) in [
        (r#"{"error":{"message":"Provider returned error","code":502}}"#, 502),
        (r#"{"error":{"message":"m","code":"429"}}"#, 429),
        (r#"{"error":{"message":"m","type":"invalid_request_error"}}"#, 400),
        (r#"{"error":{"message":"m","type":"server_error","code":"overloaded"}}"#, 503),
        (r#"{"error":{"message":"m","type":"strange"}}"#, 502),
        (r#"{"detail":"m"}"#, 502),
        (r#"{"object":"error","message":"m","code":400}"#, 400),
        (r#"{"choices":[]}"#, 502),
        ("<html>", 502),
        ("", 502),
        ("[]", 502),
    ] {
        let mut events = Vec::new();
        OpenAiChat.decode_response(Operation::Chat, body.as_bytes(), &mut events);
        let [Event::Error(error)] = events.as_slice() else { panic!("{body}: {events:?}") };
        assert_eq!(error.status, status, "{body}");
    }
}

#[test]
fn empty_errors_beside_an_answer_are_none() {
    for error in ["null", "\"\"", "{}", "false"] {
        let body = format!(r#"{{"error":{error},"choices":[{{"message":{{"content":"ok"}}}}]}}"#);
        let mut events = Vec::new();
        OpenAiChat.decode_response(Operation::Chat, body.as_bytes(), &mut events);
        assert_eq!(events.last(), Some(&Event::End), "{error}");
    }
}

#[test]
fn errors_are_written_in_openai_s_form() {
    let error = ApiError::invalid("messages[0]", "bad \"thing\"").with_code("c");
    let mut out = Vec::new();
    OpenAiChat.encode_error(&error, "req", &mut out);
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        value,
        json!({"error": {"message": "bad \"thing\"", "type": "invalid_request_error", "param": "messages[0]", "code": "c"}})
    );
    for (status, kind) in [
        (401, "authentication_error"),
        (402, "insufficient_quota"),
        (403, "permission_error"),
        (404, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "server_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ] {
        let mut out = Vec::new();
        OpenAiChat.encode_error(&ApiError::new(status, "m"), "", &mut out);
        let value: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["error"]["type"], kind, "{status}");
        assert!(value["error"]["param"].is_null() && value["error"]["code"].is_null());
    }
    assert_eq!(OpenAiChat.error_status(&ApiError::new(529, "m")), 503);
}
