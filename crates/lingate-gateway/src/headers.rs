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
/// The answer is the operator's own words.
pub(crate) const FALLBACK: HeaderName = HeaderName::from_static("x-lingate-fallback");
/// The version of Anthropic's API that the client speaks.
pub(crate) const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// Headers of a client that go on to an upstream of its own dialect.
const NATIVE: [HeaderName; 2] = [ANTHROPIC_VERSION, HeaderName::from_static("anthropic-beta")];
/// Headers of a client that go on to any upstream: tracing, and affinity for prompt caches.
const PASSED: [HeaderName; 4] = [
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-session-affinity"),
    HeaderName::from_static("x-session-id"),
];

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
