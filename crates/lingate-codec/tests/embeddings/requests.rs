//! What a client may ask, and what it may not.

use super::{ALL, decode, object};
use EmbeddingsId::{OllamaEmbed, OllamaEmbeddings, OpenAi};
use lingate_codec::dialect::embeddings::MAX_INPUTS;
use lingate_codec::dialect::{EmbeddingsId, RelayWants};
use lingate_codec::ir::{InputKind, VectorForm};
use lingate_codec::json::Edits;

/// The path at fault of a request with these members.
fn fault(id: EmbeddingsId, members: &str) -> Option<String> {
    let body = format!(r#"{{"model":"m",{members}}}"#);
    match decode(id, &object(body.as_bytes())) {
        Ok(_) => None,
        Err(error) => {
            assert_eq!(error.status, 400);
            error.param
        }
    }
}

#[test]
fn inputs_of_openais_form_are_told_apart() {
    for (input, kind, count) in [
        (r#""a""#, InputKind::Text, Some(1)),
        (r#"["a"]"#, InputKind::Text, Some(1)),
        (r#"["a","",  "c"]"#, InputKind::Text, Some(3)),
        ("[1,2,3]", InputKind::Tokens, Some(1)),
        ("[[1,2,3],[4]]", InputKind::Tokens, Some(2)),
        (r#"[{"text":"a"},{"image":"b"}]"#, InputKind::Opaque, None),
    ] {
        let body = format!(r#"{{"model":"m","input":{input}}}"#);
        let found = decode(OpenAi, &object(body.as_bytes())).map(|request| request.input.expect("an input"));
        let found = found.unwrap_or_else(|error| panic!("{input}: {error:?}"));
        assert_eq!((found.kind, found.count, found.value.text().as_ref()), (kind, count, input));
    }
    let body = br#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;
    let request = decode(OpenAi, &object(body)).expect("vLLM takes it");
    assert_eq!(request.input.map(|input| input.kind), Some(InputKind::Opaque));
}

#[test]
fn what_openai_refuses_is_refused() {
    for (members, path) in [
        (r#""user":"u""#, "input"),
        (r#""input":null"#, "input"),
        (r#""input":"""#, "input"),
        (r#""input":[]"#, "input"),
        (r#""input":[[]]"#, "input[0]"),
        (r#""input":[[1],[]]"#, "input[1]"),
        (r#""input":5"#, "input"),
        (r#""input":{"a":1}"#, "input"),
        (r#""input":[true]"#, "input[0]"),
        (r#""input":[null]"#, "input[0]"),
        (r#""input":["a",1]"#, "input[1]"),
        (r#""input":["a",null]"#, "input[1]"),
        (r#""input":[1,"a"]"#, "input[1]"),
        (r#""input":[1,-2]"#, "input[1]"),
        (r#""input":[1.5]"#, "input[0]"),
        (r#""input":[[1],"a"]"#, "input[1]"),
        (r#""input":[[1,[2]]]"#, "input[0][1]"),
        (r#""input":"a","encoding_format":"int8""#, "encoding_format"),
        (r#""input":"a","encoding_format":1"#, "encoding_format"),
        (r#""input":"a","dimensions":0"#, "dimensions"),
        (r#""input":"a","dimensions":-1"#, "dimensions"),
        (r#""input":"a","dimensions":"2""#, "dimensions"),
    ] {
        assert_eq!(fault(OpenAi, members).as_deref(), Some(path), "{members}");
    }
    assert_eq!(fault(OpenAi, r#""input":"a","encoding_format":null,"dimensions":null,"user":null"#), None);
    for (element, path) in [("\"a\"", "input"), ("[1]", "input"), ("1", "input")] {
        let many = |count| format!("\"input\":[{}]", vec![element; count].join(","));
        assert_eq!(fault(OpenAi, &many(MAX_INPUTS)), None);
        assert_eq!(fault(OpenAi, &many(MAX_INPUTS + 1)).as_deref(), Some(path));
    }
}

#[test]
fn the_form_of_vectors_is_the_one_asked_for() {
    for (member, form) in [
        ("", VectorForm::Numbers),
        (r#","encoding_format":"float""#, VectorForm::Numbers),
        (r#","encoding_format":"base64""#, VectorForm::Base64),
    ] {
        let body = format!(r#"{{"model":"m","input":"a"{member}}}"#);
        assert_eq!(decode(OpenAi, &object(body.as_bytes())).map(|request| request.form), Ok(form));
    }
}

#[test]
fn ollama_takes_texts_and_nothing_else() {
    for members in [r#""input":5"#, r#""input":{}"#, r#""input":[1]"#, r#""input":["a",[1]]"#, r#""input":true"#] {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        let error = decode(OllamaEmbed, &object(body.as_bytes())).expect_err(members);
        assert_eq!((error.status, error.message.as_str()), (400, "invalid input type"));
    }
    for (id, members, path) in [
        (OllamaEmbeddings, r#""prompt":["a"]"#, "prompt"),
        (OllamaEmbeddings, r#""prompt":5"#, "prompt"),
        (OllamaEmbed, r#""input":"a","options":[]"#, "options"),
        (OllamaEmbed, r#""input":"a","truncate":"yes""#, "truncate"),
        (OllamaEmbed, r#""input":"a","dimensions":"2""#, "dimensions"),
        (OllamaEmbed, r#""input":"a","keep_alive":true"#, "keep_alive"),
        (OllamaEmbed, r#""input":"a","keep_alive":"5""#, "keep_alive"),
    ] {
        assert_eq!(fault(id, members).as_deref(), Some(path), "{members}");
    }
    // Without anything to embed, the model is loaded.
    for (id, members) in [
        (OllamaEmbed, r#""input":"""#),
        (OllamaEmbed, r#""input":[]"#),
        (OllamaEmbed, r#""keep_alive":0"#),
        (OllamaEmbeddings, r#""prompt":"""#),
    ] {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        assert!(decode(id, &object(body.as_bytes())).expect(members).input.is_none(), "{members}");
    }
    let body = format!(r#"{{"model":"m","input":[{}]}}"#, vec!["\"a\""; 5000].join(","));
    let count =
        decode(OllamaEmbed, &object(body.as_bytes())).map(|request| request.input.and_then(|input| input.count));
    assert_eq!(count, Ok(Some(5000)), "Ollama itself knows no bound");
}

#[test]
fn a_relayed_request_changes_in_its_model_alone() {
    let strip = ["user".to_owned(), "num_gpu".to_owned()];
    for (id, body, expected) in [
        (
            OpenAi,
            r#"{ "model" : "m", "input":["a" , "\u00e4"], "odd": 1.10, "user":"u" }"#,
            r#"{ "model" : "real", "input":["a" , "\u00e4"], "odd": 1.10 }"#,
        ),
        (
            OllamaEmbed,
            r#"{"name":"m","input":"a","options":{"num_gpu":1,"num_ctx":5},"odd":1e0}"#,
            r#"{"input":"a","options":{"num_ctx":5},"odd":1e0,"model":"real"}"#,
        ),
        (OllamaEmbed, r#"{"model":"m","prompt":"a"}"#, r#"{"model":"real","input":"a"}"#),
        (OllamaEmbeddings, r#"{"model":"m","input":"a"}"#, r#"{"model":"real","prompt":"a"}"#),
        (OllamaEmbeddings, r#"{"model":"m","prompt":"a"}"#, r#"{"model":"real","prompt":"a"}"#),
    ] {
        let (object, mut edits) = (object(body.as_bytes()), Edits::new());
        id.dialect().relay_edits(
            &object,
            &RelayWants { model: "real", strip: &strip, ..RelayWants::default() },
            &mut edits,
        );
        assert_eq!(String::from_utf8_lossy(&edits.apply_to_vec(&object)), expected);
    }
}

#[test]
fn configured_members_of_chats_have_no_place() {
    for id in ALL {
        for member in ["max_tokens", "temperature", "tools", "chat_template_kwargs", "think"] {
            assert!(id.dialect().place(member).1.is_empty(), "{member}");
        }
        assert_eq!(id.dialect().place("dimensions"), ("", vec!["dimensions".to_owned()]));
    }
    assert_eq!(OllamaEmbed.dialect().place("num_ctx"), ("options", vec!["num_ctx".to_owned()]));
    assert!(OpenAi.dialect().place("num_ctx").1.is_empty());
    assert_eq!(OpenAi.dialect().place("truncate_prompt_tokens"), ("", vec!["truncate_prompt_tokens".to_owned()]));
}
