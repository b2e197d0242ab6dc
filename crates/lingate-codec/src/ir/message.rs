//! Messages and their parts.

use super::{Extra, ToolCall};
use crate::json::Raw;
use std::borrow::Cow;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The operator.
    System,
    /// The operator, in OpenAI's newer word.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool; the message holds exactly one [`Part::ToolResult`].
    Tool,
}

/// One turn.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// Who speaks.
    pub role: Role,
    /// OpenAI's `name` of the speaker.
    pub name: Option<Cow<'a, str>>,
    /// The content, in order.
    pub parts: Vec<Part<'a>>,
    /// Unknown members of the message.
    pub extra: Vec<Extra<'a>>,
}

impl<'a> Message<'a> {
    /// A message without name or extras.
    pub fn new(role: Role, parts: Vec<Part<'a>>) -> Self {
        Self { role, name: None, parts, extra: Vec::new() }
    }

    /// A message of one text.
    pub fn text(role: Role, text: impl Into<Cow<'a, str>>) -> Self {
        Self::new(role, vec![Part::text(text)])
    }
}

/// What a signature begins with that is OpenAI's encrypted thought: the item's id, a colon and the content follow.
pub const OPENAI_THOUGHT: &str = "openai.encrypted:";

/// A piece of content.
#[derive(Debug, Clone)]
pub enum Part<'a> {
    /// Text. `cache_control` is Anthropic's mark, kept raw.
    Text {
        /// The text.
        text: Cow<'a, str>,
        /// `cache_control` as written.
        cache_control: Option<Raw<'a>>,
    },
    /// A picture.
    Image(Image<'a>),
    /// A document.
    File(File<'a>),
    /// Sound.
    Audio(Audio<'a>),
    /// What the model thought, in an assistant turn.
    Reasoning {
        /// The thought; may be empty while the signature is not.
        text: Cow<'a, str>,
        /// Anthropic's signature, or OpenAI's encrypted thought behind [`OPENAI_THOUGHT`]. Never sent to another
        /// provider than the one that made it.
        signature: Option<Cow<'a, str>>,
    },
    /// Anthropic's encrypted thought. Never sent to another provider.
    RedactedReasoning {
        /// The opaque data.
        data: Cow<'a, str>,
    },
    /// The model declined, in an assistant turn.
    Refusal {
        /// What it said.
        text: Cow<'a, str>,
    },
    /// A call, in an assistant turn.
    ToolCall(ToolCall<'a>),
    /// A tool's answer, in a message of [`Role::Tool`].
    ToolResult(ToolResult<'a>),
    /// Content that the decoder does not know.
    Opaque(Opaque<'a>),
}

impl<'a> Part<'a> {
    /// Plain text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { text: text.into(), cache_control: None }
    }
}

/// Content of an unknown kind.
#[derive(Debug, Clone)]
pub struct Opaque<'a> {
    /// Its `type`.
    pub kind: Cow<'a, str>,
    /// The whole part as it came.
    pub raw: Raw<'a>,
}

/// A picture.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    /// Where it is.
    pub source: ImageSource<'a>,
    /// OpenAI's `detail`.
    pub detail: Option<Cow<'a, str>>,
}

/// Where a picture is.
#[derive(Debug, Clone)]
pub enum ImageSource<'a> {
    /// In the request. `media_type` is what the bytes say ([`crate::media::sniff`]), else what the client said.
    Base64 {
        /// For example `image/png`.
        media_type: Cow<'a, str>,
        /// Standard base64, no prefix.
        data: Cow<'a, str>,
    },
    /// On the web; lingate never fetches it.
    Url(Cow<'a, str>),
    /// In one provider's file store.
    FileId(Cow<'a, str>),
}

/// A document.
#[derive(Debug, Clone)]
pub struct File<'a> {
    /// Where it is.
    pub source: FileSource<'a>,
    /// Its name or title.
    pub name: Option<Cow<'a, str>>,
}

/// Where a document is.
#[derive(Debug, Clone)]
pub enum FileSource<'a> {
    /// In the request.
    Base64 {
        /// For example `application/pdf`.
        media_type: Cow<'a, str>,
        /// Standard base64, no prefix.
        data: Cow<'a, str>,
    },
    /// Plain text in the request.
    Text(Cow<'a, str>),
    /// On the web.
    Url(Cow<'a, str>),
    /// In one provider's file store.
    FileId(Cow<'a, str>),
}

/// Sound in the request.
#[derive(Debug, Clone)]
pub struct Audio<'a> {
    /// Standard base64.
    pub data: Cow<'a, str>,
    /// `wav`, `mp3` …
    pub format: Cow<'a, str>,
}

/// A tool's answer.
#[derive(Debug, Clone)]
pub struct ToolResult<'a> {
    /// The call that it answers; a decoder whose dialect has none makes the pairing itself.
    pub call_id: Cow<'a, str>,
    /// The tool's name, where the dialect gives it or the call is known.
    pub name: Option<Cow<'a, str>>,
    /// Whether the tool failed.
    pub is_error: bool,
    /// Text, images, files.
    pub parts: Vec<Part<'a>>,
    /// `cache_control` as written.
    pub cache_control: Option<Raw<'a>>,
}
