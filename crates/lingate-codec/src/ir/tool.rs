//! Tools, the choice among them, and calls in a conversation's history.

use super::Extra;
use crate::json::Raw;
use std::borrow::Cow;

/// A tool that the model may call.
#[derive(Debug, Clone)]
pub enum Tool<'a> {
    /// A function of the client's.
    Function {
        /// Its name.
        name: Cow<'a, str>,
        /// What it is for.
        description: Option<Cow<'a, str>>,
        /// JSON Schema of its arguments.
        parameters: Option<Raw<'a>>,
        /// Whether arguments must follow the schema exactly.
        strict: Option<bool>,
        /// Anthropic's `cache_control` as written.
        cache_control: Option<Raw<'a>>,
        /// Unknown members.
        extra: Vec<Extra<'a>>,
    },
    /// A tool that the provider runs; no other family has it.
    Hosted {
        /// Its `type`.
        kind: Cow<'a, str>,
        /// The whole entry as it came.
        raw: Raw<'a>,
    },
}

/// How a client declared a function that it did not declare as a plain one. The request's list of tools holds it as
/// a function all the same, so that every dialect can write it; its calls go back to the client in this form.
#[derive(Debug, Clone)]
pub struct ToolForm<'a> {
    /// The function's name among the tools.
    pub name: Cow<'a, str>,
    /// The client's name for it.
    pub own_name: Cow<'a, str>,
    /// The group that it stands in (OpenAI's `namespace` tools).
    pub namespace: Option<Cow<'a, str>>,
    /// Whether it takes free text (OpenAI's `custom` tools): the one argument [`FREE_TEXT`] holds it.
    pub custom: bool,
    /// Whether it is the client's search for further tools (OpenAI's `tool_search`, run by the client).
    pub search: bool,
    /// The client's whole entry among the tools: the tool's own, or its group's. Of a tool that only the history
    /// names, its call.
    pub raw: Raw<'a>,
}

/// The argument in which a function takes the text of a tool that takes free text.
pub const FREE_TEXT: &str = "input";

/// Which tools the model must call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// As it likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(Cow<'a, str>),
    /// OpenAI's `allowed_tools`: only these, at least one of them if `required`.
    Allowed {
        /// Names of functions.
        names: Vec<Cow<'a, str>>,
        /// Whether one must be called.
        required: bool,
    },
}

/// A call in an assistant turn of the history.
#[derive(Debug, Clone)]
pub struct ToolCall<'a> {
    /// Its id; a decoder whose dialect may leave it out makes one ([`crate::ids::history_call_id`]).
    pub id: Cow<'a, str>,
    /// The tool's name.
    pub name: Cow<'a, str>,
    /// The arguments as JSON text; `{}` where there are none. May not be valid JSON (a truncated answer that is
    /// replayed); encoders whose dialect wants an object then keep the text in one member.
    pub arguments: Cow<'a, str>,
    /// `cache_control` as written.
    pub cache_control: Option<Raw<'a>>,
}
