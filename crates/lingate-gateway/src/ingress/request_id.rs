//! lingate's own id of a request, a UUIDv7, and the client's, if it sent a well-formed one.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The header of the client's own id, and of the answer.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of a client that is taken over.
const LONGEST: usize = 128;

/// The id that the client gave its request: 1 to 128 of `[A-Za-z0-9._:-]`, in one header; else none.
pub(crate) fn client_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(&HEADER).iter();
    let value = values.next().filter(|value| is_well_formed(value.as_bytes()))?;
    values.next().is_none().then(|| value.clone())
}

fn is_well_formed(id: &[u8]) -> bool {
    let is_known = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b':' | b'-');
    (1..=LONGEST).contains(&id.len()) && id.iter().all(is_known)
}

/// Makes ids: the time, and random bits from a counter under a keyed hash. No system call, no lock.
#[derive(Debug)]
pub(crate) struct RequestIds {
    key: (u64, u64),
    counter: AtomicU64,
}

impl RequestIds {
    /// From a seed, which must come from the system's randomness and be of this process alone.
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        let half = |from| {
            let mut half = [0; 8];
            half.copy_from_slice(&seed[from..from + 8]);
            u64::from_le_bytes(half)
        };
        Self { key: (half(0), half(8)), counter: AtomicU64::new(0) }
    }

    /// The next id, of the time `unix_millis` (milliseconds since 1970).
    pub(crate) fn next(&self, unix_millis: u64) -> RequestId {
        let count = self.counter.fetch_add(2, Ordering::Relaxed);
        let random = (u128::from(siphash(self.key, count)) << 64) | u128::from(siphash(self.key, count | 1));
        let time = u128::from(unix_millis) << 80;
        // RFC 9562, section 5.7: 48 bits of time, version, 12 random bits, variant, 62 random bits.
        let fixed = (7 << 76) | (0b10 << 62);
        let holes = (0xf << 76) | (0b11 << 62);
        RequestId::new(time | (random & ((1 << 80) - 1) & !holes) | fixed)
    }
}

/// A UUIDv7, as text and as number; on the stack.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    number: u128,
    text: [u8; 36],
}

impl RequestId {
    /// Its last 62 bits, which are random.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(crate) fn random(self) -> u64 {
        self.number as u64
    }

    fn new(number: u128) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let mut place = 0;
        for byte in number.to_be_bytes() {
            if matches!(place, 8 | 13 | 18 | 23) {
                place += 1;
            }
            text[place] = DIGITS[usize::from(byte >> 4)];
            text[place + 1] = DIGITS[usize::from(byte & 0xf)];
            place += 2;
        }
        Self { number, text }
    }

    /// The 128 bits.
    pub fn as_u128(&self) -> u128 {
        self.number
    }

    /// The 36 characters.
    pub fn as_str(&self) -> &str {
        // Always ASCII, as `new` wrote it.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

impl AsRef<str> for RequestId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<RequestId> for HeaderValue {
    fn from(id: RequestId) -> Self {
        Self::from_bytes(&id.text).unwrap_or(Self::from_static("-"))
    }
}

/// SipHash-2-4 of a message of eight bytes: unforeseeable to who does not have the key.
fn siphash((k0, k1): (u64, u64), message: u64) -> u64 {
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    // The last block holds the length and no bytes.
    for block in [message, 8 << 56] {
        v[3] ^= block;
        sip_round(&mut v);
        sip_round(&mut v);
        v[0] ^= block;
    }
    v[2] ^= 0xff;
    (0..4).for_each(|_| sip_round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn sip_round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn siphash_as_published() {
        let key = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        assert_eq!(siphash(key, 0x0706_0504_0302_0100), 0x93f5_f579_9a93_2462);
    }

    #[test]
    fn ids_are_unique_over_threads() {
        let ids = RequestIds::new([7; 16]);
        let batches: Vec<Vec<RequestId>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..10_000).map(|_| ids.next(1_700_000_000_000)).collect())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let different: HashSet<_> = batches.iter().flatten().map(RequestId::as_u128).collect();
        assert_eq!(different.len(), 40_000);
        assert_ne!(RequestIds::new([8; 16]).next(1), RequestIds::new([9; 16]).next(1));
    }

    #[test]
    fn ids_of_clients() {
        let id = |values: &[&str]| {
            let headers = values.iter().map(|value| (HEADER, value.parse().unwrap()));
            client_id(&headers.collect::<HeaderMap>()).map(|id| id.to_str().unwrap().to_owned())
        };
        assert_eq!(id(&["req_1.A:b-c"]).as_deref(), Some("req_1.A:b-c"));
        assert_eq!(id(&["a".repeat(128).as_str()]), Some("a".repeat(128)));
        for bad in ["", "a b", "a\"", "a/b", "a,b", "\u{e4}", "a".repeat(129).as_str()] {
            assert_eq!(id(&[bad]), None, "{bad}");
        }
        assert_eq!(id(&[]), None);
        assert_eq!(id(&["a", "b"]), None);
    }

    proptest! {
        #[test]
        fn an_id_is_a_uuid_of_its_time(seed in any::<[u8; 16]>(), millis in 0u64..1 << 48) {
            let id = RequestIds::new(seed).next(millis);
            let uuid = uuid::Uuid::parse_str(id.as_str()).unwrap();
            prop_assert_eq!(uuid.as_u128(), id.as_u128());
            prop_assert_eq!(uuid.to_string(), id.to_string());
            prop_assert_eq!(uuid.get_version_num(), 7);
            prop_assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
            prop_assert_eq!(id.as_u128() >> 80, u128::from(millis));
            let header = HeaderValue::from(id);
            prop_assert_eq!(header.as_bytes(), id.as_str().as_bytes());
        }
    }
}
