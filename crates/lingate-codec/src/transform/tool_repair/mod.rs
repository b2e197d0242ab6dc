//! Calls that a model wrote as text, made into calls.
//!
//! [`ToolRepair`] watches the text of an answer. Text flows on at once, but from a place where a call may begin, until
//! it is known whether one does; at most [`format::MAX_CANDIDATE`] bytes are held. A call is made only of a tool that
//! the client sent, only with arguments that fit its schema, and never of thoughts or of quoted text (`quoted.rs`).
//! What does not become a call passes as it came.

pub mod arguments;
mod catalogue;
mod expression;
pub mod format;
mod formats;
mod judge;
mod native;
mod objects;
mod pattern;
mod quoted;
mod repair;
mod scanner;
mod tools;

pub use catalogue::{Catalogue, PatternError, Selection};
pub use pattern::{Pattern, PatternKind};
pub use repair::ToolRepair;
pub use tools::{AdvertisedTool, Tools};
