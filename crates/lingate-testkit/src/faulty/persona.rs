//! Which backend the faulty upstream plays for a request: the path decides.

use serde_json::Value;

use super::{form::Form, scenario::Scenario, tag::Tag};

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Persona {
    /// A generated answer in this form.
    Model(Form),
    /// OpenAI's embeddings.
    Embeddings,
    /// Open WebUI's sign-in.
    SignIn,
    /// A job: the call, and the id if the path has one.
    Job(Call, String),
    /// Lists of models and the like: answered with something harmless.
    Other,
}

/// A call of a job API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Run,
    RunSync,
    Status,
    Stream,
    Cancel,
}

impl Persona {
    pub(super) fn of(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let ends = [
            ("/chat/completions", Self::Model(Form::Chat)),
            ("/completions", Self::Model(Form::Completions)),
            ("/messages", Self::Model(Form::Messages)),
            ("/api/chat", Self::Model(Form::OllamaChat)),
            ("/api/generate", Self::Model(Form::OllamaGenerate)),
            ("/embeddings", Self::Embeddings),
            ("/auths/signin", Self::SignIn),
            ("/run", Self::Job(Call::Run, String::new())),
            ("/runsync", Self::Job(Call::RunSync, String::new())),
        ];
        if let Some((_, persona)) = ends.into_iter().find(|(end, _)| path.ends_with(end)) {
            return persona;
        }
        let mut parts = path.rsplit('/');
        match (parts.next(), parts.next()) {
            (Some(id), Some("status")) => Self::Job(Call::Status, id.to_owned()),
            (Some(id), Some("stream")) => Self::Job(Call::Stream, id.to_owned()),
            (Some(id), Some("cancel")) => Self::Job(Call::Cancel, id.to_owned()),
            _ => Self::Other,
        }
    }
}

/// What a request asks for, as far as its answer depends on it.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// How the answer is written.
    pub(super) form: Form,
    /// Whether a stream is asked for.
    pub(super) stream: bool,
    /// Whether a stream is to count its tokens.
    pub(super) usage: bool,
    /// The tag of the prompt; `none` where there is none.
    pub(super) tag: Tag,
    /// The model's name as asked.
    pub(super) model: String,
    /// The credential that came, for `secret_echo`.
    pub(super) credential: String,
}

impl Ask {
    /// Reads a request's body; `job` bodies hold it one level deeper.
    pub(super) fn read(form: Form, body: &str, credential: &str) -> Self {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        let asked = ["/input/openai_input", "/input"].iter().find_map(|at| json.pointer(at)).unwrap_or(&json);
        let stream = asked["stream"].as_bool().unwrap_or(form.is_ndjson());
        let usage = !matches!(form, Form::Chat | Form::Completions)
            || asked.pointer("/stream_options/include_usage").is_some_and(|on| *on == true);
        Self {
            form,
            stream,
            usage,
            tag: Tag::find(body).unwrap_or_else(|| Tag::new("none")),
            model: asked["model"].as_str().unwrap_or("unnamed").to_owned(),
            credential: credential.to_owned(),
        }
    }
}

/// The scenario of a request's body: in its model's name, or where there is none in its text as `[[chaos:…]]`.
pub(super) fn scenario_of(body: &str) -> Result<Scenario, String> {
    if body.contains("\"chaos/") {
        return Scenario::find(body);
    }
    let named = body.split_once("[[chaos:").and_then(|(_, rest)| rest.split_once("]]"));
    named.map_or_else(|| Ok(Scenario::default()), |(text, _)| Scenario::parse(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, want) in [
            ("/v1/chat/completions", Persona::Model(Form::Chat)),
            ("/v1/completions?x=1", Persona::Model(Form::Completions)),
            ("/v1/messages", Persona::Model(Form::Messages)),
            ("/api/chat", Persona::Model(Form::OllamaChat)),
            ("/api/v1/auths/signin", Persona::SignIn),
            ("/runpod/v2/e/run", Persona::Job(Call::Run, String::new())),
            ("/v2/e/status/j-1", Persona::Job(Call::Status, "j-1".to_owned())),
            ("/v1/models", Persona::Other),
        ] {
            assert_eq!(Persona::of(path), want, "{path}");
        }
    }

    #[test]
    fn jobs_hold_their_request_inside() {
        let body = r#"{"input":{"openai_route":"/v1/chat/completions","openai_input":{"model":"chaos/ok","stream":true,"messages":"[[tag:t]]"}}}"#;
        let ask = Ask::read(Form::Chat, body, "");
        assert_eq!((ask.stream, ask.usage, ask.tag.name(), &*ask.model), (true, false, "t", "chaos/ok"));
    }
}
