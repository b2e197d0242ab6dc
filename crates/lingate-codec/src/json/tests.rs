//! The reader against serde_json, and edits that leave the rest alone.

use super::{Edits, JsonError, Object, Raw, Segment, Writer, rewrite};
use proptest::prelude::*;

fn accepts(text: &[u8]) -> bool {
    Raw::parse(text).is_ok()
}

#[test]
fn refuses_what_is_not_json() {
    for bad in [
        "",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "[1 2]",
        "01",
        "1.",
        "-",
        "1e",
        "tru",
        "\"a",
        "\"\\x\"",
        "\"\n\"",
        "{} {}",
        "NaN",
        "{a:1}",
        "'a'",
        "[1}",
        "\u{b}1",
    ] {
        assert!(!accepts(bad.as_bytes()), "{bad:?}");
        assert!(serde_json::from_str::<serde_json::Value>(bad).is_err(), "{bad:?}");
    }
    assert!(!accepts(b"\"\xff\xfe\""), "bad UTF-8");
    assert_eq!(
        Raw::parse(b"{\"a\": tru}").unwrap_err(),
        JsonError { at: 6, reason: "expected a value" },
        "the offset points at the fault"
    );
}

#[test]
fn refuses_deep_nesting_without_recursion_trouble() {
    let deep = "[".repeat(100_000);
    assert_eq!(Raw::parse(deep.as_bytes()).unwrap_err().reason, "nested too deeply");
}

#[test]
fn strings_unescape() {
    let text = br#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 \ud83d x""#;
    let value = Raw::parse(text).unwrap();
    assert_eq!(value.string().unwrap(), "a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600} \u{fffd} x");
}

#[test]
fn members_keep_order_and_duplicates() {
    let object = Object::parse(br#" {"b":1.10,"a":{"x":[1,2]},"b":"last"} "#).unwrap();
    assert_eq!(object.members().len(), 3);
    assert_eq!(object.get("b").unwrap().bytes(), b"\"last\"");
    assert_eq!(object.members()[0].value.number(), Some("1.10"));
    assert_eq!(object.duplicate(&["a", "b"]), Some("b"));
    let inner = object.get("a").unwrap().object().unwrap();
    let numbers: Vec<_> = inner.get("x").unwrap().array().unwrap().map(|n| n.i64().unwrap()).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn find_stops_at_the_member() {
    let text = br#"{"id":"x","model":"gpt","choices":[ broken"#;
    let span = Object::find(text, "model").unwrap();
    assert_eq!(&text[span], b"\"gpt\"");
    assert_eq!(Object::find(text, "usage"), None);
}

#[test]
fn edits_touch_nothing_else() {
    let text = br#"{ "model" : "a", "n":1.10, "x" : [1 , 2],"big":123456789012345678901234567890 }"#;
    let object = Object::parse(text).unwrap();
    let mut edits = Edits::new();
    edits.set(&object, "model", b"\"b\"");
    edits.set(&object, "new", b"true");
    edits.remove(&object, "x");
    assert_eq!(
        String::from_utf8(edits.apply_to_vec(&object)).unwrap(),
        r#"{ "model" : "b", "n":1.10,"big":123456789012345678901234567890 ,"new":true}"#
    );
}

#[test]
fn a_text_is_rewritten_in_its_own_buffer() {
    let new = |text: &str| Segment::New(text.into());
    for (segments, expected) in [
        (vec![], ""),
        (vec![Segment::Kept(0..10)], "0123456789"),
        (
            vec![new("a"), new("b"), Segment::Kept(2..4), new("cdef"), Segment::Kept(4..6), Segment::Kept(9..10)],
            "ab23cdef459",
        ),
        (vec![Segment::Kept(1..2), Segment::Kept(8..9), new("a"), new("b")], "18ab"),
    ] {
        let mut text = b"0123456789".to_vec();
        rewrite(&mut text, segments);
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}

#[test]
fn removing_all_and_appending_is_still_json() {
    let object = Object::parse(br#"{"a":1,"b":2}"#).unwrap();
    let mut edits = Edits::new();
    edits.remove(&object, "a");
    edits.remove(&object, "b");
    edits.append("c", b"3");
    let out = edits.apply_to_vec(&object);
    assert_eq!(String::from_utf8_lossy(&out), r#"{"c":3}"#);
    // The last member, right before the brace.
    let mut edits = Edits::new();
    edits.remove(&object, "b");
    edits.append("c", b"3");
    assert_eq!(edits.apply_to_vec(&object), br#"{"a":1,"c":3}"#);
    let mut edits = Edits::new();
    edits.append("c", b"3");
    let empty = Object::parse(b"{}").unwrap();
    assert_eq!(edits.apply_to_vec(&empty), br#"{"c":3}"#);
}

#[test]
fn writer_puts_commas() {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.string_member("a", "x\"\n\u{1}");
    w.key("b");
    w.begin_array();
    w.integer(1);
    w.bool(true);
    w.begin_object();
    w.end_object();
    w.end_array();
    w.null_member("c");
    w.end_object();
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":"x\"\n\u0001","b":[1,true,{}],"c":null}"#);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<i32>().prop_map(|n| (f64::from(n) / 8.0).into()),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn rebuild(raw: Raw<'_>) -> serde_json::Value {
    match raw.kind() {
        super::Kind::Object => raw
            .object()
            .unwrap()
            .members()
            .iter()
            .map(|m| (m.key.clone().into_owned(), rebuild(m.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        super::Kind::Array => raw.array().unwrap().map(rebuild).collect::<Vec<_>>().into(),
        super::Kind::String => raw.string().unwrap().into_owned().into(),
        _ => serde_json::from_slice(raw.bytes()).unwrap(),
    }
}

proptest! {
    #[test]
    fn reads_what_serde_writes(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        prop_assert_eq!(rebuild(Raw::parse(&text).unwrap()), value);
    }

    #[test]
    fn agrees_with_serde_on_damaged_text(value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        let ours = Raw::parse(&text).is_ok();
        let theirs = serde_json::from_slice::<&serde_json::value::RawValue>(&text).is_ok();
        // RawValue does not pair surrogates, and neither do we; both check grammar and UTF-8.
        // Digits after \u are left to whoever reads the string.
        prop_assume!(ours == theirs || !text.windows(2).any(|pair| pair == b"\\u"));
        prop_assert_eq!(ours, theirs, "{:?}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn written_strings_read_back(text in any::<String>()) {
        let mut out = Vec::new();
        Writer::new(&mut out).string(&text);
        let raw = Raw::parse(&out).unwrap();
        prop_assert_eq!(raw.string().unwrap(), text);
    }
}

/// Long strings with escapes at every place of a block, and runs of backslashes over its edges.
#[test]
fn long_strings_end_where_they_should() {
    for lead in 0..80 {
        for run in 0..6 {
            let inside = format!("{}{}{}", "x".repeat(lead), "\\".repeat(run * 2), "y".repeat(70));
            let text = format!("[\"{inside}\",1]");
            let raw = Raw::parse(text.as_bytes()).unwrap();
            let first = raw.array().unwrap().next().unwrap();
            assert_eq!(first.escaped().unwrap(), inside.as_bytes());
            let odd = format!("[\"{}{}\",1]", "x".repeat(lead + 70), "\\".repeat(run * 2 + 1));
            assert!(!accepts(odd.as_bytes()), "the quote is escaped: {odd}");
            // The same behind so much text that escapes are not checked.
            let text = format!("[\"{}\",\"{inside}\",1]", "z".repeat(70_000));
            let second = Raw::parse(text.as_bytes()).unwrap().array().unwrap().nth(1).unwrap();
            assert_eq!(second.escaped().unwrap(), inside.as_bytes());
            let odd = format!("[\"{}\",{}", "z".repeat(70_000), &odd[1..]);
            assert!(!accepts(odd.as_bytes()), "the quote is escaped");
        }
        let bad = format!("[\"{}\\q{}\"]", "x".repeat(lead), "y".repeat(70));
        assert_eq!(Raw::parse(bad.as_bytes()).unwrap_err(), JsonError { at: lead + 3, reason: "malformed escape" });
        let control = format!("[\"{}\u{1}{}\"]", "x".repeat(lead), "y".repeat(70));
        assert_eq!(Raw::parse(control.as_bytes()).unwrap_err().at, lead + 2);
    }
}

#[test]
fn members_are_appended_where_the_last_one_is_removed() {
    for (body, expected) in [
        (r#"{"a":1,"b":2}"#, r#"{"a":1,"c":3}"#),
        (r#"{"a":1,"b":2 }"#, r#"{"a":1 ,"c":3}"#),
        (r#"{"b":2}"#, r#"{"c":3}"#),
        (r#"{"a":1,"b":2,"b":{}}"#, r#"{"a":1,"c":3}"#),
    ] {
        let object = Object::parse(body.as_bytes()).unwrap();
        let mut edits = Edits::new();
        edits.append("c", b"3");
        edits.remove(&object, "b");
        assert_eq!(String::from_utf8(edits.apply_to_vec(&object)).unwrap(), expected);
    }
}
