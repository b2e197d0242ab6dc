//! Pieces that whole answers and stream chunks share, read. Upstreams are messy: what is missing, null or of a
//! strange kind is left out, never an error.

use crate::dialect::halves::Half;
use crate::ir::{Citation, Event, Logprob, Start, Usage};
use crate::json::{Object, Raw};

/// The head of an answer or chunk.
pub(in crate::dialect::openai_chat) fn start(object: &Object<'_>) -> Start {
    let text = |key| object.string(key).map(|text| text.into_owned());
    Start {
        id: text("id").unwrap_or_default(),
        model: text("model").unwrap_or_default(),
        created: object.get("created").and_then(count).filter(|&seconds| seconds > 0),
        system_fingerprint: text("system_fingerprint"),
        service_tier: text("service_tier"),
    }
}

/// The choice of index 0, or without one.
pub(in crate::dialect::openai_chat) fn first_choice(choices: Raw<'_>) -> Option<Object<'_>> {
    choices.array()?.filter_map(Raw::object).find(|choice| match choice.given("index") {
        None => true,
        Some(index) => index.u64().is_none_or(|index| index == 0),
    })
}

/// A count: a number, or a number in a string; nothing negative.
fn count(value: Raw<'_>) -> Option<u64> {
    value.u64().or_else(|| value.string()?.trim().parse().ok())
}

/// Token counts in OpenAI's spelling, or in that of Responses and Anthropic, which some servers use here too
/// (Open WebUI sends both). All counts include their parts.
pub(in crate::dialect::openai_chat) fn usage(value: Raw<'_>) -> Option<Usage> {
    let mut usage = Usage::default();
    // Spellings that yield to those of the details: DeepSeek, Moonshot, LiteLLM.
    let (mut cached, mut created, mut reasoning) = ([None; 3], None, None);
    Object::visit(value.bytes(), |name, _, value| match name {
        b"prompt_tokens" => usage.input_tokens = count(value).or(usage.input_tokens),
        b"input_tokens" => usage.input_tokens = usage.input_tokens.or_else(|| count(value)),
        b"completion_tokens" => usage.output_tokens = count(value).or(usage.output_tokens),
        b"output_tokens" => usage.output_tokens = usage.output_tokens.or_else(|| count(value)),
        b"prompt_tokens_details" | b"input_tokens_details" => input_details(value, &mut usage),
        b"completion_tokens_details" | b"output_tokens_details" => output_details(value, &mut usage),
        b"prompt_cache_hit_tokens" => cached[0] = count(value),
        b"cached_tokens" => cached[1] = count(value),
        b"cache_read_input_tokens" => cached[2] = count(value),
        b"cache_creation_input_tokens" => created = count(value),
        b"reasoning_tokens" => reasoning = count(value),
        _ => {}
    })
    .ok()?;
    let other_cached = cached.into_iter().flatten().next();
    usage.cache_read_input_tokens = usage.cache_read_input_tokens.or(other_cached);
    usage.cache_creation_input_tokens = usage.cache_creation_input_tokens.or(created);
    usage.reasoning_output_tokens = usage.reasoning_output_tokens.or(reasoning);
    usage.is_known().then_some(usage)
}

fn input_details(value: Raw<'_>, usage: &mut Usage) {
    // Anything but an object says nothing.
    let _ = Object::visit(value.bytes(), |name, _, value| match name {
        b"cached_tokens" => usage.cache_read_input_tokens = count(value),
        b"cache_write_tokens" => usage.cache_creation_input_tokens = count(value),
        b"audio_tokens" => usage.audio_input_tokens = count(value),
        _ => {}
    });
}

fn output_details(value: Raw<'_>, usage: &mut Usage) {
    let _ = Object::visit(value.bytes(), |name, _, value| match name {
        b"reasoning_tokens" => usage.reasoning_output_tokens = count(value),
        b"audio_tokens" => usage.audio_output_tokens = count(value),
        _ => {}
    });
}

/// The texts that come in pieces.
#[derive(Debug, Default)]
pub(in crate::dialect::openai_chat) struct Texts {
    text: Half,
    thought: Half,
}

impl Texts {
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
