//! What an upstream says of when to come back, in all the forms that there are. Pure: the time is an argument.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::time::Duration;

/// OpenAI's form: milliseconds. Their SDKs read it first (openai-python, `_calculate_retry_timeout`).
const MILLIS: HeaderName = HeaderName::from_static("retry-after-ms");
/// The longest wait that a client is told of, in seconds.
const LONGEST: u64 = 3600;

/// How long to wait, by `retry-after-ms` or `retry-after` (seconds, or a date: RFC 9110, section 10.2.3); a date that
/// is past is no wait at all. `None` if neither says anything that can be read.
pub(crate) fn read(headers: &HeaderMap, unix: Duration) -> Option<Duration> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let millis = text(&MILLIS).and_then(|text| number(text, 1e-3));
    millis.or_else(|| {
        let text = text(&header::RETRY_AFTER)?;
        number(text, 1.0).or_else(|| Some(date(text)?.saturating_sub(unix)))
    })
}

/// A number of units, which last `unit` seconds each; what is too large is very long.
fn number(text: &str, unit: f64) -> Option<Duration> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = text.parse().ok().filter(|_| plain)?;
    Some(Duration::try_from_secs_f64(number * unit).unwrap_or(Duration::MAX))
}

/// Writes what a client is told over what an upstream said: whole seconds, rounded up, at most an hour.
pub(crate) fn write(headers: &mut HeaderMap, wait: Option<Duration>) {
    headers.remove(MILLIS);
    match wait {
        Some(wait) => headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait))),
        None => headers.remove(header::RETRY_AFTER),
    };
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).min(LONGEST)
}

/// Since 1970, of `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms (RFC 9110, section 5.6.7) are not read: no
/// API sends them.
fn date(text: &str) -> Option<Duration> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = digits(parts.next()?, 2, 31)?.checked_sub(1)?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let year = digits(parts.next()?, 4, 9999)?.checked_sub(1970)?;
    let mut time = parts.next()?.split(':');
    let (hour, minute, second) = (time.next()?, time.next()?, time.next()?);
    let time_of_day = digits(hour, 2, 23)? * 3600 + digits(minute, 2, 59)? * 60 + digits(second, 2, 60)?;
    let zone_ends_it = parts.next() == Some("GMT") && parts.next().is_none() && time.next().is_none();
    zone_ends_it.then(|| Duration::from_secs((days_before(year + 1970, month) + day) * 86_400 + time_of_day))
}

fn digits(text: &str, length: usize, most: u64) -> Option<u64> {
    let plain = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number <= most)
}

/// Days from 1970 to the first of this month (counted from 0).
fn days_before(year: u64, month: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let in_year = BEFORE.get(usize::try_from(month).unwrap_or(0)).copied().unwrap_or(0);
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969) + in_year + u64::from(is_leap && month > 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
    const THEN: Duration = Duration::from_secs(784_111_777);

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_str(v).unwrap())).collect()
    }

    #[test]
    fn all_forms_are_read() {
        let millis = |ms: u64| Some(Duration::from_millis(ms));
        for (pairs, expected) in [
            (&[("retry-after", "9")][..], millis(9000)),
            (&[("retry-after", " 0 ")], millis(0)),
            (&[("retry-after", "1.5")], millis(1500)),
            (&[("retry-after-ms", "250")], millis(250)),
            (&[("retry-after-ms", "250"), ("retry-after", "9")], millis(250)),
            (&[("retry-after-ms", "soon"), ("retry-after", "9")], millis(9000)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT")], millis(3000)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], millis(0)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], millis(0)),
            (&[("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")], millis(0)),
            (&[("retry-after", "1000000000")], millis(1_000_000_000_000)),
            (&[("retry-after", &"9".repeat(400))], Some(Duration::MAX)),
            (&[("retry-after", "-5")], None),
            (&[("retry-after", "inf")], None),
            (&[("retry-after", "1e9")], None),
            (&[("retry-after", "")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "Sun, 31 Foo 1994 08:49:37 GMT")], None),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:37 CET")], None),
            (&[("retry-after", "Sun, 06 Nov 1969 08:49:37 GMT")], None),
            (&[], None),
        ] {
            assert_eq!(read(&headers(pairs), THEN), expected, "{pairs:?}");
        }
    }

    #[test]
    fn dates_are_counted_right() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Sat, 01 Mar 2025 00:00:00 GMT", 1_740_787_200),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ] {
            assert_eq!(date(text), Some(Duration::from_secs(expected)), "{text}");
        }
    }

    #[test]
    fn a_client_is_told_whole_seconds_up_to_an_hour() {
        for (millis, expected) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (3_600_000, 3600), (u64::MAX, 3600)] {
            let mut told = headers(&[("retry-after-ms", "7"), ("retry-after", "soon")]);
            write(&mut told, Some(Duration::from_millis(millis)));
            assert_eq!(told, headers(&[("retry-after", &expected.to_string())]));
        }
        let mut told = headers(&[("retry-after", "soon"), ("x-ratelimit-limit", "1")]);
        write(&mut told, None);
        assert_eq!(told, headers(&[("x-ratelimit-limit", "1")]));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text in "[ -~]{0,40}", unix in any::<u64>()) {
            let unix = Duration::from_secs(unix);
            let read = read(&headers(&[("retry-after", &text), ("retry-after-ms", &text)]), unix);
            let mut told = HeaderMap::new();
            write(&mut told, read);
            let told = told.get("retry-after").map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
            prop_assert!(told.is_none_or(|seconds| seconds <= 3600));
        }
    }
}
