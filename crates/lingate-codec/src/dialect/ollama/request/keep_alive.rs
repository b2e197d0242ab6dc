//! `keep_alive`: how long the model stays loaded. A number of seconds, or a duration as Go writes it (`1h30m`).

use super::typed;
use crate::ir::ApiError;
use crate::json::Raw;

const EXPECTED: &str = "a number of seconds or a duration such as \"5m\"";

/// Refuses what Ollama refuses (`Duration.UnmarshalJSON` in its `api/types.go`).
pub(in crate::dialect::ollama) fn check(value: Raw<'_>) -> Result<(), ApiError> {
    match value.string() {
        Some(text) if is_duration(&text) => Ok(()),
        Some(_) => Err(ApiError::invalid("keep_alive", format!("`keep_alive` must be {EXPECTED}"))),
        None if value.number().is_some() => Ok(()),
        None => Err(typed::wrong("keep_alive", EXPECTED, value)),
    }
}

/// Whether Go's `time.ParseDuration` takes this: a sign, then numbers with their units; zero needs none.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut any = false;
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let digits = &rest[..rest.len() - number.len()];
        let is_number = digits.bytes().any(|byte| byte != b'.') && digits.matches('.').count() <= 1;
        // The longer ones first: "ms" begins with "m".
        let unit = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"].into_iter().find_map(|unit| number.strip_prefix(unit));
        match unit {
            Some(next) if is_number => rest = next,
            _ => return false,
        }
        any = true;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::json::Raw;

    #[test]
    fn durations_are_taken_as_go_takes_them() {
        for (json, taken) in [
            ("0", true),
            ("-1", true),
            ("1.5", true),
            (r#""5m""#, true),
            (r#""1h30m""#, true),
            (r#""-1ns""#, true),
            (r#""+1.5h""#, true),
            (r#"".5s""#, true),
            (r#""0""#, true),
            (r#""10\u00b5s""#, true),
            (r#""""#, false),
            (r#""5""#, false),
            (r#""-1""#, false),
            (r#""m""#, false),
            (r#"".s""#, false),
            (r#""1.2.3s""#, false),
            (r#""5 m""#, false),
            (r#""5d""#, false),
            (r#""forever""#, false),
            ("true", false),
            ("[]", false),
            ("{}", false),
        ] {
            assert_eq!(check(Raw::parse(json.as_bytes()).unwrap()).is_ok(), taken, "{json}");
        }
    }
}
