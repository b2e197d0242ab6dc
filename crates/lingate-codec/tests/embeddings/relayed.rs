//! Answers that go to a client of the upstream's own dialect.

use super::{json, ollama, openai};
use lingate_codec::dialect::EmbeddingsId::{self, OllamaEmbed, OllamaEmbeddings, OpenAi};
use lingate_codec::dialect::embeddings::{RelayedVectors, relay_answer};
use lingate_codec::ir::ApiError;
use lingate_codec::ir::VectorForm::{self, Base64, Numbers};
use serde_json::json;

fn relay(id: EmbeddingsId, body: &str, expected: usize, form: VectorForm) -> Result<RelayedVectors, ApiError> {
    relay_answer(id.dialect(), body.as_bytes(), Some(expected), form, Some("client-model"))
}

/// The text after the relay.
fn text(relayed: RelayedVectors) -> String {
    String::from_utf8(relayed.body.expect("a change")).expect("text")
}

#[test]
fn only_the_models_name_changes() {
    let body = r#" {"data" : [{"index":1,"embedding":[0.10]},{"index":0, "embedding":[ 1e0 ],"odd":"é"}],
        "model":"backend-model", "usage":{"prompt_tokens":4}, "x":1.10}"#;
    let relayed = relay(OpenAi, body, 2, Numbers).expect("an answer");
    assert_eq!(relayed.input_tokens, Some(4));
    assert_eq!(text(relayed), body.replace("backend-model", "client-model"));
    let body = ollama(&["[0.10]", "[1e-3]"]);
    let relayed = relay(OllamaEmbed, &body, 2, Numbers).expect("an answer");
    assert_eq!(relayed.input_tokens, Some(4));
    assert_eq!(text(relayed), body.replace("backend-model", "client-model"));
    // Nothing to change.
    let kept = relay_answer(OpenAi.dialect(), openai(&["[1]"]).as_bytes(), Some(1), Numbers, None);
    assert_eq!(kept.map(|relayed| relayed.body), Ok(None));
    assert_eq!(relay(OllamaEmbeddings, r#"{"embedding":[1]}"#, 1, Numbers).map(|relayed| relayed.body), Ok(None));
}

#[test]
fn vectors_get_the_form_that_was_asked_for() {
    let relayed = relay(OpenAi, &openai(&["[0.5,-1.25,2.0]", r#""AAAAPw==""#]), 2, Base64).expect("an answer");
    let mut expected = json(openai(&[r#""AAAAPwAAoL8AAABA""#, r#""AAAAPw==""#]).as_bytes());
    expected["model"] = json!("client-model");
    assert_eq!(json(text(relayed).as_bytes()), expected);
    let relayed = relay(OpenAi, &openai(&[r#""AAAAPwAAoL8AAABA""#]), 1, Numbers).expect("an answer");
    assert_eq!(json(text(relayed).as_bytes())["data"][0]["embedding"], json!([0.5, -1.25, 2.0]));
}

#[test]
fn what_is_no_answer_is_refused() {
    for body in [openai(&["[1]"]), openai(&["[1]", "[2]", "[3]"]), "{}".to_owned(), "nonsense".to_owned()] {
        assert_eq!(relay(OpenAi, &body, 2, Numbers).map_err(|error| error.status), Err(502), "{body}");
    }
    // A request to load a model gets no vector.
    assert!(relay(OllamaEmbed, r#"{"model":"m","embeddings":[]}"#, 0, Numbers).is_ok());
    assert!(relay(OllamaEmbeddings, r#"{"embedding":[]}"#, 0, Numbers).is_ok());
    // What is not known of the inputs cannot be counted.
    let many = openai(&["[1]", "[2]", "[3]"]);
    assert!(relay_answer(OpenAi.dialect(), many.as_bytes(), None, Numbers, None).is_ok());
}
