//! Puts problems at their lines: path to place, and the line as it may be shown, without its secrets.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, Target};
use crate::mask::{self, Hidden};
use crate::node::{Node, Place, Value, is_key_list, is_secret_key, item, member};

/// The widest piece of a line that is shown.
const MAX_WIDTH: usize = 100;

/// A line of the file that may be shown, with the caret's place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snippet {
    pub(crate) text: String,
    pub(crate) indent: usize,
    pub(crate) width: usize,
}

/// Gives every diagnostic its line, column and snippet, and sorts them by place. `root` is `None` after a syntax error.
pub(crate) fn locate(diagnostics: &mut [Diagnostic], text: &str, root: Option<&Node>) {
    let mut index = Index::default();
    if let Some(root) = root {
        index.walk(root, "", false);
    }
    let lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
    for diagnostic in diagnostics.iter_mut() {
        let place = match diagnostic.target {
            Target::Place(place) => Some(place),
            Target::Key => index.find(&diagnostic.key).map(|(key, _)| key),
            Target::Value => index.find(&diagnostic.key).map(|(_, value)| value),
        };
        let Some(place) = place.filter(|place| place.line > 0) else { continue };
        diagnostic.line = place.line;
        diagnostic.column = place.column;
        let Some(line) = lines.get(place.line - 1) else { continue };
        // Without a tree a line that has no key of its own may be the inside of a secret.
        if root.is_some() || line.contains(':') {
            diagnostic.snippet = snippet(line, place, &index.secrets);
        }
    }
    diagnostics.sort_by_key(|d| (d.line, d.column));
}

#[derive(Default)]
struct Index {
    places: HashMap<String, (Place, Place)>,
    secrets: Vec<Place>,
}

impl Index {
    fn walk(&mut self, node: &Node, path: &str, secret: bool) {
        match &node.value {
            Value::List(items) => {
                for (i, child) in items.iter().enumerate() {
                    let at = item(path, i);
                    self.places.insert(at.clone(), (child.place, child.place));
                    self.walk(child, &at, secret);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let at = member(path, &entry.key);
                    // An empty value stands nowhere: point at its key.
                    let value = match entry.value.value {
                        Value::Null => entry.key_place,
                        _ => entry.value.place,
                    };
                    self.places.insert(at.clone(), (entry.key_place, value));
                    let hidden = secret || hides(&entry.key, &entry.value);
                    self.walk(&entry.value, &at, hidden);
                }
            }
            _ if secret => self.secrets.push(node.place),
            _ => {}
        }
    }

    /// The place of a path, or of its nearest parent that stands in the file.
    fn find(&self, path: &str) -> Option<(Place, Place)> {
        let mut path = path;
        loop {
            if let Some(found) = self.places.get(path) {
                return Some(*found);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// Whether everything below this member is kept from view.
fn hides(key: &str, value: &Node) -> bool {
    let objects = is_key_list(key) && matches!(&value.value, Value::List(items) if items.iter().all(Node::is_map));
    (is_secret_key(key) && !objects) || matches!(key, "headers" | "query")
}

fn snippet(line: &str, place: Place, secrets: &[Place]) -> Option<Snippet> {
    let chars: Vec<char> = line.chars().collect();
    let start = place.column.saturating_sub(1);
    if start > chars.len() {
        return None;
    }
    let end = match place.end_line {
        // A syntax error has no end.
        0 => start + 1,
        line if line == place.line => place.end_column.saturating_sub(1),
        _ => chars.len(),
    };
    let end = end.min(chars.len()).max(start);
    let hidden = mask::hidden(&chars, place.line, secrets);
    Some(window(&chars, start, end, &hidden))
}

/// The shown text: hidden characters become `***`, control characters spaces, and a long line is cut around the caret.
fn window(chars: &[char], start: usize, end: usize, hidden: &Hidden) -> Snippet {
    let from = if chars.len() <= MAX_WIDTH { 0 } else { start.saturating_sub(MAX_WIDTH / 2) };
    let to = (from + MAX_WIDTH).min(chars.len());
    let mut text = String::new();
    if from > 0 {
        text.push('…');
    }
    let mut shown = usize::from(from > 0);
    let (mut caret, mut caret_end) = (shown, None);
    for i in from..to {
        if i == start {
            caret = shown;
        }
        if i == end {
            caret_end = Some(shown);
        }
        let c = chars[i];
        if !hidden[i] {
            text.push(if c.is_control() { ' ' } else { c });
            shown += 1;
        } else if i == from || !hidden[i - 1] {
            text.push_str("***");
            shown += 3;
        }
    }
    if start >= to {
        caret = shown;
    }
    let width = caret_end.unwrap_or(shown).saturating_sub(caret).max(1);
    if to < chars.len() {
        text.push('…');
    }
    Snippet { text, indent: caret, width }
}
