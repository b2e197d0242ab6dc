//! Ids that a dialect needs and another did not give.

use std::borrow::Cow;

/// Id of the `number`th call of a conversation's history whose dialect gave none. The same history always gives
/// the same ids, so that a provider's prompt cache still matches.
pub fn history_call_id(number: usize) -> String {
    format!("call_{number}")
}

/// Id of the `number`th call of an answer: `seed` is the answer's own unique text.
pub fn answer_call_id(seed: &str, number: usize) -> String {
    format!("call_{seed}_{number}")
}

/// As [`answer_call_id`], but none that is `taken`: an upstream may have given the very same.
pub fn free_call_id(seed: &str, number: usize, taken: impl Fn(&str) -> bool) -> String {
    let mut id = answer_call_id(seed, number);
    while taken(&id) {
        id.push('_');
    }
    id
}

/// An id in Anthropic's alphabet (`^[a-zA-Z0-9_-]+$`) and of at most `max` bytes: as it is where it fits, else
/// cleaned, shortened, and told apart by a hash of the original. The same id always gives the same result, so
/// calls and results still match.
pub fn legal_call_id(id: &str, max: usize) -> Cow<'_, str> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !id.is_empty() && id.len() <= max && id.bytes().all(legal) {
        return Cow::Borrowed(id);
    }
    let keep = max.saturating_sub(9);
    let mut clean: String =
        id.chars().map(|c| if c.is_ascii() && legal(c as u8) { c } else { '_' }).take(keep).collect();
    clean.push('_');
    clean.push_str(&hash8(id));
    Cow::Owned(clean)
}

/// Eight hexadecimal digits of the FNV-1a hash.
fn hash8(text: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    format!("{:08x}", (hash ^ (hash >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::legal_call_id;

    #[test]
    fn foreign_ids_become_legal_and_stay_apart() {
        assert_eq!(legal_call_id("toolu_01A-b", 64), "toolu_01A-b");
        let (dot, colon) = (legal_call_id("a.b", 64), legal_call_id("a:b", 64));
        assert_ne!(dot, colon);
        assert!(dot.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{dot}");
        assert_eq!(legal_call_id("a.b", 64), dot, "the same id gives the same result");
        assert_eq!(legal_call_id(&"x".repeat(80), 64).len(), 64);
        assert!(!legal_call_id("", 64).is_empty());
    }
}
