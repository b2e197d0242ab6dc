//! Which `Host` headers are served: a page on a foreign name that resolves to this machine must not reach it.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest host name of DNS.
const LONGEST: usize = 253;

/// Whether a request for this host is served.
///
/// `host` is the `Host` header, or HTTP/2's authority; its port is ignored. Served are IP addresses, names
/// without a dot, `localhost` and what is below it, `host.docker.internal`, and `allowed` (lower case or not,
/// without port). None of the former is a name that a stranger can have. No host at all, or an empty one, is
/// served too: no browser sends that.
pub(crate) fn is_allowed_host(host: Option<&str>, allowed: &[String]) -> bool {
    let Some(host) = host.map(str::trim).filter(|host| !host.is_empty()) else { return true };
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        // A zone (`%eth0`) says over which interface, not whom.
        let address = address.split_once('%').map_or(address, |(address, _)| address);
        return is_port(port) && address.parse::<Ipv6Addr>().is_ok();
    }
    let (name, port) = host.bytes().position(|byte| byte == b':').map_or((host, ""), |colon| host.split_at(colon));
    let name = name.strip_suffix('.').unwrap_or(name);
    if !is_port(port) || !is_name(name) {
        return false;
    }
    !name.contains('.')
        || name == "127.0.0.1"
        || name.parse::<Ipv4Addr>().is_ok()
        || is_below(name, ".localhost")
        || name.eq_ignore_ascii_case("host.docker.internal")
        || allowed.iter().any(|own| name.eq_ignore_ascii_case(own.strip_suffix('.').unwrap_or(own)))
}

/// Nothing, or a colon and digits.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|c| c.is_ascii_digit()))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

fn is_below(name: &str, suffix: &str) -> bool {
    let tail = name.len().checked_sub(suffix.len()).and_then(|start| name.get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts() {
        let allowed = ["llm.example.com".to_owned()];
        for host in [
            "127.0.0.1",
            "127.0.0.1:8002",
            "192.168.1.7:80",
            "[::1]",
            "[::1]:8002",
            "[fe80::1%25eth0]:1",
            "localhost",
            "LOCALHOST:11434",
            "localhost.",
            "app.localhost",
            "lingate",
            "my_gateway:8002",
            "host.docker.internal:8002",
            "llm.example.com",
            "LLM.Example.com.:443",
            "",
        ] {
            assert!(is_allowed_host(Some(host), &allowed), "{host}");
        }
        assert!(is_allowed_host(None, &[]));
        for host in [
            "evil.test",
            "evil.test:8002",
            "llm.example.com.evil.test",
            "x.llm.example.com",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "evillocalhost.com",
            "user@localhost",
            "localhost:80@evil.test",
            "localhost:8002:1",
            "localhost/evil.test",
            "[::1",
            "[::1]evil.test",
            "[evil.test]",
            "::1",
            ".",
            "1.2.3.4.5",
            "0x7f.1",
        ] {
            assert!(!is_allowed_host(Some(host), &allowed), "{host}");
        }
        assert!(!is_allowed_host(Some("llm.example.com"), &[]));
    }

    proptest! {
        #[test]
        fn a_foreign_name_is_never_served(label in "[a-z0-9-]{1,20}", port in proptest::option::of(any::<u16>())) {
            let host = format!("{label}.evil.test{}", port.map_or(String::new(), |port| format!(":{port}")));
            prop_assert!(!is_allowed_host(Some(&host), &["good.test".to_owned()]));
        }

        #[test]
        fn any_text_is_judged(host in ".{0,80}") {
            is_allowed_host(Some(&host), &[]);
        }
    }
}
