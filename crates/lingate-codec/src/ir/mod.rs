//! What all dialects have in common: plain data, written by decoders and read by encoders.
//!
//! A request borrows from the body that came in. An answer is a sequence of [`Event`]s; a whole answer is
//! their fold, an [`Answer`].

mod answer;
mod concept;
mod embeddings;
mod error;
mod event;
mod loss;
mod message;
mod request;
mod sampling;
mod tool;

pub use answer::{Answer, Block};
pub use concept::Concept;
pub use embeddings::{EmbeddingsAnswer, EmbeddingsRequest, Input, InputKind, VectorForm};
pub use error::{ApiError, ErrorKind};
pub use event::{Citation, Event, Finish, FinishReason, Logprob, Start, Usage};
pub use loss::Loss;
pub use message::{
    Audio, File, FileSource, Image, ImageSource, Message, OPENAI_THOUGHT, Opaque, Part, Role, ToolResult,
};
pub use request::{Extra, Family, Form, Metadata, Operation, Request};
pub use sampling::{Effort, MaxTokens, Number, Reasoning, ResponseFormat, Sampling};
pub use tool::{FREE_TEXT, Tool, ToolCall, ToolChoice, ToolForm};

#[cfg(test)]
mod tests;
