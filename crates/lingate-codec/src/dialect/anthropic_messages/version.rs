//! The API version that a client names in the header `anthropic-version`.
//!
//! Two versions have request members of their own: `2026-10-21`, which the SDKs 1.x (JavaScript) and 2.x (Python)
//! send, took `temperature`, `top_p` and `top_k` out of Messages (their types against those of 0.125). `2023-01-01`
//! differs from `2023-06-01` in its streams alone and is read as that. A request that goes to an upstream of this
//! dialect as it is carries its version with it, whatever it is: the upstream judges.

use crate::ir::{ApiError, Concept, Loss, Request};

/// Takes out what the version does not have; the SDKs let it through all the same (`extra_body`).
///
/// # Errors
/// A version that there is not, as Anthropic's own API answers it.
pub(super) fn fit(version: &str, request: &mut Request<'_>, loss: &mut Loss) -> Result<(), ApiError> {
    match version {
        "2023-06-01" | "2023-01-01" => return Ok(()),
        "2026-10-21" => {}
        _ => {
            let shown: String = version.chars().take(32).collect();
            let message = format!(
                "anthropic-version: {shown:?} is not a version that can be translated; known are 2023-06-01 and 2026-10-21"
            );
            return Err(ApiError::new(400, message).with_code("invalid_version"));
        }
    }
    let sampling = &mut request.sampling;
    for (member, concept) in [
        (&mut sampling.temperature, Concept::Temperature),
        (&mut sampling.top_p, Concept::TopP),
        (&mut sampling.top_k, Concept::TopK),
    ] {
        if member.take().is_some() {
            loss.concept(concept);
        }
    }
    Ok(())
}
