//! A completion request, written for an OpenAI-compatible upstream, whatever dialect it came in.

use crate::dialect::openai_request::sampling;
use crate::dialect::{Target, Unsupported};
use crate::ir::{Concept, Effort, Family, Loss, MaxTokens, Part, Request, ResponseFormat, Role};
use crate::json::{Raw, Writer};

/// What OpenAI takes at most (its API reference, `stop`).
const MAX_STOPS: usize = 4;

/// OpenAI's most alternatives for a token (its API reference, `logprobs`).
const MAX_ALTERNATIVES: u64 = 5;

/// OpenAI's bound on `user`, in bytes.
const MAX_USER: usize = 64;

/// All that the parts of the encoder need.
struct Writing<'w, 'r, 'a> {
    request: &'r Request<'a>,
    target: &'w Target<'w>,
    loss: &'w mut Loss,
    /// Whether the request came in a dialect of this family, so that what is not known here is known there.
    own: bool,
}

impl Writing<'_, '_, '_> {
    fn unsupported(&self, concept: Concept, what: &str) -> Unsupported {
        Unsupported { concept, path: None, reason: format!("{what} by the {} backend", self.target.backend) }
    }
}

/// Appends a request.
pub(in crate::dialect::openai_completions) fn encode(
    request: &Request<'_>,
    target: &Target<'_>,
    loss: &mut Loss,
    out: &mut Vec<u8>,
) -> Result<(), Unsupported> {
    let mut writing = Writing { request, target, loss, own: request.family == Family::OpenAi };
    refuse(&writing)?;
    let mut writer = Writer::new(out);
    let w = &mut writer;
    w.begin_object();
    w.string_member("model", &request.model);
    prompt(&mut writing, w)?;
    w.bool_member("stream", request.stream);
    if request.stream {
        w.key("stream_options");
        w.begin_object();
        w.bool_member("include_usage", true);
        unknown("stream_options.", &mut writing, w);
        w.end_object();
    }
    sampling(&request.sampling, target.sampling_extensions, writing.loss, w);
    bounds(&writing, w)?;
    hints(&mut writing, w);
    specials(&mut writing, w)?;
    unknown("", &mut writing, w);
    w.end_object();
    Ok(())
}

/// What a conversation has and a prompt has not.
fn refuse(writing: &Writing<'_, '_, '_>) -> Result<(), Unsupported> {
    let request = writing.request;
    if !request.tools.is_empty() {
        return Err(writing.unsupported(Concept::Tools, "tools are not taken with a bare prompt"));
    }
    match request.response_format {
        None | Some(ResponseFormat::Text) => Ok(()),
        Some(_) => {
            Err(writing.unsupported(Concept::ResponseFormat, "a form of the answer is not taken with a bare prompt"))
        }
    }
}

/// System texts, then the user's, with a blank line between two.
fn prompt(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    let mut texts: [Vec<&str>; 2] = [Vec::new(), Vec::new()];
    for message in &writing.request.messages {
        let texts = match message.role {
            Role::System | Role::Developer => &mut texts[0],
            Role::User => &mut texts[1],
            Role::Assistant | Role::Tool => {
                return Err(
                    writing.unsupported(Concept::Messages, "turns of a model before a bare prompt are not taken")
                );
            }
        };
        for part in &message.parts {
            match part {
                Part::Text { text, cache_control } => {
                    texts.push(text);
                    if let Some(mark) = cache_control {
                        writing.loss.at("cache_control", mark.bytes());
                    }
                }
                Part::Image(_) => {
                    return Err(writing.unsupported(Concept::Images, "images are not taken with a bare prompt"));
                }
                _ => return Err(writing.unsupported(Concept::Messages, "nothing but text is taken in a bare prompt")),
            }
        }
        for extra in &message.extra {
            writing.loss.path(extra.path.as_str());
        }
    }
    let [mut all, user] = texts;
    if writing.request.special(Concept::PromptList).is_some() {
        if all.is_empty() {
            return Ok(());
        }
        let what = "a system prompt before several prompts, or before tokens, is not taken";
        return Err(writing.unsupported(Concept::PromptList, what));
    }
    all.extend(user);
    w.key("prompt");
    w.string(&all.join("\n\n"));
    Ok(())
}

/// How long the answer may be, where it ends, how many there are, and what is told of its tokens.
fn bounds(writing: &Writing<'_, '_, '_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    let request = writing.request;
    if let Some(MaxTokens::Limit(limit)) = request.max_tokens {
        w.integer_member("max_tokens", limit);
    }
    // Servers with vLLM's extensions have no such bounds.
    let narrow = !writing.target.sampling_extensions;
    if narrow && request.stop.len() > MAX_STOPS {
        return Err(writing.unsupported(Concept::Stop, &format!("at most {MAX_STOPS} stop texts are taken")));
    }
    if !request.stop.is_empty() {
        w.key("stop");
        w.begin_array();
        request.stop.iter().for_each(|text| w.string(text));
        w.end_array();
    }
    if let Some(n) = request.n {
        w.integer_member("n", n);
    }
    if request.logprobs == Some(true) {
        let alternatives = request.top_logprobs.unwrap_or(0);
        if narrow && alternatives > MAX_ALTERNATIVES {
            let what = format!("at most {MAX_ALTERNATIVES} alternatives for a token are given");
            return Err(writing.unsupported(Concept::TopLogprobs, &what));
        }
        w.integer_member("logprobs", alternatives);
    }
    Ok(())
}

/// Who asks, and what only a conversation can do: hints.
fn hints(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) {
    let request = writing.request;
    if request.reasoning.is_some_and(|reasoning| {
        reasoning.enabled == Some(true) || reasoning.level().is_some_and(|level| level != Effort::None)
    }) {
        writing.loss.concept(Concept::Reasoning);
    }
    match &request.metadata.user {
        Some(user) if writing.own || user.len() <= MAX_USER => w.string_member("user", user),
        Some(_) => writing.loss.concept(Concept::User),
        None => {}
    }
    for (given, concept) in [
        (request.metadata.pairs.is_some(), Concept::Metadata),
        (request.metadata.service_tier.is_some(), Concept::ServiceTier),
    ] {
        if given {
            writing.loss.concept(concept);
        }
    }
}

/// Members that only some dialects have. Those that change the answer are refused, the others are hints.
fn specials(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    for (concept, extra) in &writing.request.special {
        let what = match concept {
            // Taken by every server of this family, whoever asks.
            Concept::Suffix => {
                w.raw_member("suffix", extra.value);
                continue;
            }
            // This is what a bare prompt is.
            Concept::RawPrompt => continue,
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
            _ if is_empty(extra.value) => continue,
            // Thoughts are shown as they are, and sealed by lingate where that is needed.
            _ if extra.asks_for_thoughts_as_ever(*concept) => continue,
            Concept::Template => "a prompt template is not taken",
            Concept::Context => "the token context of an earlier answer is not taken",
            _ => {
                writing.loss.path(extra.path.as_str());
                continue;
            }
        };
        return Err(Unsupported { path: Some(extra.path.clone()), ..writing.unsupported(*concept, what) });
    }
    Ok(())
}

/// Whether a member says nothing.
fn is_empty(value: Raw<'_>) -> bool {
    matches!(value.bytes(), b"\"\"" | b"[]" | b"{}" | b"false" | b"null")
}

/// Unknown members of the object at `parent`: written back within the family, else lost. At the top, what stood
/// deeper and was not asked for is passed over.
fn unknown(parent: &str, writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) {
    for extra in &writing.request.extra {
        let here = extra.path.strip_prefix(parent) == Some(&*extra.key);
        if here && writing.own {
            w.raw_member(&extra.key, extra.value);
        } else if here || (parent.is_empty() && !writing.own) {
            writing.loss.path(extra.path.as_str());
        }
    }
}
