//! What holds for any vectors and any bytes.

use super::{ALL, decode, json, ollama, openai, translate};
use lingate_codec::dialect::EmbeddingsId::{OllamaEmbed, OpenAi};
use lingate_codec::dialect::embeddings::relay_answer;
use lingate_codec::ir::VectorForm::{Base64, Numbers};
use lingate_codec::json::Object;
use proptest::collection::vec;
use proptest::prelude::*;

fn floats() -> impl Strategy<Value = Vec<f32>> {
    // Any bits at all, and numbers as they are in vectors.
    let any_bits = any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |float| float.is_finite());
    vec(prop_oneof![any_bits, -1.0_f32..1.0, Just(-0.0), Just(f32::MAX), Just(f32::MIN_POSITIVE)], 0..40)
}

fn bits(floats: &[f32]) -> Vec<u32> {
    floats.iter().map(|float| float.to_bits()).collect()
}

fn base64(floats: &[f32]) -> String {
    let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
    format!("\"{}\"", base64_simd::STANDARD.encode_to_string(bytes))
}

proptest! {
    /// Base64 to numbers and back gives every float bit by bit.
    #[test]
    fn floats_survive_both_forms(vectors in vec(floats().prop_filter("a vector", |floats| !floats.is_empty()), 1..4)) {
        let encoded: Vec<String> = vectors.iter().map(|floats| base64(floats)).collect();
        let texts: Vec<&str> = encoded.iter().map(String::as_str).collect();
        let count = vectors.len();
        let numbers = translate(OpenAi, openai(&texts).as_bytes(), count, OllamaEmbed, Numbers).unwrap();
        for (list, floats) in json(&numbers)["embeddings"].as_array().unwrap().iter().zip(&vectors) {
            let read: Vec<f32> = list.as_array().unwrap().iter().map(|n| n.to_string().parse().unwrap()).collect();
            prop_assert_eq!(bits(&read), bits(floats));
        }
        let back = translate(OllamaEmbed, &numbers, count, OpenAi, Base64).unwrap();
        for (element, text) in json(&back)["data"].as_array().unwrap().iter().zip(&texts) {
            prop_assert_eq!(element["embedding"].to_string(), *text);
        }
    }

    /// A JSON number becomes the nearest float.
    #[test]
    fn numbers_are_rounded_once(number in prop_oneof![-3.4e38..3.4e38, -2.0..2.0, -1e-37..1e-37]) {
        let text = serde_json::to_string(&number).unwrap();
        let answer = translate(OllamaEmbed, ollama(&[&format!("[{text}]")]).as_bytes(), 1, OpenAi, Base64).unwrap();
        let nearest: f32 = text.parse().unwrap();
        prop_assert_eq!(json(&answer)["data"][0]["embedding"].to_string(), base64(&[nearest]));
    }

    /// Cut and damaged answers are errors or answers, never a panic; what is written is JSON.
    #[test]
    fn any_bytes_are_read(base64 in any::<bool>(), cut in 0_usize..400, at in 0_usize..400, byte in any::<u8>()) {
        let vector = if base64 { r#""AAAAPwAAoL8AAABA""# } else { "[0.5,-1.25,2.0]" };
        for (from, body) in [(OpenAi, openai(&[vector, "[1]"])), (OllamaEmbed, ollama(&[vector, "[1]"]))] {
            let mut body = body.into_bytes();
            body.truncate(cut.max(1));
            let at = at % body.len();
            body[at] = byte;
            for to in ALL {
                for form in [Numbers, Base64] {
                    if let Ok(text) = translate(from, &body, 2, to, form) {
                        prop_assert!(Object::parse(&text).is_ok(), "{}", String::from_utf8_lossy(&text));
                    }
                }
            }
            if let Ok(relayed) = relay_answer(from.dialect(), &body, Some(2), Base64, Some("m")) {
                prop_assert!(Object::parse(&relayed.body.unwrap_or(body)).is_ok());
            }
        }
    }

    /// Requests of any members are refused with a 400 or read.
    #[test]
    fn any_request_is_read(
        input in r#"(\[|\{|"|1|a|,|:|\]|\}|null|-|e){0,12}"#,
        key in "(input|prompt|options|dimensions|truncate|keep_alive|encoding_format|messages|model)",
    ) {
        let body = format!(r#"{{"model":"m","{key}":{input}}}"#);
        if let Ok(object) = Object::parse(body.as_bytes()) {
            for id in ALL {
                if let Err(error) = decode(id, &object) {
                    prop_assert_eq!(error.status, 400);
                }
            }
        }
    }
}
