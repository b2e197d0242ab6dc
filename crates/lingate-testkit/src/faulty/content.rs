//! What an answer consists of, faults of its content included, before it is framed: pure.

use super::{
    form::{Form, Frame, Part, Said},
    persona::Ask,
    quirks::{change_frames, odd_count, write_frame},
    refusal,
    scenario::Scenario,
};

/// An answer without its framing.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) pieces: Vec<Piece>,
    /// Whether it is sent in pieces, each a chunk of its own.
    pub(super) stream: bool,
}

/// Bytes that are sent in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    /// Whether they are a word of the answer.
    pub(super) word: bool,
}

impl Content {
    /// A whole body of a type.
    pub(super) fn whole(status: u16, kind: &str, body: &str) -> Self {
        let half = body.len() / 2;
        let half = (half..body.len()).find(|at| body.is_char_boundary(*at)).unwrap_or(0);
        let piece = |text: &str| Piece { bytes: text.as_bytes().to_vec(), word: false };
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Self { status, headers, pieces: vec![piece(&body[..half]), piece(&body[half..])], stream: false }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|piece| piece.bytes.iter().copied()).collect()
    }
}

/// The answer of a model.
pub(super) fn content(ask: &Ask, scenario: &Scenario) -> Content {
    if let Some(refused) = refusal::refusal(ask, scenario) {
        return refused;
    }
    let said = said(ask, scenario);
    let as_stream = (ask.stream || scenario.has("stream_for_json")) && !scenario.has("json_for_stream");
    let mut content = if as_stream { stream(ask.form, &said, scenario) } else { whole(ask.form, &said, scenario) };
    if scenario.has("sse_as_json") {
        content = content.header("content-type", "application/json");
    }
    match scenario.get("ct").and_then(|act| act.arg("")) {
        Some("none") => content.headers.retain(|(name, _)| name != "content-type"),
        Some("charset") => {
            let kind = content.headers.iter().find(|(name, _)| name == "content-type").map(|(_, kind)| kind.clone());
            content = content.header("content-type", &format!("{}; charset=utf-8", kind.unwrap_or_default()));
        }
        Some("octet") => content = content.header("content-type", "application/octet-stream"),
        Some("text") => content = content.header("content-type", "text/plain"),
        _ => {}
    }
    content
}

fn said(ask: &Ask, scenario: &Scenario) -> Said {
    let words = match scenario.get("n") {
        Some(act) => act.number(1),
        None if scenario.has("role_only") => 0,
        None => ask.tag.usual(),
    };
    let lies = scenario.has("model_lie");
    let wanted = ask.usage || !ask.stream;
    Said {
        id: if lies { "\u{1}../odd id".to_owned() } else { format!("up-{}", ask.tag.name()) },
        model: if lies { "another/model".to_owned() } else { ask.model.clone() },
        words: ask.tag.words(words),
        count: odd_count(scenario, ask.tag.count(words)).filter(|_| wanted),
    }
}

fn whole(form: Form, said: &Said, scenario: &Scenario) -> Content {
    let mut body = form.whole(said);
    if scenario.has("null_fields") {
        super::quirks::null_fields(form, &mut body);
    }
    let mut text = body.to_string();
    if scenario.has("badjson") {
        // An object that is never closed, all of the length that was promised.
        text.truncate(text.trim_end_matches('}').len() - 3);
    }
    Content::whole(200, "application/json", &text)
}

fn stream(form: Form, said: &Said, scenario: &Scenario) -> Content {
    let frames = change_frames(form, said, form.frames(said), scenario);
    let last = frames.len().saturating_sub(1);
    let piece = |(at, frame): (usize, &Frame)| Piece {
        bytes: write_frame(form, frame, scenario, at == 0, at == last),
        word: frame.part == Part::Word,
    };
    let mut pieces: Vec<Piece> = frames.iter().enumerate().map(piece).collect();
    if scenario.has("hugeline") {
        pieces = huge(form, pieces);
    }
    let headers = vec![("content-type".to_owned(), form.stream_type().to_owned())];
    Content { status: 200, headers, pieces, stream: true }
}

/// A first word, and then a line that is longer than any frame may be.
fn huge(form: Form, mut pieces: Vec<Piece>) -> Vec<Piece> {
    let first = pieces.iter().position(|piece| piece.word).unwrap_or(0);
    pieces.truncate(first + 1);
    let start = if form.is_ndjson() { "{\"x\":\"" } else { "data: {\"x\":\"" };
    let mut bytes = start.as_bytes().to_vec();
    bytes.resize(64 * 1024, b'x');
    pieces.push(Piece { bytes, word: false });
    let more = Piece { bytes: vec![b'x'; 64 * 1024], word: false };
    pieces.extend(std::iter::repeat_n(more, 80));
    pieces
}
