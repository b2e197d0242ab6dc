//! Answers that are no answer: refusals, web pages, redirects, errors under status 200.

use super::{content::Content, form::Form, persona::Ask, scenario::Scenario};

/// The words of every error that the faulty upstream tells.
pub const TOLD: &str = "the upstream's own words";

const PAGE: &str = "<!doctype html><html><head><title>Sign in</title></head><body>nginx</body></html>";

/// The answer in place of the model's, where the scenario wants one.
pub(super) fn refusal(ask: &Ask, scenario: &Scenario) -> Option<Content> {
    if let Some(act) = scenario.get("redirect") {
        let status = u16::try_from(act.number(302)).unwrap_or(302);
        return Some(Content::whole(status, "text/html", "").header("location", "/elsewhere"));
    }
    if let Some(act) = scenario.get("status") {
        let status = u16::try_from(act.number(500)).unwrap_or(500);
        let refused = body(ask.form, act.arg("body").unwrap_or("dialect"), status);
        return Some(match act.arg("ra").and_then(retry_after) {
            Some(value) => refused.header("retry-after", value),
            None => refused,
        });
    }
    if scenario.has("secret_echo") {
        let error = ask.form.error(&format!("{TOLD}: bad key {}", ask.credential)).to_string();
        return Some(Content::whole(400, "application/json", &error).header("x-echo", &ask.credential));
    }
    if let Some(act) = scenario.get("html200") {
        let kind = if act.arg("ct") == Some("json") { "application/json" } else { "text/html; charset=utf-8" };
        return Some(Content::whole(200, kind, PAGE));
    }
    if scenario.has("err200") {
        return Some(Content::whole(200, "application/json", &ask.form.error(TOLD).to_string()));
    }
    None
}

fn body(form: Form, kind: &str, status: u16) -> Content {
    let json = |text: String| Content::whole(status, "application/json", &text);
    let dialect = form.error(TOLD).to_string();
    match kind {
        "html" => Content::whole(status, "text/html", PAGE),
        "empty" => Content::whole(status, "application/json", ""),
        "text" => Content::whole(status, "text/plain", TOLD),
        "json_detail" => json(serde_json::json!({"detail": TOLD}).to_string()),
        "double_encoded" => json(serde_json::json!({"error": dialect}).to_string()),
        _ => json(dialect),
    }
}

/// What `retry-after` says.
fn retry_after(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "seconds" => "7",
        "date" => "Wed, 21 Oct 2099 07:28:00 GMT",
        "past" => "Wed, 21 Oct 2015 07:28:00 GMT",
        "huge" => "1000000000",
        "garbage" => "soon; really",
        "negative" => "-5",
        _ => return None,
    })
}
