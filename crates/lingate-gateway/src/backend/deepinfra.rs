//! DeepInfra: OpenAI-compatible below `/v1/openai`.

use super::{Backend, OPENAI_COMPATIBLE};

pub(super) const BACKEND: Backend = Backend { name: "deepinfra", ..OPENAI_COMPATIBLE };
