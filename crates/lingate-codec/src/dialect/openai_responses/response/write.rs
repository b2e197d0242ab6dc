//! Pieces that whole answers and stream events share, written. Members are those that the SDK's types need (3.52.0,
//! `types/responses/`).

use super::super::reasoning::Sealed;
use super::super::{echo, error};
use crate::dialect::remembered::compact;
use crate::dialect::{AnswerContext, ToolForm};
use crate::ids::{free_call_id, legal_call_id};
use crate::ir::{ApiError, Citation, Finish, FinishReason, Logprob, Start, Usage};
use crate::json::{Raw, Writer};

/// The longest call id that clients may send back.
const MAX_CALL_ID: usize = 64;

/// How far a response is.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Status<'a> {
    InProgress,
    Completed,
    /// It was cut off, for this reason.
    Incomplete(&'static str),
    Failed(&'a ApiError),
}

impl Status<'_> {
    /// That of an answer which ended so.
    pub(in super::super) fn of(finish: Option<&Finish>) -> Self {
        match finish.map(|finish| finish.reason) {
            Some(FinishReason::Length) => Self::Incomplete("max_output_tokens"),
            Some(FinishReason::ContentFilter) => Self::Incomplete("content_filter"),
            _ => Self::Completed,
        }
    }

    /// The wire's word.
    pub(in super::super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }
}

/// The response object. `output`: its items, commas between them.
pub(in super::super) fn response(
    start: &Start,
    context: &AnswerContext,
    status: Status<'_>,
    output: &[u8],
    usage: &Usage,
    w: &mut Writer<'_>,
) {
    w.begin_object();
    w.key("id");
    // The upstream's where it is one of this dialect's.
    if start.id.starts_with("resp_") {
        w.string(&start.id)
    } else {
        w.string_of(&["resp_", &context.id])
    }
    w.string_member("object", "response");
    w.integer_member("created_at", start.created.unwrap_or(context.created));
    w.string_member("status", status.word());
    w.key("error");
    match status {
        Status::Failed(failure) => error::of_response(failure, w),
        _ => w.null(),
    }
    w.key("incomplete_details");
    match status {
        Status::Incomplete(reason) => {
            w.begin_object();
            w.string_member("reason", reason);
            w.end_object();
        }
        _ => w.null(),
    }
    w.string_member("model", if context.model.is_empty() { &start.model } else { &context.model });
    w.key("output");
    array(output, w);
    for (name, silent) in echo::MEMBERS {
        w.json_member(name, context.echo.get(name).unwrap_or(silent));
    }
    if let Some(tier) = &start.service_tier {
        // Anthropic's word for it.
        w.string_member("service_tier", if tier == "standard" { "default" } else { tier });
    }
    w.key("usage");
    match status {
        Status::InProgress => w.null(),
        _ if !usage.is_known() => w.null(),
        _ => write_usage(usage, w),
    }
    w.end_object();
}

/// An array of elements that are written already, commas between them.
pub(in super::super) fn array(elements: &[u8], w: &mut Writer<'_>) {
    w.begin_array();
    if !elements.is_empty() {
        w.json(elements);
    }
    w.end_array();
}

fn write_usage(usage: &Usage, w: &mut Writer<'_>) {
    w.begin_object();
    w.integer_member("input_tokens", usage.input_tokens.unwrap_or(0));
    w.key("input_tokens_details");
    w.begin_object();
    w.integer_member("cached_tokens", usage.cache_read_input_tokens.unwrap_or(0));
    w.integer_member("cache_write_tokens", usage.cache_creation_input_tokens.unwrap_or(0));
    w.end_object();
    w.integer_member("output_tokens", usage.output_tokens.unwrap_or(0));
    w.key("output_tokens_details");
    w.begin_object();
    w.integer_member("reasoning_tokens", usage.reasoning_output_tokens.unwrap_or(0));
    w.end_object();
    w.integer_member("total_tokens", usage.total_tokens());
    w.end_object();
}

/// The id of the item at that place of the output.
pub(in super::super) fn item_id(prefix: &str, context: &AnswerContext, index: usize) -> String {
    let mut number = itoa::Buffer::new();
    [prefix, "_", &context.id, "_", number.format(index)].concat()
}

/// A message; `content`: its parts, commas between them.
pub(in super::super) fn message(id: &str, status: Status<'_>, content: &[u8], w: &mut Writer<'_>) {
    w.begin_object();
    w.string_member("id", id);
    w.string_member("type", "message");
    w.string_member("status", status.word());
    w.string_member("role", "assistant");
    w.key("content");
    array(content, w);
    w.end_object();
}

/// A text part; `annotations`: its sources, commas between them.
pub(in super::super) fn text_part(text: &str, annotations: &[u8], tokens: &[Logprob], w: &mut Writer<'_>) {
    w.begin_object();
    w.string_member("type", "output_text");
    w.string_member("text", text);
    w.key("annotations");
    array(annotations, w);
    w.key("logprobs");
    logprobs(tokens, w);
    w.end_object();
}

/// A refusal part.
pub(in super::super) fn refusal_part(text: &str, w: &mut Writer<'_>) {
    w.begin_object();
    w.string_member("type", "refusal");
    w.string_member("refusal", text);
    w.end_object();
}

/// A thought.
pub(in super::super) fn reasoning(id: &str, summary: &str, sealed: Option<Sealed<'_>>, w: &mut Writer<'_>) {
    w.begin_object();
    w.string_member("id", id);
    w.string_member("type", "reasoning");
    w.key("summary");
    w.begin_array();
    if !summary.is_empty() {
        summary_part(summary, w);
    }
    w.end_array();
    if let Some(sealed) = sealed {
        w.key("encrypted_content");
        w.string_of(&sealed.content());
    }
    w.end_object();
}

/// A part of a thought's summary.
pub(in super::super) fn summary_part(text: &str, w: &mut Writer<'_>) {
    w.begin_object();
    w.string_member("type", "summary_text");
    w.string_member("text", text);
    w.end_object();
}

/// What a call is, beside its arguments.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct CallHead<'a> {
    /// The item's id.
    pub(in super::super) id: &'a str,
    /// The call's.
    pub(in super::super) call_id: &'a str,
    /// The tool's name in the IR.
    pub(in super::super) name: &'a str,
    /// How the client knows the tool, if not as a function of that name.
    pub(in super::super) form: Option<&'a ToolForm>,
}

/// A call; `text`: its arguments, or its free text.
pub(in super::super) fn call(head: &CallHead<'_>, status: Status<'_>, text: &str, w: &mut Writer<'_>) {
    if head.form.is_some_and(|form| form.search) {
        return search_call(head, status, text, w);
    }
    let custom = head.form.is_some_and(|form| form.custom);
    w.begin_object();
    w.string_member("id", head.id);
    w.string_member("type", if custom { "custom_tool_call" } else { "function_call" });
    w.string_member("status", status.word());
    w.string_member("call_id", head.call_id);
    w.string_member("name", head.form.map_or(head.name, |form| &form.own_name));
    if let Some(form) = head.form.filter(|form| !form.namespace.is_empty()) {
        w.string_member("namespace", &form.namespace);
    }
    w.string_member(if custom { "input" } else { "arguments" }, text);
    w.end_object();
}

/// A call of the client's search for tools. Its arguments are a value, no text (SDK 3.52.0,
/// `types/responses/response_tool_search_call.py`).
fn search_call(head: &CallHead<'_>, status: Status<'_>, text: &str, w: &mut Writer<'_>) {
    w.begin_object();
    w.string_member("id", head.id);
    w.string_member("type", "tool_search_call");
    w.string_member("status", status.word());
    w.string_member("call_id", head.call_id);
    w.string_member("execution", "client");
    w.key("arguments");
    match text {
        "" => w.json(b"{}"),
        // Events are lines.
        text if Raw::parse(text.as_bytes()).is_ok() => w.json(compact(text).as_bytes()),
        text => w.string(text),
    }
    w.end_object();
}

/// What the id of a call's item begins with.
pub(in super::super) fn call_prefix(form: Option<&ToolForm>) -> &'static str {
    match form {
        Some(form) if form.custom => "ctc",
        Some(form) if form.search => "tsc",
        _ => "fc",
    }
}

/// An id that the client may send back: the upstream's where it fits; one that is missing or was given before is made.
pub(in super::super) fn call_id(
    id: &str,
    number: usize,
    taken: impl Fn(&str) -> bool,
    context: &AnswerContext,
) -> String {
    let id = if id.len() > MAX_CALL_ID { legal_call_id(id, MAX_CALL_ID) } else { id.into() };
    if id.is_empty() || taken(&id) { free_call_id(&context.id, number, taken) } else { id.into_owned() }
}

/// A source, if it has an address. `before`: characters of the answer's text before the part; `length`: of the part,
/// which a source without a place of its own belongs to.
pub(in super::super) fn annotation(citation: &Citation, before: u64, length: u64, w: &mut Writer<'_>) {
    let inside = |(start, end): (u64, u64)| (start.saturating_sub(before), end.saturating_sub(before));
    let (start, end) = citation.span.map_or((0, length), inside);
    w.begin_object();
    w.string_member("type", "url_citation");
    w.integer_member("start_index", start);
    w.integer_member("end_index", end);
    w.string_member("url", &citation.url);
    w.string_member("title", &citation.title);
    w.end_object();
}

/// Log probabilities, as a value.
pub(in super::super) fn logprobs(tokens: &[Logprob], w: &mut Writer<'_>) {
    w.begin_array();
    for token in tokens {
        w.begin_object();
        logprob(token, w);
        w.key("top_logprobs");
        w.begin_array();
        for other in &token.top {
            w.begin_object();
            logprob(other, w);
            w.end_object();
        }
        w.end_array();
        w.end_object();
    }
    w.end_array();
}

fn logprob(token: &Logprob, w: &mut Writer<'_>) {
    w.string_member("token", &token.token);
    // OpenAI's own number for "hardly ever"; JSON has none for infinity.
    let number = if token.logprob.is_finite() { token.logprob } else { -9999.0 };
    w.json_member("logprob", &format!("{number:?}"));
    w.key("bytes");
    w.begin_array();
    token.bytes.as_deref().unwrap_or(token.token.as_bytes()).iter().for_each(|byte| w.integer(*byte));
    w.end_array();
}
