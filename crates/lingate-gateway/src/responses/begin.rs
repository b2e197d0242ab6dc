//! Before a Responses request is handled: what it refers to is put in its place.

use super::asked::{Asked, previous_not_found, shown};
use super::items::{self, Item};
use super::keep::Keep;
use super::payload::Payload;
use super::shelf::Shelf;
use crate::error::Failure;
use crate::pipeline::Exchange;
use crate::snapshot::{Target, VirtualModel};
use bytes::Bytes;
use lingate_codec::dialect::{DialectId, Envelope};
use lingate_codec::ir::{ApiError, Operation};
use lingate_codec::json::Raw;
use std::collections::{HashMap, HashSet};

/// So many stored answers are opened for one request's references. The newest of a conversation holds all of it.
const MAX_OPENED: usize = 8;
/// So many references of one request are looked up.
const MAX_LOOKED_UP: usize = 512;

/// What becomes of a request.
#[derive(Default)]
pub(crate) struct Turn {
    /// The request without references to state; `None` if it had none.
    pub(crate) body: Option<Bytes>,
    /// What is to become of its answer; `None` if nothing.
    pub(crate) keep: Option<Keep>,
}

/// Reads what a request says of state, and replaces what it refers to. Requests of other dialects have none.
///
/// # Errors
/// A 400 in the form of OpenAI's: nothing is known of an id, or state is asked for that lingate does not have. A 503
/// if the store does not answer.
pub(crate) async fn begin(
    exchange: &Exchange<'_>,
    dialect: DialectId,
    body: &Bytes,
    envelope: &Envelope<'_>,
    model: &VirtualModel,
) -> Result<Turn, Failure> {
    if dialect != DialectId::OpenAiResponses {
        return Ok(Turn::default());
    }
    // Boxed: the room for it is not every request's.
    Box::pin(recall(exchange, body, envelope, model)).await
}

async fn recall(
    exchange: &Exchange<'_>,
    body: &Bytes,
    envelope: &Envelope<'_>,
    model: &VirtualModel,
) -> Result<Turn, Failure> {
    let asked = Asked::read(&envelope.object)?;
    let native = Native::of(model);
    if asked.conversation {
        return if native.all { Ok(Turn::default()) } else { Err(no_conversations().into()) };
    }
    let shelf = Shelf::of(exchange);
    let kept_for = exchange.snapshot.config.responses_store;
    let mut past = None;
    if let Some(id) = &asked.previous {
        past = if kept_for.is_some() { shelf.get(id).await? } else { None };
        if past.is_none() {
            let passed_on = native.all && !shelf.is_withheld(id).await?;
            return if passed_on { Ok(Turn::default()) } else { Err(previous_not_found(id).into()) };
        }
    }
    let past = match (past.as_deref(), &asked.previous) {
        (Some(text), Some(id)) => Payload::read(text).ok_or_else(|| previous_not_found(id))?.items(),
        _ => Vec::new(),
    };
    let list = items::list(envelope, body)?;
    let referred = referred(&shelf, &past, &list, native.all).await?;
    let changed = asked.previous.is_some() || !referred.is_empty();
    let (input, body) = if changed {
        let items = conversation(&past, &referred, &list, native.all)?;
        let sent = items::joined(items::sent(&items, native.any).iter().map(|item| &**item));
        let body = items::with_input(&envelope.object, &sent);
        (items::joined(items.iter().map(|item| item.raw.bytes())).into(), Some(body.into()))
    } else {
        (list, None)
    };
    let keep = Keep::new(asked.previous.map(Into::into));
    let keep = match kept_for {
        Some(time) if asked.store => Some(keep.storing(exchange, time, input)),
        // The upstream's own word stands where it keeps the state.
        None if !native.all => Some(keep.denying()),
        _ => Some(keep).filter(Keep::has_previous),
    };
    Ok(Turn { body, keep })
}

/// Which targets of a model take Responses as they are, and so have a state of their own.
struct Native {
    all: bool,
    any: bool,
}

impl Native {
    fn of(model: &VirtualModel) -> Self {
        let takes = |target: &Target| target.endpoint.native(DialectId::OpenAiResponses, Operation::Chat).is_some();
        let mut takes = model.targets.iter().map(takes);
        let (all, any) = (takes.clone().all(|takes| takes), takes.any(|takes| takes));
        Self { all, any }
    }
}

/// What the references of a list refer to, by id, as far as it is known; those into `past` are left out.
///
/// # Errors
/// A 400: too many to look for, or, where the rest is passed on, one that is another client's or was deleted.
async fn referred(
    shelf: &Shelf<'_>,
    past: &[Raw<'_>],
    list: &[u8],
    passed_on: bool,
) -> Result<HashMap<String, Option<Vec<u8>>>, Failure> {
    let mut found = HashMap::new();
    if !items::may_refer(list) {
        return Ok(found);
    }
    let known: HashSet<_> = past.iter().filter_map(|item| items::id(*item)).collect();
    let ids: Vec<String> = elements(list).filter_map(|item| Some(items::reference(item)?.into_owned())).collect();
    found.extend(ids.iter().map(|id| (id.clone(), None)));
    let (mut looked_up, mut opened) = (0, 0);
    // The newest answer of a conversation has nearly all of its items, and is referred to last.
    for id in ids.iter().rev().filter(|id| !known.contains(id.as_str())) {
        if found.get(id).is_some_and(Option::is_some) {
            continue;
        }
        looked_up += 1;
        let answer = shelf.find_item(id).await?;
        opened += usize::from(answer.is_some());
        if looked_up > MAX_LOOKED_UP || opened > MAX_OPENED {
            let message = "too many `item_reference`s into different answers; go on by `previous_response_id`";
            return Err(ApiError::invalid("input", message).into());
        }
        let Some(answer) = answer else {
            if passed_on && shelf.is_withheld(id).await? {
                return Err(no_item("input", id).into());
            }
            continue;
        };
        let payload = shelf.get(&answer).await?;
        for item in payload.as_deref().and_then(Payload::read).map(|payload| payload.items()).unwrap_or_default() {
            if let Some(place) = items::id(item).and_then(|id| found.get_mut(&*id)) {
                *place = Some(item.bytes().to_vec());
            }
        }
    }
    Ok(found)
}

/// All items of the conversation: the past, then the request's own, its references replaced. A call or result of the
/// past that the request says again, as Open WebUI 0.12.4 does, is the same one: two calls of one id are refused by
/// upstreams.
fn conversation<'i>(
    past: &[Raw<'i>],
    referred: &'i HashMap<String, Option<Vec<u8>>>,
    list: &'i [u8],
    passed_on: bool,
) -> Result<Vec<Item<'i>>, ApiError> {
    let known: HashSet<_> = past.iter().filter_map(|item| items::id(*item)).collect();
    let calls: HashSet<_> = past.iter().filter_map(|item| items::call(*item)).collect();
    let is_repeated = |item: Raw<'_>| !calls.is_empty() && items::call(item).is_some_and(|call| calls.contains(&call));
    let mut out: Vec<_> = past.iter().map(|raw| Item { raw: *raw, old: true }).collect();
    for (index, raw) in elements(list).enumerate() {
        if is_repeated(raw) {
            continue;
        }
        let id = if referred.is_empty() { None } else { items::reference(raw) };
        let Some(id) = id else {
            out.push(Item { raw, old: false });
            continue;
        };
        match referred.get(&*id).and_then(Option::as_deref).and_then(|item| Raw::parse(item).ok()) {
            // It stands in the conversation already.
            _ if known.contains(&id) => {}
            Some(raw) => out.push(Item { raw, old: true }),
            None if passed_on => out.push(Item { raw, old: false }),
            None => return Err(no_item(format!("input[{index}]"), &id)),
        }
    }
    Ok(out)
}

fn elements(list: &[u8]) -> impl Iterator<Item = Raw<'_>> {
    Raw::parse(list).ok().and_then(Raw::array).into_iter().flatten()
}

fn no_item(path: impl Into<String>, id: &str) -> ApiError {
    ApiError::invalid(path, format!("Item with id '{}' not found.", shown(id))).with_code("item_not_found")
}

fn no_conversations() -> ApiError {
    let message = "lingate keeps no conversations for this model; go on from an answer by `previous_response_id`";
    ApiError::invalid("conversation", message).with_code("unsupported_parameter")
}
