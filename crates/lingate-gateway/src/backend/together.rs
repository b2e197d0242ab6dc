//! Together: OpenAI-compatible.

use super::{Backend, OPENAI_COMPATIBLE};

pub(super) const BACKEND: Backend = Backend { name: "together", ..OPENAI_COMPATIBLE };
