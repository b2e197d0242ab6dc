//! Tools that a provider runs itself, towards a backend that has none: refused, or left out (`hosted_tools: drop`).

use lingate_codec::dialect::Unsupported;
use lingate_codec::ir::{Concept, Loss, Part, Request, Tool};
use lingate_codec::json::{Object, Raw};
use std::collections::HashMap;

/// What such tools leave behind in a conversation: items of OpenAI's, blocks of Anthropic's. Their results stand in the
/// answer's text, too.
const TRACES: &[&str] = &[
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
];

/// Leaves such tools out of a request, with their traces, and reports the tools.
pub(super) fn drop(request: &mut Request<'_>, object: &Object<'_>, loss: &mut Loss) {
    let places = places(object);
    request.tools.retain(|tool| match tool {
        Tool::Hosted { raw, .. } => {
            let place = places.get(&raw.bytes().as_ptr());
            loss.path(place.map_or_else(|| "tools".to_owned(), |index| format!("tools[{index}]")));
            false
        }
        Tool::Function { .. } => true,
    });
    for message in &mut request.messages {
        message.parts.retain(|part| !matches!(part, Part::Opaque(opaque) if TRACES.contains(&&*opaque.kind)));
    }
    request.messages.retain(|message| !message.parts.is_empty());
}

/// What a client can do about the refusal of such a tool, to stand behind its reason.
pub(super) fn hint(request: &Request<'_>, unsupported: &Unsupported) -> &'static str {
    let hosted = |tool: &Tool<'_>| matches!(tool, Tool::Hosted { .. });
    if unsupported.concept == Concept::Tools && request.tools.iter().any(hosted) {
        " (the virtual model's setting `hosted_tools: drop` leaves such tools out)"
    } else {
        ""
    }
}

/// Where each tool stands in the client's request: groups of tools move those behind them.
fn places(object: &Object<'_>) -> HashMap<*const u8, usize> {
    let tools = object.given("tools").and_then(Raw::array).into_iter().flatten();
    tools.enumerate().map(|(index, tool)| (tool.bytes().as_ptr(), index)).collect()
}
