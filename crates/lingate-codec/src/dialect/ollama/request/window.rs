//! How much context a request needs: Ollama cuts in silence what is longer than its server's default.

use super::options;
use crate::dialect::Additions;
use crate::ir::{MaxTokens, Number};
use crate::json::{Object, Raw};

/// What servers hold unless they are told otherwise (`docs/faq` of Ollama; more on large GPUs).
const SERVER_DEFAULT: u64 = 4096;
/// A token is at least so many bytes of JSON, roughly: more for English, less for few texts.
const BYTES_PER_TOKEN: u64 = 3;
/// What one picture is counted as; models make some hundred to two thousand tokens of one.
const IMAGE_TOKENS: u64 = 1024;

/// See [`crate::dialect::Dialect::context_needed`].
pub(in crate::dialect::ollama) fn context_needed(object: &Object<'_>, added: Additions) -> Option<u64> {
    let settings = object.given("options").and_then(Raw::object);
    let setting = |name: &str| settings.as_ref().and_then(|settings| settings.given(name));
    if setting("num_ctx").is_some() {
        return None;
    }
    let bound = setting("num_predict").and_then(Number::from_raw).and_then(options::max_tokens);
    let answer = match bound {
        Some(MaxTokens::Limit(limit)) => limit,
        Some(MaxTokens::Unbounded | MaxTokens::FillContext) => 0,
        None => added.max_tokens.unwrap_or(0),
    };
    let bytes = (object.text().len() as u64).saturating_add(added.bytes);
    let tokens = |bytes: u64| (bytes / BYTES_PER_TOKEN).saturating_add(answer);
    // Nearly every request ends here, unread.
    if tokens(bytes) <= SERVER_DEFAULT {
        return None;
    }
    let (images, image_bytes) = images(object);
    let needed = tokens(bytes.saturating_sub(image_bytes)).saturating_add(images.saturating_mul(IMAGE_TOKENS));
    (needed > SERVER_DEFAULT).then_some(needed)
}

/// How many pictures there are, and how many bytes their texts have.
fn images(object: &Object<'_>) -> (u64, u64) {
    let messages = object.given("messages").and_then(Raw::array).into_iter().flatten();
    let lists = messages.filter_map(|message| message.object()?.given("images")).chain(object.given("images"));
    lists
        .filter_map(Raw::array)
        .flatten()
        .fold((0, 0), |(count, bytes), image| (count + 1, bytes + image.bytes().len() as u64))
}

#[cfg(test)]
mod tests {
    use super::context_needed;
    use crate::dialect::Additions;
    use crate::json::Object;

    fn needed(body: &str, added: Additions) -> Option<u64> {
        context_needed(&Object::parse(body.as_bytes()).unwrap(), added)
    }

    #[test]
    fn only_what_may_be_cut_is_told() {
        let long = "x".repeat(30_000);
        let chat = |members: &str| format!(r#"{{"messages":[{{"role":"user","content":"{long}"}}]{members}}}"#);
        let added = |bytes, max_tokens| Additions { bytes, max_tokens };
        for (body, added, answer) in [
            (chat(""), added(0, None), Some(0)),
            (chat(""), added(3000, Some(500)), Some(1500)),
            (chat(r#","options":{"num_predict":-1}"#), added(0, Some(9)), Some(0)),
            (chat(r#","options":{"num_predict":5000}"#), added(0, Some(9)), Some(5000)),
            (chat(r#","options":{"num_ctx":5}"#), added(0, None), None),
            (r#"{"messages":[]}"#.to_owned(), added(0, None), None),
            (r#"{"messages":[]}"#.to_owned(), added(12_300, None), Some(4100)),
            (r#"{"prompt":"a","options":{"num_predict":1e4}}"#.to_owned(), added(0, None), Some(10_000)),
        ] {
            let expected = answer.map(|answer| body.len() as u64 / 3 + answer);
            assert_eq!(needed(&body, added), expected, "{}", &body[body.len().min(30_000)..]);
        }
        let most = r#"{"options":{"num_predict":18446744073709551615}}"#;
        assert_eq!(needed(most, Additions::default()), Some(u64::MAX));
    }

    #[test]
    fn pictures_count_for_what_a_model_makes_of_them() {
        let picture = "A".repeat(1_000_000);
        let body = format!(r#"{{"prompt":"What?","images":["{picture}","{picture}"]}}"#);
        assert_eq!(needed(&body, Additions::default()), None, "two thousand tokens fit");
        let chat = format!(r#"{{"messages":[{{"images":["{picture}"]}},{{"images":["a","b","c","d"]}}]}}"#);
        assert_eq!(needed(&chat, Additions::default()), Some(5 * 1024 + 15));
    }
}
