//! The members of a request: what they mean, and where configured ones belong.
//!
//! Source: `api/types.go` and `docs/api.md` of Ollama.

use crate::dialect::Field;
use crate::ir::Concept;

const fn row(path: &'static str, concept: Concept) -> Field {
    Field { path, concept }
}

/// Every known member. The first row of a concept is the one that a loss is reported by.
pub(super) static FIELDS: &[Field] = &[
    row("model", Concept::Model),
    row("name", Concept::Model),
    row("messages", Concept::Messages),
    row("stream", Concept::Stream),
    row("system", Concept::System),
    row("tools", Concept::Tools),
    row("format", Concept::ResponseFormat),
    row("think", Concept::Reasoning),
    row("messages[].thinking", Concept::Thinking),
    row("logprobs", Concept::Logprobs),
    row("top_logprobs", Concept::TopLogprobs),
    row("keep_alive", Concept::KeepAlive),
    row("truncate", Concept::Truncate),
    row("shift", Concept::Shift),
    row("prompt", Concept::Prompt),
    row("suffix", Concept::Suffix),
    row("template", Concept::Template),
    row("context", Concept::Context),
    row("raw", Concept::RawPrompt),
    row("images", Concept::Images),
    row("options.temperature", Concept::Temperature),
    row("options.top_p", Concept::TopP),
    row("options.top_k", Concept::TopK),
    row("options.min_p", Concept::MinP),
    row("options.seed", Concept::Seed),
    row("options.frequency_penalty", Concept::FrequencyPenalty),
    row("options.presence_penalty", Concept::PresencePenalty),
    row("options.repeat_penalty", Concept::RepetitionPenalty),
    row("options.stop", Concept::Stop),
    row("options.num_predict", Concept::MaxTokens),
    row("options.num_ctx", Concept::ContextLength),
    row("options", Concept::RunnerOption),
];

/// Members that lingate itself reads.
pub(super) static CONTROL: &[&str] = &["model", "name", "stream", "messages", "prompt", "options", "keep_alive"];

/// What a value of `options` must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptionKind {
    Number,
    Bool,
}

/// Options that say how the model runs, not what it shall answer, and those that no other family has.
pub(super) static RUNNER_OPTIONS: &[(&str, OptionKind)] = &[
    ("num_keep", OptionKind::Number),
    ("typical_p", OptionKind::Number),
    ("repeat_last_n", OptionKind::Number),
    ("num_batch", OptionKind::Number),
    ("num_gpu", OptionKind::Number),
    ("main_gpu", OptionKind::Number),
    ("num_thread", OptionKind::Number),
    ("draft_num_predict", OptionKind::Number),
    ("use_mmap", OptionKind::Bool),
    // Taken by older versions.
    ("use_mlock", OptionKind::Bool),
    ("numa", OptionKind::Bool),
    ("low_vram", OptionKind::Bool),
    ("f16_kv", OptionKind::Bool),
    ("vocab_only", OptionKind::Bool),
    ("logits_all", OptionKind::Bool),
];

/// The kind of a runner option, if `name` is one.
pub(super) fn runner_option(name: &str) -> Option<OptionKind> {
    RUNNER_OPTIONS.iter().find(|(option, _)| *option == name).map(|(_, kind)| *kind)
}

/// See [`crate::dialect::Dialect::place`].
pub(super) fn place(member: &str) -> (&'static str, Vec<String>) {
    /// Options that other families have too, and samplers of older versions.
    const OPTIONS: &[&str] = &[
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "seed",
        "stop",
        "frequency_penalty",
        "presence_penalty",
        "repeat_penalty",
        "num_predict",
        "num_ctx",
        "mirostat",
        "mirostat_tau",
        "mirostat_eta",
        "tfs_z",
        "penalize_newline",
    ];
    let name = match member.strip_prefix("options.").unwrap_or(member) {
        "max_tokens" | "max_completion_tokens" | "max_output_tokens" => "num_predict",
        "repetition_penalty" => "repeat_penalty",
        "stop_sequences" => "stop",
        name => name,
    };
    let option = member.starts_with("options.") || OPTIONS.contains(&name) || runner_option(name).is_some();
    (if option { "options" } else { "" }, vec![name.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn configured_members_find_their_place() {
        for (member, parent, name) in [
            ("max_tokens", "options", "num_predict"),
            ("max_completion_tokens", "options", "num_predict"),
            ("repetition_penalty", "options", "repeat_penalty"),
            ("num_ctx", "options", "num_ctx"),
            ("use_mmap", "options", "use_mmap"),
            ("options.num_ctx", "options", "num_ctx"),
            ("options.new_sampler", "options", "new_sampler"),
            ("think", "", "think"),
            ("keep_alive", "", "keep_alive"),
            ("chat_template_kwargs", "", "chat_template_kwargs"),
        ] {
            assert_eq!(place(member), (parent, vec![name.to_owned()]), "{member}");
        }
    }
}
