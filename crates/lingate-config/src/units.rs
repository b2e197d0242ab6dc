//! Durations (`10m`, `1h30m`, `500ms`) and sizes (`32MiB`, `1MB`), as the file and the command line write them.

use std::time::Duration;

/// The longest duration that is accepted: ten years, so that no clock arithmetic can overflow.
pub const MAX_DURATION: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Why a duration or a size was refused. The text that was read is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not of a duration's form.
    #[error("not a duration; write for example 500ms, 5s, 10m, 1h30m or a number of seconds")]
    Duration,
    /// Longer than [`MAX_DURATION`].
    #[error("longer than ten years")]
    TooLong,
    /// Not of a size's form.
    #[error("not a size; write for example 32MiB, 1MB or a number of bytes")]
    Size,
    /// Does not fit 64 bits.
    #[error("larger than 2^64 bytes")]
    TooLarge,
}

const DURATION_UNITS: [(&str, u128); 10] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

const SIZE_UNITS: [(&str, u128); 9] = [
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Parses a duration: one or more numbers with a unit (`ns us ms s m h d w`, as Go writes them, fractions allowed),
/// or a bare number of seconds.
///
/// # Errors
/// [`UnitError::Duration`] for any other form, [`UnitError::TooLong`] above [`MAX_DURATION`].
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(UnitError::Duration);
    }
    let mut nanos: u128 = 0;
    let mut first = true;
    while !rest.is_empty() {
        let (number, after) = Number::split(rest).ok_or(UnitError::Duration)?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = if unit.is_empty() && first && after.is_empty() {
            1_000_000_000
        } else {
            DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or(UnitError::Duration)?.1
        };
        let part = number.times(factor).ok_or(UnitError::TooLong)?;
        nanos = nanos.checked_add(part).filter(|n| *n <= MAX_DURATION.as_nanos()).ok_or(UnitError::TooLong)?;
        rest = after;
        first = false;
    }
    let nanos = u64::try_from(nanos).map_err(|_| UnitError::TooLong)?;
    Ok(Duration::from_nanos(nanos))
}

/// Parses a size in bytes: a bare number, or a number with `B`, `kB MB GB TB` (powers of 1000) or
/// `KiB MiB GiB TiB` (powers of 1024), in any case, fractions allowed. A bare `k` or `M` is refused as ambiguous.
///
/// # Errors
/// [`UnitError::Size`] for any other form, [`UnitError::TooLarge`] beyond 64 bits.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = Number::split(text.trim()).ok_or(UnitError::Size)?;
    let unit = unit.trim_start().to_ascii_lowercase();
    let factor = match unit.as_str() {
        "" if number.fraction.is_empty() => 1,
        unit => SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or(UnitError::Size)?.1,
    };
    let bytes = number.times(factor).ok_or(UnitError::TooLarge)?;
    u64::try_from(bytes).map_err(|_| UnitError::TooLarge)
}

/// An unsigned decimal number as it was written.
pub(crate) struct Number<'a> {
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Number<'a> {
    /// Splits the number off the front. `None` if the text does not start with a digit.
    pub(crate) fn split(text: &'a str) -> Option<(Self, &'a str)> {
        let digits = |s: &str| s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
        let (whole, rest) = text.split_at(digits(text));
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(after) => after.split_at(digits(after)),
            None => ("", rest),
        };
        let dot_without_digits = fraction.is_empty() && text.len() > whole.len() + rest.len();
        (!whole.is_empty() && !dot_without_digits).then_some((Self { whole, fraction }, rest))
    }

    /// The number times `factor`, rounded down. `None` if it does not fit.
    pub(crate) fn times(&self, factor: u128) -> Option<u128> {
        let whole: u128 = self.whole.parse().ok()?;
        let mut value = whole.checked_mul(factor)?;
        let mut place = factor;
        for digit in self.fraction.bytes() {
            // Digits below one unit of the factor cannot change the result by more than the rounding does.
            if self.fraction.len() > 18 {
                return None;
            }
            value = value.checked_add(u128::from(digit - b'0').checked_mul(place)? / 10)?;
            place /= 10;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases: [(&str, Duration); 14] = [
            ("10m", Duration::from_secs(600)),
            ("1h30m", Duration::from_secs(5400)),
            ("500ms", Duration::from_millis(500)),
            ("5s", Duration::from_secs(5)),
            ("0s", Duration::ZERO),
            ("0", Duration::ZERO),
            ("30", Duration::from_secs(30)),
            ("1.5", Duration::from_millis(1500)),
            ("1.5h", Duration::from_secs(5400)),
            ("1m0.5s", Duration::from_millis(60_500)),
            ("2d", Duration::from_secs(172_800)),
            ("1w", Duration::from_secs(604_800)),
            ("100us", Duration::from_micros(100)),
            (" 7s ", Duration::from_secs(7)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        for text in ["", "  ", "m", "10x", "-5s", "1h30", "5 s", "1.s", ".5s", "10M", "1e3", "five"] {
            assert_eq!(parse_duration(text), Err(UnitError::Duration), "{text}");
        }
        for text in ["4000d", "99999999999999999999999999h", "340282366920938463463374607431768211456s", "9e"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(parse_duration("3651d"), Err(UnitError::TooLong));
        assert_eq!(parse_duration("3650d"), Ok(MAX_DURATION));
    }

    #[test]
    fn sizes() {
        let cases: [(&str, u64); 9] = [
            ("0", 0),
            ("104857600", 104_857_600),
            ("32MiB", 32 << 20),
            ("1MB", 1_000_000),
            ("1 kB", 1000),
            ("2kib", 2048),
            ("1.5KiB", 1536),
            ("3GiB", 3 << 30),
            ("17B", 17),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_size(text), Ok(expected), "{text}");
        }
        for text in ["", "MiB", "32M", "1k", "-1", "1.5", "1..5MB", "ten", "1MiBs"] {
            assert_eq!(parse_size(text), Err(UnitError::Size), "{text}");
        }
        assert_eq!(parse_size("99999999999999999999"), Err(UnitError::TooLarge));
        assert_eq!(parse_size("20000000TiB"), Err(UnitError::TooLarge));
    }
}
