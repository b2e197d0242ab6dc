//! The line that tells a client what its job waits for.

use super::reply::State;
use lingate_codec::json::Object;
use std::fmt::Write as _;
use std::time::Duration;

/// How many are there: what `/health` says of an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Crowd {
    /// Jobs that wait, this one too.
    queued: Option<u64>,
    /// Workers that are ready or busy.
    up: Option<u64>,
    /// Workers that start.
    starting: Option<u64>,
}

impl Crowd {
    /// Reads `{"jobs":{"inQueue"},"workers":{"idle","ready","running","initializing"}}`; what is missing stays unknown.
    pub(crate) fn read(body: &[u8]) -> Self {
        let Ok(object) = Object::parse(body) else { return Self::default() };
        let count = |group: &str, key: &str| object.given(group)?.object()?.given(key)?.u64();
        let workers = |key| count("workers", key);
        let up = [workers("ready"), workers("idle"), workers("running")];
        Self {
            queued: count("jobs", "inQueue"),
            up: up.iter().any(Option::is_some).then(|| up.into_iter().flatten().fold(0, u64::saturating_add)),
            starting: workers("initializing"),
        }
    }
}

/// The line, with its end; `waited`: since the job was submitted.
pub(crate) fn line(state: State, crowd: Crowd, waited: Duration) -> String {
    let mut text = match state {
        State::Running => "The worker is busy with the job".to_owned(),
        _ => "The job waits in the queue".to_owned(),
    };
    if state != State::Running {
        // Writing into a string cannot fail.
        if let Some(queued) = crowd.queued.filter(|queued| *queued > 0) {
            let _ = write!(text, ", {queued} {} waiting", if queued == 1 { "job" } else { "jobs" });
        }
        match (crowd.up, crowd.starting) {
            (Some(0), Some(starting)) if starting > 0 => text.push_str(", a worker is starting (cold start)"),
            (Some(0), _) => text.push_str(", no worker is running yet (cold start)"),
            _ => {}
        }
    }
    if waited.as_secs() > 0 {
        let _ = write!(text, ", {} s so far", waited.as_secs());
    }
    text.push_str(".\n");
    text
}
