//! Upstreams whose calls are jobs: submitted, then looked after until they are done, and cancelled when nobody waits for
//! them any more. What RunPod says and wants stands in `backend::runpod`; here is when it is asked.

mod body;
mod calls;
mod handle;
mod live;
mod watch;

use crate::backend::runpod::{Asked, Head, embedded, input};
use crate::error::Failure;
use crate::upstream::{Answer, AnswerBody, TimeLimits, Upstream};
use bytes::Bytes;
use calls::Calls;
use handle::{Submitted, submit};
use http::{HeaderMap, HeaderValue, header};
use lingate_codec::ir::ApiError;
use lingate_codec::json::Object;
use lingate_config::Worker;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout_at};
use watch::{Watch, in_vain};

/// How long RunPod may hold `/runsync` back (docs.runpod.io, operation reference: 1 s to 5 min). Short, because until
/// it answers the job has no name by which it could be cancelled.
const SYNC: &str = "wait=10000";

/// The limits of one call to the queue itself, which only ever answers what it knows.
const CALL: Duration = Duration::from_secs(30);

/// A queue of jobs.
pub(crate) struct Jobs {
    calls: Arc<Calls>,
    worker: Worker,
    /// The pause before the first look at a job.
    first: Duration,
    limits: TimeLimits,
}

/// What is asked of a queue.
pub(crate) struct Ask {
    /// The path below the API root, as if it were OpenAI's.
    pub(crate) path: String,
    /// Headers of the submission.
    pub(crate) headers: HeaderMap,
    /// OpenAI's body.
    pub(crate) body: Bytes,
    /// Whether the client is to be told what its job waits for.
    pub(crate) status: bool,
    /// Limits of the job in place of the endpoint's.
    pub(crate) limits: Option<TimeLimits>,
}

impl Jobs {
    /// A queue at `root` (the path of its API root); the headers are those of every call.
    pub(crate) fn new(
        upstream: impl FnOnce(TimeLimits) -> Upstream,
        limits: TimeLimits,
        config: &lingate_config::Endpoint,
        (root, query): (&str, &str),
        headers: HeaderMap,
    ) -> Self {
        // The limits of the endpoint are those of its jobs; a call to the queue has its own.
        let call =
            TimeLimits { connect: limits.connect, first_byte: Some(CALL), idle: Some(CALL), total: Some(2 * CALL) };
        let calls = Calls::new(upstream(call), root, query, headers);
        Self { calls: Arc::new(calls), worker: config.worker, first: config.poll_interval, limits }
    }

    /// Waits until no job is left that is still to be cancelled. Each takes a bounded time.
    pub(crate) async fn settled(&self) {
        self.calls.settled().await;
    }

    /// The list of models: there is none, so it is empty.
    pub(crate) fn list() -> Answer {
        let json = HeaderValue::from_static("application/json");
        answered(&json, AnswerBody::whole(Bytes::from_static(b"{\"object\":\"list\",\"data\":[]}")))
    }

    /// Asks the queue itself, as for its health.
    ///
    /// # Errors
    /// It cannot be reached.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.calls.get(path).await.map_err(|error| crate::endpoint::failure(&error))
    }

    /// Submits a job and waits for its outcome; if a stream is asked for, for the first of it.
    ///
    /// Dropping the future, or the answer's body, cancels the job unless it is over.
    ///
    /// # Errors
    /// The job could not be submitted, or came to nothing before there was anything to tell.
    pub(crate) async fn call(&self, ask: Ask) -> Result<Answer, Failure> {
        let asked = Asked::at(&ask.path)
            .ok_or_else(|| ApiError::new(404, "this endpoint takes chats, completions and embeddings alone"))?;
        let started = Instant::now();
        let input = input(self.worker, asked, &ask.body)?;
        let (model, stream) = head_of(&ask.body);
        // A vector is there in an instant, and costs nearly nothing if nobody wants it any more; an answer of a chat
        // must be told apart from its queue, and be cancelled by its id.
        let (path, query) = if asked == Asked::Embeddings { ("/runsync", SYNC) } else { ("/run", "") };
        let submission = self.calls.post(path, query, Some(ask.headers), input.into());
        // Given up sooner than the call to the queue, it goes on aside, and the job is cancelled.
        let submission = submit(self.calls.clone(), submission);
        let limits = ask.limits.unwrap_or(self.limits);
        let limit = [limits.first_byte, limits.total].into_iter().flatten().min();
        let submitted = match limit {
            Some(limit) => timeout_at(started + limit, submission).await.map_err(|_| {
                in_vain(ApiError::new(504, "the queue did not take the job in time").with_code("upstream_timeout"))
            })?,
            None => submission.await,
        };
        let (job, reply) = match submitted? {
            Submitted::Refused(answer) => return Ok(*answer),
            Submitted::Job(job, reply) => (job, reply),
        };
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let id = format!("{}-{}", if asked == Asked::Chat { "chatcmpl" } else { "cmpl" }, job.id());
        let head = Head { id, model, created, chat: asked == Asked::Chat };
        let watch = Watch::new(job, reply, self.first, &limits, started);
        if asked == Asked::Embeddings {
            let model = head.model;
            return watch.outcome(|output| Ok((JSON, embedded(output, &model)?))).await;
        }
        if stream { live::stream(watch, head, ask.status).await } else { watch.whole(head).await }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const SSE: HeaderValue = HeaderValue::from_static("text/event-stream");

/// An answer of status 200.
fn answered(content_type: &HeaderValue, body: AnswerBody) -> Answer {
    let mut parts = http::Response::new(()).into_parts().0;
    parts.headers.insert(header::CONTENT_TYPE, content_type.clone());
    Answer { parts, body }
}

/// The model of a body, and whether it asks for a stream.
fn head_of(body: &[u8]) -> (String, bool) {
    let Ok(object) = Object::parse(body) else { return Default::default() };
    let stream = object.given("stream").and_then(|stream| stream.bool()).unwrap_or(false);
    (object.string("model").unwrap_or_default().into_owned(), stream)
}
