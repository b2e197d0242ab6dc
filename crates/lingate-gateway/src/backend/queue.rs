//! AI Queue Master: OpenAI's chat as one long blocking call, told by headers who asks, for what, and how urgently.

use super::{Backend, CHAT, OPENAI_COMPATIBLE};
use http::{HeaderMap, HeaderName, HeaderValue};
use lingate_codec::json::Object;

/// What its own clients send with every call.
const PRIORITY: HeaderName = HeaderName::from_static("x-priority");
const SOURCE: HeaderName = HeaderName::from_static("x-source");
/// The model, and whom the request is made for.
const MODEL: HeaderName = HeaderName::from_static("x-model");
const USER: HeaderName = HeaderName::from_static("x-user-id");

/// The longest name that is repeated in a header; the body has it in any case.
const NAME_MAX: usize = 512;

/// It never streams, and it has no other paths of OpenAI's.
pub(super) const BACKEND: Backend = Backend {
    name: "queue",
    routes: &[CHAT],
    optional_routes: &[],
    describe: Some(describe),
    streams: false,
    health_path: Some("/health"),
    self_hosted: true,
    openai_paths: false,
    ..OPENAI_COMPATIBLE
};

fn describe(config: &lingate_config::Endpoint, body: &[u8], headers: &mut HeaderMap) {
    headers.entry(PRIORITY).or_insert(HeaderValue::from_static(config.queue.priority.as_str()));
    let mut put = |name: HeaderName, text: &str| {
        // What no header can hold is left to the body.
        if let Ok(value) = HeaderValue::try_from(text)
            && (1..=NAME_MAX).contains(&text.len())
        {
            headers.entry(name).or_insert(value);
        }
    };
    put(SOURCE, &config.queue.source);
    let (mut model, mut user) = (None, None);
    // The body was written or checked a moment ago.
    let _ = Object::visit(body, |name, _, value| match name {
        b"model" => model = value.string().map(std::borrow::Cow::into_owned),
        b"user" => user = value.string().map(std::borrow::Cow::into_owned),
        _ => {}
    });
    for (name, text) in [(MODEL, model), (USER, user)] {
        if let Some(text) = text {
            put(name, &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingate_config::{BackendKind, Endpoint, QueuePriority};

    fn described(body: &str, configure: impl FnOnce(&mut Endpoint), mut headers: HeaderMap) -> Vec<(String, String)> {
        let mut config = Endpoint::new("q", BackendKind::Queue, "http://h").unwrap();
        configure(&mut config);
        describe(&config, body.as_bytes(), &mut headers);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let mut all: Vec<_> = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        all.sort();
        all
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_call_says_who_asks_for_what() {
        let plain = [("x-priority", "NORMAL"), ("x-source", "lingate")];
        assert_eq!(described("{}", |_| {}, HeaderMap::new()), pairs(&plain));
        let body = r#"{"model":"m/1","user":"u-7","messages":[{"user":"no"}]}"#;
        let set = |config: &mut Endpoint| {
            config.queue.priority = QueuePriority::High;
            config.queue.source = "office".to_owned();
        };
        let all = [("x-model", "m/1"), ("x-priority", "HIGH"), ("x-source", "office"), ("x-user-id", "u-7")];
        assert_eq!(described(body, set, HeaderMap::new()), pairs(&all));
    }

    #[test]
    fn what_is_no_header_is_left_out() {
        let plain = [("x-priority", "NORMAL"), ("x-source", "lingate")];
        let long = format!(r#"{{"user":"{}"}}"#, "u".repeat(NAME_MAX + 1));
        for body in [r#"{"user":"a\r\nx-priority: HIGH","model":""}"#, r#"{"user":7,"model":null}"#, "no json", &long] {
            assert_eq!(described(body, |_| {}, HeaderMap::new()), pairs(&plain), "{body}");
        }
    }

    #[test]
    fn the_operator_s_own_header_wins() {
        let own = HeaderMap::from_iter([(PRIORITY, HeaderValue::from_static("LOW"))]);
        assert_eq!(described("{}", |_| {}, own)[0], ("x-priority".to_owned(), "LOW".to_owned()));
    }
}
