//! A job as a stream: pieces as they come, else the finished answer as one.

use super::body::JobBody;
use super::watch::{Seen, Watch, in_vain, nothing_to_use};
use super::{SSE, answered};
use crate::backend::runpod::{Crowd, Gather, Head, Reply, State, line};
use crate::error::Failure;
use crate::upstream::{Answer, AnswerBody};
use bytes::Bytes;
use http::StatusCode;
use lingate_codec::ir::ApiError;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The client is told anew of a job that still waits.
const LINE_EVERY: Duration = Duration::from_secs(15);
/// So often at most.
const LINES: u32 = 500;
/// How long the queue's health may take to be told.
const HEALTH: (Duration, u64) = (Duration::from_secs(2), 64 * 1024);
/// So many looks after the end may still bring pieces.
const DRAIN: u32 = 200;
/// The most that one job may stream.
const STREAM_CAP: usize = 256 * 1024 * 1024;

/// A job whose pieces are awaited.
pub(super) struct Live {
    watch: Watch,
    gather: Gather,
    /// As it was before the first output, to read all of the output once more.
    fresh: Gather,
    /// What went out of the output: length and hash.
    sent: Sent,
    /// Whether `/status` is asked: `/stream` is not there, or a piece of it was lost on the way.
    by_status: bool,
    lost: bool,
    /// Whether `/status` is asked once, for the state alone.
    peek: bool,
    completed: bool,
    drained: u32,
    /// The pieces of the last look, to know a repetition.
    last: Option<Bytes>,
    lines: Option<Lines>,
    ended: bool,
}

/// What a client was told of its job's waiting.
struct Lines {
    state: State,
    at: Option<Instant>,
    told: u32,
}

/// Waits for the first of a stream: a piece of the answer, or a line on what the job waits for.
///
/// # Errors
/// The job came to nothing before.
pub(super) async fn stream(watch: Watch, head: Head, status: bool) -> Result<Answer, Failure> {
    let gather = Gather::new(head);
    let mut live = Live {
        watch,
        fresh: gather.clone(),
        gather,
        sent: Sent::default(),
        by_status: false,
        lost: false,
        peek: false,
        completed: false,
        drained: 0,
        last: None,
        lines: status.then_some(Lines { state: State::Unsaid, at: None, told: 0 }),
        ended: false,
    };
    let first = live.next().await?;
    Ok(answered(&SSE, AnswerBody::local(Box::new(JobBody::new(first, live)))))
}

impl Live {
    /// The next bytes of the stream; empty at its end.
    ///
    /// # Errors
    /// The job came to nothing: the stream cannot go on.
    pub(super) async fn next(&mut self) -> Result<Bytes, Failure> {
        let mut out = Vec::new();
        while out.is_empty() && !self.ended {
            let operation = if self.by_status || self.peek { "status" } else { "stream" };
            match self.watch.look(operation, true).await? {
                Seen::Body(body) => self.read(&body, &mut out)?,
                Seen::Nothing { lost, status } => self.missed(lost, status),
            }
            if out.is_empty() && !self.ended {
                self.tell(&mut out).await;
            }
        }
        Ok(out.into())
    }

    /// An error as the rest of the stream.
    pub(super) fn fail(&mut self, error: &ApiError) -> Bytes {
        let mut out = Vec::new();
        self.gather.fail(error, &mut out);
        self.ended = true;
        out.into()
    }

    fn missed(&mut self, lost: bool, status: Option<StatusCode>) {
        let not_there = matches!(status, Some(StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED));
        if !self.by_status && (lost || not_there) {
            // What `/stream` has told it does not tell again; `/status` has all of it in the end.
            self.by_status = true;
            self.lost = lost;
        }
    }

    fn read(&mut self, body: &Bytes, out: &mut Vec<u8>) -> Result<(), Failure> {
        let Some(reply) = Reply::read(body) else { return Ok(()) };
        if reply.state == State::Failed && reply.error.is_none() && !self.by_status {
            // Why, `/status` says.
            self.watch.job.is_over();
            self.ask_status();
            return Ok(());
        }
        let completed = self.watch.note(&reply)?;
        let pieces = reply.pieces_text();
        if std::mem::take(&mut self.peek) {
            self.completed |= completed;
            return Ok(());
        }
        if self.by_status || (completed && pieces.is_none() && reply.output.is_some()) {
            return if completed { self.all(&reply, out).map_err(nothing_to_use) } else { Ok(()) };
        }
        let again = self.completed && pieces.is_some() && pieces == self.last.as_deref();
        self.completed |= completed;
        if let Some(text) = pieces.filter(|_| !again) {
            self.last = Some(body.slice_ref(text));
            for piece in reply.pieces() {
                self.gather.push(piece, out).map_err(nothing_to_use)?;
                // A tiny piece becomes a whole event, so the look's own cap does not bound what is made of it.
                if self.sent.length.saturating_add(out.len()) > STREAM_CAP {
                    let error = ApiError::upstream("the job's output is too large").with_code("upstream_too_large");
                    return Err(in_vain(error));
                }
            }
            self.sent.add(out);
            self.watch.flowed();
            if self.gather.is_done() {
                // The answer is complete, whatever the queue says of the job by now.
                self.watch.job.is_over();
                self.ended = true;
                return Ok(());
            }
        }
        self.drained += u32::from(self.completed);
        match (self.completed, pieces.is_none() || again || self.drained > DRAIN) {
            (true, true) if self.gather.has_any() => self.end(out),
            // Nothing was streamed: the finished answer has it all.
            (true, true) => self.ask_status(),
            // A bare list: where the job stands, `/status` says.
            (false, true) if reply.state == State::Unsaid => {
                self.peek = true;
                self.watch.hurry();
            }
            _ => {}
        }
        Ok(())
    }

    fn ask_status(&mut self) {
        self.by_status = true;
        self.watch.hurry();
    }

    /// All of the output, of which the client may have had a part.
    fn all(&mut self, reply: &Reply<'_>, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let (mut gather, mut all) = (self.fresh.clone(), Vec::new());
        if let Some(output) = reply.output.or(reply.error) {
            gather.push(output, &mut all)?;
        }
        if self.sent.begins(&all) {
            out.extend_from_slice(all.get(self.sent.length..).unwrap_or_default());
            self.gather = gather;
        } else if self.lost {
            let message = "a part of the job's output was lost on the way";
            return Err(ApiError::upstream(message).with_code("job_output_lost"));
        }
        if !self.gather.has_any() {
            return Err(ApiError::new(502, "the job was completed without any output").with_code("job_no_output"));
        }
        self.end(out);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.gather.finish(out);
        self.ended = true;
    }

    /// Tells the client what its job waits for, if it wants to know and it is time.
    async fn tell(&mut self, out: &mut Vec<u8>) {
        let state = self.watch.state();
        let Some(lines) = self.lines.as_mut().filter(|_| self.sent.length == 0 && !self.completed) else { return };
        let due = lines.state != state || lines.at.is_none_or(|at| at.elapsed() >= LINE_EVERY);
        if !due || lines.told >= LINES {
            return;
        }
        *lines = Lines { state, at: Some(Instant::now()), told: lines.told + 1 };
        let crowd = if state == State::Running { Crowd::default() } else { crowd(&self.watch).await };
        self.gather.tell(&line(state, crowd, self.watch.started.elapsed()), out);
        self.fresh = self.gather.clone();
    }
}

/// How many wait; nothing if the queue does not say soon.
async fn crowd(watch: &Watch) -> Crowd {
    let health = watch.job.calls().get("/health");
    let told = async { health.await.ok()?.body.collect(HEALTH.1).await.ok() };
    let body = timeout(HEALTH.0, told).await.ok().flatten();
    body.map_or_else(Crowd::default, |body| Crowd::read(&body))
}

/// Bytes that went out: enough to know whether others begin with them.
#[derive(Debug, Clone, Copy)]
struct Sent {
    length: usize,
    /// FNV-1a.
    hash: u64,
}

impl Default for Sent {
    fn default() -> Self {
        Self { length: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Sent {
    fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        self.hash =
            bytes.iter().fold(self.hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    }

    fn begins(self, all: &[u8]) -> bool {
        let mut other = Self::default();
        other.add(all.get(..self.length).unwrap_or_default());
        self.length == other.length && self.hash == other.hash
    }
}
