//! The bearer token and how long it lasts.

use std::sync::Arc;

use http::HeaderValue;
use lingate_codec::json::Object;
use zeroize::Zeroizing;

/// A longer token would not fit into a request's head anyway.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// What a token lives if neither it nor the sign-in tells: 24 hours, in seconds.
const DEFAULT_LIFE: u64 = 24 * 60 * 60;
/// A token with this many seconds left or fewer is not used.
const GRACE: u64 = 30;
/// With this many seconds left or fewer a token is renewed while it is still used.
const EARLY: u64 = 5 * 60;

/// A session's token, ready for a request. Cheap to clone; Debug output and header are marked sensitive.
///
/// Two tokens are the same if they come from the same sign-in or the same restore, not if their texts are equal.
#[derive(Clone)]
pub(crate) struct Token(pub(super) Arc<Issued>);

/// A token with its times, in unix seconds.
pub(super) struct Issued {
    header: HeaderValue,
    issued_at: u64,
    pub(super) expires_at: u64,
}

impl Token {
    /// The value of the `Authorization` header: `Bearer …`, marked sensitive.
    pub(crate) fn header(&self) -> &HeaderValue {
        &self.0.header
    }

    /// When it expires, in unix seconds.
    #[cfg(test)]
    pub(super) fn expires_at(&self) -> u64 {
        self.0.expires_at
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("expires_at", &self.0.expires_at).finish_non_exhaustive()
    }
}

impl Issued {
    /// A token from its text; `None` if it cannot stand in a header.
    pub(super) fn new(text: &str, issued_at: u64, expires_at: u64) -> Option<Self> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > MAX_TOKEN_BYTES || !printable {
            return None;
        }
        let value = Zeroizing::new(format!("Bearer {text}"));
        let mut header = HeaderValue::from_str(&value).ok()?;
        header.set_sensitive(true);
        Some(Self { header, issued_at, expires_at })
    }

    /// As it is kept on disk: eight bytes of `issued_at`, big-endian, then the token's text.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let text = self.header.as_bytes().strip_prefix(b"Bearer ").unwrap_or_default();
        [&self.issued_at.to_be_bytes(), text].concat()
    }

    /// What [`to_bytes`](Self::to_bytes) wrote.
    pub(super) fn from_bytes(bytes: &[u8], expires_at: u64) -> Option<Self> {
        let (issued_at, text) = bytes.split_first_chunk()?;
        Self::new(std::str::from_utf8(text).ok()?, u64::from_be_bytes(*issued_at), expires_at)
    }

    /// The expiry in unix milliseconds.
    pub(super) fn expires_at_ms(&self) -> u64 {
        self.expires_at.saturating_mul(1000)
    }

    /// Whether it can still be sent: more than 30 s are left, or a tenth of a life of less than 5 minutes.
    pub(super) fn usable(&self, now: u64) -> bool {
        self.left(now) > GRACE.min(self.life() / 10)
    }

    /// Whether it is time to renew it: 5 minutes are left, or a fifth of a life of less than 25 minutes.
    pub(super) fn ageing(&self, now: u64) -> bool {
        self.left(now) <= EARLY.min(self.life() / 5)
    }

    fn left(&self, now: u64) -> u64 {
        self.expires_at.saturating_sub(now)
    }

    fn life(&self) -> u64 {
        self.expires_at.saturating_sub(self.issued_at)
    }
}

/// When a new token expires: by its own `exp`, else by the sign-in's `expires_at`, else in 24 hours. Unix seconds.
pub(super) fn expiry(token: &str, expires_at: Option<u64>, now: u64) -> u64 {
    jwt_expiry(token).or(expires_at).unwrap_or(now.saturating_add(DEFAULT_LIFE))
}

/// The `exp` claim (RFC 7519, section 4.1.4). The signature is not looked at: only the server can check it.
fn jwt_expiry(token: &str) -> Option<u64> {
    let claims = token.split('.').nth(1)?.trim_end_matches('=');
    let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims).ok()?;
    let exp = Object::parse(&claims).ok()?.get("exp")?;
    exp.u64().or_else(|| {
        // A NumericDate may have a fraction.
        let seconds = exp.f64().filter(|seconds| (0.0..9e15).contains(seconds))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and below 2^53")]
        Some(seconds as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::{Issued, expiry, jwt_expiry};

    fn jwt(claims: &str) -> String {
        format!("eyJhbGciOiJIUzI1NiJ9.{}.c2ln", base64_simd::URL_SAFE_NO_PAD.encode_to_string(claims))
    }

    #[test]
    fn expiry_is_read_from_the_token() {
        assert_eq!(jwt_expiry(&jwt(r#"{"id":"a","exp":1900000000}"#)), Some(1_900_000_000));
        assert_eq!(jwt_expiry(&jwt(r#"{"exp":1900000000.75,"x":"??>>"}"#)), Some(1_900_000_000));
        assert_eq!(jwt_expiry(&jwt(r#"{"exp":1.9e9}"#)), Some(1_900_000_000));
        let padded = base64_simd::URL_SAFE.encode_to_string(r#"{"exp":123}"#);
        assert!(padded.ends_with('='), "{padded}");
        assert_eq!(jwt_expiry(&format!("h.{padded}.s")), Some(123), "padding is fine");
        for unread in [r#"{"exp":null}"#, r#"{"exp":-5}"#, r#"{"exp":"soon"}"#, r#"{"exp":1e300}"#, "{}", "[1]", "{"] {
            assert_eq!(jwt_expiry(&jwt(unread)), None, "{unread}");
        }
        for no_jwt in ["", "sk-abc", "a.b", "a.*.c", "..", "a.e30=x.c"] {
            assert_eq!(jwt_expiry(no_jwt), None, "{no_jwt}");
        }
    }

    #[test]
    fn what_the_token_says_wins_then_the_reply_then_a_day() {
        assert_eq!(expiry(&jwt(r#"{"exp":50}"#), Some(60), 10), 50);
        assert_eq!(expiry("opaque", Some(60), 10), 60);
        assert_eq!(expiry("opaque", None, 10), 86_410);
    }

    #[test]
    fn usable_and_ageing_by_what_is_left() {
        let month = Issued::new("t", 1000, 1000 + 2_419_200).unwrap();
        let left = |left: u64| 1000 + 2_419_200 - left;
        assert!(month.usable(left(31)) && !month.usable(left(30)) && !month.usable(left(0) + 99));
        assert!(!month.ageing(left(301)) && month.ageing(left(300)));
        let short = Issued::new("t", 1000, 1015).unwrap();
        assert!(short.usable(1000) && short.usable(1013) && !short.usable(1014), "15 s of life are of use too");
        assert!(!short.ageing(1011) && short.ageing(1012));
    }

    #[test]
    fn the_disk_form_comes_back_and_rubbish_does_not() {
        let issued = Issued::new("abc.def", 7, 9).unwrap();
        let back = Issued::from_bytes(&issued.to_bytes(), 9).unwrap();
        assert_eq!((back.header.as_bytes(), back.issued_at, back.expires_at), (&b"Bearer abc.def"[..], 7, 9));
        for bad in [&b""[..], b"1234567", b"12345678", b"12345678\xff", b"12345678a b", b"12345678a\r\nb"] {
            assert!(Issued::from_bytes(bad, 9).is_none(), "{bad:?}");
        }
        assert!(Issued::new(&"x".repeat(20_000), 0, 1).is_none());
    }
}
