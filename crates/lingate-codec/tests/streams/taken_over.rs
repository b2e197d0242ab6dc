//! Streams that are relayed up to some frame and written from there on: whatever the frame, what the client gets is one
//! legal stream that says all of it.

use crate::checker::{Ended, check};
use crate::config;
use crate::scripts::script;
use crate::support::{EVERY, context, converses, encode_stream, stamp};
use lingate_codec::dialect::{AnswerContext, Dialect, PieceOf};
use lingate_codec::frame::{DEFAULT_CAP, Frame, Framer};
use lingate_codec::ir::{Event, Operation};
use proptest::prelude::*;

/// What is put into the answer where it is taken over.
fn change() -> [Event; 5] {
    let call = 1000;
    [
        Event::Reasoning("(put in)".to_owned()),
        Event::Text("[put in]".to_owned()),
        Event::ToolCallStart { call, id: String::new(), name: "f".to_owned() },
        Event::ToolCallArguments { call, fragment: "{\"put\":\"in\"}".to_owned() },
        Event::ToolCallEnd { call },
    ]
}

fn says_something(event: &Event) -> bool {
    !matches!(event, Event::Start(_) | Event::Usage(_))
}

/// All frames of a stream, each by its own.
fn each_frame(dialect: &dyn Dialect, stream: &str, mut see: impl FnMut(usize, &Frame<'_>)) -> usize {
    let mut framer = Framer::new(dialect.framing(), DEFAULT_CAP);
    framer.push(stream.as_bytes());
    framer.finish();
    let mut number = 0;
    while let Some(frame) = framer.next_frame().expect("a frame of normal size") {
        see(number, &frame);
        number += 1;
    }
    number
}

/// The stream with a change before its frame of that number; `None` if that cannot be.
fn changed_at(dialect: &dyn Dialect, stream: &str, at: usize, glances: bool) -> Option<String> {
    // The id is not that of the stream: it must be learnt.
    let context = AnswerContext { id: "another".into(), ..context() };
    let (mut decoder, mut encoder) = (dialect.stream_decoder(Operation::Chat), dialect.stream_encoder(context));
    let mut out = Vec::new();
    let (mut possible, mut announced) = (true, Vec::new());
    each_frame(dialect, stream, |number, frame| {
        let mut events = Vec::new();
        if number < at {
            let piece = decoder
                .glance(frame)
                .filter(|piece| glances && (piece.of != PieceOf::Text || !piece.escaped.contains(&b'\\')));
            match piece {
                Some(piece) => {
                    decoder.skip(frame, &piece);
                    encoder.follow_piece(&piece);
                }
                None => {
                    decoder.push(frame, &mut events);
                    encoder.follow(frame, &events, stamp(1));
                }
            }
            out.extend_from_slice(frame.raw);
            announced = if dialect.announces(frame) && events.is_empty() { frame.raw.to_vec() } else { Vec::new() };
            return;
        }
        decoder.push(frame, &mut events);
        if number == at {
            // Only what says something, or announces it, can be changed.
            possible = encoder.can_go_on() && (dialect.announces(frame) || events.iter().any(says_something));
            change().iter().for_each(|event| encoder.push(event, stamp(1), &mut out));
        }
        events.iter().for_each(|event| encoder.push(event, stamp(1), &mut out));
    });
    // What is announced is not sent before what it announces.
    (possible && announced.is_empty()).then(|| String::from_utf8(out).expect("streams are text"))
}

proptest! {
    // A case is as many streams as it has frames.
    #![proptest_config(ProptestConfig { cases: config().cases.div_ceil(4), ..config() })]

    #[test]
    fn a_stream_goes_on_from_any_frame(script in script(), glances in any::<bool>()) {
        for id in EVERY {
            let dialect = id.dialect();
            let script = script.sayable(id);
            let stream = encode_stream(dialect, &crate::events::events_of(&script, Event::End));
            let frames = each_frame(dialect, &stream, |_, _| {});
            let mut taken_over = 0;
            for at in 0..frames {
                let Some(changed) = changed_at(dialect, &stream, at, glances) else { continue };
                taken_over += 1;
                let seen = check(id, &changed)
                    .map_err(|error| TestCaseError::fail(format!("{} at {at}: {error}\n{changed}", id.name())))?;
                prop_assert_eq!(seen.ended, Ended::Normally, "{}", changed);
                prop_assert_eq!(seen.text.replacen("[put in]", "", 1), script.text(), "{}", changed);
                if converses(id) {
                    prop_assert_eq!(seen.reasoning.replacen("(put in)", "", 1), script.thought(), "{}", changed);
                    prop_assert_eq!(seen.calls.len(), script.calls.len() + 1, "{}", changed);
                    for call in &script.calls {
                        let known = seen.calls.iter().any(|seen| seen.name == call.name);
                        prop_assert!(known, "{}", changed);
                    }
                }
            }
            let says = !script.said.is_empty() || !script.calls.is_empty();
            prop_assert!(taken_over > 0 || !says, "{}: nowhere in\n{stream}", id.name());
        }
    }
}
