//! The dialects, and short ways through them.

use lingate_codec::dialect::{AnswerContext, Dialect, DialectId, Echo, Stamp, Target, Unsupported, path_of};
use lingate_codec::frame::{DEFAULT_CAP, Framer};
use lingate_codec::ir::{Event, Loss, Operation, Request};

/// All dialects of chats.
pub(crate) const ALL: [DialectId; 4] =
    [DialectId::OpenAiChat, DialectId::AnthropicMessages, DialectId::Ollama, DialectId::OpenAiResponses];

/// All dialects.
pub(crate) const EVERY: [DialectId; 5] = [ALL[0], ALL[1], ALL[2], ALL[3], DialectId::OpenAiCompletions];

/// Whether the dialect has thoughts, tools and turns; one that has not continues a text.
pub(crate) fn converses(dialect: DialectId) -> bool {
    ALL.contains(&dialect)
}

/// What an upstream is asked when a client of another dialect, or its own, asks `operation`.
pub(crate) fn asked_of(upstream: DialectId, client: DialectId, operation: Operation) -> Operation {
    let continues = upstream == client || !converses(upstream) || (upstream == DialectId::Ollama && !converses(client));
    if continues { operation } else { Operation::Chat }
}

/// The dialect of that name, as golden files have it.
pub(crate) fn named(name: &str) -> &'static dyn Dialect {
    DialectId::from_name(name).unwrap_or_else(|| panic!("no dialect is called {name}")).dialect()
}

/// A plain upstream of that dialect.
pub(crate) fn target(dialect: &dyn Dialect) -> Target<'static> {
    let (backend, max_completion_tokens) = match dialect.id() {
        DialectId::OpenAiChat | DialectId::OpenAiResponses => ("openai", true),
        DialectId::AnthropicMessages => ("anthropic", false),
        DialectId::Ollama => ("ollama", false),
        DialectId::OpenAiCompletions => ("openai", false),
    };
    Target { backend, sampling_extensions: false, max_completion_tokens, custom_tools: true, default_max_tokens: 4096 }
}

pub(crate) fn context() -> AnswerContext {
    AnswerContext {
        model: "client-model".into(),
        id: "q1w2e3".into(),
        created: 1_760_000_100,
        operation: Operation::Chat,
        include_usage: true,
        tools: Vec::new(),
        echo: Echo::default(),
    }
}

/// The `step`th moment of an answer.
pub(crate) fn stamp(step: u64) -> Stamp {
    Stamp { unix_nanos: 1_760_000_100_000_000_000 + step * 1_000_000, elapsed_nanos: step * 1_000_000 }
}

/// What came of a request.
pub(crate) struct Sent {
    pub(crate) body: Vec<u8>,
    /// Paths in the client's spelling.
    pub(crate) lost: Vec<String>,
}

/// Writes a request for that dialect; the refusal comes with its path in the client's spelling.
pub(crate) fn encode(
    request: &Request<'_>,
    client: &dyn Dialect,
    upstream: &dyn Dialect,
) -> Result<Sent, (String, Unsupported)> {
    let (mut loss, mut body) = (Loss::new(), Vec::new());
    match upstream.encode_request(request, &target(upstream), &mut loss, &mut body) {
        Ok(()) => Ok(Sent { body, lost: loss.paths(|concept| path_of(client, concept)) }),
        Err(refused) => {
            let path = refused.path.clone().unwrap_or_else(|| path_of(client, refused.concept).to_owned());
            Err((path, refused))
        }
    }
}

/// Decodes a stream that comes in these pieces.
pub(crate) fn decode_stream<'b>(dialect: &dyn Dialect, pieces: impl IntoIterator<Item = &'b [u8]>) -> Vec<Event> {
    let mut framer = Framer::new(dialect.framing(), DEFAULT_CAP);
    let mut decoder = dialect.stream_decoder(Operation::Chat);
    let mut events = Vec::new();
    let mut take = |framer: &mut Framer, events: &mut Vec<Event>| {
        while let Some(frame) = framer.next_frame().expect("a frame of normal size") {
            decoder.push(&frame, events);
        }
    };
    for piece in pieces {
        framer.push(piece);
        take(&mut framer, &mut events);
    }
    framer.finish();
    take(&mut framer, &mut events);
    decoder.finish(&mut events);
    events
}

/// Writes events as a stream; time does not pass, so that only the events matter.
pub(crate) fn encode_stream<'e>(dialect: &dyn Dialect, events: impl IntoIterator<Item = &'e Event>) -> String {
    let mut encoder = dialect.stream_encoder(context());
    let mut out = Vec::new();
    events.into_iter().for_each(|event| encoder.push(event, stamp(1), &mut out));
    String::from_utf8(out).expect("streams are text")
}

/// Reads a whole answer.
pub(crate) fn decode_answer(dialect: &dyn Dialect, body: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    dialect.decode_response(Operation::Chat, body, &mut events);
    events
}
