//! OpenAI itself and services that copy it closely.

use super::{Backend, OPENAI_COMPATIBLE};

pub(super) const BACKEND: Backend = Backend {
    name: "openai",
    sampling_extensions: false,
    max_completion_tokens: true,
    custom_tools: true,
    ..OPENAI_COMPATIBLE
};
