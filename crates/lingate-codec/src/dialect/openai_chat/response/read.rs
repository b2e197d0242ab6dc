//! Pieces that whole answers and stream chunks share, read. Upstreams are messy: what is missing, null or of a
//! strange kind is left out, never an error.

use crate::dialect::halves::Half;
use crate::dialect::openai_usage::count;
use crate::ir::{Citation, Event, Logprob};
use crate::json::{Object, Raw};

/// The texts that come in pieces.
#[derive(Debug, Default)]
pub(in crate::dialect::openai_chat) struct Texts {
    text: Half,
    thought: Half,
}

impl Texts {
    /// The end of the text so far.
    pub(in crate::dialect::openai_chat) fn half_of_text(&self) -> &Half {
        &self.text
    }

    /// The end of the thought so far.
    pub(in crate::dialect::openai_chat) fn half_of_thought(&self) -> &Half {
        &self.thought
    }

    /// A piece of the text.
    pub(in crate::dialect::openai_chat) fn text(&mut self, piece: Raw<'_>, out: &mut Vec<Event>) {
        if let Some(text) = self.text.join(piece).filter(|text| !text.is_empty()) {
            out.push(Event::Text(text.into_owned()));
        }
    }

    /// A piece of the thought.
    pub(in crate::dialect::openai_chat) fn thought(&mut self, piece: Raw<'_>, out: &mut Vec<Event>) {
        if let Some(text) = self.thought.join(piece).filter(|text| !text.is_empty()) {
            out.push(Event::Reasoning(text.into_owned()));
        }
    }
}

/// Thoughts, text, sources and refusal of a message or delta, in this order.
pub(in crate::dialect::openai_chat) fn content(message: &Object<'_>, texts: &mut Texts, out: &mut Vec<Event>) {
    let text = |key| message.string(key).filter(|text| !text.is_empty());
    let given = |key| message.get(key).filter(|text| text.escaped().is_some_and(|text| !text.is_empty()));
    // vLLM's newer and the older spelling; a proxy that sends both sends the same text twice.
    if let Some(thought) = given("reasoning_content").or_else(|| given("reasoning")) {
        texts.thought(thought, out);
    }
    if let Some(value) = message.get("content") {
        match value.array() {
            Some(parts) => parts.for_each(|part| content_part(part, out)),
            None => texts.text(value, out),
        }
    }
    if let Some(annotations) = message.get("annotations").and_then(Raw::array) {
        out.extend(annotations.filter_map(citation).map(Event::Citation));
    }
    if let Some(refusal) = text("refusal") {
        out.push(Event::Refusal(refusal.into_owned()));
    }
}

fn push_text(value: Raw<'_>, event: fn(String) -> Event, out: &mut Vec<Event>) {
    if let Some(text) = value.string().filter(|text| !text.is_empty()) {
        out.push(event(text.into_owned()));
    }
}

/// Content as parts: Mistral's reasoning models answer so.
fn content_part(part: Raw<'_>, out: &mut Vec<Event>) {
    let Some(object) = part.object() else { return push_text(part, Event::Text, out) };
    if let Some(thought) = object.get("thinking") {
        match thought.array() {
            Some(pieces) => pieces
                .filter_map(|piece| piece.object()?.get("text"))
                .for_each(|text| push_text(text, Event::Reasoning, out)),
            None => push_text(thought, Event::Reasoning, out),
        }
    }
    if let Some(text) = object.get("text") {
        push_text(text, Event::Text, out);
    }
    if let Some(refusal) = object.get("refusal") {
        push_text(refusal, Event::Refusal, out);
    }
}

fn citation(annotation: Raw<'_>) -> Option<Citation> {
    let annotation = annotation.object()?;
    let nested = annotation.get("url_citation").and_then(Raw::object);
    let source = nested.as_ref().unwrap_or(&annotation);
    let text = |key| source.string(key).map(|text| text.into_owned());
    let number = |key: &str| source.get(key).and_then(count);
    Some(Citation {
        url: text("url")?,
        title: text("title").unwrap_or_default(),
        // OpenRouter gives the passage as `content`.
        cited_text: text("content").unwrap_or_default(),
        span: number("start_index").zip(number("end_index")),
    })
}

/// `logprobs` of a choice: the tokens of its text.
pub(in crate::dialect::openai_chat) fn logprobs(choice: &Object<'_>, out: &mut Vec<Event>) {
    let Some(logprobs) = choice.given("logprobs").and_then(Raw::object) else { return };
    let Some(tokens) = logprobs.get("content").and_then(Raw::array) else { return };
    let tokens: Vec<_> = tokens.filter_map(|token| logprob(token, true)).collect();
    if !tokens.is_empty() {
        out.push(Event::Logprobs(tokens));
    }
}

fn logprob(token: Raw<'_>, with_top: bool) -> Option<Logprob> {
    let object = token.object()?;
    let bytes = object.get("bytes").and_then(Raw::array);
    let top = object.get("top_logprobs").filter(|_| with_top).and_then(Raw::array);
    Some(Logprob {
        token: object.string("token")?.into_owned(),
        logprob: object.get("logprob").and_then(Raw::f64).filter(|number| number.is_finite())?,
        bytes: bytes.map(|bytes| bytes.filter_map(|byte| u8::try_from(byte.u64()?).ok()).collect()),
        top: top.map(|top| top.filter_map(|token| logprob(token, false)).collect()).unwrap_or_default(),
    })
}
