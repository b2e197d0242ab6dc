//! Lists of items: what a request's `input` is as a list, and what of earlier items is said again. Pure.

use super::asked::wrong_kind;
use bytes::Bytes;
use lingate_codec::dialect::Envelope;
use lingate_codec::ir::ApiError;
use lingate_codec::json::{Edits, Object, Raw, Writer};
use std::borrow::Cow;

/// A request's `input` as the text of a list; a text is one message of the user, nothing is an empty list. A list
/// is not copied.
///
/// # Errors
/// A 400: it is neither.
pub(super) fn list(envelope: &Envelope<'_>, body: &Bytes) -> Result<Bytes, ApiError> {
    let Some(member) = envelope.object.member("input").filter(|member| !member.value.is_null()) else {
        return Ok(Bytes::from_static(b"[]"));
    };
    if member.value.array().is_some() {
        return Ok(body.slice(member.value_span.clone()));
    }
    if member.value.string().is_none() {
        return Err(wrong_kind("input", "a string or a list of items", member.value));
    }
    let mut out = Vec::with_capacity(member.value.bytes().len() + 64);
    let mut w = Writer::new(&mut out);
    w.begin_array();
    w.begin_object();
    w.string_member("type", "message");
    w.string_member("role", "user");
    w.raw_member("content", member.value);
    w.end_object();
    w.end_array();
    Ok(out.into())
}

/// Whether a list may hold references: most do not, and need not be read for it.
pub(super) fn may_refer(list: &[u8]) -> bool {
    memchr::memmem::find(list, b"item_reference").is_some()
}

/// The id that an item refers to, if it is nothing but a reference.
pub(super) fn reference<'a>(item: Raw<'a>) -> Option<Cow<'a, str>> {
    let object = item.object()?;
    if object.string("type")? == "item_reference" { object.string("id") } else { None }
}

/// The id of an item.
pub(super) fn id<'a>(item: Raw<'a>) -> Option<Cow<'a, str>> {
    item.object()?.string("id")
}

/// What a call or its result is known by: its kind and `call_id`. A call that was cut off in the middle was never made.
pub(super) fn call<'a>(item: Raw<'a>) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    let object = item.object().filter(|_| !is_cut_call(item))?;
    Some((object.string("type")?, object.string("call_id")?))
}

/// An item of a conversation on its way into a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'i> {
    /// Its text.
    pub raw: Raw<'i>,
    /// Whether the model saw or gave it before: then it comes from the store, and not from the client.
    pub old: bool,
}

/// The items as they are sent. `native`: to an upstream that has a state of its own and may look items up there.
///
/// * An old reasoning item without its `encrypted_content` means nothing to such an upstream but an id, which it may
///   not have: it is left out, and then the ids of the other old ones, which would ask for it, are too.
/// * An old call that was cut off in the middle was never made.
pub(super) fn sent<'i>(items: &[Item<'i>], native: bool) -> Vec<Cow<'i, [u8]>> {
    let empty = |item: &Item<'_>| native && item.old && is_empty_reasoning(item.raw);
    let anonymous = items.iter().any(empty);
    let kept = items.iter().filter(|item| !(empty(item) || item.old && is_cut_call(item.raw)));
    kept.map(|item| if anonymous && item.old { without_id(item.raw) } else { Cow::Borrowed(item.raw.bytes()) })
        .collect()
}

fn is_empty_reasoning(item: Raw<'_>) -> bool {
    let Some(object) = item.object() else { return false };
    object.string("type").is_some_and(|kind| kind == "reasoning") && object.given("encrypted_content").is_none()
}

fn is_cut_call(item: Raw<'_>) -> bool {
    let Some(object) = item.object() else { return false };
    let is_call = object.string("type").is_some_and(|kind| kind.ends_with("_call"));
    is_call && object.string("status").is_some_and(|status| status == "incomplete")
}

fn without_id<'i>(item: Raw<'i>) -> Cow<'i, [u8]> {
    let Some(object) = item.object() else { return Cow::Borrowed(item.bytes()) };
    // What is known to its maker by nothing but its id keeps it.
    let named =
        object.string("type").is_some_and(|kind| matches!(&*kind, "message" | "function_call" | "custom_tool_call"));
    if !named || object.get("id").is_none() {
        return Cow::Borrowed(item.bytes());
    }
    let mut edits = Edits::new();
    edits.remove(&object, "id");
    Cow::Owned(edits.apply_to_vec(&object))
}

/// The text of a list.
pub(super) fn joined<'i>(items: impl IntoIterator<Item = &'i [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_array();
    items.into_iter().for_each(|item| w.json(item));
    w.end_array();
    out
}

/// The request with another `input` and without `previous_response_id`; all else stays.
pub(super) fn with_input(object: &Object<'_>, input: &[u8]) -> Vec<u8> {
    let mut edits = Edits::new();
    edits.set(object, "input", input);
    edits.remove(object, "previous_response_id");
    edits.apply_to_vec(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingate_codec::dialect::DialectId;

    fn listed(body: &'static str) -> Result<String, ApiError> {
        let body = Bytes::from_static(body.as_bytes());
        let envelope = Envelope::probe(DialectId::OpenAiResponses.dialect(), &body).unwrap();
        list(&envelope, &body).map(|list| String::from_utf8(list.to_vec()).unwrap())
    }

    #[test]
    fn any_input_is_a_list() {
        let user = r#"[{"type":"message","role":"user","content":"a\u0041"}]"#;
        assert_eq!(listed(r#"{"input":"a\u0041"}"#).unwrap(), user);
        assert_eq!(listed(r#"{"input": [ 1,2 ] ,"model":"m"}"#).unwrap(), "[ 1,2 ]");
        assert_eq!(listed(r#"{"model":"m"}"#).unwrap(), "[]");
        assert_eq!(listed(r#"{"input":null}"#).unwrap(), "[]");
        assert_eq!(listed(r#"{"input":7}"#).unwrap_err().param.as_deref(), Some("input"));
    }

    fn said_again(items: &str, native: bool) -> String {
        let items: Vec<_> = Raw::parse(items.as_bytes()).unwrap().array().unwrap().collect();
        let items: Vec<_> = items.into_iter().map(|raw| Item { raw, old: true }).collect();
        String::from_utf8(joined(sent(&items, native).iter().map(|item| &**item))).unwrap()
    }

    #[test]
    fn reasoning_goes_back_to_its_maker_with_its_content_alone() {
        let message = r#"{"type":"message","id":"msg_1","role":"assistant","content":[]}"#;
        let call = r#"{"id":"fc_1","type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#;
        let user = r#"{"role":"user","content":"x","id":"own"}"#;
        let sealed = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"}"#;
        let empty = r#"{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":null}"#;
        let all = format!("[{user},{sealed},{message},{empty},{call}]");
        assert_eq!(said_again(&all, false), all);
        let good = format!("[{user},{sealed},{message},{call}]");
        assert_eq!(said_again(&good, true), good);
        let (message, call) = (message.replace(r#""id":"msg_1","#, ""), call.replace(r#""id":"fc_1","#, ""));
        assert_eq!(said_again(&all, true), format!("[{user},{sealed},{message},{call}]"));
        // What the client itself says is the client's affair.
        let raw = Raw::parse(empty.as_bytes()).unwrap();
        assert_eq!(sent(&[Item { raw, old: false }], true), [empty.as_bytes()]);
    }

    #[test]
    fn a_call_that_was_cut_off_is_not_said_again() {
        let cut = r#"{"type":"function_call","status":"incomplete","arguments":"{\"a"}"#;
        let text = r#"{"type":"message","status":"incomplete","role":"assistant","content":[]}"#;
        assert_eq!(said_again(&format!("[{text},{cut}]"), false), format!("[{text}]"));
    }

    #[test]
    fn references_are_told_from_items() {
        let find = |item: &'static str| reference(Raw::parse(item.as_bytes()).unwrap()).map(Cow::into_owned);
        assert_eq!(find(r#"{"type":"item_reference","id":"msg_1"}"#).as_deref(), Some("msg_1"));
        for item in [r#"{"type":"message","id":"msg_1"}"#, r#"{"type":"item_reference"}"#, r#"{"id":"a"}"#, "7"] {
            assert_eq!(find(item), None, "{item}");
        }
    }

    #[test]
    fn the_rest_of_a_request_stays_as_it_was() {
        let body = br#"{ "previous_response_id":"resp_1","model" : "m", "temperature":1.10,"input":"x"}"#;
        let object = Object::parse(body).unwrap();
        let edited = String::from_utf8(with_input(&object, b"[1]")).unwrap();
        assert_eq!(edited, r#"{ "model" : "m", "temperature":1.10,"input":[1]}"#);
        let object = Object::parse(br#"{"previous_response_id":"resp_1"}"#).unwrap();
        assert_eq!(with_input(&object, b"[]"), br#"{"input":[]}"#);
    }
}
