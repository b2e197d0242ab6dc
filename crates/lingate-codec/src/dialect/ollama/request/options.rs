//! The member `options`.

use super::typed;
use crate::dialect::ollama::fields::{OptionKind, runner_option};
use crate::ir::{ApiError, Concept, Extra, MaxTokens, Number, Request, Sampling};
use crate::json::{Member, Raw};
use std::borrow::Cow;

/// Reads `options` into the request's parameters.
pub(super) fn decode<'a>(options: Raw<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
    for member in typed::object(options, "options")?.members() {
        // As in Ollama, null leaves the model's own setting.
        if !member.value.is_null() {
            decode_one(member, request)?;
        }
    }
    Ok(())
}

fn decode_one<'a>(member: &Member<'a>, request: &mut Request<'a>) -> Result<(), ApiError> {
    let value = member.value;
    let path = || format!("options.{}", member.key);
    let special = |concept| (concept, Extra { path: path(), key: member.key.clone(), value });
    match member.key.as_ref() {
        // Minus one asks for a random seed, which is what others do unasked.
        "seed" if value.i64() == Some(-1) => request.special.push(special(Concept::RunnerOption)),
        "num_predict" => match max_tokens(typed::number(value, path())?) {
            // The runner takes zero for no bound.
            None => request.special.push(special(Concept::RunnerOption)),
            bound => request.max_tokens = bound,
        },
        "stop" => request.stop = stop(value)?,
        "num_ctx" => {
            typed::number(value, path())?;
            request.special.push(special(Concept::ContextLength));
        }
        name => {
            if let Some(slot) = sampling_slot(&mut request.sampling, name) {
                *slot = Some(typed::number(value, path())?);
            } else if let Some(kind) = runner_option(name) {
                match kind {
                    OptionKind::Number => _ = typed::number(value, path())?,
                    OptionKind::Bool => _ = typed::boolean(value, path())?,
                }
                request.special.push(special(Concept::RunnerOption));
            } else {
                request.extra.push(Extra { path: path(), key: member.key.clone(), value });
            }
        }
    }
    Ok(())
}

fn sampling_slot<'s, 'a>(sampling: &'s mut Sampling<'a>, name: &str) -> Option<&'s mut Option<Number<'a>>> {
    Some(match name {
        "temperature" => &mut sampling.temperature,
        "top_p" => &mut sampling.top_p,
        "top_k" => &mut sampling.top_k,
        "min_p" => &mut sampling.min_p,
        "seed" => &mut sampling.seed,
        "frequency_penalty" => &mut sampling.frequency_penalty,
        "presence_penalty" => &mut sampling.presence_penalty,
        "repeat_penalty" => &mut sampling.repetition_penalty,
        _ => return None,
    })
}

/// `num_predict`, cut to a whole number as Ollama does; `None` for zero.
pub(super) fn max_tokens(number: Number<'_>) -> Option<MaxTokens> {
    let value = number.value().trunc();
    if value == 0.0 {
        return None;
    }
    if value == -2.0 {
        return Some(MaxTokens::FillContext);
    }
    if value < 0.0 {
        return Some(MaxTokens::Unbounded);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; too large ones saturate")]
    let bound = number.text().parse().unwrap_or(value as u64);
    Some(MaxTokens::Limit(bound))
}

/// A list of texts, or one.
fn stop(value: Raw<'_>) -> Result<Vec<Cow<'_, str>>, ApiError> {
    if let Some(text) = value.string() {
        return Ok(vec![text]);
    }
    let Some(list) = value.array() else {
        return Err(typed::wrong("options.stop", "an array of strings", value));
    };
    list.enumerate().map(|(index, text)| typed::string(text, format_args!("options.stop[{index}]"))).collect()
}

/// The encoder's side of [`sampling_slot`]: the parameters that are set, under their names here.
pub(super) fn sampling<'a>(sampling: &Sampling<'a>) -> impl Iterator<Item = (&'static str, Number<'a>)> + use<'a> {
    [
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("top_k", sampling.top_k),
        ("min_p", sampling.min_p),
        ("seed", sampling.seed),
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
        ("repeat_penalty", sampling.repetition_penalty),
    ]
    .into_iter()
    .filter_map(|(name, number)| Some((name, number?)))
}
