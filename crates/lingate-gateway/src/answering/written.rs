//! Whole answers as events, and events as the answer that the client wants.

use super::{Answered, Client, stream_type};
use crate::outgoing::Outgoing;
use crate::pump::stamp;
use http::{HeaderMap, HeaderValue};
use lingate_codec::frame::{DEFAULT_CAP, Framer};
use lingate_codec::ir::{Answer as WholeAnswer, ApiError, Event, Finish, FinishReason, Start};

/// Events written as the client wants them: a stream or a whole answer.
pub(crate) fn written(client: &Client, events: Vec<Event>) -> Answered {
    let at = stamp(client.started);
    let mut out = Vec::new();
    let content_type = if client.stream {
        let mut encoder = client.dialect.stream_encoder(client.context());
        for event in &events {
            encoder.push(event, at, &mut out);
        }
        stream_type(client.dialect)
    } else {
        client.dialect.encode_response(&WholeAnswer::fold(events), &client.context(), at, &mut out);
        HeaderValue::from_static("application/json")
    };
    Answered { content_type, headers: HeaderMap::new(), body: out.into() }
}

/// The operator's own words in place of an answer.
pub(crate) fn fallback(client: &Client, message: &str) -> Answered {
    let finish = Finish { reason: FinishReason::Stop, stop_sequence: None };
    let text = Event::Text(message.to_owned());
    written(client, vec![Event::Start(Start::default()), text, Event::Finish(finish), Event::End])
}

/// Reads a stream that was collected.
pub(super) fn decode_collected(outgoing: &Outgoing, body: &[u8], events: &mut Vec<Event>) {
    let mut framer = Framer::new(outgoing.dialect.framing(), DEFAULT_CAP);
    let mut decoder = outgoing.dialect.stream_decoder(outgoing.operation);
    framer.push(body);
    framer.finish();
    loop {
        match framer.next_frame() {
            Ok(Some(frame)) => decoder.push(&frame, events),
            Ok(None) => break decoder.finish(events),
            Err(error) => break events.push(Event::Error(ApiError::upstream(error.to_string()))),
        }
    }
}
