//! What arguments become, by the tools of coding agents and by schemas of every shape.

use super::{RawArguments, Rejected, Schema, repair};
use crate::json::Raw;
use proptest::prelude::*;
use std::borrow::Cow;

const READ: &str = r#"{"type":"object","properties":{"filePath":{"type":"string"},"offset":{"type":"number"},"limit":{"type":"integer"}},
    "required":["filePath"],"additionalProperties":false}"#;
const BASH: &str = r#"{"type":"object","properties":{"command":{"type":"string"},"timeout":{"type":"number"},"description":{"type":"string"}},
    "required":["command","description"],"additionalProperties":false}"#;
const EDIT: &str = r#"{"type":"object","properties":{"filePath":{"type":"string"},"oldString":{"type":"string"},"newString":{"type":"string"},
    "replaceAll":{"type":"boolean"}},"required":["filePath","oldString","newString"]}"#;
const TASK: &str = r#"{"type":"object","properties":{"description":{"type":"string"},"prompt":{"type":"string"}},"required":["description","prompt"]}"#;
const GREP: &str =
    r#"{"type":"object","properties":{"pattern":{"type":"string"},"path":{"type":"string"}},"required":["pattern"]}"#;
const TODO: &str = r#"{"type":"object","properties":{"todos":{"type":"array","items":{"type":"object","properties":{"content":{"type":"string"},
    "status":{"type":"string","enum":["pending","in_progress","completed","cancelled"]},"priority":{"type":"string","enum":["high","medium","low"]}},
    "required":["content","status","priority"]}}},"required":["todos"]}"#;

fn json(text: &str, schema: &str) -> Result<String, String> {
    repair(RawArguments::Json(text), &Schema::parse(Some(schema.as_bytes()))).map_err(|error| error.to_string())
}

fn pairs(pairs: &[(&str, &str)], schema: &str) -> Result<String, String> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value))).collect();
    repair(RawArguments::Pairs(&pairs), &Schema::parse(Some(schema.as_bytes()))).map_err(|error| error.to_string())
}

fn tree(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap()
}

#[track_caller]
fn becomes(text: &str, schema: &str, expected: &str) {
    assert_eq!(json(text, schema).as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn refused(text: &str, schema: &str, why: &str) {
    assert_eq!(json(text, schema).as_ref().map_err(String::as_str), Err(why), "{text}");
}

#[test]
fn what_fits_stays_byte_for_byte() {
    becomes(
        r#"{"filePath":"/\u00e9","offset":1.50,"limit":12345678901234567890}"#,
        READ,
        r#"{"filePath":"/\u00e9","offset":1.50,"limit":12345678901234567890}"#,
    );
    becomes(r#" { "x" : [1e5, {"y":-0.0}] } "#, "{}", r#"{"x":[1e5,{"y":-0.0}]}"#);
    becomes(r#"{"x":1,"x":2}"#, r#"{"properties":{"x":{"type":"integer"}}}"#, r#"{"x":2}"#);
}

#[test]
fn arguments_that_are_json_in_a_string_are_decoded() {
    becomes("\"{\\\"filePath\\\": \\\"/a\\\",\n \\\"limit\\\": 5}\"", READ, r#"{"filePath":"/a","limit":5}"#);
    becomes("\"{\\\"filePath\\\":\\\"a\nb\\\"}\"", READ, r#"{"filePath":"a\nb"}"#);
    becomes(r#"{"filePath":"/a } b {"}"#, READ, r#"{"filePath":"/a } b {"}"#);
    becomes(r#"{"arguments":{"filePath":"/p"}}"#, READ, r#"{"filePath":"/p"}"#);
    becomes(r#"{"parameters":"{\"filePath\":\"/p\"}"}"#, READ, r#"{"filePath":"/p"}"#);
    becomes(r#"{"arguments":{"a":1}}"#, "{}", r#"{"arguments":{"a":1}}"#);
    becomes(r#"{"input":{"a":1}}"#, r#"{"properties":{"input":{"type":"object"}}}"#, r#"{"input":{"a":1}}"#);
}

#[test]
fn no_arguments_are_an_empty_object() {
    for text in ["", " \n", "null", "{}", "\"\"", "None", "\"{}\""] {
        becomes(text, r#"{"type":"object","properties":{}}"#, "{}");
        becomes(text, "", "{}");
        refused(text, READ, "/filePath is missing");
    }
    assert_eq!(repair(RawArguments::None, &Schema::parse(None)).as_deref(), Ok("{}"));
}

#[test]
fn names_in_another_style_are_those_of_the_schema() {
    becomes(r#"{"file_path":"/a","OFFSET":"3"}"#, READ, r#"{"filePath":"/a","offset":3}"#);
    becomes(r#"{"File-Path":"/a"}"#, READ, r#"{"filePath":"/a"}"#);
    // The exact name wins, and of two others neither is the one meant.
    becomes(r#"{"file_path":"/b","filePath":"/a"}"#, READ, r#"{"filePath":"/a"}"#);
    refused(r#"{"file_path":"/b","FilePath":"/a"}"#, READ, "/filePath is missing");
    let both = r#"{"properties":{"a_b":{"type":"string"},"aB":{"type":"string"}}}"#;
    becomes(r#"{"ab":"x"}"#, both, r#"{"ab":"x"}"#);
}

#[test]
fn one_unknown_member_stands_for_the_one_that_is_missing() {
    becomes(r#"{"action":"searching for X"}"#, GREP, r#"{"pattern":"searching for X"}"#);
    becomes(r#"{"query":"fn main","path":"src"}"#, GREP, r#"{"pattern":"fn main","path":"src"}"#);
    for name in ["filePath", "value", "query", "path", "cmd"] {
        becomes(&format!(r#"{{"{name}":"ls -la"}}"#), BASH, r#"{"command":"ls -la","description":"Run bash command"}"#);
    }
    becomes(r#"{"command":"ls","description":"List"}"#, BASH, r#"{"command":"ls","description":"List"}"#);
    refused(r#"{"reason":"I must list files"}"#, BASH, "/command is missing");
    refused(r#"{"a":"x","b":"y"}"#, GREP, "/pattern is missing");
    refused(r#"{"action":"x"}"#, TASK, "/description is missing");
    refused(r#"{"action":5}"#, GREP, "/pattern is missing");
}

#[test]
fn texts_become_what_the_schema_asks_for() {
    becomes(r#"{"filePath":"/a","offset":"10","limit":"2.0"}"#, READ, r#"{"filePath":"/a","offset":10,"limit":2}"#);
    becomes(r#"{"filePath":5,"limit":3.0}"#, READ, r#"{"filePath":"5","limit":3.0}"#);
    becomes(r#"{"filePath":"/a","offset":null}"#, READ, r#"{"filePath":"/a"}"#);
    becomes(
        r#"{"filePath":"/a","oldString":"x","newString":"","replaceAll":"True"}"#,
        EDIT,
        r#"{"filePath":"/a","oldString":"x","newString":"","replaceAll":true}"#,
    );
    refused(r#"{"filePath":"/a","limit":"many"}"#, READ, "/limit is not an integer");
    refused(r#"{"filePath":"/a","limit":2.5}"#, READ, "/limit is not an integer");
    refused(r#"{"filePath":null}"#, READ, "/filePath is not a string");
    refused(r#"{"filePath":["/a"]}"#, READ, "/filePath is not a string");
    refused(
        r#"{"filePath":"/a","oldString":"x","newString":"y","replaceAll":"maybe"}"#,
        EDIT,
        "/replaceAll is not a boolean",
    );
    let nested = r#"{"properties":{"o":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]},"l":{"type":"array","items":{"type":"string"}}}}"#;
    becomes(r#"{"o":"{'n': '1'}","l":"a"}"#, nested, r#"{"o":{"n":1},"l":["a"]}"#);
    becomes(r#"{"l":"[\"a\", 2]"}"#, nested, r#"{"l":["a","2"]}"#);
    refused(r#"{"o":{"n":"x"}}"#, nested, "/o/n is not an integer");
    refused(r#"{"l":["a",null]}"#, nested, "/l/1 is not a string");
}

#[test]
fn unknown_members_are_dropped_only_where_they_are_refused() {
    becomes(r#"{"filePath":"/a","x":[1]}"#, READ, r#"{"filePath":"/a"}"#);
    becomes(r#"{"description":"d","prompt":"p","x":[1]}"#, TASK, r#"{"description":"d","prompt":"p","x":[1]}"#);
    let numbers = r#"{"type":"object","additionalProperties":{"type":"number"}}"#;
    becomes(r#"{"a":"1","b":2}"#, numbers, r#"{"a":1,"b":2}"#);
    refused(r#"{"a":"x"}"#, numbers, "/a is not a number");
}

#[test]
fn lists_of_things_to_do_take_every_form() {
    let one = r#"{"todos":[{"content":"milk","status":"pending","priority":"medium"}]}"#;
    for text in [
        r#"{"content":"milk","status":"pending","priority":"medium"}"#,
        r#"[{"content":"milk"}]"#,
        r#"{"todos":{"content":"milk"}}"#,
        r#"{"todos":"milk"}"#,
        r#"{"todos":["milk"]}"#,
        r#"{"items":[{"content":"milk"}]}"#,
        r#"{"tasks":"milk"}"#,
        r#"{"todo":{"content":"milk"}}"#,
        r#"{"value":"[{\"content\":\"milk\"}]"}"#,
        r#"{"content":"milk"}"#,
        "milk",
    ] {
        assert_eq!(json(text, TODO).map(|json| tree(&json)), Ok(tree(one)), "{text}");
    }
    becomes(
        r#"{"todos":[{"content":"x","status":"In Progress","priority":"HIGH"}]}"#,
        TODO,
        r#"{"todos":[{"content":"x","status":"in_progress","priority":"high"}]}"#,
    );
    refused(
        r#"{"todos":[{"content":"x","status":"someday"}]}"#,
        TODO,
        "/todos/0/status is not one of the allowed values",
    );
}

#[test]
fn a_bare_text_is_the_only_required_member() {
    becomes("/etc/hostname", READ, r#"{"filePath":"/etc/hostname"}"#);
    becomes("ls -la /tmp", BASH, r#"{"command":"ls -la /tmp","description":"Run bash command"}"#);
    becomes("\"src\"", GREP, r#"{"pattern":"src"}"#);
    refused("do it", TASK, "the value is not an object");
    refused("5", READ, "the value is not an object");
    refused("[1]", READ, "the value is not an object");
    refused("x", "{}", "the value is not an object");
    refused("{broken", READ, "the value is not JSON");
}

#[test]
fn variants_are_tried_as_they_are_first() {
    let schema = r##"{"properties":{"v":{"anyOf":[{"type":"integer"},{"type":"string"},{"type":"null"}]},"r":{"$ref":"#/$defs/r"},
        "c":{"oneOf":[{"type":"object","properties":{"k":{"const":"a"},"n":{"type":"integer"}},"required":["k","n"]},
                      {"type":"object","properties":{"k":{"const":"b"},"s":{"type":"string"}},"required":["k","s"]}]}},
        "$defs":{"r":{"type":"object","properties":{"next":{"$ref":"#/$defs/r"},"n":{"type":"integer"}},"additionalProperties":false}}}"##;
    becomes(r#"{"v":"5"}"#, schema, r#"{"v":"5"}"#);
    becomes(r#"{"v":null}"#, schema, r#"{"v":null}"#);
    becomes(r#"{"c":{"k":"b","s":"5"}}"#, schema, r#"{"c":{"k":"b","s":"5"}}"#);
    becomes(r#"{"c":{"k":"a","n":"5"}}"#, schema, r#"{"c":{"k":"a","n":5}}"#);
    becomes(r#"{"r":{"next":{"next":{"n":"1"},"x":2}}}"#, schema, r#"{"r":{"next":{"next":{"n":1}}}}"#);
    refused(r#"{"c":{"k":"z"}}"#, schema, "/c fits none of the variants");
}

#[test]
fn texts_between_tags_are_typed_by_the_schema() {
    assert_eq!(
        pairs(&[("filePath", "\n/p/x.py\n"), ("offset", "\n10\n")], READ).as_deref(),
        Ok(r#"{"filePath":"/p/x.py","offset":10}"#)
    );
    assert_eq!(
        pairs(&[("file_path", "a"), ("oldString", "\n\n  x\n\n"), ("newString", "5")], EDIT).as_deref(),
        Ok(r#"{"filePath":"a","oldString":"\n  x\n","newString":"5"}"#)
    );
    assert_eq!(
        pairs(&[("x", "[1, 2]"), ("y", "5"), ("z", "\nword\n"), ("w", "\"q\"")], "").as_deref(),
        Ok(r#"{"x":[1, 2],"y":5,"z":"word","w":"\"q\""}"#)
    );
    assert_eq!(
        pairs(&[("todos", "[{'content': 'milk'}]")], TODO).as_deref(),
        Ok(r#"{"todos":[{"content":"milk","priority":"medium","status":"pending"}]}"#)
    );
    let nullable = r#"{"properties":{"a":{"type":["string","null"]},"b":{"anyOf":[{"type":"integer"},{"type":"string"}]},"c":{"anyOf":[{"type":"string"},{"type":"null"}]}}}"#;
    assert_eq!(
        pairs(&[("a", "null"), ("b", "5"), ("c", "None")], nullable).as_deref(),
        Ok(r#"{"a":null,"b":"5","c":null}"#)
    );
    assert_eq!(pairs(&[("limit", "x"), ("filePath", "a")], READ), Err("/limit is not an integer".to_owned()));
    assert_eq!(pairs(&[], READ), Err("/filePath is missing".to_owned()));
}

#[test]
fn brackets_may_lack_at_the_answers_end() {
    let schema = Schema::parse(Some(READ.as_bytes()));
    assert_eq!(repair(RawArguments::Unclosed(r#"{"filePath":"/a""#), &schema).as_deref(), Ok(r#"{"filePath":"/a"}"#));
    for text in [r#"{"filePath":"/a"#, r#"{"filePath":"/a","#, r#"{"filePath":"/a","limit":1"#, "{"] {
        assert!(repair(RawArguments::Unclosed(text), &schema).is_err(), "{text}");
    }
    assert!(repair(RawArguments::Json(r#"{"filePath":"/a""#), &schema).is_err());
}

#[test]
fn hostile_texts_and_schemas_end_quickly() {
    let variants = r##"{"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"array","items":{"$ref":"#/$defs/a"}},{"type":"array","items":{"$ref":"#/$defs/a"}}]}},
        "properties":{"x":{"$ref":"#/$defs/a"}}}"##;
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(60), "]".repeat(60));
    assert!(json(&deep, variants).is_err());
    // What is long and deep is not hostile yet.
    let recursive = r##"{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"$ref":"#"}]}}}"##;
    let deep = format!("{}\"{}\"{}", "{\"a\":".repeat(60), "z".repeat(60_000), "}".repeat(60));
    assert_eq!(json(&deep, recursive), Ok(deep));
    let many: Vec<String> = (0..6000).map(|n| format!(r#""k{n}":{n}"#)).collect();
    let properties: Vec<String> = (0..4000).map(|n| format!(r#""K_{n}":{{"type":"integer"}}"#)).collect();
    let schema = format!(r#"{{"properties":{{{}}}}}"#, properties.join(","));
    let _ = json(&format!("{{{}}}", many.join(",")), &schema);
    let _ = json(&format!("[{}]", "{},".repeat(20_000)), TODO);
    let words: Vec<String> = (0..20_000).map(|n| format!("\"w{n}\"")).collect();
    let schema = format!(r#"{{"properties":{{"x":{{"items":{{"enum":[{}]}}}}}}}}"#, words.join(","));
    let _ = json(&format!("{{\"x\":[{}1]}}", "\"W_0\",".repeat(5_000)), &schema);
    for text in [
        "[".repeat(65_000),
        "\"".repeat(65_000),
        "\\".repeat(70_000),
        "{\"a\":".repeat(10_000),
        "\"\\\"".repeat(20_000),
    ] {
        // Without brackets it is a bare text, which a path may be.
        assert_eq!(json(&text, READ).is_ok(), text.starts_with('"'), "{}", &text[..10]);
    }
}

#[test]
fn a_place_is_told_as_a_pointer() {
    let error = Rejected { path: String::new(), reason: "is missing" }.under("a/b~").under("todos");
    assert_eq!(error.to_string(), "/todos/a~1b~0 is missing");
}

/// Texts made of what JSON, Python and tags are made of.
fn soup() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "\"",
        "'",
        "\\",
        ",",
        ":",
        "=",
        "\n",
        " ",
        "1",
        "-",
        ".",
        "e",
        "True",
        "None",
        "null",
        "filePath",
        "\"filePath\":",
        "file_path",
        "\\u12",
        "é",
        "\u{0}",
        "\"todos\":",
        "{\"content\":\"x\"}",
        "x",
        "\\\"",
        "\"\"\"",
        "😀",
    ]);
    prop::collection::vec(parts, 0..40).prop_map(|parts| parts.concat())
}

fn value(depth: u32) -> BoxedStrategy<serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        "[\\x00-\\x7f]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
    .boxed()
}

proptest! {
    #[test]
    fn any_text_gives_valid_json_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200), soup in soup()) {
        for text in [String::from_utf8_lossy(&bytes).into_owned(), soup] {
            for schema in ["", READ, BASH, TODO, &text] {
                let schema = Schema::parse(Some(schema.as_bytes()));
                let pair = [(Cow::Borrowed(text.as_str()), Cow::Borrowed(text.as_str())), (Cow::Borrowed("filePath"), Cow::Borrowed(text.as_str()))];
                for raw in [RawArguments::Json(&text), RawArguments::Unclosed(&text), RawArguments::Pairs(&pair)] {
                    if let Ok(json) = repair(raw, &schema) {
                        prop_assert!(json.starts_with('{') && Raw::check(json.as_bytes()).is_ok(), "{}", json);
                        // What was repaired needs no repair.
                        prop_assert_eq!(repair(RawArguments::Json(&json), &schema), Ok(json));
                    }
                }
            }
            let _ = (super::python::call(&text), super::python::list(&text), super::lenient::first(&text));
            if let Ok(json) = super::python::arguments(&text) {
                prop_assert!(Raw::check(json.as_bytes()).is_ok(), "{}", json);
            }
        }
    }

    #[test]
    fn what_is_valid_keeps_its_meaning(given in prop::collection::btree_map("[a-z]{1,4}", value(4), 0..5)) {
        let given = serde_json::Value::Object(given.into_iter().map(|(key, value)| (format!("k{key}"), value)).collect());
        for text in [given.to_string(), serde_json::to_string_pretty(&given).unwrap()] {
            let json = repair(RawArguments::Json(&text), &Schema::parse(Some(b"{\"type\":\"object\"}"))).unwrap();
            prop_assert_eq!(json, given.to_string());
        }
        let object = serde_json::json!({"o": given}).to_string();
        prop_assert_eq!(json(&object, r#"{"properties":{"o":{"type":["object","null"],"properties":{"zz":{"type":"string"}}}}}"#), Ok(object));
    }
}

/// A value of the kinds that schemas name, its schema, and the value as a careless model would write it.
fn described(depth: u32) -> BoxedStrategy<(serde_json::Value, serde_json::Value, serde_json::Value)> {
    use serde_json::{Value, json};
    let leaf = prop_oneof![
        any::<i64>().prop_map(|n| (json!(n), json!({"type": "integer"}), json!(n.to_string()))),
        any::<bool>().prop_map(|b| (
            json!(b),
            json!({"type": ["boolean", "null"]}),
            json!(if b { "True" } else { "false" })
        )),
        "\\PC{0,8}".prop_map(|s| (json!(s), json!({"type": "string"}), json!(s))),
        any::<u8>().prop_map(|n| (json!(n.to_string()), json!({"anyOf": [{"type": "string"}]}), json!(n))),
        prop::sample::select(vec!["in_progress", "done"]).prop_map(|s| (
            json!(s),
            json!({"enum": ["in_progress", "done"]}),
            json!(s.to_uppercase().replace('_', " "))
        )),
    ];
    leaf.prop_recursive(depth, 24, 4, |inner| {
        let names = ["filePath", "maxCount", "isOpen", "newText"];
        prop_oneof![
            // One element, written without the list.
            inner.clone().prop_map(|(value, schema, careless)| {
                let careless = if careless.is_array() || careless.is_string() { json!([careless]) } else { careless };
                (json!([value]), json!({"type": "array", "items": schema}), careless)
            }),
            prop::collection::vec(inner, 1..4).prop_map(move |members| {
                let (mut value, mut schema, mut careless) = (json!({}), json!({}), json!({}));
                for (name, (a, b, c)) in names.iter().zip(&members) {
                    let snake = name.replace("P", "_p").replace("C", "_c").replace("O", "_o").replace("T", "_t");
                    value[name] = a.clone();
                    schema[name] = b.clone();
                    careless[snake] = c.clone();
                }
                let required: Vec<&str> = names[..members.len()].to_vec();
                (
                    value,
                    json!({"type": "object", "properties": schema, "required": required}),
                    Value::String(careless.to_string()),
                )
            }),
        ]
    })
    .boxed()
}

proptest! {
    #[test]
    fn careless_arguments_become_the_meant_ones((value, schema, careless) in described(3)) {
        let wrap = |value: &serde_json::Value, name: &str| serde_json::json!({name: value, "other": 1}).to_string();
        let schema = serde_json::json!({"properties": {"theValue": schema, "other": {"type": "number"}}, "required": ["theValue"]}).to_string();
        let meant = wrap(&value, "theValue");
        prop_assert_eq!(json(&meant, &schema), Ok(meant.clone()));
        prop_assert_eq!(json(&wrap(&careless, "the_value"), &schema), Ok(meant));
    }
}
