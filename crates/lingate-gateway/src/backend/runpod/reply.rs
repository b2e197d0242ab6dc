//! What RunPod says of a job, in answers of `/run`, `/runsync`, `/status` and `/stream`.

use lingate_codec::json::{Elements, Object, Raw};
use std::borrow::Cow;

/// Where a job stands (docs.runpod.io, job states).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// `IN_QUEUE`: no worker has it yet.
    Queued,
    /// `IN_PROGRESS`
    Running,
    /// `COMPLETED`; an error of the worker may be its output all the same.
    Completed,
    /// `FAILED`
    Failed,
    /// `CANCELLED`: by somebody else, as lingate looks no more at what it cancelled.
    Cancelled,
    /// `TIMED_OUT`: by RunPod's limit of the endpoint.
    TimedOut,
    /// A word that is not known.
    Unknown,
    /// Nothing was said: a bare list of pieces.
    Unsaid,
}

impl State {
    fn of(word: &str) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "IN_QUEUE" => Self::Queued,
            "IN_PROGRESS" => Self::Running,
            "COMPLETED" => Self::Completed,
            "FAILED" => Self::Failed,
            "CANCELLED" | "CANCELED" => Self::Cancelled,
            "TIMED_OUT" => Self::TimedOut,
            _ => Self::Unknown,
        }
    }

    /// Whether the job is over: nothing can be cancelled then.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::TimedOut)
    }
}

/// One answer about a job.
pub(crate) struct Reply<'a> {
    /// The job's id, if it is said; not checked.
    pub(crate) id: Option<Cow<'a, str>>,
    /// Where it stands.
    pub(crate) state: State,
    /// What the worker gave.
    pub(crate) output: Option<Raw<'a>>,
    /// What went wrong.
    pub(crate) error: Option<Raw<'a>>,
    /// Pieces of the output that came since the last look, with what is around them.
    pieces: Option<Raw<'a>>,
}

impl<'a> Reply<'a> {
    /// Reads an answer; `None`: it speaks of no job.
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let value = Raw::parse(body).ok()?;
        if value.array().is_some() {
            return Some(Self { id: None, state: State::Unsaid, output: None, error: None, pieces: Some(value) });
        }
        let object = value.object()?;
        let state = object.string("status").map(|word| State::of(&word));
        let [output, error, pieces] = ["output", "error", "stream"].map(|key| object.given(key));
        let state = match state {
            Some(state) => state,
            None if output.is_some() => State::Completed,
            None if pieces.is_some() => State::Unsaid,
            None if object.string("id").is_some() => State::Queued,
            None => return None,
        };
        Some(Self { id: object.string("id"), state, output, error, pieces })
    }

    /// The pieces, as the worker gave them: `[{"output": …}]`.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Raw<'a>> {
        let pieces: Option<Elements<'a>> = self.pieces.and_then(Raw::array);
        pieces.into_iter().flatten().filter_map(|piece| match piece.object() {
            Some(object) if is_wrapper(&object) => object.given("output"),
            _ => Some(piece),
        })
    }

    /// The pieces as they were written, if there are any.
    pub(crate) fn pieces_text(&self) -> Option<&'a [u8]> {
        self.pieces.filter(|pieces| pieces.array().is_some_and(|mut all| all.next().is_some())).map(Raw::bytes)
    }
}

/// Whether an object only holds an output, and so is not one itself.
fn is_wrapper(object: &Object<'_>) -> bool {
    object.get("output").is_some() && ["choices", "message", "response"].iter().all(|key| object.get(key).is_none())
}

/// Whether an id may stand in a path.
pub(crate) fn is_job_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
