//! Looks at a job until it is done, or until the patience for it is over.

use super::handle::{JOB_CAP, Job};
use super::{JSON, SSE, answered};
use crate::backend::runpod::{Head, Pace, Reply, State, Whole, failed, whole};
use crate::error::{Class, Failure};
use crate::upstream::{Answer, AnswerBody, Phase, TimeLimits, UpstreamError};
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use lingate_codec::ir::ApiError;
use lingate_codec::json::Raw;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// So many looks in a row may fail: just after the submission the queue may not know the job yet (404), and its
/// answers flap. With the pauses between them that is some ten seconds.
const MISSES: u32 = 6;
/// So many looks in a row may tell a state that is not known.
const STRANGE: u32 = 3;

/// One job that is waited for.
pub(super) struct Watch {
    pub(super) job: Job,
    /// What the submission said, until it was read.
    submitted: Option<Bytes>,
    pace: Pace,
    state: State,
    /// Whether the next look is due at once.
    at_once: bool,
    misses: u32,
    strange: u32,
    pub(super) started: Instant,
    /// Until when the first output must have come.
    begin_by: Option<Instant>,
    /// Whether it has just come: silence counts from the next look on, whenever the client is ready for it.
    flowed: bool,
    /// How long nothing may come after it.
    idle: Option<Duration>,
    /// Until when all must be done.
    end_by: Option<Instant>,
}

/// What a look has brought.
pub(super) enum Seen {
    /// An answer about the job.
    Body(Bytes),
    /// Nothing, this time; the next look may do better.
    Nothing {
        /// Whether pieces of the output may have been lost on the way.
        lost: bool,
        /// The status, if there was one.
        status: Option<StatusCode>,
    },
}

impl Watch {
    /// `submitted`: what the queue said when it took the job; `first`: the pause before the first look.
    pub(super) fn new(job: Job, submitted: Bytes, first: Duration, limits: &TimeLimits, started: Instant) -> Self {
        Self {
            pace: Pace::new(first, job.id()),
            job,
            submitted: Some(submitted),
            state: State::Queued,
            at_once: false,
            misses: 0,
            strange: 0,
            started,
            begin_by: limits.first_byte.map(|limit| started + limit),
            flowed: false,
            idle: limits.idle,
            end_by: limits.total.map(|limit| started + limit),
        }
    }

    /// Where the job stood at the last look.
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// The next look is due at once.
    pub(super) fn hurry(&mut self) {
        self.at_once = true;
    }

    /// A piece of the answer has come: from now on silence is limited.
    pub(super) fn flowed(&mut self) {
        self.begin_by = None;
        self.flowed = true;
        self.pace.flowed();
    }

    /// Waits until the next look is due and looks: at `status` or `stream`. `live`: a client awaits pieces.
    ///
    /// # Errors
    /// A time limit ran out, or too many looks failed. Whoever looked in vain knows nothing of the job: it may be at work.
    pub(super) async fn look(&mut self, operation: &str, live: bool) -> Result<Seen, Failure> {
        if let Some(body) = self.submitted.take() {
            return Ok(Seen::Body(body));
        }
        if std::mem::take(&mut self.flowed) {
            self.begin_by = self.idle.map(|idle| Instant::now() + idle);
        }
        let pause = match std::mem::take(&mut self.at_once) {
            true => Duration::ZERO,
            false => self.pace.next(live && self.state == State::Running),
        };
        let due = Instant::now() + pause;
        let deadline = [self.begin_by, self.end_by].into_iter().flatten().min();
        if let Some(deadline) = deadline.filter(|deadline| *deadline <= due) {
            sleep_until(deadline).await;
            return Err(self.too_late());
        }
        sleep_until(due).await;
        let call = self.job.calls().get(&format!("/{operation}/{}", self.job.id()));
        let looked = async {
            let answer = call.await?;
            let status = answer.parts.status;
            let cap = if status.is_success() { JOB_CAP } else { 64 * 1024 };
            Ok::<_, UpstreamError>((status, answer.body.collect(cap).await?))
        };
        let looked = match deadline {
            Some(deadline) => timeout_at(deadline, looked).await.map_err(|_| self.too_late())?,
            None => looked.await,
        };
        self.seen(looked)
    }

    fn seen(&mut self, looked: Result<(StatusCode, Bytes), UpstreamError>) -> Result<Seen, Failure> {
        let (lost, status) = match looked {
            Ok((status, body)) if status.is_success() && Reply::read(&body).is_some() => {
                self.misses = 0;
                return Ok(Seen::Body(body));
            }
            // Not JSON, or of nothing: what the queue would have said is gone.
            Ok((status, _)) if status.is_success() => (true, Some(status)),
            Ok((status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), _)) => {
                let message = format!("the upstream refused the gateway's credential ({})", status.as_u16());
                return Err(in_vain(ApiError::new(502, message).with_code("upstream_auth")));
            }
            Ok((status, _)) => (status.is_server_error(), Some(status)),
            Err(error) if error.code == "upstream_too_large" => {
                return Err(in_vain(crate::pump::from_upstream(&error)));
            }
            Err(error) => (error.phase != Phase::Connect, None),
        };
        self.misses += 1;
        if self.misses < MISSES {
            return Ok(Seen::Nothing { lost, status });
        }
        let why = match status {
            Some(StatusCode::NOT_FOUND) => "the queue does not know the job any more".to_owned(),
            Some(status) if !status.is_success() => format!("the queue answers {} about the job", status.as_u16()),
            Some(_) => "the queue's answers about the job cannot be read".to_owned(),
            None => "the queue cannot be asked about the job".to_owned(),
        };
        Err(in_vain(ApiError::new(502, why).with_code("job_lost")))
    }

    /// Notes what an answer says of the job; true if it is completed.
    ///
    /// # Errors
    /// It came to nothing. Whether another target may be tried.
    pub(super) fn note(&mut self, reply: &Reply<'_>) -> Result<bool, Failure> {
        if reply.state.is_final() {
            self.job.is_over();
        }
        self.strange = if reply.state == State::Unknown { self.strange + 1 } else { 0 };
        match reply.state {
            State::Completed => return Ok(true),
            State::Queued | State::Running => {
                if reply.state != self.state {
                    self.pace.changed();
                }
                self.state = reply.state;
            }
            State::Unsaid => self.state = State::Running,
            State::Unknown if self.strange < STRANGE => {}
            state => {
                let (error, try_next) = failed(state, reply.error.or(reply.output));
                let class = if try_next { Class::Refused } else { Class::AfterSend };
                return Err(Failure::new(class, error));
            }
        }
        Ok(false)
    }

    /// Waits until the job is done, and reads what it gave.
    ///
    /// # Errors
    /// It came to nothing, or took too long.
    pub(super) async fn outcome(
        mut self,
        read: impl FnOnce(Option<Raw<'_>>) -> Result<(HeaderValue, Vec<u8>), ApiError>,
    ) -> Result<Answer, Failure> {
        loop {
            let Seen::Body(body) = self.look("status", false).await? else { continue };
            let Some(reply) = Reply::read(&body) else { continue };
            if self.note(&reply)? {
                let (content_type, body) = read(reply.output.or(reply.error)).map_err(nothing_to_use)?;
                return Ok(answered(&content_type, AnswerBody::whole(body.into())));
            }
        }
    }

    /// The same for a chat or a text.
    pub(super) async fn whole(self, head: Head) -> Result<Answer, Failure> {
        self.outcome(|output| {
            Ok(match whole(output, head)? {
                Whole::Json(body) => (JSON, body),
                Whole::Sse(body) => (SSE, body),
            })
        })
        .await
    }

    fn too_late(&self) -> Failure {
        let waited = self.started.elapsed().as_secs();
        let what = if self.state == State::Running { "did not answer" } else { "was not taken up" };
        in_vain(ApiError::new(504, format!("the job {what} in time ({waited} s)")).with_code("upstream_timeout"))
    }
}

/// The job was submitted, and what becomes of it is not known.
pub(super) fn in_vain(error: ApiError) -> Failure {
    Failure::new(Class::AfterSend, error)
}

/// The worker failed, or is of another kind: another target may answer.
pub(super) fn nothing_to_use(error: ApiError) -> Failure {
    Failure::new(Class::Refused, error)
}
