//! What sheets expand to.

use serde_json::{Value, json};

use super::expand;
use crate::golden::{Case, check};

#[expect(clippy::needless_pass_by_value, reason = "`json!` literals read best by value")]
fn cases(variant: Value) -> Vec<Case> {
    let sheet = json!({ "concept": "c", "source": "s", "variants": { "v": variant } });
    expand(
        &sheet,
        &json!({ "png": "iVBO", "tool": { "openai_chat": { "type": "function" }, "anthropic": { "name": "f" } } }),
    )
    .unwrap()
}

fn named<'c>(cases: &'c [Case], name: &str) -> &'c Case {
    cases.iter().find(|case| case.name == name).unwrap()
}

#[test]
fn a_variant_is_a_case_for_every_pair() {
    let cases = cases(json!({
        "requests": { "openai_chat": { "stop": ["A"] }, "ollama_chat": { "options": { "stop": ["A"] } } },
        "backends": { "openai": { "sends": { "stop": ["A"] } }, "anthropic": { "sends": { "stop_sequences": ["A"] } } },
        "pairs": { "ollama_chat vllm": null }
    }));
    let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
    let want = [
        "v__openai_chat__openai",
        "v__openai_chat__vllm",
        "v__openai_chat__anthropic",
        "v__ollama_chat__openai",
        "v__ollama_chat__anthropic",
    ];
    assert_eq!(names, want);
    let one = &named(&cases, "v__ollama_chat__anthropic").members;
    assert_eq!(one["client_request"]["model"], "fx-anthropic");
    assert_eq!(one["expected_backend_request"], json!({ "stop_sequences": ["A"], "model": "backend-model" }));
    assert_eq!(one["expected_client_headers"]["x-lingate-dropped"], "$absent");
    for case in &cases {
        assert_eq!(check(case), Vec::<String>::new(), "{}", case.name);
    }
}

#[test]
fn what_goes_through_is_expected_as_it_was() {
    let cases = cases(json!({
        "requests": { "openai_chat": { "seed": 7, "tools": ["${tool}"] } },
        "backends": { "openai": { "sends": { "seed": "$absent" } } }
    }));
    let sent = &named(&cases, "v__openai_chat__openai").members["expected_backend_request"];
    assert_eq!(sent["seed"], 7);
    assert_eq!(sent["tools"], json!([{ "type": "function" }]));
}

#[test]
fn refusals_and_losses_are_named_as_the_client_spells_them() {
    let cases = cases(json!({
        "requests": { "openai_chat": { "seed": 7 }, "ollama_chat": { "options": { "seed": 7 } } },
        "named": { "openai_chat": "seed", "ollama_chat": "options.seed" },
        "backends": { "anthropic": { "loses": true }, "ollama": { "refuses": true } }
    }));
    let lost = &named(&cases, "v__ollama_chat__anthropic").members["expected_client_headers"]["x-lingate-dropped"];
    assert_eq!(lost["$all"][0]["$contains"], "options.seed");
    assert_eq!(lost["$all"][1]["$regex"], r"^[^,]*(options\.seed)[^,]*(,[^,]*(options\.seed)[^,]*)*$");
    let refused = &named(&cases, "v__openai_chat__ollama").members;
    assert_eq!(refused["expected_backend_calls"], 0);
    assert!(refused["expected_client_response"].to_string().contains("\"seed\""));
}

#[test]
fn streams_are_written_out() {
    let cases = cases(json!({
        "streams": {
            "openai_chat": [{ "content": "ok" }, { "finish": "stop" }, { "usage": {} }, "data: [DONE]"],
            "anthropic": [{ "start": {} }, { "block": { "type": "text", "text": "" }, "deltas": [{ "type": "text_delta" }] },
                { "stop": "end_turn", "usage": {} }],
            "ollama_chat": [{ "content": "ok" }, { "done": "stop" }]
        },
        "clients": { "openai_chat": { "content": "ok" } }
    }));
    let frames = |backend: &str| {
        let case = named(&cases, &format!("v__openai_chat__{backend}"));
        case.members["backend_stream"].as_array().unwrap().clone()
    };
    assert!(frames("openai")[2].as_str().unwrap().contains("\"choices\":[]"));
    assert_eq!(frames("anthropic").len(), 6);
    assert!(frames("ollama")[1].as_str().unwrap().contains("\"done\":true"));
}

#[test]
fn unsound_sheets_are_told() {
    for (variant, why) in [
        (json!({ "request": {} }), "unknown member request"),
        (
            json!({ "requests": { "openai_chat": {} }, "backends": { "nobody": {} } }),
            "unknown client or backend nobody",
        ),
        (json!({ "requests": { "openai_chat": {} } }), "expands to no case"),
        (
            json!({ "requests": { "openai_chat": {} }, "backends": { "ollama": { "loses": true } } }),
            "named: openai_chat is missing",
        ),
    ] {
        let sheet = json!({ "concept": "c", "source": "s", "variants": { "v": variant } });
        let told = expand(&sheet, &Value::Null).unwrap_err().to_string();
        assert!(told.contains(why), "{told}");
    }
}
