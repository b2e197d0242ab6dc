//! The forms that open models' chat templates and inference servers have, one file a family; those that are made of
//! words around objects or Python calls alone are rows of one table ([`tagged`]). Hermes' and Qwen's forms are among the others.

mod cursor;
mod deepseek;
mod glm;
mod harmony;
mod invoke;
mod kimi;
mod llama;
mod mistral;
mod tagged;

use crate::transform::tool_repair::format::Format;

/// All of them.
pub(super) fn all() -> Vec<Box<dyn Format>> {
    let mut all: Vec<Box<dyn Format>> = vec![
        Box::new(glm::Glm),
        Box::new(deepseek::DeepSeek),
        Box::new(kimi::Kimi),
        Box::new(mistral::Mistral),
        Box::new(harmony::Harmony),
        Box::new(llama::Function),
        Box::new(llama::Pythonic),
    ];
    all.extend(invoke::INVOKE.iter().map(|format| Box::new(format) as Box<dyn Format>));
    all.extend(tagged::TAGGED.iter().map(|format| Box::new(format) as Box<dyn Format>));
    all
}

#[cfg(test)]
mod tests;
