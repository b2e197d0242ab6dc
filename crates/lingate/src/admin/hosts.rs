//! Which `Host` headers the admin listener serves: names that a stranger cannot have, and the operator's own.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether requests for this host are served: IP addresses, names without a dot, `localhost` and what is below it,
/// `host.docker.internal` and `allowed`. A request without a host comes from no browser.
pub(super) fn is_served(host: Option<&str>, allowed: &[String]) -> bool {
    let Some(host) = host.map(str::trim).filter(|host| !host.is_empty()) else { return true };
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_end_matches('.').to_ascii_lowercase();
    !name.contains('.')
        || name.parse::<Ipv4Addr>().is_ok()
        || name.ends_with(".localhost")
        || name == "host.docker.internal"
        || allowed.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let allowed = ["llm.example.com".to_owned()];
        for host in
            ["127.0.0.1:5001", "[::1]:5001", "localhost", "lingate:5001", "a.localhost", "LLM.example.com:5001", ""]
        {
            assert!(is_served(Some(host), &allowed), "{host}");
        }
        for host in ["evil.example", "evil.example:5001", "127.0.0.1.evil.example", "[evil]", "llm.example.com.evil.io"]
        {
            assert!(!is_served(Some(host), &allowed), "{host}");
        }
        assert!(is_served(None, &allowed));
    }
}
