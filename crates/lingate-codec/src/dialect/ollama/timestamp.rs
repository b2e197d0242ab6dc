//! Time stamps: RFC 3339 with nanoseconds, in UTC, as in `created_at`.

/// Length of a quoted time stamp: `"2025-11-20T10:00:00.123456789Z"`.
pub(super) const QUOTED: usize = 32;

/// The moment as a JSON string, quotes included.
pub(super) fn quoted(unix_nanos: u64) -> [u8; QUOTED] {
    let mut out = *b"\"0000-00-00T00:00:00.000000000Z\"";
    let seconds = unix_nanos / 1_000_000_000;
    let (year, month, day) = civil(seconds / 86_400);
    let second_of_day = seconds % 86_400;
    digits(&mut out[1..5], year);
    digits(&mut out[6..8], month);
    digits(&mut out[9..11], day);
    digits(&mut out[12..14], second_of_day / 3600);
    digits(&mut out[15..17], second_of_day / 60 % 60);
    digits(&mut out[18..20], second_of_day % 60);
    digits(&mut out[21..30], unix_nanos % 1_000_000_000);
    out
}

/// Year, month and day of the `days`th day after 1970-01-01 in the Gregorian calendar. Years are counted from
/// March, so that the leap day is a year's last.
fn civil(days: u64) -> (u64, u64, u64) {
    /// Days from 0000-03-01 to 1970-01-01.
    const EPOCH: u64 = 719_468;
    /// Days of 400 years.
    const ERA: u64 = 146_097;
    let days = days + EPOCH;
    let day_of_era = days % ERA;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = days / ERA * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// Writes `value` into all of `out`, with leading zeros.
fn digits(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn moments_are_written_as_go_writes_them() {
        for (nanos, expected) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_763_632_800_123_456_789, "2025-11-20T10:00:00.123456789Z"),
            (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
            (951_868_799_999_999_999, "2000-02-29T23:59:59.999999999Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
            (4_107_542_399_000_000_000, "2100-02-28T23:59:59.000000000Z"),
            (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
        ] {
            assert_eq!(std::str::from_utf8(&quoted(nanos)).unwrap(), format!("\"{expected}\""));
        }
    }
}
