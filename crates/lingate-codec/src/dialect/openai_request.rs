//! What requests of OpenAI's dialects spell alike, written; and what is asked of one that is not decoded.

use crate::ir::{Concept, Loss, Metadata, Sampling};
use crate::json::{Raw, Writer};

/// OpenAI's bound on `user`, in bytes; what Anthropic's clients send as `metadata.user_id` is often longer.
const MAX_USER: usize = 64;

/// Whether a form of the answer is JSON. Others (`grammar`, `structural_tag`) may hold calls.
pub(in crate::dialect) fn wants_json(format: Option<Raw<'_>>) -> bool {
    let kind = format.and_then(|format| format.object()?.string("type"));
    matches!(kind.as_deref(), Some("json_object" | "json_schema"))
}

/// Numbers that steer the choice of tokens. `extended`: the target takes those of vLLM and its kin.
pub(in crate::dialect) fn sampling(sampling: &Sampling<'_>, extended: bool, loss: &mut Loss, w: &mut Writer<'_>) {
    let standard = [
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("seed", sampling.seed),
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
    ];
    let extensions = [
        ("top_k", sampling.top_k, Concept::TopK),
        ("min_p", sampling.min_p, Concept::MinP),
        ("repetition_penalty", sampling.repetition_penalty, Concept::RepetitionPenalty),
    ];
    for (key, number) in standard {
        if let Some(number) = number {
            w.json_member(key, number.text());
        }
    }
    for (key, number, concept) in extensions {
        match number {
            Some(number) if extended => w.json_member(key, number.text()),
            Some(_) => loss.concept(concept),
            None => {}
        }
    }
    if let Some(bias) = sampling.logit_bias {
        w.raw_member("logit_bias", bias);
    }
}

/// Who asks, and in which tier. `kin`: the request came in one of this family's dialects.
pub(in crate::dialect) fn who_asks(metadata: &Metadata<'_>, kin: bool, loss: &mut Loss, w: &mut Writer<'_>) {
    match &metadata.user {
        Some(user) if kin || user.len() <= MAX_USER => w.string_member("user", user),
        Some(_) => loss.concept(Concept::User),
        None => {}
    }
    match metadata.pairs {
        Some(pairs) if kin => w.raw_member("metadata", pairs),
        Some(_) => loss.concept(Concept::Metadata),
        None => {}
    }
    match metadata.service_tier.as_deref() {
        Some(tier) if kin => w.string_member("service_tier", tier),
        Some("auto") => w.string_member("service_tier", "auto"),
        // Anthropic's word for "no priority".
        Some("standard_only") => w.string_member("service_tier", "default"),
        Some(_) => loss.concept(Concept::ServiceTier),
        None => {}
    }
}
