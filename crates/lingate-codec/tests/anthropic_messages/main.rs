//! Anthropic Messages: golden files, translation of requests, legality of streams.

#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod answers;
mod checker;
mod golden;
mod properties;
mod relay;
mod requests;
mod streams;

use lingate_codec::dialect::anthropic_messages::AnthropicMessages;
use lingate_codec::dialect::{AnswerContext, Dialect, Echo, Stamp, Target};
use lingate_codec::frame::{DEFAULT_CAP, Framer, Framing};
use lingate_codec::ir::{Event, Operation};

pub(crate) const DIALECT: &dyn Dialect = &AnthropicMessages;

pub(crate) fn target() -> Target<'static> {
    Target {
        backend: "anthropic",
        sampling_extensions: false,
        max_completion_tokens: false,
        custom_tools: false,
        default_max_tokens: 4096,
    }
}

pub(crate) fn context() -> AnswerContext {
    AnswerContext {
        model: "asked-model".into(),
        id: "0a1b".into(),
        created: 1_760_000_000,
        operation: Operation::Chat,
        include_usage: false,
        tools: Vec::new(),
        echo: Echo::default(),
    }
}

/// The events of a stream that arrives in these pieces.
pub(crate) fn decode_stream<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Event> {
    let mut framer = Framer::new(Framing::Sse, DEFAULT_CAP);
    let mut decoder = DIALECT.stream_decoder(Operation::Chat);
    let mut events = Vec::new();
    for piece in pieces {
        framer.push(piece);
        while let Some(frame) = framer.next_frame().expect("frames are small") {
            decoder.push(&frame, &mut events);
        }
    }
    framer.finish();
    while let Some(frame) = framer.next_frame().expect("frames are small") {
        decoder.push(&frame, &mut events);
    }
    decoder.finish(&mut events);
    events
}

/// The stream that the events are written as.
pub(crate) fn encode_stream(events: &[Event]) -> String {
    let mut encoder = DIALECT.stream_encoder(context());
    let mut out = Vec::new();
    for event in events {
        encoder.push(event, Stamp::default(), &mut out);
    }
    String::from_utf8(out).expect("streams are UTF-8")
}
