//! One virtual model, raw to checked.

use super::endpoint::timeouts;
use super::{headers, list_of, name, non_empty};
use crate::checked::{Price, Retry, Target, ToolRepair, VirtualModel};
use crate::diagnostic::Findings;
use crate::node::member;
use crate::raw;
use crate::raw::Record;

/// Dollars a million tokens, in pico-dollars a token.
const PICO: u128 = 1_000_000;

/// Always a virtual model, so that indices stay those of the file.
pub(super) fn virtual_model(raw: raw::VirtualModel, path: &str, findings: &mut Findings) -> Option<VirtualModel> {
    let base = VirtualModel::empty(name(raw.name, path, findings));
    let at = member(path, "targets");
    if raw.targets.is_none() {
        let help = "give at least one, for example `targets: [{ endpoint: local, model: llama3 }]`";
        findings.missing(&at, Some(help));
    }
    Some(VirtualModel {
        targets: list_of(raw.targets.unwrap_or_default(), &at, findings, target),
        strategy: raw.strategy.map_or(base.strategy, |word| word.0),
        sticky: raw.sticky.map_or(base.sticky, |word| word.0),
        overflow_to: non_empty(raw.overflow_to),
        display_name: non_empty(raw.display_name),
        system_prompt: non_empty(raw.system_prompt),
        defaults: members(raw.defaults, &member(path, "defaults"), findings),
        force: members(raw.force, &member(path, "force"), findings),
        headers: headers(raw.headers, &member(path, "headers"), findings),
        stream: raw.stream.map_or(base.stream, |word| word.0),
        response_model: raw.response_model.map_or(base.response_model, |word| word.0),
        reasoning: raw.reasoning.map_or(base.reasoning, |word| word.0),
        tool_repair: raw.tool_repair.map_or(base.tool_repair.clone(), repair),
        repair_cut_calls: raw.repair_cut_calls.unwrap_or(false),
        strict: raw.strict.unwrap_or(false),
        hosted_tools: raw.hosted_tools.map_or(base.hosted_tools, |word| word.0),
        retry: raw.retry.map_or(base.retry, |raw| retry(&raw)),
        fallback_message: non_empty(raw.fallback_message),
        hedge: raw.hedge.unwrap_or(false),
        job_status: raw.job_status.unwrap_or(false),
        cache: match raw.cache {
            Some(raw::Cache::On(options)) => options.ttl.map(|span| span.0),
            _ => None,
        },
        record: raw.record.is_some_and(|word| word.0 == Record::On),
        price: raw.price.map(|raw| price(&raw, &member(path, "price"), findings)),
        enabled: raw.enabled.unwrap_or(true),
        ..base
    })
}

fn target(raw: raw::Target, path: &str, findings: &mut Findings) -> Option<Target> {
    let mut required = |value: Option<String>, key: &str| {
        match value {
            Some(value) if value.is_empty() => findings.add(&member(path, key), "must not be empty", None),
            Some(value) => return value,
            None => findings.missing(&member(path, key), None),
        }
        String::new()
    };
    let (endpoint, model) = (required(raw.endpoint, "endpoint"), required(raw.model, "model"));
    let timeouts = timeouts(&raw.timeouts.unwrap_or_default());
    Some(Target { endpoint, model, weight: raw.weight.unwrap_or(1), priority: raw.priority, timeouts })
}

/// Members of the request that are lingate's own to set.
fn members(raw: Option<raw::Members<raw::Json>>, path: &str, findings: &mut Findings) -> Vec<(String, String)> {
    let members = raw.map(|members| members.0).unwrap_or_default();
    for (key, _) in &members {
        let help = match key.as_str() {
            "model" => "the target's `model` decides it",
            "stream" => "use the virtual model's `stream: never`",
            "messages" => "use `system_prompt`",
            _ => continue,
        };
        findings.add(&member(path, key), "this member cannot be set here", Some(help));
    }
    members.into_iter().map(|(key, json)| (key, json.0)).collect()
}

fn repair(raw: raw::Repair) -> ToolRepair {
    match raw {
        raw::Repair::Off => ToolRepair::Off,
        raw::Repair::On => ToolRepair::On,
        raw::Repair::Auto => ToolRepair::Auto,
        raw::Repair::Patterns(names) => ToolRepair::Patterns(names),
    }
}

fn retry(raw: &raw::Retry) -> Retry {
    let base = Retry::default();
    Retry {
        attempts: raw.attempts.unwrap_or(base.attempts),
        on_empty: raw.on_empty.unwrap_or(base.on_empty),
        after_send: raw.after_send.unwrap_or(base.after_send),
    }
}

fn price(raw: &raw::Price, path: &str, findings: &mut Findings) -> Price {
    let mut pico = |value: &Option<raw::Decimal>, key: &str| {
        let value = value.as_ref()?;
        let scaled = value.times(PICO);
        if scaled.is_none() {
            findings.add(&member(path, key), "not a price in dollars a million tokens", None);
        }
        scaled
    };
    Price {
        input: pico(&raw.input, "input"),
        output: pico(&raw.output, "output"),
        cache_read: pico(&raw.cache_read, "cache_read"),
        cache_write: pico(&raw.cache_write, "cache_write"),
    }
}
