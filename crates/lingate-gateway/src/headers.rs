//! Names of headers that are used on the hot path, made once so that no request parses them again; and which
//! headers an upstream gets of a client and of a virtual model.

use crate::snapshot::VirtualModel;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Ours, a UUIDv7.
pub(crate) const LINGATE_REQUEST_ID: HeaderName = HeaderName::from_static("x-lingate-request-id");
/// The client's own id, or ours.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The same for Anthropic's clients.
pub(crate) const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Which endpoint answered.
pub(crate) const ENDPOINT: HeaderName = HeaderName::from_static("x-lingate-endpoint");
/// How many attempts it took.
pub(crate) const ATTEMPTS: HeaderName = HeaderName::from_static("x-lingate-attempts");
/// What was lost in translation.
pub(crate) const DROPPED: HeaderName = HeaderName::from_static("x-lingate-dropped");
/// What may have gone wrong without an error.
pub(crate) const WARNING: HeaderName = HeaderName::from_static("x-lingate-warning");
/// The virtual model that took a request because it was too long for the one that was asked for.
pub(crate) const OVERFLOW: HeaderName = HeaderName::from_static("x-lingate-overflow");
/// The answer is the operator's own words.
pub(crate) const FALLBACK: HeaderName = HeaderName::from_static("x-lingate-fallback");
/// How many calls were made of text.
pub(crate) const REPAIRED: HeaderName = HeaderName::from_static("x-lingate-repaired");
/// A token count is lingate's own estimate.
pub(crate) const ESTIMATED: HeaderName = HeaderName::from_static("x-lingate-estimated");
/// The version of Anthropic's API that the client speaks.
pub(crate) const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// Headers of a client that go on to an upstream of its own dialect.
const NATIVE: [HeaderName; 4] = [
    ANTHROPIC_VERSION,
    HeaderName::from_static("anthropic-beta"),
    // Arguments of a call that the SDKs write as headers. An operator who means one workspace sets the header.
    HeaderName::from_static("anthropic-workspace-id"),
    HeaderName::from_static("anthropic-user-profile-id"),
];
/// Headers of a client that go on to any upstream: tracing, and affinity for prompt caches.
const PASSED: [HeaderName; 4] = [
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-session-affinity"),
    HeaderName::from_static("x-session-id"),
];

/// The version of its API that a client names; `None` if it does not.
pub(crate) fn version(headers: &HeaderMap) -> Option<&str> {
    // What is no text is no version that there is.
    headers.get(ANTHROPIC_VERSION).map(|value| value.to_str().unwrap_or("?"))
}

/// Whether a client reads what is said after a stream (RFC 9110, 6.5.1).
pub(crate) fn takes_trailers(headers: &HeaderMap) -> bool {
    let words = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| text.split(',').any(|word| word.trim().eq_ignore_ascii_case("trailers")))
    };
    headers.get_all(http::header::TE).iter().any(words)
}

/// Adds to a call what goes on of the client's headers, and the virtual model's own over them. `native`: the
/// upstream is asked in the client's dialect.
pub(crate) fn pass(from: &HeaderMap, native: bool, model: &VirtualModel, to: &mut HeaderMap) {
    // One pass over what came in, which is little, in place of a look-up for each name.
    for (name, value) in from {
        if PASSED.contains(name) || (native && NATIVE.contains(name)) {
            to.insert(name, value.clone());
        }
    }
    for (name, value) in &model.config.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value.expose())) {
            to.insert(name, value);
        }
    }
}
