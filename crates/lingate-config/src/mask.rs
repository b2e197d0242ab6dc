//! Which characters of a line may not be shown: values of secret keys, and credentials within URLs.

use crate::node::{Place, is_key_list, is_secret_key};

/// One flag for each character of a line.
pub(crate) type Hidden = Vec<bool>;

/// Flags what must be hidden: by the tree's places where there is a tree, and always by the text as well.
pub(crate) fn hidden(chars: &[char], line: usize, secrets: &[Place]) -> Hidden {
    let mut hidden = vec![false; chars.len()];
    for place in secrets.iter().filter(|p| (p.line..=p.end_line.max(p.line)).contains(&line)) {
        let from = if place.line == line { place.column.saturating_sub(1) } else { 0 };
        let to = if place.end_line == line { place.end_column.saturating_sub(1) } else { chars.len() };
        hide(chars, &mut hidden, from, to);
    }
    for i in 0..chars.len() {
        if chars[i] == ':' {
            secret_value(chars, i, &mut hidden);
        }
        if chars[i..].starts_with(&[':', '/', '/']) {
            url_credentials(chars, i + 3, &mut hidden);
        }
    }
    hidden
}

/// Hides a range, unless all of it is a reference: that shows a name, no value.
fn hide(chars: &[char], hidden: &mut Hidden, from: usize, to: usize) {
    let to = to.min(chars.len());
    if from >= to {
        return;
    }
    let text: String = chars[from..to].iter().collect();
    let bare = text.trim().trim_matches(['"', '\'']);
    let reference = bare.starts_with("${") && bare.find('}') == Some(bare.len() - 1) && !bare.contains(":-");
    if !reference {
        hidden[from..to].fill(true);
    }
}

/// `api_key: …` as text: the value up to its end in the line.
fn secret_value(chars: &[char], colon: usize, hidden: &mut Hidden) {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '"' | '\'');
    let start = chars[..colon].iter().rposition(|c| !is_word(*c)).map_or(0, |i| i + 1);
    let key: String = chars[start..colon].iter().filter(|c| !matches!(c, '"' | '\'')).collect();
    if !is_secret_key(&key) {
        return;
    }
    let Some(value) = (colon + 1..chars.len()).find(|i| chars[*i] != ' ') else { return };
    if is_key_list(&key) && chars[value] == '[' && chars[value..].contains(&'{') {
        return;
    }
    let end = match chars[value] {
        quote @ ('"' | '\'') => (value + 1..chars.len()).find(|i| chars[*i] == quote && chars[*i - 1] != '\\'),
        '$' if chars.get(value + 1) == Some(&'{') => (value..chars.len()).find(|i| chars[*i] == '}'),
        _ if chars[..colon].contains(&'{') => {
            (value..chars.len()).find(|i| matches!(chars[*i], ',' | '}')).map(|i| i - 1)
        }
        _ => None,
    };
    let end = end.map_or(chars.len(), |end| end + 1);
    let end = (value..end).rfind(|i| chars[*i] != ' ').map_or(end, |last| last + 1);
    hide(chars, hidden, value, end);
}

/// `https://user:password@host/?key=…`: what stands before the `@`, and the query.
fn url_credentials(chars: &[char], from: usize, hidden: &mut Hidden) {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    let end = (from..chars.len()).find(|i| ends(chars[*i])).unwrap_or(chars.len());
    let authority = (from..end).find(|i| matches!(chars[*i], '/' | '?')).unwrap_or(end);
    if let Some(at) = (from..authority).rfind(|i| chars[*i] == '@') {
        hidden[from..at].fill(true);
    }
    if let Some(query) = (from..end).find(|i| chars[*i] == '?') {
        hidden[query + 1..end].fill(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let chars: Vec<char> = line.chars().collect();
        let hidden = hidden(&chars, 1, &[]);
        chars.iter().zip(hidden).map(|(c, h)| if h { '*' } else { *c }).collect()
    }

    #[test]
    fn hides_values_of_secret_keys_only() {
        for (line, expected) in [
            ("    api_key: sk-1, 2", "    api_key: *******"),
            (r#"{ name: a, api_key: "sk,1", type: x }"#, r#"{ name: a, api_key: ******, type: x }"#),
            ("{ password: pw, type: x }", "{ password: **, type: x }"),
            (r#""apiKey":"sk","url":"u""#, r#""apiKey":****,"url":"u""#),
            ("api_key: ${KEY}", "api_key: ${KEY}"),
            ("api_key: ${KEY:-sk-1}", "api_key: ************"),
            ("max_tokens: 5", "max_tokens: 5"),
            ("keys: [{ name: a, key: sk-1 }]", "keys: [{ name: a, key: **** }]"),
            ("keys: [sk-1, sk-2]", "keys: ************"),
            ("keys: sk-1", "keys: ****"),
            ("url: https://u:p@host/x", "url: https://***@host/x"),
            ("url: https://host/x?key=1 # c", "url: https://host/x?***** # c"),
        ] {
            assert_eq!(shown(line), expected);
        }
    }
}
