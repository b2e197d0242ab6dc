//! A glance tells of a frame what reading it tells, whatever was passed over or read before.

use lingate_codec::dialect::{DialectId, PieceOf, StreamDecoder};
use lingate_codec::frame::{DEFAULT_CAP, Framer};
use lingate_codec::ir::{Event, Operation};
use lingate_codec::json::Raw;

/// Texts as they stand in JSON, with what follows them inside a Responses delta.
const TEXTS: [(&str, &str); 22] = [
    ("a", ""),
    (" sixteen letters", ""),
    (" rather more than sixteen letters, and then some more of them, so that it is long", ""),
    ("b", r#","logprobs":[]"#),
    ("c", r#","logprobs":[],"obfuscation":"x9Z""#),
    ("d", r#","obfuscation":"x9Zk2mQx9Zk2mQx9Zk2mQ""#),
    ("e", r#","logprobs":[],"obfuscation":"x\"y""#),
    (r"\n", ""),
    (r#"say \"}}"#, ""),
    ("", ""),
    ("f", ""),
    ("gr\u{fc}n", ""),
    ("g", ""),
    (r"\ud83d", ""),
    (r"\ude00", ""),
    ("h", ""),
    (r"\ud83d", ""),
    ("not its half", ""),
    ("i", r#","logprobs":[{"token":"i","logprob":-0.5}]"#),
    ("j", ""),
    ("k", r#","output_index":1"#),
    ("l", ""),
];

fn anthropic() -> String {
    let mut out = String::new();
    let mut event = |kind: &str, members: &str| {
        out += &format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{members}}}\n\n");
    };
    event("message_start", r#","message":{"id":"m","model":"x","role":"assistant","content":[]}"#);
    event("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#);
    event("content_block_start", r#","index":1,"content_block":{"type":"thinking","thinking":""}"#);
    for (at, (text, _)) in TEXTS.iter().chain(&TEXTS).enumerate() {
        event("content_block_delta", &format!(r#","index":0,"delta":{{"type":"text_delta","text":"{text}"}}"#));
        if at % 3 == 2 {
            event(
                "content_block_delta",
                &format!(r#","index":1,"delta":{{"type":"thinking_delta","thinking":"{text}"}}"#),
            );
        }
    }
    event("content_block_stop", r#","index":0"#);
    event("content_block_delta", r#","index":0,"delta":{"type":"text_delta","text":"after its end"}"#);
    event("content_block_stop", r#","index":1"#);
    event("message_delta", r#","delta":{"stop_reason":"end_turn"}"#);
    event("message_stop", "");
    out
}

fn responses() -> String {
    let mut out = String::new();
    let mut number = 0;
    let mut event = |kind: &str, members: &str| {
        out += &format!(
            "event: response.{kind}\ndata: {{\"type\":\"response.{kind}\",\"sequence_number\":{number},{members}}}\n\n"
        );
        number += 1;
    };
    event("created", r#""response":{"id":"r","object":"response","status":"in_progress","output":[]}"#);
    for at in 0..2 {
        event(
            "output_item.added",
            &format!(r#""output_index":{at},"item":{{"id":"i{at}","type":"message","content":[]}}"#),
        );
    }
    let delta = |at: usize, text: &str, more: &str| {
        format!(r#""item_id":"i{at}","output_index":{at},"content_index":0,"delta":"{text}"{more}"#)
    };
    for (at, (text, more)) in TEXTS.iter().chain(&TEXTS).enumerate() {
        event("output_text.delta", &delta(0, text, more));
        if at % 5 == 4 {
            event("output_text.delta", &delta(1, text, more));
        }
    }
    event(
        "output_item.done",
        r#""output_index":0,"item":{"id":"i0","type":"message","content":[{"type":"output_text","text":"short"}]}"#,
    );
    event("output_text.delta", &delta(0, "after its end", ""));
    event("completed", r#""response":{"id":"r","object":"response","status":"completed","output":[]}"#);
    out
}

/// What frames tell, texts put together; each frame is passed over where a glance allows it and `skips` says so.
fn told(id: DialectId, stream: &str, skips: impl Fn(usize) -> bool) -> (Vec<String>, usize) {
    let dialect = id.dialect();
    let mut decoder: Box<dyn StreamDecoder> = dialect.stream_decoder(Operation::Chat);
    let mut framer = Framer::new(dialect.framing(), DEFAULT_CAP);
    framer.push(stream.as_bytes());
    let (mut all, mut skipped, mut number) = (Vec::new(), 0, 0);
    while let Some(frame) = framer.next_frame().unwrap() {
        number += 1;
        let mut events = Vec::new();
        match decoder.glance(&frame).filter(|_| skips(number)) {
            Some(piece) => {
                skipped += 1;
                let text = format!("\"{}\"", std::str::from_utf8(piece.escaped).unwrap());
                let text = Raw::parse(text.as_bytes()).unwrap().string().unwrap().into_owned();
                events.push(if piece.of == PieceOf::Text { Event::Text(text) } else { Event::Reasoning(text) });
                decoder.skip(&frame, &piece);
            }
            None => decoder.push(&frame, &mut events),
        }
        all.push(format!("{events:?}"));
    }
    (all, skipped)
}

#[test]
fn a_glance_tells_what_reading_tells() {
    for (id, stream) in [(DialectId::AnthropicMessages, anthropic()), (DialectId::OpenAiResponses, responses())] {
        let (expected, _) = told(id, &stream, |_| false);
        for step in 1..7 {
            let (got, skipped) = told(id, &stream, |number| number % step == 0);
            assert_eq!(got, expected, "{} {step}", id.name());
            assert!(skipped > 15 / step, "{}: {skipped}", id.name());
            let (got, _) = told(id, &stream, |number| number % step != 0);
            assert_eq!(got, expected, "{} but {step}", id.name());
        }
    }
}
