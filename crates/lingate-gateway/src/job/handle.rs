//! A submitted job: whoever lets go of it before it is over cancels it, once.

use super::calls::{Aside, Calls};
use crate::backend::runpod::{Reply, failed, is_job_id};
use crate::endpoint::failure;
use crate::error::{Class, Failure};
use crate::upstream::{Answer, UpstreamError};
use bytes::Bytes;
use lingate_codec::ir::ApiError;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The largest answer about a job, its output included.
pub(super) const JOB_CAP: u64 = 64 * 1024 * 1024;

/// A job in the queue or at a worker.
pub(super) struct Job {
    calls: Arc<Calls>,
    id: String,
    over: bool,
    /// Whoever waits for the end waits for it too: it may still have to be cancelled.
    aside: Option<Aside>,
}

impl Job {
    /// Its id: letters, digits, `-` and `_`.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Where it is.
    pub(super) fn calls(&self) -> &Arc<Calls> {
        &self.calls
    }

    /// It is over: there is nothing to cancel any more.
    pub(super) fn is_over(&mut self) {
        self.over = true;
        self.aside = None;
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // Without a runtime the program is ending.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (calls, id, aside) = (self.calls.clone(), std::mem::take(&mut self.id), self.aside.take());
        runtime.spawn(async move {
            calls.cancel(&id).await;
            drop(aside);
        });
    }
}

/// What came of a submission.
pub(super) enum Submitted {
    /// Another status than 2xx.
    Refused(Box<Answer>),
    /// The job, and what was said of it.
    Job(Job, Bytes),
}

/// Submits a job. It is done aside: a client that leaves meanwhile leaves a job behind whose id is not known yet, and
/// which is cancelled as soon as it is.
pub(super) async fn submit(
    calls: Arc<Calls>,
    submission: impl Future<Output = Result<Answer, UpstreamError>> + Send + 'static,
) -> Result<Submitted, Failure> {
    let (tell, told) = oneshot::channel();
    let aside = calls.aside();
    tokio::spawn(async move {
        // What nobody waits for is dropped, and so cancelled.
        drop(tell.send(submitted(calls, submission).await));
        drop(aside);
    });
    told.await.unwrap_or_else(|_| Err(ApiError::new(500, "the job could not be submitted").into()))
}

async fn submitted(
    calls: Arc<Calls>,
    submission: impl Future<Output = Result<Answer, UpstreamError>>,
) -> Result<Submitted, Failure> {
    let answer = submission.await.map_err(|error| failure(&error))?;
    if !answer.parts.status.is_success() {
        return Ok(Submitted::Refused(Box::new(answer)));
    }
    let body = answer.body.collect(JOB_CAP).await.map_err(|error| failure(&error))?;
    let reply = Reply::read(&body).ok_or_else(|| {
        let error = ApiError::upstream("the upstream did not answer with a job").with_code("upstream_not_api");
        Failure::new(Class::NotAnApi, error)
    })?;
    let over = reply.state.is_final();
    let id = reply.id.as_deref().unwrap_or_default();
    if !over && !is_job_id(id) {
        let what = if id.is_empty() { "without an id" } else { "with an id that cannot be one" };
        let error = ApiError::upstream(format!("the upstream answered with a job {what}")).with_code("job_bad_id");
        // It may run all the same.
        return Err(match reply.error {
            Some(said) if id.is_empty() => {
                Failure::new(Class::AfterSend, failed(crate::backend::runpod::State::Failed, Some(said)).0)
            }
            _ => Failure::new(Class::AfterSend, error),
        });
    }
    let id = if is_job_id(id) { id.to_owned() } else { "job".to_owned() };
    let aside = Some(calls.aside());
    Ok(Submitted::Job(Job { calls, id, over, aside }, body))
}
