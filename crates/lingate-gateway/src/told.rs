//! What lingate says of how an answer came about, in its headers.

use crate::answering::Answered;
use crate::body::Body;
use crate::error::Failure;
use crate::headers::{ATTEMPTS, DROPPED, ENDPOINT, WARNING};
use crate::snapshot::Target;
use http::{HeaderMap, HeaderValue, Response, header};

/// The longest `x-lingate-dropped`.
const DROPPED_CAP: usize = 1024;

/// What there is to say of one attempt.
#[derive(Debug)]
pub(crate) struct Told {
    endpoint: HeaderValue,
    dropped: Option<HeaderValue>,
    warning: Option<HeaderValue>,
}

impl Told {
    /// Of an attempt at a target, which lost these members of the request.
    pub(crate) fn new(target: &Target, lost: &[String], warning: Option<&str>) -> Self {
        Self {
            endpoint: target.endpoint.shown_name().clone(),
            dropped: dropped(lost),
            warning: warning.and_then(|warning| HeaderValue::try_from(warning).ok()),
        }
    }

    /// The answer, with what is to be said. `attempts`: how many there were.
    pub(crate) fn respond(self, answered: Answered, attempts: usize) -> Response<Body> {
        let mut response = bare(answered);
        self.tell(response.headers_mut(), attempts);
        response
    }

    /// Says it in these headers.
    pub(crate) fn tell(self, headers: &mut HeaderMap, attempts: usize) {
        tell_place(headers, self.endpoint, attempts);
        if let Some(value) = self.dropped {
            headers.insert(DROPPED, value);
        }
        if let Some(value) = self.warning {
            headers.insert(WARNING, value);
        }
    }
}

/// Says of a failure who gave it, and how many attempts there were.
pub(crate) fn tell_failure(failure: &mut Failure, target: &Target, attempts: usize) {
    tell_place(&mut failure.headers, target.endpoint.shown_name().clone(), attempts);
}

fn tell_place(headers: &mut HeaderMap, endpoint: HeaderValue, attempts: usize) {
    headers.insert(ENDPOINT, endpoint);
    let attempts = if attempts == 1 { HeaderValue::from_static("1") } else { attempts.into() };
    headers.insert(ATTEMPTS, attempts);
}

/// An answer without any of that.
pub(crate) fn bare(answered: Answered) -> Response<Body> {
    let mut response = Response::new(answered.body);
    let streamed = matches!(response.body(), Body::Stream(_) | Body::Waiting(_));
    let headers = response.headers_mut();
    *headers = answered.headers;
    // Room for all that is added on the way out.
    headers.reserve(6);
    if streamed {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    headers.insert(header::CONTENT_TYPE, answered.content_type);
    response
}

/// The list of lost members: at most 1 KiB, then how many more.
fn dropped(lost: &[String]) -> Option<HeaderValue> {
    let mut text = String::new();
    for (index, path) in lost.iter().enumerate() {
        if text.len() + path.len() + 1 > DROPPED_CAP {
            text.push_str(&format!(",+{}", lost.len() - index));
            break;
        }
        if index > 0 {
            text.push(',');
        }
        text.extend(path.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }));
    }
    if text.is_empty() { None } else { HeaderValue::try_from(text).ok() }
}
