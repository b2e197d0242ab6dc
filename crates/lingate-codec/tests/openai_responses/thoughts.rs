//! Thoughts: what another provider signed goes to the client and comes back with its next request.

use super::{DIALECT, context, finish, output, read, response, types, whole, written};
use lingate_codec::dialect::Dialect;
use lingate_codec::ir::{Answer, Block, Event, Operation, Part};
use serde_json::json;

#[test]
fn signatures_and_encrypted_thoughts_come_back() {
    let events = [
        Event::Reasoning("Hmm.".into()),
        Event::ReasoningSignature("SIG==".into()),
        Event::ReasoningSignature("SIG2".into()),
        Event::RedactedReasoning("DATA".into()),
        Event::Text("Answer.".into()),
        finish(),
        Event::End,
    ];
    let output = output(&events, &context(vec![]));
    assert_eq!(output[0]["summary"], json!([{"type": "summary_text", "text": "Hmm."}]));
    // The client sends the items back as they are.
    let body = json!({"model": "m", "input": output}).to_string();
    let request = DIALECT.decode_request(Operation::Chat, body.as_bytes()).unwrap();
    let parts: Vec<_> = request.messages.iter().flat_map(|message| &message.parts).collect();
    let thought = |at: usize, text: &str, sealed: &str| match parts[at] {
        Part::Reasoning { text: told, signature } => (told.as_ref(), signature.as_deref()) == (text, Some(sealed)),
        _ => false,
    };
    assert!(thought(0, "Hmm.", "SIG==") && thought(1, "", "SIG2"), "{parts:?}");
    assert!(matches!(parts[2], Part::RedactedReasoning { data } if data == "DATA"), "{parts:?}");
    // And what was written reads as it was said.
    let body = whole(events.to_vec(), &context(vec![])).to_string();
    let mut again = Vec::new();
    DIALECT.decode_response(Operation::Chat, body.as_bytes(), &mut again);
    assert_eq!(Answer::fold(again).blocks, Answer::fold(events).blocks);
}

#[test]
fn own_encrypted_content_keeps_its_item() {
    let item = json!({"id": "rs_7", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"});
    let events = read(&[json!({"type": "response.completed", "response": response("completed", &json!([item]))})]);
    let written = whole(events, &context(vec![]));
    assert_eq!(written["output"], json!([item]));
}

#[test]
fn only_one_of_thought_and_summary_is_told() {
    let delta = |kind: &str, text: &str| json!({"type": format!("response.{kind}.delta"), "output_index": 0, "item_id": "rs_1", "delta": text});
    let item = json!({"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Short."}],
        "content": [{"type": "reasoning_text", "text": "Long thought."}]});
    let end = json!({"type": "response.completed", "response": response("completed", &json!([item]))});
    for (deltas, expected) in [
        (vec![delta("reasoning_summary_text", "Sho"), delta("reasoning_text", "Lo")], "Short."),
        (vec![delta("reasoning_text", "Lo"), delta("reasoning_summary_text", "Sho")], "Long thought."),
        (vec![], "Long thought."),
    ] {
        let events: Vec<_> = deltas.into_iter().chain([end.clone()]).collect();
        assert_eq!(Answer::fold(read(&events)).reasoning(), expected);
    }
}

#[test]
fn thoughts_and_texts_alternate() {
    let events = [
        Event::Reasoning("a".into()),
        Event::Text("b".into()),
        Event::Reasoning("c".into()),
        Event::Refusal("d".into()),
        Event::Text("e".into()),
        finish(),
        Event::End,
    ];
    let stream = written(&events, context(vec![]));
    let added = stream.iter().filter(|event| event["type"] == "response.output_item.added");
    let kinds: Vec<_> = added.map(|event| event["item"]["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reasoning", "message", "reasoning", "message"]);
    assert_eq!(types(&stream).iter().filter(|kind| **kind == "content_part.added").count(), 3);
    let output = output(&events, &context(vec![]));
    assert_eq!(output[3]["content"][0], json!({"type": "refusal", "refusal": "d"}));
    assert!(matches!(Answer::fold(events).blocks.as_slice(), [Block::Reasoning { .. }, ..]));
}
