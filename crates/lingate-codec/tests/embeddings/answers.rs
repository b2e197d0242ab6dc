//! Answers that keep to their dialect, and others.

use super::{ALL, json, ollama, openai, translate};
use EmbeddingsId::{OllamaEmbed, OllamaEmbeddings, OpenAi};
use lingate_codec::dialect::EmbeddingsId;
use lingate_codec::ir::VectorForm::{Base64, Numbers};
use serde_json::json;

/// Why an answer with `expected` vectors cannot be read.
fn fault(from: EmbeddingsId, body: &str, expected: usize) -> String {
    let to = if from == OpenAi { OllamaEmbed } else { OpenAi };
    let error = translate(from, body.as_bytes(), expected, to, Numbers).expect_err(body);
    assert!((400..600).contains(&error.status), "{error:?}");
    format!("{} {}", error.status, error.message)
}

#[test]
fn numbers_stay_as_they_were_written() {
    let vector = "[0.10, -1e-3,1E+2 ,123456789012345678901234567890,-0.0]";
    let text = translate(OpenAi, openai(&[vector]).as_bytes(), 1, OllamaEmbed, Numbers).expect("an answer");
    assert!(String::from_utf8_lossy(&text).contains(vector));
    let text = translate(OllamaEmbed, ollama(&[vector]).as_bytes(), 1, OpenAi, Numbers).expect("an answer");
    assert!(String::from_utf8_lossy(&text).contains(vector));
}

#[test]
fn numbers_become_base64_and_base64_numbers() {
    // 0.5, -1.25, 2.0
    let base64 = "AAAAPwAAoL8AAABA";
    let text = translate(OllamaEmbed, ollama(&["[0.5,-1.25,2.0]"]).as_bytes(), 1, OpenAi, Base64).expect("an answer");
    assert_eq!(json(&text)["data"][0]["embedding"], base64);
    for written in [r#""AAAAPwAAoL8AAABA""#, r#""AAAAPwAAoL8A\u0041ABA""#] {
        let text = translate(OpenAi, openai(&[written]).as_bytes(), 1, OllamaEmbed, Numbers).expect("an answer");
        assert_eq!(json(&text)["embeddings"], json!([[0.5, -1.25, 2.0]]));
    }
    // Slashes escaped, padding left out.
    let text = translate(OpenAi, openai(&[r#""\/\/9\/fw""#]).as_bytes(), 1, OllamaEmbeddings, Numbers);
    assert_eq!(json(&text.expect("an answer")), json!({ "embedding": [3.4028235e38] }));
    let text = translate(OpenAi, openai(&[r#""""#]).as_bytes(), 1, OllamaEmbeddings, Numbers).expect("an answer");
    assert_eq!(json(&text), json!({ "embedding": [] }));
}

#[test]
fn vectors_are_put_into_the_order_of_the_inputs() {
    let body = r#"{"data":[{"index":2,"embedding":[2]},{"embedding":[0],"index":0},{"index":1,"embedding":[1]}]}"#;
    let text = translate(OpenAi, body.as_bytes(), 3, OllamaEmbed, Numbers).expect("an answer");
    assert_eq!(json(&text)["embeddings"], json!([[0], [1], [2]]));
    let body = r#"{"data":[{"embedding":[0]},{"embedding":[1]}]}"#;
    let text = translate(OpenAi, body.as_bytes(), 2, OllamaEmbed, Numbers).expect("an answer");
    assert_eq!(json(&text)["embeddings"], json!([[0], [1]]), "without indexes, the order of the text");
    for indexes in [[0, 0], [0, 2], [1, 2]] {
        let [a, b] = indexes;
        let body = format!(r#"{{"data":[{{"index":{a},"embedding":[0]}},{{"index":{b},"embedding":[1]}}]}}"#);
        assert!(fault(OpenAi, &body, 2).starts_with("502"), "{indexes:?}");
    }
}

#[test]
fn as_many_vectors_as_inputs() {
    for (from, body) in [
        (OpenAi, openai(&["[1]", "[2]"])),
        (OllamaEmbed, ollama(&["[1]", "[2]"])),
        (OllamaEmbed, ollama(&["[1]", "[]", "[2]"])),
    ] {
        assert!(fault(from, &body, 1).starts_with("502 the upstream gave more than 1"), "{body}");
        assert!(fault(from, &body, 3).starts_with("502 the upstream gave only 2"), "{body}");
    }
    assert!(fault(OpenAi, &openai(&[]), 1).starts_with("502"));
    assert!(fault(OllamaEmbeddings, r#"{"embedding":[]}"#, 1).starts_with("502"));
}

#[test]
fn what_is_no_finite_float_is_refused() {
    for vector in ["[1e39]", "[-1e400]", "[1,null]", "[[1]]", r#"["1"]"#, "[true]", r#"["nan"]"#, "[inf]", "[NaN]"] {
        let error = translate(OllamaEmbed, ollama(&[vector]).as_bytes(), 1, OpenAi, Base64).expect_err(vector);
        assert_eq!(error.status, 502, "{vector}");
    }
    for vector in ["[1,null]", "[[1]]", r#"["1"]"#, "[true]", "{}", "null", "7"] {
        assert!(fault(OpenAi, &openai(&[vector]), 1).starts_with("502"), "{vector}");
    }
    // NaN, infinity, five bytes, no base64.
    for vector in [r#""AADAfw==""#, r#""AACAfw==""#, r#""AAAAAAA=""#, r#""a*b=""#] {
        assert!(fault(OpenAi, &openai(&[vector]), 1).starts_with("502"), "{vector}");
    }
    // Too small for 32 bits is zero.
    let text = translate(OllamaEmbed, ollama(&["[1e-60]"]).as_bytes(), 1, OpenAi, Base64).expect("an answer");
    assert_eq!(json(&text)["data"][0]["embedding"], "AAAAAA==");
}

#[test]
fn an_error_under_a_good_status_speaks_for_itself() {
    let said = r#"{"error":{"message":"model melted","type":"server_error","code":"melted"}}"#;
    assert_eq!(fault(OpenAi, said, 1), "502 model melted");
    assert_eq!(fault(OpenAi, r#"{"detail":"no such model"}"#, 1), "502 no such model");
    assert_eq!(fault(OllamaEmbed, r#"{"error":"model melted"}"#, 1), "502 model melted");
    for (from, body) in [(OpenAi, "{}"), (OpenAi, r#"{"data":null}"#), (OllamaEmbed, r#"{"embedding":[1]}"#)] {
        assert_eq!(fault(from, body, 1), "502 the upstream's answer holds no embeddings");
    }
    for from in ALL {
        for body in ["", "[]", "<html>", "{", r#"{"data":[{"embedding":[1]}"#, r#"{"embeddings":[[1]"#] {
            assert!(fault(from, body, 1).starts_with("502"), "{body}");
        }
    }
    assert!(fault(OpenAi, r#"{"data":[{"index":0}]}"#, 1).contains("without a vector"));
}

#[test]
fn usage_is_taken_from_where_it_stands() {
    for (usage, count) in [
        (r#"{"prompt_tokens":7,"total_tokens":9}"#, json!(7)),
        (r#"{"total_tokens":9}"#, json!(9)),
        ("null", json!(null)),
    ] {
        let body = format!(r#"{{"data":[{{"embedding":[1]}}],"usage":{usage}}}"#);
        let text = translate(OpenAi, body.as_bytes(), 1, OllamaEmbed, Numbers).expect("an answer");
        assert_eq!(json(&text).get("prompt_eval_count").cloned().unwrap_or_default(), count);
    }
    // OpenAI's clients want a number.
    let text = translate(OllamaEmbed, br#"{"embeddings":[[1]]}"#, 1, OpenAi, Numbers).expect("an answer");
    assert_eq!(json(&text)["usage"], json!({ "prompt_tokens": 0, "total_tokens": 0 }));
}
