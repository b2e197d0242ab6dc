//! Where `${NAME}` and `${file:/path}` get their values: the process in the binary, a table in tests.

use std::collections::BTreeMap;
use std::path::Path;

/// The largest file that `${file:…}` reads.
pub const MAX_REFERENCED_FILE: u64 = 1 << 20;

/// The source of interpolated values.
pub trait Environment {
    /// The value of an environment variable; `None` if it is not set (or not UTF-8).
    fn var(&self, name: &str) -> Option<String>;

    /// The text of a file.
    ///
    /// # Errors
    /// The reason in words, without anything of the file's content.
    fn file(&self, path: &Path) -> Result<String, String>;
}

/// The environment of this process and its file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        read_bounded(path, MAX_REFERENCED_FILE)
    }
}

/// A fixed set of variables and files.
#[derive(Debug, Clone, Default)]
pub struct FixedEnvironment {
    vars: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

impl FixedEnvironment {
    /// Nothing is set, no file exists.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable.
    #[must_use]
    pub fn with_var(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn with_file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }
}

impl Environment for FixedEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        self.vars.get(name).cloned()
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        path.to_str().and_then(|p| self.files.get(p)).cloned().ok_or_else(|| "no such file".to_owned())
    }
}

/// Reads a UTF-8 file of at most `limit` bytes; the error is the reason in words.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<String, String> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).map_err(|e| reason(&e))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| reason(&e))?;
    if bytes.len() as u64 > limit {
        return Err(format!("larger than {limit} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}
