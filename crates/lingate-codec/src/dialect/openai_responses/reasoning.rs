//! `encrypted_content` of reasoning items: opaque to clients, who send it back with the item in their next request.
//!
//! lingate puts there what another provider's answer needs for its thoughts to be replayed, behind a prefix of its own.
//! What has no such prefix is OpenAI's. In the IR, OpenAI's travels as a signature with a prefix, for its own family
//! alone, together with the item's id: OpenAI refuses it under another one.
//!
//! | what it is | `encrypted_content` | in the IR |
//! |---|---|---|
//! | Anthropic's signature | `lingate.signature:` and the signature | signature |
//! | Anthropic's encrypted thought | `lingate.redacted:` and the data | redacted reasoning |
//! | OpenAI's own | as it is | signature: `openai.encrypted:`, the item's id, `:`, the content |

use crate::ir::OPENAI_THOUGHT;

/// The entry of `include` that asks for `encrypted_content`.
pub(super) const SEALED_THOUGHTS: &str = "reasoning.encrypted_content";

/// Before Anthropic's signatures.
const SIGNATURE: &str = "lingate.signature:";
/// Before Anthropic's encrypted thoughts.
const REDACTED: &str = "lingate.redacted:";

/// What an `encrypted_content` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sealed<'a> {
    /// Anthropic's signature of the thought that the item's summary tells.
    Signature(&'a str),
    /// Anthropic's encrypted thought.
    Redacted(&'a str),
    /// OpenAI's own, for that item alone.
    Own(&'a str),
}

impl<'a> Sealed<'a> {
    /// Reads an `encrypted_content`.
    pub(super) fn read(content: &'a str) -> Self {
        if let Some(signature) = content.strip_prefix(SIGNATURE) {
            return Self::Signature(signature);
        }
        match content.strip_prefix(REDACTED) {
            Some(data) => Self::Redacted(data),
            None => Self::Own(content),
        }
    }

    /// Its pieces as `encrypted_content`.
    pub(super) fn content(self) -> [&'a str; 2] {
        match self {
            Self::Signature(signature) => [SIGNATURE, signature],
            Self::Redacted(data) => [REDACTED, data],
            Self::Own(content) => ["", content],
        }
    }
}

/// OpenAI's own `encrypted_content` of the item `id`, as a signature in the IR.
pub(super) fn own_as_signature(id: &str, content: &str) -> String {
    [OPENAI_THOUGHT, id, ":", content].concat()
}

/// The item's id and OpenAI's own `encrypted_content` in a signature of the IR, if it is one; else it is Anthropic's.
pub(super) fn own_in_signature(signature: &str) -> Option<(&str, &str)> {
    signature.strip_prefix(OPENAI_THOUGHT)?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_read_again() {
        for sealed in [Sealed::Signature("Sig=="), Sealed::Redacted("a:b"), Sealed::Own("gAAAA"), Sealed::Own("")] {
            assert_eq!(Sealed::read(&sealed.content().concat()), sealed);
        }
    }

    #[test]
    fn own_content_keeps_its_item() {
        assert_eq!(own_in_signature(&own_as_signature("rs_1", "g:A")), Some(("rs_1", "g:A")));
        assert_eq!(own_in_signature("SIGABC"), None);
    }
}
