//! The tools that the client sent: no other is ever called.

use super::arguments::Schema;

/// A tool that the client sent.
#[derive(Debug, Clone)]
pub struct AdvertisedTool {
    /// Its name.
    pub name: String,
    /// JSON text of its parameters' schema.
    pub schema: Option<Vec<u8>>,
}

/// The tools of a request.
#[derive(Debug)]
pub struct Tools {
    tools: Vec<Tool>,
}

#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: String,
    text: Option<Vec<u8>>,
    /// Read when the tool is called first: most requests' tools are not written as text.
    schema: std::sync::OnceLock<Schema>,
}

impl Tool {
    pub(super) fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| Schema::parse(self.text.as_deref()))
    }
}

impl Tools {
    /// The tools of a request, by name.
    pub fn new(tools: Vec<AdvertisedTool>) -> Self {
        let tool =
            |tool: AdvertisedTool| Tool { name: tool.name, text: tool.schema, schema: std::sync::OnceLock::new() };
        Self { tools: tools.into_iter().filter(|tool| !tool.name.is_empty()).map(tool).collect() }
    }

    /// Whether a tool of that name was sent. `functions.` before the name does not count.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The tool's schema.
    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.find(name).map(Tool::schema)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Tool> {
        let name = name.trim();
        self.exact(name).or_else(|| self.exact(name.strip_prefix("functions.")?))
    }

    fn exact(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// Whether `text` begins with a tool's name and `(`, or is the beginning of such a text.
    pub(super) fn begins_call(&self, text: &str) -> Begins {
        let text = match text.strip_prefix("functions.") {
            Some(rest) => rest,
            None if "functions.".starts_with(text) => return Begins::Maybe,
            None => text,
        };
        let mut verdict = Begins::No;
        for tool in &self.tools {
            match text.strip_prefix(tool.name.as_str()) {
                Some(rest) if rest.starts_with('(') => return Begins::Yes,
                Some("") => verdict = Begins::Maybe,
                None if tool.name.starts_with(text) => verdict = Begins::Maybe,
                _ => {}
            }
        }
        verdict
    }

    /// Bytes that such a text begins with.
    pub(super) fn first_bytes(&self) -> impl Iterator<Item = u8> {
        self.tools.iter().filter_map(|tool| tool.name.bytes().next()).chain([b'f'])
    }
}

/// Whether a text begins with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    Yes,
    /// It is too short to tell.
    Maybe,
    No,
}
