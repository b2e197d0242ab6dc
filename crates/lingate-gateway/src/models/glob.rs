//! Name patterns in which `*` stands for any text.

use std::borrow::Cow;

/// Whether `name` fits `pattern`. Takes at most the product of both lengths in time, and no memory.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where the last star stood, and how much of the name it has swallowed.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, swallowed)) = star else { return false };
                star = Some((at, swallowed + 1));
                (p, n) = (at + 1, swallowed + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Whether a pattern means a model, whose name is the same with and without `:latest`.
pub(super) fn means(pattern: &str, name: &str) -> bool {
    fits(pattern, name) || fits(short(pattern), short(name))
}

/// A model's name without `:latest`.
pub(super) fn short(name: &str) -> &str {
    name.strip_suffix(":latest").unwrap_or(name)
}

/// A name that came from outside as messages show it: not endless.
pub(super) fn shown(name: &str) -> Cow<'_, str> {
    const LONGEST: usize = 200;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
        None => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::{fits, means, shown};

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name) in
            [("*", ""), ("*", "a"), ("a*", "a"), ("a*c", "abbc"), ("*b*", "abc"), ("**", "x"), ("", ""), ("a*a", "aba")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a*", "b"), ("", "a"), ("a*c", "ab"), ("a", "ab"), ("a*a", "a"), ("*b", "abc")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn latest_is_no_difference() {
        assert!(means("llama3", "llama3:latest") && means("llama3:latest", "llama3") && means("llama*", "llama3:8b"));
        assert!(!means("llama3", "llama3:8b"));
    }

    #[test]
    fn a_hard_pattern_does_not_take_for_ever() {
        assert!(!fits(&format!("{}b", "a*".repeat(40)), &"a".repeat(256)));
    }

    #[test]
    fn messages_show_the_beginning_of_long_names() {
        assert_eq!(shown("é"), "é");
        assert_eq!(shown(&"é".repeat(201)).chars().count(), 201);
    }
}
