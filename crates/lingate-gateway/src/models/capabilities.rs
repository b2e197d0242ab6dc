//! What a model can do, as far as its upstream tells: a dozen spellings, one set of answers.

use lingate_codec::json::{Kind, Object, Raw, Writer};

/// What a model can do; `None` where the upstream does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// Calls tools.
    pub(super) tools: Option<bool>,
    /// Looks at images.
    pub(super) vision: Option<bool>,
    /// Thinks before it answers.
    pub(super) thinking: Option<bool>,
    /// Gives embeddings.
    pub(super) embedding: Option<bool>,
    /// Answers in text.
    pub(super) completion: Option<bool>,
}

impl Capabilities {
    /// Reads what one object of a model's entry tells.
    pub(super) fn of(object: &Object<'_>) -> Self {
        let mut found = Self::default();
        if let Some(told) = object.given("capabilities") {
            found.read(told);
        }
        // These lists are complete: what is not in them is not there.
        if let Some(parameters) = object.given("supported_parameters").and_then(Raw::array) {
            let mut told = Self { tools: Some(false), thinking: Some(false), ..Self::default() };
            parameters.filter_map(Raw::string).for_each(|name| told.set(&name, true));
            found = found.or(Self { tools: told.tools, thinking: told.thinking, ..Self::default() });
        }
        let architecture = object.given("architecture").and_then(Raw::object);
        let inputs = [
            object.given("input_modalities"),
            object.given("modalities"),
            architecture.as_ref().and_then(|inner| inner.given("input_modalities")),
        ];
        if let Some(list) = inputs.into_iter().flatten().find_map(Raw::array) {
            let images = list.filter_map(Raw::string).any(|kind| kind.eq_ignore_ascii_case("image"));
            found.vision = found.vision.or(Some(images));
        }
        if object.string("type").is_some_and(|kind| kind.starts_with("embedding")) {
            found.embedding = found.embedding.or(Some(true));
        }
        found
    }

    /// These, and the other's where these are silent.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            tools: self.tools.or(other.tools),
            vision: self.vision.or(other.vision),
            thinking: self.thinking.or(other.thinking),
            embedding: self.embedding.or(other.embedding),
            completion: self.completion.or(other.completion),
        }
    }

    fn read(&mut self, told: Raw<'_>) {
        match told.kind() {
            // Ollama, LM Studio: a complete list of words.
            Kind::Array => {
                let no = Some(false);
                *self = Self { tools: no, vision: no, thinking: no, embedding: no, completion: no };
                for word in told.array().into_iter().flatten().filter_map(Raw::string) {
                    self.set(&word, true);
                }
            }
            // Mistral, Anthropic, Open WebUI: a flag each, or an object with one.
            Kind::Object => {
                for member in told.object().iter().flat_map(Object::members) {
                    let flag = member.value.bool().or_else(|| member.value.object()?.given("supported")?.bool());
                    if let Some(flag) = flag {
                        self.set(&member.key, flag);
                    }
                }
            }
            _ => {}
        }
    }

    fn set(&mut self, word: &str, value: bool) {
        let slot = match word.to_ascii_lowercase().replace('-', "_").as_str() {
            "tools" | "tool" | "tool_use" | "tool_call" | "tool_calls" | "tool_calling" | "function_calling" => {
                &mut self.tools
            }
            "vision" | "image" | "images" | "image_input" => &mut self.vision,
            "thinking" | "reasoning" | "include_reasoning" | "reasoning_effort" => &mut self.thinking,
            "embedding" | "embeddings" | "embed" => &mut self.embedding,
            "completion" | "completions" | "completion_chat" | "chat" | "chat_completion" => &mut self.completion,
            _ => return,
        };
        // Several spellings of one capability in one place: one that is there is enough.
        *slot = Some(value || *slot == Some(true));
    }

    /// Whether the upstream tells anything.
    pub(super) fn told(self) -> bool {
        self != Self::default()
    }

    /// The words of Ollama's `/api/show`.
    ///
    /// Where the upstream does not say whether a model calls tools, it is said to: editors and Open WebUI hide their
    /// tools from models without the word, and nearly every model of today calls tools. Vision and thinking are
    /// never guessed: images and `think` sent to a model that takes none are refused.
    pub(super) fn words(self) -> Vec<&'static str> {
        if self.embedding == Some(true) && self.completion != Some(true) {
            return vec!["embedding"];
        }
        let mut words = vec!["completion"];
        let others = [(self.tools.unwrap_or(true), "tools"), (self.vision == Some(true), "vision")];
        words
            .extend(others.into_iter().chain([(self.thinking == Some(true), "thinking")]).filter(|o| o.0).map(|o| o.1));
        words
    }

    /// As flags, which [`Capabilities::of`] reads again.
    pub(super) fn write(self, w: &mut Writer<'_>) {
        w.begin_object();
        for (key, value) in [
            ("tools", self.tools),
            ("vision", self.vision),
            ("thinking", self.thinking),
            ("embedding", self.embedding),
            ("completion", self.completion),
        ] {
            if let Some(value) = value {
                w.bool_member(key, value);
            }
        }
        w.end_object();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Capabilities {
        Capabilities::of(&Object::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn spellings() {
        for (json, words) in [
            (r#"{}"#, &["completion", "tools"][..]),
            (r#"{"capabilities":["completion"]}"#, &["completion"]),
            (
                r#"{"capabilities":["completion","tools","vision","thinking"]}"#,
                &["completion", "tools", "vision", "thinking"],
            ),
            (r#"{"capabilities":["embedding"]}"#, &["embedding"]),
            (
                r#"{"capabilities":{"completion_chat":true,"function_calling":false,"vision":true}}"#,
                &["completion", "vision"],
            ),
            (
                r#"{"capabilities":{"image_input":{"supported":true},"thinking":{"supported":true}}}"#,
                &["completion", "tools", "vision", "thinking"],
            ),
            (r#"{"supported_parameters":["temperature","tools"]}"#, &["completion", "tools"]),
            (r#"{"supported_parameters":["temperature","reasoning"]}"#, &["completion", "thinking"]),
            (r#"{"architecture":{"input_modalities":["text","image"]}}"#, &["completion", "tools", "vision"]),
            (r#"{"type":"embeddings"}"#, &["embedding"]),
            (
                r#"{"capabilities":"tools","modalities":7,"architecture":[],"supported_parameters":{}}"#,
                &["completion", "tools"],
            ),
        ] {
            assert_eq!(of(json).words(), words, "{json}");
        }
        assert!(!of("{}").told());
        assert!(of(r#"{"capabilities":[]}"#).told());
    }

    #[test]
    fn written_and_read_again() {
        for json in [r#"{}"#, r#"{"capabilities":["vision"]}"#, r#"{"capabilities":{"tools":true}}"#] {
            let mut out = Vec::from(b"{\"capabilities\":");
            of(json).write(&mut Writer::new(&mut out));
            out.push(b'}');
            assert_eq!(of(std::str::from_utf8(&out).unwrap()), of(json));
        }
    }
}
