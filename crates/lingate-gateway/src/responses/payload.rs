//! What is sealed of an answer: `{"input":[…],"response":{…}}`: all items that the model saw, and the answer as the
//! client got it. Pure.

use bytes::Bytes;
use lingate_codec::json::{Object, Raw};

/// A stored answer, read.
#[derive(Debug)]
pub(super) struct Payload<'p> {
    /// All items that the model saw.
    pub input: Raw<'p>,
    /// The answer.
    pub response: Raw<'p>,
}

impl<'p> Payload<'p> {
    /// Reads one; `None` if it is none.
    pub(super) fn read(text: &'p [u8]) -> Option<Self> {
        let object = Object::parse(text).ok()?;
        let (input, response) = (object.get("input")?, object.get("response")?);
        (input.array().is_some() && response.object().is_some()).then_some(Self { input, response })
    }

    /// The items of the conversation up to here: what the model saw, then what it answered.
    pub(super) fn items(&self) -> Vec<Raw<'p>> {
        let mut items: Vec<_> = self.input.array().into_iter().flatten().collect();
        items.extend(output(self.response));
        items
    }
}

/// The items of an answer.
pub(super) fn output(response: Raw<'_>) -> Vec<Raw<'_>> {
    let output = response.object().and_then(|object| object.given("output"));
    output.and_then(Raw::array).into_iter().flatten().collect()
}

/// The parts of a payload, in order.
pub(super) fn parts(input: Bytes, response: Bytes) -> Vec<Bytes> {
    vec![
        Bytes::from_static(b"{\"input\":"),
        input,
        Bytes::from_static(b",\"response\":"),
        response,
        Bytes::from_static(b"}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let response = r#"{"id":"resp_1","output":[{"id":"m"}, 2]}"#;
        let text = parts(Bytes::from_static(b"[1, {}]"), Bytes::from_static(response.as_bytes())).concat();
        let payload = Payload::read(&text).unwrap();
        assert_eq!(payload.response.bytes(), response.as_bytes());
        let items: Vec<_> = payload.items().iter().map(|item| item.text().into_owned()).collect();
        assert_eq!(items, ["1", "{}", r#"{"id":"m"}"#, "2"]);
    }

    #[test]
    fn anything_else_is_none() {
        for text in
            ["", "[]", "{}", r#"{"input":[]}"#, r#"{"input":{},"response":{}}"#, r#"{"input":[],"response":[]}"#]
        {
            assert!(Payload::read(text.as_bytes()).is_none(), "{text}");
        }
        assert!(output(Raw::parse(b"{\"output\":null}").unwrap()).is_empty());
        assert!(output(Raw::parse(b"7").unwrap()).is_empty());
    }
}
