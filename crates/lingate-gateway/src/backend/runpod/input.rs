//! A job's input: OpenAI's body in the form that the worker takes.

use super::prompt;
use lingate_codec::ir::ApiError;
use lingate_codec::json::{Object, Raw, Writer};
use lingate_config::Worker;

/// Which of OpenAI's routes a job stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `/chat/completions`
    Chat,
    /// `/completions`
    Completion,
    /// `/embeddings`
    Embeddings,
}

impl Asked {
    /// By the path below the API root.
    pub(crate) fn at(path: &str) -> Option<Self> {
        [Self::Chat, Self::Completion, Self::Embeddings].into_iter().find(|asked| asked.route() == format!("/v1{path}"))
    }

    /// As worker-vllm names it.
    fn route(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completion => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
        }
    }
}

/// The body of `/run`: `{"input": …}`.
///
/// `auto` and `vllm`: `{"openai_route", "openai_input"}`, which worker-vllm, the infinity-embedding worker and
/// svenbrnn's Ollama worker take (their `handler.py` and `utils.py`). `ollama`: one `prompt`, for workers that hand their
/// input to Ollama's `/api/generate`.
///
/// # Errors
/// What a prompt cannot hold.
pub(crate) fn input(worker: Worker, asked: Asked, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let malformed = || ApiError::invalid("", "the request's body is not a JSON object");
    let mut out = Vec::with_capacity(body.len() + 128);
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.key("input");
    w.begin_object();
    if worker == Worker::Ollama {
        let object = Object::parse(body).map_err(|_| malformed())?;
        match asked {
            Asked::Embeddings => sentences(&object, &mut w)?,
            Asked::Chat => prompt::of_chat(&object, &mut w)?,
            Asked::Completion => prompt::of_completion(&object, &mut w)?,
        }
    } else {
        w.string_member("openai_route", asked.route());
        w.raw_member("openai_input", Raw::parse(body).map_err(|_| malformed())?);
    }
    w.end_object();
    w.end_object();
    Ok(out)
}

/// `{"model", "sentences": [text]}`
fn sentences(object: &Object<'_>, w: &mut Writer<'_>) -> Result<(), ApiError> {
    if let Some(model) = object.given("model") {
        w.raw_member("model", model);
    }
    let input = object.given("input").ok_or_else(|| ApiError::invalid("input", "`input` is required"))?;
    let texts: Vec<_> = input.array().map_or_else(|| vec![input], Iterator::collect);
    if texts.iter().any(|text| text.string().is_none()) {
        let error = ApiError::invalid("input", "`input` holds tokens, and this worker takes texts alone");
        return Err(error.with_code("unsupported_parameter"));
    }
    w.key("sentences");
    w.begin_array();
    texts.into_iter().for_each(|text| w.raw(text));
    w.end_array();
    Ok(())
}
