//! stand-in
use super::format::*;
/// p
#[derive(Debug, Clone)]
pub struct Pattern {
    /// n
    pub name: String,
    /// e
    pub enabled: bool,
}
pub(super) struct RegexFormat;
impl RegexFormat {
    pub(super) fn compile(_: &Pattern) -> Result<Self, String> {
        Err(String::new())
    }
}
impl Format for RegexFormat {
    fn name(&self) -> &str {
        ""
    }
    fn openings(&self) -> Vec<Opening> {
        Vec::new()
    }
    fn scan<'t>(&self, _: &'t str, _: &Around<'_>) -> Verdict<'t> {
        Verdict::No
    }
}
