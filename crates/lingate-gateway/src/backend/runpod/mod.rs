//! RunPod serverless: a queue of jobs (`/run`, `/status`, `/stream`, `/cancel`), and beside it a plain OpenAI route.
//!
//! Here is what is pure: the input of a job, what its answers say, its outputs as OpenAI's answers, how long to wait
//! between two looks at it. Who submits and looks is `crate::job`.

mod chunk;
mod embedded;
mod gather;
mod input;
mod line;
mod objects;
mod outcome;
mod pace;
mod prompt;
mod reply;
mod whole;

pub(crate) use embedded::embedded;
pub(crate) use gather::{Gather, Head};
pub(crate) use input::{Asked, input};
pub(crate) use line::{Crowd, line};
pub(crate) use outcome::failed;
pub(crate) use pace::Pace;
pub(crate) use reply::{Reply, State, is_job_id};
pub(crate) use whole::{Whole, whole};

use super::{Backend, OPENAI_COMPATIBLE};

/// The queue of jobs. The routes are those of OpenAI's API that a job can stand for; there is no list of models.
pub(super) const BACKEND: Backend = Backend {
    name: "runpod",
    optional_routes: &[],
    openai_paths: false,
    health_path: Some("/health"),
    self_hosted: true,
    jobs: true,
    ..OPENAI_COMPATIBLE
};

/// The plain OpenAI route of workers that have one (`/openai/v1`): RunPod makes the jobs.
pub(super) const OPENAI_ROUTE: Backend = Backend { name: "runpod", self_hosted: true, ..OPENAI_COMPATIBLE };

#[cfg(test)]
mod tests;
