//! vLLM: OpenAI-compatible, with sampling extensions.

use super::{Backend, OPENAI_COMPATIBLE};

pub(super) const BACKEND: Backend = Backend { name: "vllm", self_hosted: true, ..OPENAI_COMPATIBLE };
