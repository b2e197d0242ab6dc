//! The OpenAI dialect, from outside: golden files, other families' requests, and properties.
#![cfg(test)]

mod answers;
mod checker;
mod custom;
mod errors;
mod foreign;
mod golden;
mod properties;
mod relayed;
mod requests;
mod streams;

use lingate_codec::dialect::openai_chat::OpenAiChat;
use lingate_codec::dialect::{AnswerContext, Dialect, Echo, Stamp, Target, Unsupported};
use lingate_codec::frame::{DEFAULT_CAP, Framer, Framing};
use lingate_codec::ir::{ApiError, Event, Loss, Operation, Request};
use serde_json::Value;

/// A server like vLLM, with OpenAI's newer spelling.
const WIDE: Target<'_> = Target {
    backend: "vllm",
    sampling_extensions: true,
    max_completion_tokens: true,
    custom_tools: true,
    default_max_tokens: 4096,
};
/// A server that knows only the old members.
const NARROW: Target<'_> = Target {
    backend: "together",
    sampling_extensions: false,
    max_completion_tokens: false,
    custom_tools: false,
    default_max_tokens: 4096,
};

fn decode(body: &str) -> Result<Request<'_>, ApiError> {
    OpenAiChat.decode_request(Operation::Chat, body.as_bytes())
}

fn encode(request: &Request<'_>, target: &Target<'_>, loss: &mut Loss) -> Result<Value, Unsupported> {
    let mut out = Vec::new();
    OpenAiChat.encode_request(request, target, loss, &mut out)?;
    Ok(serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out))))
}

/// Decodes a stream that comes in these pieces.
fn events_of(pieces: &[&[u8]]) -> Vec<Event> {
    let mut framer = Framer::new(Framing::Sse, DEFAULT_CAP);
    let mut decoder = OpenAiChat.stream_decoder(Operation::Chat);
    let mut events = Vec::new();
    for piece in pieces {
        framer.push(piece);
        while let Some(frame) = framer.next_frame().unwrap() {
            decoder.push(&frame, &mut events);
        }
    }
    framer.finish();
    while let Some(frame) = framer.next_frame().unwrap() {
        decoder.push(&frame, &mut events);
    }
    decoder.finish(&mut events);
    events
}

fn context(include_usage: bool) -> AnswerContext {
    AnswerContext {
        model: "client-model".into(),
        id: "q1w2".into(),
        created: 1_760_000_100,
        operation: Operation::Chat,
        include_usage,
        tools: Vec::new(),
        echo: Echo::default(),
    }
}

fn stream_of<'e>(events: impl IntoIterator<Item = &'e Event>, include_usage: bool) -> String {
    let mut encoder = OpenAiChat.stream_encoder(context(include_usage));
    let mut out = Vec::new();
    for event in events {
        encoder.push(event, Stamp::default(), &mut out);
    }
    String::from_utf8(out).unwrap()
}
