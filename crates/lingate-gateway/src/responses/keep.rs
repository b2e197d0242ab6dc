//! Behind the answer: it is stored as the client gets it, and says what it goes on from.
//!
//! A stream is looked at in few places: frames that hold the whole answer. Its last one waits until the answer is
//! stored, at most [`PATIENCE`], so that whoever saw it can go on from it. If the answer could not be stored, it says
//! `"store": false`, the store's fault is logged and counted, and the answer is otherwise as good as any.

use super::payload::{self, output};
use super::shelf::owner;
use crate::body::Body;
use crate::pipeline::Exchange;
use crate::pump::stamp;
use bytes::Bytes;
use http::{Response, header};
use lingate_codec::frame::{Frame, SseFramer};
use lingate_codec::json::{Edits, Object, Raw, Writer};
use lingate_store::{NewResponse, StoredResponses};
use prometheus_client::metrics::counter::Counter;
use std::borrow::Cow;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// How long an answer's ending waits for the store.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest id that is stored; longer ones are no ids.
const MAX_ID: usize = 256;

/// What is to become of an answer.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The id that the client said it goes on from.
    previous: Option<String>,
    fate: Fate,
}

#[derive(Debug, Clone)]
enum Fate {
    /// It is stored.
    Stored(Box<Storing>),
    /// It says that it is not stored.
    Denied,
    /// It says what the client or the upstream said.
    Untouched,
}

/// All that is needed to store an answer.
#[derive(Debug, Clone)]
struct Storing {
    responses: StoredResponses,
    failures: Counter,
    owner: String,
    time: Duration,
    /// All items that the model saw, as the text of a list.
    input: Bytes,
    started: Instant,
    request_id: String,
}

/// The ending of a stream while it is stored; gives the bytes that the client is to get.
pub(crate) type Keeping = Pin<Box<dyn Future<Output = Vec<u8>> + Send>>;

impl Keep {
    /// An answer that goes on from `previous`, and of which nothing else is known.
    pub(super) fn new(previous: Option<String>) -> Self {
        Self { previous, fate: Fate::Untouched }
    }

    /// The same, to be stored for `time` with all items that the model saw.
    pub(super) fn storing(self, exchange: &Exchange<'_>, time: Duration, input: Bytes) -> Self {
        let lasting = &exchange.gateway.lasting;
        let storing = Storing {
            responses: lasting.responses.clone(),
            failures: lasting.metrics.unstored.clone(),
            owner: owner(exchange),
            time,
            input,
            started: exchange.started,
            request_id: exchange.id.as_str().to_owned(),
        };
        Self { fate: Fate::Stored(Box::new(storing)), ..self }
    }

    /// The same, and it says that it is not stored.
    pub(super) fn denying(self) -> Self {
        Self { fate: Fate::Denied, ..self }
    }

    /// Whether it goes on from another answer.
    pub(super) fn has_previous(&self) -> bool {
        self.previous.is_some()
    }

    /// Whether a relayed frame may be one that [`Keep::see`] must see.
    pub(crate) fn wants(frame: &Frame<'_>) -> bool {
        Stage::of(frame).is_some()
    }

    /// Sees what was just written to a stream, whole frames from `from` on. If the stream `ended`, the frame that says
    /// so and what follows it are taken back and come out of the future.
    pub(crate) fn see(&self, out: &mut Vec<u8>, from: usize, ended: bool) -> Option<Keeping> {
        if out.len() <= from {
            return None;
        }
        let written = out.split_off(from);
        let mut framer = SseFramer::new(written.len() + 1);
        framer.push(&written);
        framer.finish();
        let mut last: Option<Whole> = None;
        while let Ok(Some(frame)) = framer.next_frame() {
            let stage = Stage::of(&frame);
            match (&mut last, stage.and_then(|stage| Some((stage, Whole::of(&frame)?)))) {
                (Some(last), _) => last.after.extend_from_slice(frame.raw),
                (None, None) => out.extend_from_slice(frame.raw),
                (None, Some((Stage::Done, whole))) if ended => last = Some(whole),
                (None, Some((_, whole))) => out.extend(whole.edited(|response| self.edit(&response)).join()),
            }
        }
        let (keep, whole) = (self.clone(), last?);
        Some(Box::pin(async move { keep.finish(whole).await.join() }))
    }

    /// The same for an answer that is sent in one piece, be it the text of a stream.
    pub(crate) async fn response(&self, response: Response<Body>) -> Response<Body> {
        let (parts, body) = response.into_parts();
        let kind =
            parts.headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().starts_with(b"text/event-stream"));
        let body = self.body(body, kind == Some(true)).await;
        Response::from_parts(parts, body)
    }

    /// The same for such an answer's body; `streamed`: it is the text of a stream.
    pub(crate) async fn body(&self, body: Body, streamed: bool) -> Body {
        let Body::Whole(bytes) = body else { return body };
        if streamed {
            let mut out = bytes.to_vec();
            if let Some(keeping) = self.see(&mut out, 0, true) {
                out.extend(keeping.await);
            }
            out.into()
        } else {
            self.finish(Whole { before: Vec::new(), response: bytes.to_vec(), after: Vec::new() }).await.join().into()
        }
    }

    /// Stores a finished answer, and gives it as the client is to get it.
    async fn finish(&self, whole: Whole) -> Whole {
        let whole = whole.edited(|response| self.edit(&response));
        let Fate::Stored(storing) = &self.fate else { return whole };
        if !is_finished(&whole.response) || storing.store(&whole.response).await {
            return whole;
        }
        whole.edited(|response| Some(edited(&response, None, Some(false))))
    }

    fn edit(&self, response: &Object<'_>) -> Option<Vec<u8>> {
        let denied = matches!(self.fate, Fate::Denied).then_some(false);
        (self.previous.is_some() || denied.is_some()).then(|| edited(response, self.previous.as_deref(), denied))
    }
}

/// Whether an answer is one to go on from.
fn is_finished(response: &[u8]) -> bool {
    let status = Object::find(response, "status").and_then(|at| Raw::parse(response.get(at)?).ok()?.string());
    status.is_none_or(|status| matches!(&*status, "completed" | "incomplete"))
}

/// An answer with these members.
fn edited(response: &Object<'_>, previous: Option<&str>, store: Option<bool>) -> Vec<u8> {
    let mut edits = Edits::new();
    if let Some(id) = previous {
        let mut text = Vec::with_capacity(id.len() + 2);
        Writer::new(&mut text).string(id);
        edits.set(response, "previous_response_id", &text);
    }
    if let Some(store) = store {
        edits.set(response, "store", if store { b"true" } else { b"false" });
    }
    edits.apply_to_vec(response)
}

/// What a frame that holds the whole answer says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is on its way, or failed: it is not stored.
    Going,
    /// There is no more to come.
    Done,
}

impl Stage {
    fn of(frame: &Frame<'_>) -> Option<Self> {
        let name = match frame.event {
            [] if frame.data.is_empty() => return None,
            // Some leave the event's line out; the data says it again.
            [] => Object::find(&frame.data, "type").and_then(|at| frame.data.get(at))?.trim_ascii(),
            name => name,
        };
        match name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name) {
            b"response.completed" | b"response.incomplete" => Some(Self::Done),
            b"response.created" | b"response.in_progress" | b"response.queued" | b"response.failed" => {
                Some(Self::Going)
            }
            _ => None,
        }
    }
}

/// An answer and the bytes around it.
struct Whole {
    before: Vec<u8>,
    response: Vec<u8>,
    after: Vec<u8>,
}

impl Whole {
    /// The answer in a frame.
    fn of(frame: &Frame<'_>) -> Option<Self> {
        let at = Object::find(&frame.data, "response")?;
        let response = frame.data.get(at.clone())?.to_vec();
        match &frame.data {
            Cow::Borrowed(_) => {
                let before = frame.raw.get(..frame.data_at + at.start)?.to_vec();
                Some(Self { before, response, after: frame.raw.get(frame.data_at + at.end..)?.to_vec() })
            }
            // Data on several lines: JSON's line ends are white space, so one line says the same.
            Cow::Owned(data) => {
                let space = |b: &u8| if matches!(b, b'\n' | b'\r') { b' ' } else { *b };
                let line = |text: &[u8]| -> Vec<u8> { text.iter().map(space).collect() };
                let mut before = Vec::new();
                if !frame.event.is_empty() {
                    before.extend([b"event: ", frame.event, b"\n"].concat());
                }
                before.extend_from_slice(b"data: ");
                before.extend(line(data.get(..at.start)?));
                let mut after = line(data.get(at.end..)?);
                after.extend_from_slice(b"\n\n");
                Some(Self { before, response: line(&response), after })
            }
        }
    }

    fn edited(mut self, edit: impl FnOnce(Object<'_>) -> Option<Vec<u8>>) -> Self {
        if let Some(new) = Object::parse(&self.response).ok().and_then(edit) {
            self.response = new;
        }
        self
    }

    fn join(self) -> Vec<u8> {
        let mut out = self.before;
        out.extend(self.response);
        out.extend(self.after);
        out
    }
}

impl Storing {
    /// Stores an answer; false if that failed, which is not the client's affair.
    async fn store(&self, response: &[u8]) -> bool {
        let failure = match self.new_response(response) {
            None => "it has no id of its own".to_owned(),
            Some(new) => match tokio::time::timeout(PATIENCE, self.responses.put(new)).await {
                Ok(Ok(())) => return true,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the database did not answer in time".to_owned(),
            },
        };
        self.failures.inc();
        tracing::warn!(request_id = self.request_id, failure, "an answer was not stored");
        false
    }

    fn new_response(&self, response: &[u8]) -> Option<NewResponse<Bytes>> {
        let raw = Raw::parse(response).ok()?;
        let id = raw.object()?.string("id").filter(|id| (1..=MAX_ID).contains(&id.len()))?.into_owned();
        let items = output(raw).into_iter().filter_map(super::items::id).filter(|id| id.len() <= MAX_ID);
        let items = items.map(Cow::into_owned).collect();
        let created_ms = stamp(self.started).unix_nanos / 1_000_000;
        let time = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        Some(NewResponse {
            owner: self.owner.clone(),
            id,
            created_ms,
            expires_ms: created_ms.saturating_add(time),
            items,
            payload: payload::parts(self.input.clone(), Bytes::copy_from_slice(response)),
        })
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
