//! A chat request, written for an OpenAI-compatible upstream, whatever dialect it came in.

use super::path::Kept;
use super::{conversation, tools};
use crate::dialect::openai_chat::fields;
use crate::dialect::openai_request::{sampling, who_asks};
use crate::dialect::{Target, Unsupported};
use crate::ir::{Concept, Effort, Extra, Family, Form, Loss, MaxTokens, Request, ResponseFormat, ToolForm};
use crate::json::{Raw, Writer};
use std::collections::HashMap;

/// What OpenAI takes at most (its API reference, `stop`).
const MAX_STOPS: usize = 4;

/// All that the parts of the encoder need.
pub(super) struct Writing<'w, 'r, 'a> {
    pub(super) request: &'r Request<'a>,
    pub(super) target: &'w Target<'w>,
    pub(super) loss: &'w mut Loss,
    /// Whether the request came in this very dialect, so that what is not known here is known there.
    pub(super) own: bool,
    /// Whether it came in one of this family, whose top-level members are known there.
    pub(super) kin: bool,
    /// Tools that take free text, by name, where the target takes such.
    forms: HashMap<&'r str, &'r ToolForm<'a>>,
}

impl<'r, 'a> Writing<'_, 'r, 'a> {
    /// The client's form of a tool that takes free text, where the target takes such.
    pub(super) fn form(&self, name: &str) -> Option<&'r ToolForm<'a>> {
        self.forms.get(name).copied()
    }

    /// Reports what was said of a tool or a call of this dialect with free text, and a function cannot say.
    pub(super) fn lose_free(&mut self, kept: &Kept<'_, '_>, parent: &str) {
        if self.own {
            kept.at(parent).for_each(|extra| self.loss.path(extra.path.as_str()));
        }
    }

    /// Writes back the unknown members of the object at `parent`.
    pub(super) fn restore(&self, kept: &Kept<'_, '_>, parent: &str, w: &mut Writer<'_>) {
        if self.own {
            for extra in kept.at(parent) {
                w.raw_member(&extra.key, extra.value);
            }
        }
    }

    /// Reports the unknown members of another dialect.
    pub(super) fn lose(&mut self, extras: &[Extra<'_>]) {
        if !self.own {
            for extra in extras {
                self.loss.path(extra.path.as_str());
            }
        }
    }

    /// A cache mark: some OpenAI-compatible servers know it, so it goes back where it came from.
    pub(super) fn cache_control(&mut self, mark: Option<Raw<'_>>, w: &mut Writer<'_>) {
        match mark {
            Some(mark) if self.own => w.raw_member("cache_control", mark),
            Some(mark) => self.loss.at("cache_control", mark.bytes()),
            None => {}
        }
    }

    pub(super) fn unsupported(&self, concept: Concept, what: &str) -> Unsupported {
        let reason = format!("{what} by the {} backend", self.target.backend);
        Unsupported { concept, path: None, reason }
    }
}

/// Appends a request.
pub(in crate::dialect::openai_chat) fn encode(
    request: &Request<'_>,
    target: &Target<'_>,
    loss: &mut Loss,
    out: &mut Vec<u8>,
) -> Result<(), Unsupported> {
    let kin = request.family == Family::OpenAi;
    let own = kin && request.form == Form::Messages;
    let forms = request.tool_forms.iter().filter(|_| own && target.custom_tools);
    let forms = forms.map(|form| (&*form.name, form)).collect();
    let mut writing = Writing { request, target, loss, own, kin, forms };
    let kept = Kept::new(&request.extra);
    let mut writer = Writer::new(out);
    let w = &mut writer;
    w.begin_object();
    w.string_member("model", &request.model);
    conversation::encode(&mut writing, w)?;
    w.bool_member("stream", request.stream);
    if request.stream {
        w.key("stream_options");
        w.begin_object();
        w.bool_member("include_usage", true);
        writing.restore(&kept, "stream_options.", w);
        w.end_object();
    }
    tools::encode(&mut writing, w)?;
    sampling(&request.sampling, target.sampling_extensions, writing.loss, w);
    bounds(&writing, w)?;
    response_format(&writing, &kept, w);
    reasoning(&mut writing, w);
    who_asks(&request.metadata, writing.kin, writing.loss, w);
    specials(&mut writing, w)?;
    others(&mut writing, &kept, w);
    w.end_object();
    Ok(())
}

/// Unknown members: those of the top level go wherever this family is spoken, unless they mean something here that they
/// did not mean there.
fn others(writing: &mut Writing<'_, '_, '_>, kept: &Kept<'_, '_>, w: &mut Writer<'_>) {
    if writing.own {
        return writing.restore(kept, "", w);
    }
    for extra in &writing.request.extra {
        if writing.kin && extra.path == extra.key && fields::concept(&extra.key).is_none() {
            w.raw_member(&extra.key, extra.value);
        } else {
            writing.loss.path(extra.path.as_str());
        }
    }
}

/// How long the answer may be, where it ends, how many there are, and what is told of its tokens.
fn bounds(writing: &Writing<'_, '_, '_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    let request = writing.request;
    if let Some(MaxTokens::Limit(limit)) = request.max_tokens {
        let key = if writing.target.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
        w.integer_member(key, limit);
    }
    // Servers with vLLM's extensions have no such bound.
    if request.stop.len() > MAX_STOPS && !writing.target.sampling_extensions {
        let what = format!("at most {MAX_STOPS} stop texts are taken");
        return Err(writing.unsupported(Concept::Stop, &what));
    }
    if !request.stop.is_empty() {
        w.key("stop");
        w.begin_array();
        for text in &request.stop {
            w.string(text);
        }
        w.end_array();
    }
    if let Some(n) = request.n {
        w.integer_member("n", n);
    }
    if let Some(logprobs) = request.logprobs {
        w.bool_member("logprobs", logprobs);
    }
    if let Some(top) = request.top_logprobs {
        w.integer_member("top_logprobs", top);
    }
    Ok(())
}

fn response_format(writing: &Writing<'_, '_, '_>, kept: &Kept<'_, '_>, w: &mut Writer<'_>) {
    let Some(format) = &writing.request.response_format else { return };
    w.key("response_format");
    w.begin_object();
    match format {
        ResponseFormat::Text => w.string_member("type", "text"),
        ResponseFormat::JsonObject => w.string_member("type", "json_object"),
        ResponseFormat::JsonSchema { name, description, schema, strict } => {
            w.string_member("type", "json_schema");
            w.key("json_schema");
            w.begin_object();
            w.string_member("name", name.as_deref().unwrap_or("response"));
            if let Some(description) = description {
                w.string_member("description", description);
            }
            w.raw_member("schema", *schema);
            if let Some(strict) = strict {
                w.bool_member("strict", *strict);
            }
            writing.restore(kept, "response_format.json_schema.", w);
            w.end_object();
        }
    }
    writing.restore(kept, "response_format.", w);
    w.end_object();
}

/// A bare "think" has no word here: a model that thinks does so anyway, one that does not refuses the member.
fn reasoning(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) {
    let Some(reasoning) = writing.request.reasoning else { return };
    let level = if reasoning.is_off() { Some(Effort::None) } else { reasoning.level() };
    match level {
        Some(level) => w.string_member("reasoning_effort", level.word()),
        None if reasoning.enabled == Some(true) && !reasoning.adaptive => writing.loss.concept(Concept::Reasoning),
        // How much to think is the model's choice anyway.
        None if reasoning.adaptive => writing.loss.quiet_concept(Concept::Reasoning),
        None => {}
    }
}

/// Members that only some dialects have. Those that change the answer are refused, the others are hints.
fn specials(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    for (concept, extra) in &writing.request.special {
        if writing.own && !is_of_a_prompt(*concept) {
            w.raw_member(&extra.key, extra.value);
            continue;
        }
        let empty = matches!(extra.value.bytes(), b"\"\"" | b"[]" | b"{}" | b"false" | b"null");
        let what = match concept {
            // Of the same meaning and name in the family's other dialect.
            Concept::Verbosity
            | Concept::Reasoning
            | Concept::PromptCacheKey
            | Concept::PromptCacheOptions
            | Concept::SafetyIdentifier
            | Concept::Moderation
                if writing.kin =>
            {
                w.raw_member(&extra.key, extra.value);
                continue;
            }
            // Of use to the server that was asked for, and to no other.
            Concept::KeepAlive
            | Concept::ContextLength
            | Concept::RunnerOption
            | Concept::Truncate
            | Concept::Shift => {
                writing.loss.quiet_path(extra.path.as_str());
                continue;
            }
            _ if empty => continue,
            // Thoughts are shown as they are, and sealed by lingate where that is needed.
            _ if extra.asks_for_thoughts_as_ever(*concept) => continue,
            Concept::Template => "a prompt template is not taken",
            Concept::Context => "the token context of an earlier answer is not taken",
            Concept::RawPrompt => "a prompt without the model's template is not taken in a chat",
            Concept::Suffix => "text after the answer is not taken in a chat",
            Concept::PromptList => "several prompts, or tokens in place of text, are not taken in a chat",
            Concept::Echo => "the prompt is not said again in a chat",
            Concept::BestOf => "the best of several answers is not chosen in a chat",
            Concept::McpServers => "tool servers are not called",
            Concept::Container => "a container is not kept",
            Concept::Thread => "a conversation is not kept",
            Concept::ResponseFormat => "this form of an answer is not given",
            Concept::ToolChoice => "this choice among tools is not taken",
            _ => {
                writing.loss.path(extra.path.as_str());
                continue;
            }
        };
        return Err(Unsupported { path: Some(extra.path.clone()), ..writing.unsupported(*concept, what) });
    }
    Ok(())
}

/// Whether this is said of a prompt that is to be continued, and of no chat.
fn is_of_a_prompt(concept: Concept) -> bool {
    matches!(concept, Concept::Suffix | Concept::PromptList | Concept::Echo | Concept::BestOf)
}
