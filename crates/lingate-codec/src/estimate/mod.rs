//! How many tokens a request is, about: for upstreams that do not count.
//!
//! No vocabulary is at hand, and each model has its own, so this is an estimate, and who passes it on says so. It was
//! fitted to three vocabularies that differ (OpenAI's `cl100k_base` and `o200k_base`, and Anthropic's last public
//! one) on English prose, Rust, Python, JavaScript, JSON and Chinese and Japanese text: there it is within 25 % of
//! each of them. They are themselves apart by a factor of two and more in other scripts (Cyrillic, Arabic, Hangul,
//! Devanagari), where it stands between them. What stands around the content counts as OpenAI's cookbook says: a
//! few tokens a message.

mod picture;
mod text;

use crate::ir::{FileSource, Image, ImageSource, Message, Part, Request, Tool};

pub use text::tokens as text_tokens;

/// Role and delimiters of a message.
const MESSAGE: u64 = 4;
/// The beginning of the answer.
const ANSWER: u64 = 3;
/// What stands around a tool's description.
const TOOL: u64 = 8;
/// What stands around a call, or a result.
const CALL: u64 = 8;
/// A document whose pages cannot be counted, and its bytes for each further token: a page of a PDF is some 50 kB and
/// 2,000 tokens.
const DOCUMENT: (u64, u64) = (2_000, 25);
/// Bytes of sound a token: ten tokens a second, at 16 kB a second.
const SOUND: u64 = 1_600;

/// The tokens that a model reads for this request, about; never 0. Linear in the request's size.
pub fn input_tokens(request: &Request<'_>) -> u64 {
    let messages: u64 = request.messages.iter().map(message).sum();
    let tools: u64 = request.tools.iter().map(tool).sum();
    ANSWER + messages + tools
}

fn message(message: &Message<'_>) -> u64 {
    MESSAGE + message.name.as_deref().map_or(0, text_tokens) + parts(&message.parts)
}

fn parts(parts: &[Part<'_>]) -> u64 {
    parts.iter().map(part).sum()
}

fn part(part: &Part<'_>) -> u64 {
    match part {
        Part::Text { text, .. } | Part::Refusal { text } | Part::Reasoning { text, .. } => text_tokens(text),
        Part::Image(image) => picture_tokens(image),
        Part::File(file) => match &file.source {
            FileSource::Text(text) => text_tokens(text),
            FileSource::Base64 { data, .. } => DOCUMENT.0 + bytes_of(data) / DOCUMENT.1,
            FileSource::Url(_) | FileSource::FileId(_) => DOCUMENT.0,
        },
        Part::Audio(audio) => bytes_of(&audio.data) / SOUND + 1,
        // What only its provider can read; it is about three quarters of its base64 text long, in four-byte tokens.
        Part::RedactedReasoning { data } => bytes_of(data) / 4,
        Part::ToolCall(call) => CALL + text_tokens(&call.name) + text_tokens(&call.arguments),
        Part::ToolResult(result) => CALL + parts(&result.parts),
        Part::Opaque(opaque) => text_tokens(&opaque.raw.text()),
    }
}

fn picture_tokens(image: &Image<'_>) -> u64 {
    match &image.source {
        ImageSource::Base64 { data, .. } => picture::tokens(data),
        ImageSource::Url(_) | ImageSource::FileId(_) => picture::UNSEEN,
    }
}

fn tool(tool: &Tool<'_>) -> u64 {
    TOOL + match tool {
        Tool::Function { name, description, parameters, .. } => {
            let schema = parameters.map_or(0, |schema| text_tokens(&schema.text()));
            text_tokens(name) + description.as_deref().map_or(0, text_tokens) + schema
        }
        Tool::Hosted { raw, .. } => text_tokens(&raw.text()),
    }
}

fn bytes_of(base64: &str) -> u64 {
    base64.len() as u64 / 4 * 3
}
