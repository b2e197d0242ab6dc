//! "Did you mean": the nearest known word to one that was misspelled.

/// What people write who come from other tools, and what it is called here.
const SYNONYMS: [(&str, &str); 14] = [
    ("base_url", "url"),
    ("api_base", "url"),
    ("kind", "type"),
    ("provider", "type"),
    ("models", "virtual_models"),
    ("aliases", "virtual_models"),
    ("upstreams", "endpoints"),
    ("backends", "endpoints"),
    ("providers", "endpoints"),
    ("port", "listen"),
    ("bind", "listen"),
    ("username", "email"),
    ("api_token", "api_key"),
    ("timeout", "timeouts"),
];

/// Longer words are no misspelling of anything, and comparing them costs the product of the lengths.
const MAX_WORD: usize = 64;

/// The known word that was most probably meant, if one is near enough.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.chars().count() > MAX_WORD {
        return None;
    }
    let plain = fold(word);
    if let Some(same) = known.iter().find(|k| fold(k) == plain) {
        return Some(same);
    }
    let (best, distance) = known.iter().map(|k| (*k, distance(&plain, &fold(k)))).min_by_key(|(_, d)| *d)?;
    if distance <= (plain.chars().count() / 3).max(1) {
        return Some(best);
    }
    let synonym = SYNONYMS.iter().find(|(from, to)| fold(from) == plain && known.contains(to))?;
    known.iter().find(|k| **k == synonym.1).copied()
}

/// Case, `-` and `_` make no difference: `apiKey`, `api-key` and `api_key` are one word.
fn fold(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Optimal string alignment distance: insert, delete, replace, or swap two neighbours.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["name", "type", "url", "api_key", "timeouts", "virtual_models"];
        for (word, meant) in [
            ("urll", "url"),
            ("apiKey", "api_key"),
            ("api-key", "api_key"),
            ("tpye", "type"),
            ("base_url", "url"),
            ("virtual_model", "virtual_models"),
            ("models", "virtual_models"),
            ("Name", "name"),
        ] {
            assert_eq!(nearest(word, &known), Some(meant), "{word}");
        }
        for word in ["frobnicate", "", "x", &"u".repeat(500)] {
            assert_eq!(nearest(word, &known), None, "{word}");
        }
    }
}
