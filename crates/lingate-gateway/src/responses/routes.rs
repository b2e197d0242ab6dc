//! `GET` and `DELETE /v1/responses/{id}`, `POST …/cancel`, `GET …/input_items`. Another client's answer is as absent as
//! one that never was.

use super::asked::shown;
use super::payload::Payload;
use super::shelf::Shelf;
use crate::error::Failure;
use crate::ingress::routes::ResponsePart;
use crate::own::json;
use crate::pipeline::{Exchange, Served};
use http::Method;
use lingate_codec::ir::ApiError;
use lingate_codec::json::{Raw, Writer};
use std::borrow::Cow;

/// Answers a request for a stored answer.
pub(crate) async fn serve(exchange: &Exchange<'_>, id: &str, part: ResponsePart) -> Served {
    let shelf = Shelf::of(exchange);
    if part == ResponsePart::Itself && exchange.parts.method == Method::DELETE {
        return if shelf.delete(id).await? { Ok(json(deleted(id))) } else { Err(not_found(id)) };
    }
    let Some(text) = shelf.get(id).await? else { return Err(not_found(id)) };
    let Some(payload) = Payload::read(&text) else { return Err(not_found(id)) };
    match part {
        ResponsePart::Itself if asks_stream(exchange) => {
            let message = "a stored answer is not streamed again; ask without `stream`";
            Err(ApiError::invalid("stream", message).with_code("unsupported_parameter").into())
        }
        ResponsePart::Itself => Ok(json(payload.response.bytes().to_vec())),
        // None is ever on its way when it can be asked for.
        ResponsePart::Cancel => Err(ApiError::new(400, "Cannot cancel a synchronous response.").into()),
        ResponsePart::InputItems => {
            let page = Page::read(exchange.parts.uri.query().unwrap_or_default())?;
            Ok(json(page.of(id, payload.input)?))
        }
    }
}

fn not_found(id: &str) -> Failure {
    ApiError::new(404, format!("Response with id '{}' not found.", shown(id))).into()
}

fn asks_stream(exchange: &Exchange<'_>) -> bool {
    pairs(exchange.parts.uri.query().unwrap_or_default()).any(|(name, value)| name == "stream" && value != "false")
}

fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    url::form_urlencoded::parse(query.as_bytes())
}

fn deleted(id: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.string_member("id", id);
    w.string_member("object", "response");
    w.bool_member("deleted", true);
    w.end_object();
    out
}

/// Which of the items are asked for. SDK 3.52.0, `types/responses/input_item_list_params.py`.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    limit: usize,
    ascending: bool,
    after: Option<String>,
}

impl Page {
    fn read(query: &str) -> Result<Self, ApiError> {
        let mut page = Self { limit: 20, ascending: false, after: None };
        for (name, value) in pairs(query) {
            match &*name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=100).contains(limit));
                    page.limit =
                        limit.ok_or_else(|| ApiError::invalid("limit", "`limit` must be a number from 1 to 100"))?;
                }
                "order" => {
                    page.ascending = match &*value {
                        "asc" => true,
                        "desc" => false,
                        _ => return Err(ApiError::invalid("order", "`order` must be `asc` or `desc`")),
                    }
                }
                "after" if !value.is_empty() => page.after = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(page)
    }

    /// The page of the items of an answer.
    fn of(&self, response: &str, input: Raw<'_>) -> Result<Vec<u8>, ApiError> {
        let mut items: Vec<_> = input.array().into_iter().flatten().enumerate().collect();
        if !self.ascending {
            items.reverse();
        }
        let named: Vec<_> = items.iter().map(|(index, item)| (item_id(response, *index, *item), *item)).collect();
        let start = match &self.after {
            None => 0,
            Some(after) => {
                let place = named.iter().position(|(id, _)| id == after);
                1 + place.ok_or_else(|| ApiError::invalid("after", format!("no item has the id '{}'", shown(after))))?
            }
        };
        let rest = named.get(start..).unwrap_or_default();
        let data = rest.get(..self.limit).unwrap_or(rest);
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.begin_object();
        w.string_member("object", "list");
        w.key("data");
        w.begin_array();
        data.iter().for_each(|(id, item)| write_item(id, *item, &mut w));
        w.end_array();
        for (name, item) in [("first_id", data.first()), ("last_id", data.last())] {
            match item {
                Some((id, _)) => w.string_member(name, id),
                None => w.null_member(name),
            }
        }
        w.bool_member("has_more", data.len() < rest.len());
        w.end_object();
        Ok(out)
    }
}

/// An item's own id, or one by its place: the same whenever it is asked for.
fn item_id(response: &str, index: usize, item: Raw<'_>) -> String {
    if let Some(id) = super::items::id(item) {
        return id.into_owned();
    }
    let kind = item.object().and_then(|object| object.string("type"));
    let prefix = match kind.as_deref() {
        None | Some("message") => "msg",
        Some("function_call") => "fc",
        Some("reasoning") => "rs",
        Some(_) => "item",
    };
    format!("{prefix}_{}_{index}", response.strip_prefix("resp_").unwrap_or(response))
}

/// An item as it was given, with its id; a message in its long form.
fn write_item(id: &str, item: Raw<'_>, w: &mut Writer<'_>) {
    let Some(object) = item.object() else { return w.raw(item) };
    let message = object.given("type").is_none() && object.given("role").is_some();
    let assistant = object.string("role").is_some_and(|role| role == "assistant");
    w.begin_object();
    w.string_member("id", id);
    if message {
        w.string_member("type", "message");
    }
    for member in object.members().iter().filter(|member| member.key != "id" && !(message && member.key == "type")) {
        w.key(&member.key);
        if member.key != "content" || member.value.string().is_none() {
            w.raw(member.value);
            continue;
        }
        w.begin_array();
        w.begin_object();
        w.string_member("type", if assistant { "output_text" } else { "input_text" });
        w.raw_member("text", member.value);
        if assistant {
            w.json_member("annotations", "[]");
        }
        w.end_object();
        w.end_array();
    }
    w.end_object();
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: &[u8] = br#"[{"role":"user","content":"a"},{"type":"message","id":"msg_x","role":"assistant","content":"b"},
        {"type":"function_call_output","call_id":"c","output":"d"},{"type":"message","role":"user","content":[{"type":"input_text","text":"e"}]}]"#;

    fn page(query: &str) -> Result<serde_json::Value, ApiError> {
        let out = Page::read(query)?.of("resp_7", Raw::parse(INPUT).unwrap())?;
        Ok(serde_json::from_slice(&out).unwrap())
    }

    fn ids(query: &str) -> (Vec<String>, bool) {
        let page = page(query).unwrap();
        let ids: Vec<String> =
            page["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(page["first_id"].as_str(), ids.first().map(String::as_str));
        assert_eq!(page["last_id"].as_str(), ids.last().map(String::as_str));
        (ids, page["has_more"].as_bool().unwrap())
    }

    #[test]
    fn pages_follow_each_other() {
        let all = ["msg_7_0", "msg_x", "item_7_2", "msg_7_3"].map(str::to_owned);
        let mut turned = all.clone();
        turned.reverse();
        assert_eq!(ids("order=asc"), (all.to_vec(), false));
        assert_eq!(ids(""), (turned.to_vec(), false));
        assert_eq!(ids("order=asc&limit=3"), (all[..3].to_vec(), true));
        assert_eq!(ids("order=asc&limit=3&after=item_7_2"), (all[3..].to_vec(), false));
        assert_eq!(ids("limit=1&after=msg_x"), (all[..1].to_vec(), false));
        assert_eq!(ids("after=msg_7_0&include[]=x"), (Vec::new(), false));
    }

    #[test]
    fn messages_have_their_long_form() {
        let page = page("order=asc").unwrap();
        let text = |kind: &str, text: &str| serde_json::json!({ "type": kind, "text": text });
        assert_eq!(
            page["data"][0],
            serde_json::json!({"id": "msg_7_0", "type": "message", "role": "user", "content": [text("input_text", "a")]})
        );
        assert_eq!(page["data"][1]["content"][0]["type"], "output_text");
        assert_eq!(page["data"][2]["output"], "d");
        assert_eq!(page["data"][3]["content"][0], text("input_text", "e"));
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("order=up", "order"),
            ("after=no", "after"),
        ] {
            assert_eq!(page(query).unwrap_err().param.as_deref(), Some(param), "{query}");
        }
    }
}
