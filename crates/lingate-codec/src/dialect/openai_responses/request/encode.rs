//! A request, written for an upstream that speaks Responses, whatever dialect it came in.
//!
//! A request of this dialect is relayed; written here, it loses what the IR does not know of the insides of its items,
//! and says so.

use super::{conversation, tool_entries};
use crate::dialect::openai_request::who_asks;
use crate::dialect::openai_responses::{fields, reasoning::SEALED_THOUGHTS};
use crate::dialect::{Target, Unsupported};
use crate::ir::{Concept, Effort, Extra, Family, Form, Loss, MaxTokens, Number, Request, ResponseFormat, ToolForm};
use crate::json::{Raw, Writer};
use std::collections::HashMap;

/// The least bound that OpenAI takes for an answer's length.
const MIN_OUTPUT_TOKENS: u64 = 16;

/// All that the parts of the encoder need.
pub(super) struct Writing<'w, 'r, 'a> {
    pub(super) request: &'r Request<'a>,
    pub(super) target: &'w Target<'w>,
    pub(super) loss: &'w mut Loss,
    /// Whether the request came in this very dialect, so that what is kept raw can be written.
    pub(super) own: bool,
    /// Whether it came in one of this family, so that top-level members that are not known here are known there.
    pub(super) kin: bool,
    /// The tools that the client did not declare as functions, by name.
    forms: HashMap<&'r str, &'r ToolForm<'a>>,
}

impl<'r, 'a> Writing<'_, 'r, 'a> {
    /// The form of the tool of that name, if the client did not declare it as a function.
    pub(super) fn form(&self, name: &str) -> Option<&'r ToolForm<'a>> {
        self.forms.get(name).copied()
    }

    pub(super) fn unsupported(&self, concept: Concept, what: &str) -> Unsupported {
        let reason = format!("{what} by the {} backend", self.target.backend);
        Unsupported { concept, path: None, reason }
    }

    /// Reports members that have no place here.
    pub(super) fn lose(&mut self, extras: &[Extra<'_>]) {
        for extra in extras {
            self.loss.path(extra.path.as_str());
        }
    }

    /// Reports a cache mark.
    pub(super) fn lose_mark(&mut self, mark: Option<Raw<'_>>) {
        if let Some(mark) = mark {
            self.loss.at("cache_control", mark.bytes());
        }
    }
}

/// Appends a request.
pub(in crate::dialect::openai_responses) fn encode(
    request: &Request<'_>,
    target: &Target<'_>,
    loss: &mut Loss,
    out: &mut Vec<u8>,
) -> Result<(), Unsupported> {
    let kin = request.family == Family::OpenAi;
    let own = kin && request.form == Form::Items;
    let forms = request.tool_forms.iter().map(|form| (&*form.name, form)).collect();
    let mut writing = Writing { request, target, loss, own, kin, forms };
    refuse(&writing)?;
    let mut writer = Writer::new(out);
    let w = &mut writer;
    w.begin_object();
    w.string_member("model", &request.model);
    conversation::encode(&mut writing, w)?;
    w.bool_member("stream", request.stream);
    tool_entries::encode(&mut writing, w)?;
    sampling(&mut writing, w);
    bounds(&mut writing, w);
    text(&writing, w);
    reasoning(&mut writing, w);
    who_asks(&request.metadata, writing.kin, writing.loss, w);
    specials(&mut writing, w)?;
    for extra in &request.extra {
        // Not what means something here that it did not mean there.
        if kin && extra.path == extra.key && !fields::is_known(&extra.key) {
            w.raw_member(&extra.key, extra.value);
        } else {
            writing.loss.path(extra.path.as_str());
        }
    }
    w.end_object();
    Ok(())
}

/// What changes the answer and cannot be said here.
fn refuse(writing: &Writing<'_, '_, '_>) -> Result<(), Unsupported> {
    let request = writing.request;
    if !request.stop.is_empty() {
        return Err(writing.unsupported(Concept::Stop, "stop texts are not taken"));
    }
    if request.n.is_some_and(|n| n > 1) {
        return Err(writing.unsupported(Concept::N, "only one answer is given"));
    }
    let biased = |bias: Raw<'_>| bias.object().is_none_or(|bias| !bias.members().is_empty());
    if request.sampling.logit_bias.is_some_and(biased) {
        return Err(writing.unsupported(Concept::LogitBias, "token biases are not taken"));
    }
    Ok(())
}

fn sampling(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) {
    let sampling = &writing.request.sampling;
    for (key, number) in [("temperature", sampling.temperature), ("top_p", sampling.top_p)] {
        if let Some(number) = number {
            w.json_member(key, number.text());
        }
    }
    let absent: [(Option<Number<'_>>, Concept, &[f64]); 6] = [
        (sampling.seed, Concept::Seed, &[]),
        (sampling.frequency_penalty, Concept::FrequencyPenalty, &[0.0]),
        (sampling.presence_penalty, Concept::PresencePenalty, &[0.0]),
        (sampling.repetition_penalty, Concept::RepetitionPenalty, &[1.0]),
        (sampling.min_p, Concept::MinP, &[0.0]),
        // Both say "all tokens".
        (sampling.top_k, Concept::TopK, &[0.0, -1.0]),
    ];
    for (number, concept, neutral) in absent {
        if number.is_some_and(|number| !neutral.contains(&number.value())) {
            writing.loss.concept(concept);
        }
    }
}

/// How long the answer may be, and what is told of its tokens.
fn bounds(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) {
    let request = writing.request;
    if let Some(MaxTokens::Limit(limit)) = request.max_tokens {
        if limit < MIN_OUTPUT_TOKENS {
            writing.loss.concept(Concept::MaxTokens);
        }
        w.integer_member("max_output_tokens", limit.max(MIN_OUTPUT_TOKENS));
    }
    match request.top_logprobs {
        Some(top) if request.logprobs == Some(true) => w.integer_member("top_logprobs", top),
        // Without the tokens' own probabilities, which nobody asked for, there are none of others.
        Some(_) => writing.loss.quiet_concept(Concept::TopLogprobs),
        None => {}
    }
    include(writing, w);
}

/// What the answer is to hold besides. Clients of Anthropic's dialect send thoughts back unasked, which takes what is
/// encrypted of them.
fn include(writing: &Writing<'_, '_, '_>, w: &mut Writer<'_>) {
    let request = writing.request;
    if writing.own && request.special(Concept::Include).is_some() {
        return;
    }
    let thinks = request.reasoning.is_some_and(|reasoning| !reasoning.is_off());
    let sealed = request.special(Concept::SealedThoughts).is_some() || (thinks && request.family == Family::Anthropic);
    let wanted = [("message.output_text.logprobs", request.logprobs == Some(true)), (SEALED_THOUGHTS, sealed)];
    if wanted.iter().all(|(_, wanted)| !wanted) {
        return;
    }
    w.key("include");
    w.begin_array();
    wanted.iter().filter(|(_, wanted)| *wanted).for_each(|(entry, _)| w.string(entry));
    w.end_array();
}

/// The answer's form and how many words it makes.
fn text(writing: &Writing<'_, '_, '_>, w: &mut Writer<'_>) {
    let format = writing.request.response_format.as_ref();
    let verbosity = writing.request.special(Concept::Verbosity).filter(|_| writing.kin);
    if format.is_none() && verbosity.is_none() {
        return;
    }
    w.key("text");
    w.begin_object();
    if let Some(format) = format {
        w.key("format");
        w.begin_object();
        match format {
            ResponseFormat::Text => w.string_member("type", "text"),
            ResponseFormat::JsonObject => w.string_member("type", "json_object"),
            ResponseFormat::JsonSchema { name, description, schema, strict } => {
                w.string_member("type", "json_schema");
                w.string_member("name", name.as_deref().unwrap_or("response"));
                if let Some(description) = description {
                    w.string_member("description", description);
                }
                w.raw_member("schema", *schema);
                if let Some(strict) = strict {
                    w.bool_member("strict", *strict);
                }
            }
        }
        w.end_object();
    }
    if let Some(verbosity) = verbosity {
        w.raw_member("verbosity", verbosity);
    }
    w.end_object();
}

/// The level of thinking. A client that asked for thoughts outright gets the summary that shows them; a bare "think"
/// has no other word here.
fn reasoning(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) {
    let special = writing.request.special(Concept::Reasoning).filter(|_| writing.kin);
    let reasoning = writing.request.reasoning.unwrap_or_default();
    let level = if reasoning.is_off() { Some(Effort::None) } else { reasoning.level() };
    let shown = reasoning.enabled == Some(true) && !reasoning.adaptive;
    let summary = writing.request.special(Concept::ReasoningSummary);
    if level.is_none() && special.is_none() && summary.is_none() && !shown {
        if reasoning.adaptive {
            // How much to think is the model's choice anyway.
            writing.loss.quiet_concept(Concept::Reasoning);
        }
        return;
    }
    w.key("reasoning");
    w.begin_object();
    match (level, special) {
        (Some(level), _) => w.string_member("effort", level.word()),
        (None, Some(word)) => w.raw_member("effort", word),
        (None, None) => {}
    }
    match summary {
        Some(summary) => w.raw_member("summary", summary),
        None if shown => w.string_member("summary", "auto"),
        None => {}
    }
    w.end_object();
}

/// Members that only some dialects have. Those that change the answer are refused, the others are hints.
fn specials(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    let mut store = None;
    for (concept, extra) in &writing.request.special {
        let empty = matches!(extra.value.bytes(), b"\"\"" | b"[]" | b"{}" | b"false" | b"null");
        let what = match concept {
            Concept::Store if writing.kin => {
                store = extra.value.bool();
                continue;
            }
            Concept::Verbosity | Concept::Reasoning if writing.kin => continue,
            // Written with what they belong to.
            Concept::ReasoningSummary | Concept::SealedThoughts => continue,
            Concept::PromptCacheKey | Concept::PromptCacheOptions | Concept::SafetyIdentifier | Concept::Moderation
                if writing.kin =>
            {
                w.raw_member(&extra.key, extra.value);
                continue;
            }
            _ if writing.own => {
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
            Concept::Modalities if text_only(extra.value) => continue,
            Concept::Modalities | Concept::AudioOutput => "answers other than text are not given",
            Concept::Template => "a prompt template is not taken",
            Concept::Context => "the token context of an earlier answer is not taken",
            Concept::RawPrompt => "a prompt without the model's template is not taken",
            Concept::Suffix => "text after the answer is not taken",
            Concept::PromptList => "several prompts, or tokens in place of text, are not taken",
            Concept::Echo => "the prompt is not said again",
            Concept::BestOf => "the best of several answers is not chosen",
            Concept::McpServers => "tool servers of this form are not called",
            Concept::WebSearch => "searching the web in this form is not done",
            Concept::Container => "a container is not kept",
            Concept::Thread => "a conversation is not kept",
            Concept::ResponseFormat => "this form of an answer is not given",
            Concept::ToolChoice => "this choice among tools is not taken",
            Concept::Functions | Concept::FunctionCall => "functions in their old form are not taken",
            _ => {
                writing.loss.path(extra.path.as_str());
                continue;
            }
        };
        return Err(Unsupported { path: Some(extra.path.clone()), ..writing.unsupported(*concept, what) });
    }
    // Not said, the server would keep the conversation, which no other dialect's client expects.
    w.bool_member("store", store.unwrap_or(false));
    Ok(())
}

/// Whether `modalities` asks for what is given anyway.
fn text_only(modalities: Raw<'_>) -> bool {
    modalities.array().is_some_and(|mut list| list.all(|entry| entry.string().as_deref() == Some("text")))
}
