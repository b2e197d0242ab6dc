//! What an answer must keep to of the request that it answers.

use super::AnswerContext;
use crate::ir;
use crate::json::Raw;

/// What a dialect's client said in its request and expects its answer to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Tools whose calls the client knows in another form than a function's.
    pub tools: Vec<ToolForm>,
    /// Members that the answer repeats.
    pub echo: Echo,
}

/// A tool that stands in the IR as a function, and in the client's request as something else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolForm {
    /// Its name in the IR and upstream.
    pub name: String,
    /// Its name as the client gave it, inside of its namespace.
    pub own_name: String,
    /// The namespace that it stands in; empty where there is none.
    pub namespace: String,
    /// Whether it takes free text. Upstream it is a function whose one member `input` is that text.
    pub custom: bool,
    /// Whether it is the client's search for further tools (OpenAI's `tool_search`, run by the client).
    pub search: bool,
}

impl From<ir::ToolForm<'_>> for ToolForm {
    fn from(form: ir::ToolForm<'_>) -> Self {
        Self {
            name: form.name.into_owned(),
            own_name: form.own_name.into_owned(),
            namespace: form.namespace.unwrap_or_default().into_owned(),
            custom: form.custom,
            search: form.search,
        }
    }
}

impl AnswerContext {
    /// How the client knows a tool, if not as a plain function.
    pub fn form(&self, name: &str) -> Option<&ToolForm> {
        self.tools.iter().find(|form| form.name == name)
    }
}

/// Members of a request, by name, as compact JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Echo(Vec<(&'static str, String)>);

impl Echo {
    /// Keeps a member, without the white space between its tokens: an answer's lines must hold it.
    pub fn keep(&mut self, name: &'static str, value: Raw<'_>) {
        self.0.push((name, compact(&value.text())));
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// JSON without white space between its tokens. Line ends inside of strings, which are no JSON but are not looked for
/// in long bodies, are left out too.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        let skipped = matches!(c, '\n' | '\r') || (!in_string && matches!(c, ' ' | '\t'));
        if !skipped {
            out.push(c);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Echo;
    use crate::json::Raw;

    #[test]
    fn members_are_kept_on_one_line() {
        let json = b"[\n  { \"a b\" : \"x \\\" y\\\\\" },\r\n\t1.10 ]";
        let mut echo = Echo::default();
        echo.keep("tools", Raw::parse(json).unwrap());
        assert_eq!(echo.get("tools"), Some(r#"[{"a b":"x \" y\\"},1.10]"#));
        assert_eq!(echo.get("text"), None);
    }
}
