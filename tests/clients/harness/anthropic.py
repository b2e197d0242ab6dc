"""The upstream that speaks Anthropic's dialect: messages and token counts."""

import json
import re

from .mind import ANY, MODELS, SIGNATURE, THOUGHT, USAGE, Asked, Fault, Tool, mapping, members, text, texts
from .reply import Reply

STREAM_TYPE = "text/event-stream"
CREDENTIAL = ("x-api-key", "")
CHAT = "/messages"


def read(request):
    """Reads a message request."""
    if "anthropic-version" not in request.headers:
        raise Fault("no anthropic-version")
    body = request.json()
    asked = Asked(text(body, "model"), stream=bool(body.get("stream", False)))
    limit = body.get("max_tokens")
    if not isinstance(limit, int) or limit < 1:
        raise Fault("max_tokens is required")
    thinking, config = body.get("thinking", {}), body.get("output_config", {})
    asked.thinks = thinking.get("type", "disabled") != "disabled" or "effort" in config
    if thinking.get("budget_tokens", 0) >= limit:
        raise Fault("the budget is not below max_tokens")
    if config.get("format") is not None:
        asked.schema = mapping(config["format"], "schema")
    asked.told = texts(body.get("system", ""))
    for tool in members(body, "tools"):
        if tool.get("type", "custom") != "custom":
            continue
        asked.tools.append(Tool(text(tool, "name"), mapping(tool, "input_schema")))
    choice = body.get("tool_choice", {}).get("type")
    if choice == "none":
        asked.tools = []
    asked.forced = {"any": ANY, "tool": body.get("tool_choice", {}).get("name")}.get(choice)
    reader = _Reader(asked)
    if body.get("thread", {}).get("type") == "continue":
        # What went before is known here, by the id of the answer.
        before = re.fullmatch(r"msg_(\d+)", text(body["thread"], "previous_message_id"))
        if not before:
            raise Fault("a thread that goes on after another answer")
        reader.calls = [f"toolu_{before[1]}_{index}" for index in range(2)]
    before = None
    for message in members(body, "messages"):
        role = text(message, "role")
        if role == before:
            raise Fault(f"two turns of {role}")
        reader.turn(role, message.get("content"))
        before = role
    return asked


class _Reader:
    """Reads the turns."""

    def __init__(self, asked):
        self.asked = asked
        # Calls that wait for their results.
        self.calls = []

    def turn(self, role, content):
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not blocks:
            raise Fault("a turn without content")
        if role == "user":
            results = 0
            while results < len(blocks) and blocks[results].get("type") == "tool_result":
                results += 1
            if results != len(self.calls):
                raise Fault(f"{results} results first, for {len(self.calls)} calls")
            if results == 0:
                self.asked.said, self.asked.images, self.asked.results = "", [], []
        for at, block in enumerate(blocks):
            self.block(role, at, block)

    def block(self, role, at, block):
        asked, kind = self.asked, text(block, "type")
        if kind == "text" and not text(block, "text").strip():
            raise Fault("an empty text")
        if (role, kind) == ("user", "text"):
            asked.said += block["text"]
        elif (role, kind) == ("system", "text"):
            asked.told += block["text"]
        elif (role, kind) == ("assistant", "text"):
            pass
        elif (role, kind) == ("user", "image"):
            source = mapping(block, "source")
            if not text(source, "media_type").startswith("image/"):
                raise Fault("no image")
            asked.images.append(text(source, "data"))
        elif (role, kind) == ("user", "tool_result"):
            if text(block, "tool_use_id") not in self.calls:
                raise Fault(f"a result of an unknown call {block['tool_use_id']}")
            self.calls.remove(block["tool_use_id"])
            asked.results.append(texts(block.get("content", "")))
        elif (role, kind) == ("assistant", "tool_use"):
            mapping(block, "input")
            if not re.fullmatch(r"[a-zA-Z0-9_-]+", text(block, "id")):
                raise Fault(f"the id {block['id']!r}")
            self.calls.append(block["id"])
        elif (role, kind) == ("assistant", "thinking") and at == 0 and block.get("signature") == SIGNATURE:
            # A client that asked for no display gets an empty one, with its seal.
            if block.get("thinking") not in (THOUGHT, ""):
                raise Fault("another thought than the sealed one")
        else:
            raise Fault(f"{kind} of {role}: {json.dumps(block)[:300]}")


def _usage(written):
    return {
        "input_tokens": USAGE["input"] - USAGE["cached"],
        "cache_read_input_tokens": USAGE["cached"],
        "cache_creation_input_tokens": 0,
        "output_tokens": written,
    }


def _message(asked, content, stop_reason, written):
    head = {
        "id": f"msg_{asked.serial}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
    }
    return head | {"stop_reason": stop_reason, "stop_sequence": None, "usage": _usage(written)}


def _stop_reason(said):
    return "tool_use" if said.calls else "end_turn"


def _tool_use(asked, index, call, value):
    return {"type": "tool_use", "id": f"toolu_{asked.serial}_{index}", "name": call.name, "input": value}


def whole(_request, asked, said):
    """A whole answer."""
    content = []
    if said.thought:
        content.append({"type": "thinking", "thinking": said.thought, "signature": SIGNATURE})
    if said.text:
        content.append({"type": "text", "text": said.text})
    content += [_tool_use(asked, index, call, call.arguments) for index, call in enumerate(said.calls)]
    return _message(asked, content, _stop_reason(said), USAGE["output"])


def event(data):
    """An SSE event named by its type."""
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n"


def events(_request, asked, said):
    """A streamed answer."""
    blocks = []
    if said.thought:
        deltas = [
            {"type": "thinking_delta", "thinking": said.thought},
            {"type": "signature_delta", "signature": SIGNATURE},
        ]
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, deltas))
    if said.text:
        blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": w} for w in said.words()]))
    for index, call in enumerate(said.calls):
        pieces = ["", call.text()[:5], call.text()[5:]]
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        blocks.append((_tool_use(asked, index, call, {}), deltas))
    sent = [{"type": "message_start", "message": _message(asked, [], None, 1)}, {"type": "ping"}]
    for index, (start, deltas) in enumerate(blocks):
        sent.append({"type": "content_block_start", "index": index, "content_block": start})
        sent += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        sent.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": _stop_reason(said), "stop_sequence": None}
    sent.append({"type": "message_delta", "delta": end, "usage": _usage(USAGE["output"])})
    sent.append({"type": "message_stop"})
    return [event(data) for data in sent]


def refusal(status, message):
    """An error body."""
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        404: "not_found_error",
        429: "rate_limit_error",
    }
    error = {"type": kinds.get(status, "api_error"), "message": message}
    return {"type": "error", "error": error, "request_id": "req_1"}


def broken(message):
    """An error as an event."""
    return event(refusal(500, message))


def other(request):
    """What is no message."""
    body = request.json()
    if request.path == "/messages/count_tokens" and body.get("model") == "talk":
        return Reply.of(200, {"input_tokens": 1000 + len(json.dumps(body["messages"]).split())})
    if request.path == "/models":
        made = "2026-01-01T00:00:00Z"
        data = [{"type": "model", "id": name, "display_name": name, "created_at": made} for name in MODELS]
        return Reply.of(200, {"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})
    return None
