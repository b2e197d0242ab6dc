//! The demo backend, which answers in this process.

use super::{EndpointCall, Path};
use crate::backend::demo;
use crate::upstream::{Answer, AnswerBody, Paced};
use http::{HeaderValue, Method, StatusCode, header};
use std::time::{SystemTime, UNIX_EPOCH};

/// The demo backend answers in this process.
pub(super) fn demo_answer(call: &EndpointCall) -> Answer {
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if call.method == Method::GET {
        let parts = http::Response::new(()).into_parts().0;
        return Answer { parts, body: AnswerBody::whole(demo::models_body()) };
    }
    let answer = match &call.path {
        Path::Native("/embeddings") => demo::embed(&call.body.to_bytes()),
        _ => demo::answer(&call.body.to_bytes(), created),
    };
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    let pieces = answer.pieces.into_iter().map(|piece| (piece.after, piece.bytes));
    Answer { parts: response.into_parts().0, body: AnswerBody::local(Box::new(Paced::new(pieces.collect()))) }
}
