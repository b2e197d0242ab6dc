//! Puts the commit, the build date and the target into the program's version text. Never fails: what cannot be
//! found out is "unknown".

use std::env;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo:rerun-if-env-changed=LINGATE_BUILD_COMMIT");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=build.rs");
    // The reflog of HEAD changes with every commit.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && std::path::Path::new(&log).exists()
    {
        println!("cargo:rerun-if-changed={log}");
    }
    let commit = env::var("LINGATE_BUILD_COMMIT").ok().filter(|text| !text.trim().is_empty());
    let commit = commit.or_else(|| git(&["rev-parse", "HEAD"])).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=LINGATE_BUILD_COMMIT={}", commit.trim());
    println!("cargo:rustc-env=LINGATE_BUILD_DATE={}", date());
    println!("cargo:rustc-env=LINGATE_BUILD_TARGET={}", env::var("TARGET").unwrap_or_else(|_| "unknown".to_owned()));
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty() && !text.contains('\n'))
}

/// Today, UTC, as YYYY-MM-DD; SOURCE_DATE_EPOCH stands in for the clock, so that builds can be repeated.
fn date() -> String {
    let fixed = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.trim().parse::<u64>().ok());
    let seconds = fixed.or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs()));
    let Some(days) = seconds.map(|seconds| seconds / 86_400) else { return "unknown".to_owned() };
    // Civil date from days since 1970, counted in years that begin in March.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
