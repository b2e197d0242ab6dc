//! Cross-origin calls from browsers: off unless origins are configured.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};

/// Methods of the data routes.
const METHODS: &str = "GET, POST, DELETE, OPTIONS";

/// Request headers that are always allowed.
const HEADERS: &str = "Content-Type, Authorization, x-api-key, api-key, anthropic-version, anthropic-beta";

/// Answer headers that a page may read; `*` inside a name is not possible.
const EXPOSED: &str = "x-request-id, x-lingate-request-id, x-lingate-endpoint, x-lingate-dropped, x-lingate-repaired, \
                       x-lingate-cache, x-lingate-attempts, x-lingate-fallback, request-id, retry-after";

/// How long a browser may remember a preflight, in seconds.
const MAX_AGE: &str = "600";

/// The most bytes of header names that a preflight may ask for.
const MOST_ASKED: usize = 1024;

/// Who may call from a browser. Credentials in the sense of CORS (cookies) are never allowed: no data route has any.
#[derive(Debug, Clone)]
pub struct Cors {
    mode: Mode,
}

#[derive(Debug, Clone)]
enum Mode {
    Off,
    Any,
    Listed(Vec<String>),
}

impl Cors {
    /// From the configured origins (`https://chat.example.com`); `*` among them is any, none is off.
    pub fn new(origins: &[String]) -> Self {
        let mode = if origins.is_empty() {
            Mode::Off
        } else if origins.iter().any(|origin| origin == "*") {
            Mode::Any
        } else {
            Mode::Listed(origins.to_vec())
        };
        Self { mode }
    }

    /// The headers of the 204 that answers an `OPTIONS` request with these headers; `None` where CORS is off. An
    /// origin that may not call gets a 204 without permission, which a browser takes for a no.
    pub fn preflight(&self, headers: &HeaderMap) -> Option<HeaderMap> {
        if matches!(self.mode, Mode::Off) {
            return None;
        }
        let mut answer = HeaderMap::with_capacity(6);
        if self.allow(headers.get(ORIGIN), &mut answer) {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(headers));
            answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        }
        answer.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        Some(answer)
    }

    /// Adds what the answer to a request from this origin (its `Origin` header) needs.
    pub fn decorate(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.allow(origin, headers) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }

    /// Writes the permission, if there is one, and what it depends on.
    fn allow(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
        match &self.mode {
            Mode::Off => false,
            Mode::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
                true
            }
            Mode::Listed(origins) => {
                // Also where there is no permission: a cache must not give one origin's answer to another.
                headers.append(VARY, HeaderValue::from_static("Origin"));
                let known = origin.filter(|origin| origins.iter().any(|own| own.as_bytes() == origin.as_bytes()));
                if let Some(origin) = known {
                    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                }
                known.is_some()
            }
        }
    }
}

/// The usual headers and those that the preflight asks for, if that is a list of header names.
fn allowed_headers(headers: &HeaderMap) -> HeaderValue {
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|asked| asked.to_str().ok()).map(str::trim);
    let Some(asked) = asked.filter(|asked| is_name_list(asked)) else { return HeaderValue::from_static(HEADERS) };
    HeaderValue::try_from(format!("{HEADERS}, {asked}")).unwrap_or(HeaderValue::from_static(HEADERS))
}

fn is_name_list(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&c))
    };
    text.len() <= MOST_ASKED && text.split(',').all(|name| is_name(name.trim_matches([' ', '\t'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn cors(origins: &[&str]) -> Cors {
        Cors::new(&origins.iter().map(|&origin| origin.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn off_adds_nothing() {
        let asked = headers(&[("origin", "https://a.test"), ("access-control-request-method", "POST")]);
        assert_eq!(cors(&[]).preflight(&asked), None);
        let mut answer = HeaderMap::new();
        cors(&[]).decorate(asked.get(ORIGIN), &mut answer);
        assert!(answer.is_empty());
    }

    #[test]
    fn any_origin() {
        let answer = cors(&["https://a.test", "*"]).preflight(&HeaderMap::new()).unwrap();
        assert_eq!(answer["access-control-allow-origin"], "*");
        assert_eq!(answer["access-control-allow-methods"], "GET, POST, DELETE, OPTIONS");
        assert_eq!(answer["access-control-allow-headers"], HEADERS);
        assert!(!answer.contains_key("access-control-allow-credentials"));
        assert!(answer.get_all(VARY).iter().all(|vary| vary != "Origin"));
    }

    #[test]
    fn listed_origins() {
        let cors = cors(&["https://a.test", "http://localhost:3000"]);
        let mut answer = headers(&[("vary", "Accept")]);
        cors.decorate(Some(&HeaderValue::from_static("http://localhost:3000")), &mut answer);
        assert_eq!(answer["access-control-allow-origin"], "http://localhost:3000");
        assert!(answer["access-control-expose-headers"].to_str().unwrap().contains("retry-after"));
        let vary: Vec<_> = answer.get_all(VARY).iter().collect();
        assert_eq!(vary, ["Accept", "Origin"]);

        for origin in ["https://a.test.evil", "https://a.tes", "http://a.test", "https://a.test/", "null", ""] {
            let mut answer = HeaderMap::new();
            cors.decorate(Some(&HeaderValue::from_static(origin)), &mut answer);
            assert_eq!(answer, headers(&[("vary", "Origin")]), "{origin}");
            let preflight = cors.preflight(&headers(&[("origin", origin)])).unwrap();
            assert!(preflight.keys().all(|name| name == VARY), "{origin}");
        }
        let mut answer = HeaderMap::new();
        cors.decorate(None, &mut answer);
        assert_eq!(answer, headers(&[("vary", "Origin")]));
    }

    #[test]
    fn asked_headers() {
        let ask = |value| {
            let answer = cors(&["*"]).preflight(&headers(&[("access-control-request-headers", value)])).unwrap();
            answer["access-control-allow-headers"].to_str().unwrap().strip_prefix(HEADERS).unwrap().to_owned()
        };
        assert_eq!(ask("x-stainless-os,\tx-stainless-lang"), ", x-stainless-os,\tx-stainless-lang");
        for bad in ["", ",", "a b", "a,,b", "a;b", "a\"", "*", "ä"] {
            assert_eq!(ask(bad), "", "{bad}");
        }
        let long = HeaderValue::try_from("a,".repeat(600) + "a").unwrap();
        let long = HeaderMap::from_iter([(ACCESS_CONTROL_REQUEST_HEADERS, long)]);
        assert_eq!(cors(&["*"]).preflight(&long).unwrap()["access-control-allow-headers"], HEADERS);
    }
}
