//! The known members of a request, and what they mean.

use crate::dialect::Field;
use crate::dialect::embeddings::is_of_chats;
use crate::ir::Concept;

const fn field(path: &'static str, concept: Concept) -> Field {
    Field { path, concept }
}

/// Every member that OpenAI knows (`types/embedding_create_params.py` of openai 3.52.0), and vLLM's `messages`.
pub(super) static FIELDS: &[Field] = &[
    field("model", Concept::Model),
    field("input", Concept::Input),
    field("messages", Concept::Messages),
    field("dimensions", Concept::Dimensions),
    field("encoding_format", Concept::EncodingFormat),
    field("user", Concept::User),
];

/// Members that lingate reads; one of them twice would let two readers of one body see two requests.
pub(super) static CONTROL: &[&str] = &["model", "input", "messages", "dimensions", "encoding_format"];

/// Where a configured member belongs: at the top level, or nowhere.
pub(super) fn place(member: &str) -> (&'static str, Vec<String>) {
    // What Ollama alone has is of no use here.
    let useless = is_of_chats(member) || matches!(member, "num_ctx" | "keep_alive" | "truncate");
    ("", if useless { Vec::new() } else { vec![member.to_owned()] })
}
