//! The commented example configuration.

/// The text that `lingate init` writes. It is a valid configuration; what it leaves commented out is the default.
pub fn example() -> &'static str {
    include_str!("example.yaml")
}
