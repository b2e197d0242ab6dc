//! What stays the same in a conversation: its system text and the first message of its user. Pure.

use super::chance::Fnv;
use lingate_codec::json::Object;

/// So much of each is looked at.
const LOOKED_AT: usize = 4096;
/// The members in which the dialects have their instructions and their messages.
const INSTRUCTIONS: [&str; 2] = ["system", "instructions"];
const MESSAGES: [&str; 3] = ["messages", "input", "prompt"];

/// A number for the conversation that a chat belongs to. `model` and `client` (the name of the client's key) keep
/// equal conversations of others apart.
pub(crate) fn key(model: &str, client: Option<&str>, request: Option<&Object<'_>>) -> u64 {
    let mut hash = Fnv::default();
    hash.push(model.as_bytes());
    hash.push(client.unwrap_or_default().as_bytes());
    let names = INSTRUCTIONS.iter().chain(&MESSAGES);
    for value in names.filter_map(|name| request?.get(name)) {
        let bytes = value.bytes();
        texts(&bytes[..bytes.len().min(LOOKED_AT)], &mut |text| hash.push(text));
    }
    hash.finish()
}

/// Shows the texts of a value up to the end of the first message whose role is `user`. Marks beside the texts
/// (`cache_control`) wander from one request to the next, so they do not count. What is cut is taken as it is.
fn texts(json: &[u8], see: &mut dyn FnMut(&[u8])) {
    let (mut at, mut depth, mut key, mut is_user) = (0, 0usize, &b""[..], false);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let end = end_of_string(json, at);
                let text = &json[at..end.min(json.len())];
                at = end + 1;
                let rest = json.get(at..).unwrap_or_default().trim_ascii_start();
                match key {
                    _ if rest.first() == Some(&b':') => key = text,
                    b"text" | b"content" | b"" => see(text),
                    b"role" if depth == 2 => is_user = text == b"user",
                    _ => {}
                }
            }
            b'{' | b'[' => (depth, key) = (depth + 1, b""),
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                key = b"";
                if depth == 1 && is_user {
                    return;
                }
            }
            b',' => key = b"",
            _ => {}
        }
    }
}

/// Where a string ends whose first byte is at `at`.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(body: &str) -> u64 {
        key("m", Some("alice"), Some(&Object::parse(body.as_bytes()).unwrap()))
    }

    fn seen(json: &str) -> Vec<String> {
        let mut seen = Vec::new();
        texts(json.as_bytes(), &mut |text| seen.push(String::from_utf8_lossy(text).into_owned()));
        seen
    }

    #[test]
    fn the_texts_up_to_the_first_user() {
        for (json, expected) in [
            (
                r#"[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"user","content":"x"}]"#,
                vec!["s", "u"],
            ),
            (r#"[ { "content" : [ { "type" : "text", "text" : "a\"b" } ] , "role" : "user" } , "x" ]"#, vec!["a\\\"b"]),
            (r#""whole prompt""#, vec!["whole prompt"]),
            (r#"["a","b"]"#, vec!["a", "b"]),
            (r#"[{"role":"user","content":"cut he"#, vec!["cut he"]),
            (r#"[{"role":"user","content":"cut\"#, vec!["cut\\"]),
            (r#"[{"type":"text","text":"t","cache_control":{"type":"ephemeral"}}]"#, vec!["t"]),
            ("null", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(seen(json), expected, "{json}");
        }
    }

    #[test]
    fn a_conversation_goes_on() {
        let first = of(r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}"#);
        let second = r#"{"stream":true,"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},
            {"role":"assistant","content":"yes?"},{"role":"user","content":"more"}]}"#;
        assert_eq!(first, of(second));
        let marked = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}],"system":"s"}"#;
        let later = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"user","content":"x"}],"system":"s"}"#;
        assert_eq!(of(marked), of(later));
    }

    #[test]
    fn others_are_others() {
        let bodies = [
            r#"{"messages":[{"role":"user","content":"hi"}]}"#,
            r#"{"messages":[{"role":"user","content":"ho"}]}"#,
            r#"{"system":"s","messages":[{"role":"user","content":"hi"}]}"#,
            r#"{"prompt":"once"}"#,
        ];
        for (index, body) in bodies.iter().enumerate() {
            assert!(bodies[index + 1..].iter().all(|other| of(other) != of(body)), "{body}");
        }
        let object = Object::parse(bodies[0].as_bytes()).unwrap();
        assert_ne!(key("m", Some("alice"), Some(&object)), key("m", Some("bob"), Some(&object)));
        assert_ne!(key("m", Some("alice"), Some(&object)), key("n", Some("alice"), Some(&object)));
    }

    #[test]
    fn no_more_than_the_beginning_is_looked_at() {
        let long = |end: &str| format!(r#"{{"messages":[{{"role":"user","content":"{}{end}"}}]}}"#, "x".repeat(5000));
        assert_eq!(of(&long("a")), of(&long("b")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\",:a\\\\ ]{0,60}") {
            texts(&bytes, &mut |_| {});
            texts(json.as_bytes(), &mut |_| {});
        }
    }
}
