//! Calls that a model wrote as text, made into calls.

pub mod arguments;

/// A tool that the client sent.
#[derive(Debug, Clone)]
pub struct AdvertisedTool {
    /// Its name.
    pub name: String,
    /// JSON text of its parameters' schema.
    pub schema: Option<Vec<u8>>,
}
