//! A text's tokens: vocabularies cut at the borders of words, digits, marks and space, so these are what is counted.

use std::iter::Peekable;
use std::str::Chars;

/// Thousandths of a token.
const WHOLE: u64 = 1_000;

/// What a character is to a vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A letter of the Latin script.
    Latin,
    Digit,
    Space,
    /// An ASCII mark.
    Mark,
    /// Any other: thousandths of a token for each.
    Each(u64),
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' => Self::Latin,
            '0'..='9' => Self::Digit,
            ' ' | '\t' | '\n' | '\r' => Self::Space,
            _ if c.is_ascii() => Self::Mark,
            '\u{80}'..'\u{250}' => Self::Latin,
            // Greek, Cyrillic, Hebrew, Arabic.
            '\u{250}'..'\u{900}' => Self::Each(450),
            // Typographic marks and symbols.
            '\u{2000}'..'\u{2e80}' => Self::Each(800),
            // Hangul.
            '\u{1100}'..'\u{1200}' | '\u{ac00}'..'\u{d7b0}' => Self::Each(900),
            // Han, kana, and the forms that go with them.
            '\u{2e80}'..'\u{a000}' | '\u{f900}'..'\u{fb00}' | '\u{ff00}'..'\u{fff0}' | '\u{20000}'..'\u{40000}' => {
                Self::Each(930)
            }
            // Pictures.
            '\u{1f000}'..'\u{20000}' => Self::Each(1_600),
            _ => Self::Each(600),
        }
    }
}

/// The tokens of a text, about; 0 of an empty one.
pub fn tokens(text: &str) -> u64 {
    let mut chars = text.chars().peekable();
    let mut sum = 0;
    while let Some(first) = chars.next() {
        sum += match Class::of(first) {
            Class::Latin => word(first, &mut chars),
            // Three digits a token.
            Class::Digit => run(&mut chars, |c| Class::of(c) == Class::Digit, |_| {}).div_ceil(3) * WHOLE,
            Class::Space => space(first, &mut chars),
            // Marks in a row are found together now and then.
            Class::Mark => 300 + run(&mut chars, |c| Class::of(c) == Class::Mark, |_| {}) * 450,
            Class::Each(cost) => cost,
        };
    }
    sum.div_ceil(WHOLE)
}

/// Takes characters while they belong; how many they are with the one before.
fn run(chars: &mut Peekable<Chars<'_>>, belongs: impl Fn(char) -> bool, mut see: impl FnMut(char)) -> u64 {
    let mut length = 1;
    while let Some(next) = chars.next_if(|c| belongs(*c)) {
        see(next);
        length += 1;
    }
    length
}

fn is_letter(c: char) -> bool {
    Class::of(c) == Class::Latin
}

/// A word, or the part of one up to its next hump: `camelCase` is two. Long ones are cut; of capitals, soon.
fn word(first: char, chars: &mut Peekable<Chars<'_>>) -> u64 {
    let (mut last, mut capitals, mut foreign) = (first, u64::from(first.is_uppercase()), u64::from(!first.is_ascii()));
    let mut length = 1;
    while let Some(c) = chars.next_if(|c| is_letter(*c) && !(c.is_uppercase() && last.is_lowercase())) {
        length += 1;
        capitals += u64::from(c.is_uppercase());
        foreign += u64::from(!c.is_ascii());
        last = c;
    }
    let (short, each): (u64, u64) = if capitals == length && length > 3 { (3, 400) } else { (6, 140) };
    WHOLE + (length - length.min(short)) * each + foreign * 500
}

/// A space before a word is a part of it; more of them, and line ends, are tokens of their own.
fn space(first: char, chars: &mut Peekable<Chars<'_>>) -> u64 {
    let mut line_end = first == '\n';
    let length = run(chars, |c| Class::of(c) == Class::Space, |c| line_end |= c == '\n');
    match (line_end, first) {
        (true, _) => WHOLE,
        (false, ' ') if length == 1 => 0,
        (false, _) => 900,
    }
}

#[cfg(test)]
mod tests {
    use super::tokens;

    /// Texts, and how long they are by `o200k_base`, `cl100k_base` (gpt-tokenizer 3) and the tokenizer that came with
    /// Anthropic's SDK 0.34.2.
    const MEASURED: [(&str, &str, [u64; 3]); 6] = [
        ("english", include_str!("../../tests/counts/english.txt"), [48, 50, 50]),
        ("markdown", include_str!("../../tests/counts/markdown.txt"), [994, 994, 1037]),
        ("rust", include_str!("../../tests/counts/rust.txt"), [776, 777, 891]),
        ("json", include_str!("../../tests/counts/json.txt"), [822, 824, 876]),
        ("chinese", include_str!("../../tests/counts/chinese.txt"), [114, 169, 166]),
        ("japanese", include_str!("../../tests/counts/japanese.txt"), [109, 155, 157]),
    ];

    #[test]
    fn estimates_are_within_a_quarter_of_what_vocabularies_say() {
        for (name, text, measured) in MEASURED {
            let estimate = tokens(text);
            for real in measured {
                assert!(estimate.abs_diff(real) * 4 <= real, "{name}: {estimate} for {real}");
            }
        }
    }

    #[test]
    fn small_texts() {
        for (text, expected) in [
            ("", 0),
            (" ", 0),
            ("a", 1),
            ("hello", 1),
            ("hello world", 2),
            ("helloWorld", 2),
            ("12345678", 3),
            ("\n\n", 1),
        ] {
            assert_eq!(tokens(text), expected, "{text:?}");
        }
    }
}
