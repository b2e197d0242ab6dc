//! Appends a request: its top level.

use super::thinking::{self, Generation, Plan, Thinking};
use super::turns::Turns;
use super::{tools, write_rest};
use crate::dialect::{Target, Unsupported};
use crate::ir::{Concept, Family, Loss, MaxTokens, Part, Request, ResponseFormat};
use crate::json::{Raw, Writer};

mod breakpoints;
mod call_ids;
mod content;

/// Appends a request body; the losses and refusals are those of the field ladder.
pub(in super::super) fn encode(
    request: &Request<'_>,
    target: &Target<'_>,
    loss: &mut Loss,
    out: &mut Vec<u8>,
) -> Result<(), Unsupported> {
    refuse(request, target)?;
    let generation = Generation::of(&request.model);
    let turns = Turns::new(request, generation);
    let max_tokens = match request.max_tokens {
        Some(MaxTokens::Limit(limit)) => (limit, true),
        // A bound must be given here.
        Some(MaxTokens::Unbounded | MaxTokens::FillContext) => {
            loss.quiet_concept(Concept::MaxTokens);
            (target.default_max_tokens, false)
        }
        None => (target.default_max_tokens, false),
    };
    if turns.lost_thoughts {
        loss.concept(Concept::Thinking);
    }
    let plan = thinking::plan(request, &turns, generation, max_tokens, loss);
    let mut writer = Writer::new(out);
    writer.begin_object();
    writer.string_member("model", &request.model);
    writer.integer_member("max_tokens", max_tokens.0);
    if request.stream {
        writer.bool_member("stream", true);
    }
    content::write(request, &turns, target, loss, &mut writer)?;
    tools::encode(request, target, loss, &mut writer)?;
    write_sampling(request, plan, loss, &mut writer);
    write_stop(request, loss, &mut writer);
    write_thinking(request, plan, &mut writer);
    write_output_config(request, plan, loss, &mut writer);
    write_metadata(request, loss, &mut writer);
    write_others(request, loss, &mut writer);
    writer.end_object();
    Ok(())
}

/// What would change the answer (rung 6). Content is refused where it is written.
fn refuse(request: &Request<'_>, target: &Target<'_>) -> Result<(), Unsupported> {
    let no = |concept, reason: &str| {
        Err(Unsupported { concept, path: None, reason: format!("{reason} by the {} backend", target.backend) })
    };
    if request.logprobs == Some(true) {
        return no(Concept::Logprobs, "log probabilities are not given");
    }
    if request.n.is_some_and(|n| n > 1) {
        return no(Concept::N, "only one answer is given");
    }
    if request.sampling.logit_bias.is_some_and(|bias| !is_empty(bias)) {
        return no(Concept::LogitBias, "token biases are not taken");
    }
    let by_schema = matches!(request.response_format, Some(ResponseFormat::JsonSchema { .. }));
    // The API refuses it for these models. A schema is not something to be passed over.
    if by_schema && request.family != Family::Anthropic && !thinking::knows_schemas(&request.model) {
        return no(Concept::ResponseFormat, "answers by a JSON schema are not given by this model");
    }
    for (concept, extra) in &request.special {
        let asked = match concept {
            // `{}` asks, too.
            Concept::WebSearch => extra.value.bytes() != b"null",
            Concept::Modalities => extra.value.array().is_some_and(|mut all| all.any(|one| one.bytes() != b"\"text\"")),
            // Forms that their decoder did not understand.
            Concept::ResponseFormat
            | Concept::ToolChoice
            | Concept::AudioOutput
            | Concept::Functions
            | Concept::FunctionCall
            | Concept::PromptList
            | Concept::Suffix
            | Concept::Echo
            | Concept::BestOf
            | Concept::Template
            | Concept::Context
            | Concept::RawPrompt
            | Concept::Images => !is_empty(extra.value),
            _ => false,
        };
        if asked {
            let reason = format!("`{}` is not supported by the {} backend", extra.path, target.backend);
            return Err(Unsupported { concept: *concept, path: Some(extra.path.clone()), reason });
        }
    }
    Ok(())
}

/// Whether a member says nothing: `null`, `false`, `""`, `[]`, `{}`.
fn is_empty(value: Raw<'_>) -> bool {
    matches!(value.bytes(), b"null" | b"false" | b"\"\"")
        || value.array().is_some_and(|mut all| all.next().is_none())
        || value.object().is_some_and(|object| object.members().is_empty())
}

fn write_sampling(request: &Request<'_>, plan: Plan, loss: &mut Loss, writer: &mut Writer<'_>) {
    let native = request.family == Family::Anthropic;
    let sampling = &request.sampling;
    // With thinking on, only the defaults are accepted.
    let fixed = plan.is_on() && !native;
    match sampling.temperature {
        Some(hot) if !native && hot.value() > 1.0 => {
            loss.concept(Concept::Temperature);
            if !fixed {
                writer.json_member("temperature", "1");
            }
        }
        Some(temperature) if fixed && temperature.value() < 1.0 => loss.concept(Concept::Temperature),
        Some(temperature) => writer.json_member("temperature", temperature.text()),
        None => {}
    }
    match sampling.top_p {
        // Current models refuse both together.
        Some(_) if !native && (fixed || sampling.temperature.is_some()) => loss.concept(Concept::TopP),
        Some(top_p) => writer.json_member("top_p", top_p.text()),
        None => {}
    }
    match sampling.top_k {
        Some(top_k) if native => writer.json_member("top_k", top_k.text()),
        // 0 and -1 say "all tokens" elsewhere.
        Some(top_k) if top_k.value() < 1.0 => {}
        Some(top_k) if fixed || top_k.value().fract() != 0.0 => loss.concept(Concept::TopK),
        Some(top_k) => writer.json_member("top_k", top_k.text()),
        None => {}
    }
    for (value, concept, neutral) in [
        (sampling.min_p, Concept::MinP, Some(0.0)),
        (sampling.seed, Concept::Seed, None),
        (sampling.frequency_penalty, Concept::FrequencyPenalty, Some(0.0)),
        (sampling.presence_penalty, Concept::PresencePenalty, Some(0.0)),
        (sampling.repetition_penalty, Concept::RepetitionPenalty, Some(1.0)),
    ] {
        if value.is_some_and(|value| Some(value.value()) != neutral) {
            loss.concept(concept);
        }
    }
    if request.top_logprobs.is_some_and(|top| top > 0) {
        loss.concept(Concept::TopLogprobs);
    }
}

fn write_stop(request: &Request<'_>, loss: &mut Loss, writer: &mut Writer<'_>) {
    let native = request.family == Family::Anthropic;
    // The API refuses stop texts of nothing but white space.
    let mut kept = request.stop.iter().filter(|stop| native || !stop.trim().is_empty()).peekable();
    if kept.peek().is_some() {
        writer.key("stop_sequences");
        writer.begin_array();
        kept.for_each(|stop| writer.string(stop));
        writer.end_array();
    }
    if !native && request.stop.iter().any(|stop| stop.trim().is_empty()) {
        loss.concept(Concept::Stop);
    }
}

fn write_thinking(request: &Request<'_>, plan: Plan, writer: &mut Writer<'_>) {
    let Some(thinking) = plan.thinking else { return };
    writer.key("thinking");
    writer.begin_object();
    match thinking {
        Thinking::Disabled => writer.string_member("type", "disabled"),
        Thinking::Adaptive => writer.string_member("type", "adaptive"),
        Thinking::Budget(budget) => {
            writer.string_member("type", "enabled");
            writer.integer_member("budget_tokens", budget);
        }
        Thinking::On => {
            if !request.extra.iter().any(|extra| extra.key == "thinking.type") {
                writer.string_member("type", "enabled");
            }
            if let Some(budget) = request.reasoning.and_then(|reasoning| reasoning.budget_tokens) {
                writer.integer_member("budget_tokens", budget);
            }
        }
    }
    if request.family == Family::Anthropic && thinking != Thinking::Disabled {
        write_rest(&request.extra, "thinking", writer);
    }
    writer.end_object();
}

fn write_output_config(request: &Request<'_>, plan: Plan, loss: &mut Loss, writer: &mut Writer<'_>) {
    let native = request.family == Family::Anthropic;
    let schema = match &request.response_format {
        Some(ResponseFormat::JsonSchema { schema, description, .. }) => {
            if let Some(description) = description {
                loss.at("response_format.json_schema.description", description.as_bytes());
            }
            Some(*schema)
        }
        Some(ResponseFormat::JsonObject) => {
            loss.concept(Concept::ResponseFormat);
            None
        }
        Some(ResponseFormat::Text) | None => None,
    };
    if plan.effort.is_none() && schema.is_none() && !(native && super::has_rest(&request.extra, "output_config")) {
        return;
    }
    writer.key("output_config");
    writer.begin_object();
    if let Some(effort) = plan.effort {
        writer.string_member("effort", effort.word());
    }
    if let Some(schema) = schema {
        writer.key("format");
        writer.begin_object();
        writer.string_member("type", "json_schema");
        writer.raw_member("schema", schema);
        writer.end_object();
    }
    if native {
        write_rest(&request.extra, "output_config", writer);
    }
    writer.end_object();
}

fn write_metadata(request: &Request<'_>, loss: &mut Loss, writer: &mut Writer<'_>) {
    let native = request.family == Family::Anthropic;
    let safety = request.special(Concept::SafetyIdentifier).and_then(Raw::string);
    let user = request.metadata.user.as_ref().or(safety.as_ref());
    if user.is_some() || (native && super::has_rest(&request.extra, "metadata")) {
        writer.key("metadata");
        writer.begin_object();
        if let Some(user) = user {
            writer.string_member("user_id", user);
        }
        if native {
            write_rest(&request.extra, "metadata", writer);
        }
        writer.end_object();
    }
    if request.metadata.pairs.is_some_and(|pairs| !is_empty(pairs)) {
        loss.concept(Concept::Metadata);
    }
    match request.metadata.service_tier.as_deref() {
        Some(tier) if native => writer.string_member("service_tier", tier),
        Some("auto") => writer.string_member("service_tier", "auto"),
        Some("default" | "standard_only") => writer.string_member("service_tier", "standard_only"),
        Some(_) => loss.concept(Concept::ServiceTier),
        None => {}
    }
}

/// Members without further meaning, and unknown ones.
fn write_others(request: &Request<'_>, loss: &mut Loss, writer: &mut Writer<'_>) {
    let native = request.family == Family::Anthropic;
    for (concept, extra) in &request.special {
        if native {
            writer.raw_member(&extra.key, extra.value);
            continue;
        }
        match concept {
            // Of use to the server that was asked for, and to no other.
            Concept::KeepAlive
            | Concept::ContextLength
            | Concept::RunnerOption
            | Concept::Truncate
            | Concept::Shift => loss.quiet_path(extra.path.as_str()),
            Concept::StreamOptions => {}
            Concept::SafetyIdentifier if request.metadata.user.is_none() => {}
            _ if is_empty(extra.value) => {}
            // Thoughts are shown as they are, and sealed by lingate where that is needed.
            _ if extra.asks_for_thoughts_as_ever(*concept) => {}
            Concept::Modalities => {}
            _ => loss.path(extra.path.as_str()),
        }
    }
    const NESTED: [&str; 4] = ["thinking.", "output_config.", "metadata.", "tool_choice."];
    for extra in &request.extra {
        if !native {
            loss.path(extra.path.as_str());
        } else if !NESTED.iter().any(|place| extra.key.starts_with(place)) {
            writer.raw_member(&extra.key, extra.value);
        }
    }
}

/// Whether a part is a text and nothing else.
fn plain_text<'p>(part: &'p Part<'_>) -> Option<&'p str> {
    match part {
        Part::Text { text, cache_control: None } => Some(text),
        _ => None,
    }
}
