//! The written file as a tree in which every key and value knows its place.

/// Where something stands: line and column count from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) end_line: usize,
    pub(crate) end_column: usize,
}

/// A value.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a value is. Scalars stay text: what they mean is up to the key that they belong to.
#[derive(Clone)]
pub(crate) enum Value {
    /// Empty, `null` or `~`: the same as if the key were absent.
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Interpolation failed and was reported; readers pass over it in silence.
    Failed,
}

/// A scalar.
#[derive(Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Written without quotes, so that `5` is a number where any JSON value may stand.
    pub(crate) plain: bool,
    /// The text before interpolation, if there was any: what messages may quote.
    pub(crate) written: Option<String>,
}

impl Scalar {
    /// The text that a message may show: never an interpolated value, never more than a short line.
    pub(crate) fn shown(&self) -> String {
        const MOST: usize = 60;
        let text = self.written.as_deref().unwrap_or(&self.text);
        let mut shown: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
        if text.chars().nth(MOST).is_some() {
            shown.push('…');
        }
        shown
    }
}

/// One member of a mapping.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// What a message calls this value where no scalar fits: what a scalar holds may be a secret in the wrong place.
    pub(crate) fn form(&self) -> String {
        match &self.value {
            Value::Scalar(_) => "text".to_owned(),
            _ => self.found(),
        }
    }

    /// What a message calls this value.
    pub(crate) fn found(&self) -> String {
        match &self.value {
            Value::Null | Value::Failed => "nothing".to_owned(),
            Value::Scalar(scalar) if scalar.text.is_empty() => "empty text".to_owned(),
            Value::Scalar(scalar) => format!("`{}`", scalar.shown()),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// The path of a member: `endpoints[0].url`; keys that are no plain words are quoted.
pub(crate) fn member(path: &str, key: &str) -> String {
    let word = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'));
    match (word, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[{:?}]", key.chars().take(60).collect::<String>()),
    }
}

/// The path of a list's item.
pub(crate) fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// Whether a member of this name is a list of objects that hold credentials besides other things.
pub(crate) fn is_key_list(key: &str) -> bool {
    key.eq_ignore_ascii_case("keys")
}

/// Whether a member of this name holds a credential that no message may show.
pub(crate) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["key", "token", "secret", "password", "passwd", "authorization", "cookie", "credential"]
        .iter()
        .any(|word| key.contains(word))
        && !key.ends_with("tokens")
}
