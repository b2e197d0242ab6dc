//! Requests to bodies: the top level.

use super::options;
use super::turns::{Reports, Turn, report_cache_mark, write_images, write_messages};
use crate::dialect::{Target, Unsupported};
use crate::ir::{
    Concept, Effort, Extra, Family, Form, Loss, MaxTokens, Operation, Reasoning, Request, ResponseFormat, Role, Tool,
    ToolChoice,
};
use crate::json::{Kind, Raw, Writer};
use std::collections::HashSet;

/// Appends a request: a chat or a generate body, as its operation says.
pub(in crate::dialect::ollama) fn encode(
    request: &Request<'_>,
    target: &Target<'_>,
    loss: &mut Loss,
    out: &mut Vec<u8>,
) -> Result<(), Unsupported> {
    let mut reports = Reports { target, family: request.family, form: request.form, loss };
    let reports = &mut reports;
    refuse(request, reports)?;
    let mut writer = Writer::new(out);
    let writer = &mut writer;
    writer.begin_object();
    writer.string_member("model", &request.model);
    match request.operation {
        Operation::Chat => {
            write_messages(&request.messages, writer, reports)?;
            write_tools(request, writer, reports)?;
        }
        Operation::TextCompletion => write_prompt(request, writer, reports)?,
    }
    // Said always: Ollama streams unless told otherwise.
    writer.bool_member("stream", request.stream);
    write_format(request, writer, reports)?;
    if let Some(reasoning) = &request.reasoning {
        write_think(reasoning, writer);
    }
    if let Some(logprobs) = request.logprobs {
        writer.bool_member("logprobs", logprobs);
    }
    if let Some(top) = request.top_logprobs {
        writer.integer_member("top_logprobs", top);
    }
    write_special(request, writer, reports)?;
    report_metadata(request, reports);
    for extra in request.extra.iter().filter(|extra| !is_option(extra)) {
        if reports.forwards(extra) {
            writer.raw_member(&extra.key, extra.value);
        }
    }
    write_options(request, writer, reports);
    writer.end_object();
    Ok(())
}

/// What changes the answer and has no counterpart here.
fn refuse(request: &Request<'_>, reports: &Reports<'_, '_>) -> Result<(), Unsupported> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(reports.unsupported(Concept::N, "more than one answer is not given"));
    }
    let biased = |bias: Raw<'_>| bias.object().is_none_or(|bias| !bias.members().is_empty());
    if request.sampling.logit_bias.is_some_and(biased) {
        return Err(reports.unsupported(Concept::LogitBias, "logit biases are not taken"));
    }
    if request.max_tokens == Some(MaxTokens::Limit(0)) {
        // The runner takes zero for no bound at all.
        return Err(reports.unsupported(Concept::MaxTokens, "an answer of no tokens is not given"));
    }
    match &request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. }) => {
            Err(reports.unsupported(Concept::ToolChoice, "a forced tool choice is not taken"))
        }
        _ => Ok(()),
    }
}

fn write_tools(
    request: &Request<'_>,
    writer: &mut Writer<'_>,
    reports: &mut Reports<'_, '_>,
) -> Result<(), Unsupported> {
    let names: Option<HashSet<&str>> = match &request.tool_choice {
        Some(ToolChoice::None) => return Ok(()),
        Some(ToolChoice::Allowed { names, .. }) => Some(names.iter().map(AsRef::as_ref).collect()),
        _ => None,
    };
    let allowed = |tool: &Tool<'_>| match (&names, tool) {
        (None, _) => true,
        (Some(names), Tool::Function { name, .. }) => names.contains(name.as_ref()),
        (Some(_), Tool::Hosted { .. }) => false,
    };
    let mut tools = request.tools.iter().enumerate().filter(|(_, tool)| allowed(tool)).peekable();
    if tools.peek().is_none() {
        return Ok(());
    }
    if request.parallel_tool_calls == Some(false) {
        reports.loss.concept(Concept::ParallelToolCalls);
    }
    writer.key("tools");
    writer.begin_array();
    for (index, tool) in tools {
        write_tool(index, tool, writer, reports)?;
    }
    writer.end_array();
    Ok(())
}

fn write_tool(
    index: usize,
    tool: &Tool<'_>,
    writer: &mut Writer<'_>,
    reports: &mut Reports<'_, '_>,
) -> Result<(), Unsupported> {
    let same = reports.family == Family::Ollama;
    let (name, description, parameters, strict, cache_control, extra) = match tool {
        Tool::Function { name, description, parameters, strict, cache_control, extra } => {
            (name, description, parameters, strict, cache_control, extra)
        }
        Tool::Hosted { raw, .. } if same => {
            writer.raw(*raw);
            return Ok(());
        }
        Tool::Hosted { kind, .. } => {
            let what = format!("the provider's own tool `{kind}` is not had");
            return Err(reports.unsupported(Concept::Tools, &what));
        }
    };
    report_cache_mark(*cache_control, reports);
    let (inner, outer): (Vec<_>, Vec<_>) = extra.iter().partition(|extra| extra.path.contains("].function."));
    writer.begin_object();
    writer.string_member("type", "function");
    writer.key("function");
    writer.begin_object();
    writer.string_member("name", name);
    if let Some(description) = description {
        writer.string_member("description", description);
    }
    match parameters {
        Some(parameters) => writer.raw_member("parameters", *parameters),
        None if same => {}
        None => writer.json_member("parameters", r#"{"type":"object","properties":{}}"#),
    }
    match strict {
        Some(strict) if same => writer.bool_member("strict", *strict),
        Some(true) if reports.family == Family::Anthropic || reports.form == Form::Items => {
            reports.loss.path(format!("tools[{index}].strict"));
        }
        Some(true) => reports.loss.path(format!("tools[{index}].function.strict")),
        _ => {}
    }
    write_extra(&inner, writer, reports);
    writer.end_object();
    write_extra(&outer, writer, reports);
    writer.end_object();
    Ok(())
}

fn write_extra(extra: &[&Extra<'_>], writer: &mut Writer<'_>, reports: &mut Reports<'_, '_>) {
    for extra in extra {
        if reports.forwards(extra) {
            writer.raw_member(&extra.key, extra.value);
        }
    }
}

/// A generate body: system texts and user texts, each as one string.
fn write_prompt(
    request: &Request<'_>,
    writer: &mut Writer<'_>,
    reports: &mut Reports<'_, '_>,
) -> Result<(), Unsupported> {
    let (mut system, mut user) = (Turn::default(), Turn::default());
    for message in &request.messages {
        let turn = match message.role {
            Role::System | Role::Developer => &mut system,
            Role::User => &mut user,
            Role::Assistant | Role::Tool => {
                return Err(reports.unsupported(Concept::Messages, "turns of a model before a prompt are not taken"));
            }
        };
        turn.add(message.role, &message.parts, reports)?;
        for extra in &message.extra {
            reports.loss.path(extra.path.as_str());
        }
    }
    if user.uses_tools() || system.uses_tools() || !request.tools.is_empty() {
        return Err(reports.unsupported(Concept::Tools, "tools for a single prompt are not taken"));
    }
    let listed = request.special(Concept::PromptList).is_some();
    if reports.family != Family::Ollama && user.text.is_empty() && !listed {
        // It would only load the model.
        return Err(reports.unsupported(Concept::Prompt, "an empty prompt is not continued"));
    }
    writer.key("prompt");
    writer.string_of(&user.text);
    if !system.text.is_empty() {
        writer.key("system");
        writer.string_of(&system.text);
    }
    let mut images = system.images;
    images.append(&mut user.images);
    write_images(&images, writer);
    Ok(())
}

fn write_format(
    request: &Request<'_>,
    writer: &mut Writer<'_>,
    reports: &mut Reports<'_, '_>,
) -> Result<(), Unsupported> {
    match &request.response_format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => writer.string_member("format", "json"),
        Some(ResponseFormat::JsonSchema { schema, description, .. }) if schema.kind() == Kind::Object => {
            writer.raw_member("format", *schema);
            if let Some(description) = description {
                reports.loss.at("response_format.json_schema.description", description.as_bytes());
            }
        }
        Some(ResponseFormat::JsonSchema { .. }) => {
            let what = "a JSON schema that is not an object is not taken";
            return Err(reports.unsupported(Concept::ResponseFormat, what));
        }
    }
    Ok(())
}

/// `think`: a level where one is said, else on or off.
fn write_think(reasoning: &Reasoning, writer: &mut Writer<'_>) {
    if reasoning.is_off() {
        return writer.bool_member("think", false);
    }
    match reasoning.level() {
        Some(Effort::Minimal | Effort::Low) => writer.string_member("think", "low"),
        Some(Effort::Medium) => writer.string_member("think", "medium"),
        Some(Effort::High) => writer.string_member("think", "high"),
        Some(Effort::XHigh | Effort::Max) => writer.string_member("think", "max"),
        Some(Effort::None) => writer.bool_member("think", false),
        None if reasoning.enabled == Some(true) || reasoning.adaptive => writer.bool_member("think", true),
        None => {}
    }
}

/// Known members that only some dialects have.
fn write_special(
    request: &Request<'_>,
    writer: &mut Writer<'_>,
    reports: &mut Reports<'_, '_>,
) -> Result<(), Unsupported> {
    let own = request.family == Family::Ollama;
    let generate = request.operation == Operation::TextCompletion;
    for (concept, extra) in &request.special {
        let refused = match concept {
            Concept::ContextLength | Concept::RunnerOption if own => continue,
            Concept::KeepAlive | Concept::Truncate | Concept::Shift if own => None,
            Concept::Template | Concept::Context | Concept::RawPrompt if own && generate => None,
            Concept::Suffix if generate => None,
            Concept::Suffix => Some("a suffix in a chat is not taken"),
            Concept::Template | Concept::Context | Concept::RawPrompt => Some("a prompt's own form is not taken"),
            Concept::PromptList => Some("several prompts, or tokens in place of text, are not taken"),
            Concept::Echo => Some("the prompt is not said again"),
            Concept::BestOf => Some("the best of several answers is not chosen"),
            Concept::Modalities if text_only(extra.value) => continue,
            Concept::Modalities | Concept::AudioOutput => Some("answers other than text are not given"),
            Concept::WebSearch => Some("searching the web is not done"),
            Concept::McpServers => Some("MCP servers are not called"),
            Concept::Container => Some("containers are not kept"),
            Concept::Thread => Some("conversations are not kept"),
            Concept::ResponseFormat => Some("this form of an answer is not given"),
            Concept::ToolChoice => Some("this choice among tools is not taken"),
            Concept::Functions | Concept::FunctionCall => Some("functions in their old form are not taken"),
            _ if says_nothing(extra.value) => continue,
            // Thoughts are shown as they are, and sealed by lingate where that is needed.
            _ if extra.asks_for_thoughts_as_ever(*concept) => continue,
            _ => {
                reports.loss.path(extra.path.as_str());
                continue;
            }
        };
        match refused {
            None => writer.raw_member(&extra.key, extra.value),
            Some(what) => {
                let path = Some(extra.path.clone());
                return Err(Unsupported { path, ..reports.unsupported(*concept, what) });
            }
        }
    }
    Ok(())
}

/// Whether `modalities` asks for what is given anyway.
fn text_only(modalities: Raw<'_>) -> bool {
    modalities.array().is_some_and(|mut list| list.all(|entry| entry.string().as_deref() == Some("text")))
}

/// Whether a service tier asks for more than what is given to everyone.
fn is_tier(name: &str) -> bool {
    !matches!(name, "auto" | "default" | "standard_only")
}

/// Whether a member says nothing: `null`, `false`, `""`, `[]`, `{}`.
fn says_nothing(value: Raw<'_>) -> bool {
    matches!(value.bytes(), b"null" | b"false" | b"\"\"")
        || value.array().is_some_and(|mut all| all.next().is_none())
        || value.object().is_some_and(|object| object.members().is_empty())
}

fn report_metadata(request: &Request<'_>, reports: &mut Reports<'_, '_>) {
    for (given, concept) in [
        (request.metadata.user.is_some(), Concept::User),
        (request.metadata.pairs.is_some_and(|pairs| !says_nothing(pairs)), Concept::Metadata),
        (request.metadata.service_tier.as_deref().is_some_and(is_tier), Concept::ServiceTier),
    ] {
        if given {
            reports.loss.concept(concept);
        }
    }
}

/// Whether an unknown member stood in `options`.
fn is_option(extra: &Extra<'_>) -> bool {
    extra.path.strip_prefix("options.") == Some(&extra.key)
}

fn write_options(request: &Request<'_>, writer: &mut Writer<'_>, reports: &mut Reports<'_, '_>) {
    let runner = request.special.iter().filter(|(concept, _)| {
        request.family == Family::Ollama && matches!(concept, Concept::ContextLength | Concept::RunnerOption)
    });
    let unknown = request.extra.iter().filter(|extra| is_option(extra));
    let kept = runner.map(|(_, extra)| extra).chain(unknown).filter(|extra| reports.forwards(extra));
    let kept: Vec<&Extra<'_>> = kept.collect();
    let sampling = options::sampling(&request.sampling);
    let mut sampling = sampling.peekable();
    if sampling.peek().is_none() && request.max_tokens.is_none() && request.stop.is_empty() && kept.is_empty() {
        return;
    }
    writer.key("options");
    writer.begin_object();
    for (name, number) in sampling {
        writer.json_member(name, number.text());
    }
    match request.max_tokens {
        None => {}
        Some(MaxTokens::Limit(limit)) => writer.integer_member("num_predict", limit),
        Some(MaxTokens::Unbounded) => writer.integer_member("num_predict", -1),
        Some(MaxTokens::FillContext) => writer.integer_member("num_predict", -2),
    }
    if !request.stop.is_empty() {
        writer.key("stop");
        writer.begin_array();
        request.stop.iter().for_each(|text| writer.string(text));
        writer.end_array();
    }
    for extra in kept {
        writer.raw_member(&extra.key, extra.value);
    }
    writer.end_object();
}
