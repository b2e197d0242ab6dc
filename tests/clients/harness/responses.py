"""The upstream that speaks OpenAI's Responses; it stores nothing, so a conversation comes whole."""

import json

from . import openai
from .mind import ANY, USAGE, Asked, Fault, Tool, mapping, members, text, texts

CHAT = "/responses"
# As in the other dialect of the same vendor.
CREDENTIAL, STREAM_TYPE = openai.CREDENTIAL, openai.STREAM_TYPE
other, refusal = openai.other, openai.refusal


def read(request):
    """Reads a request for a response."""
    body = request.json()
    if "previous_response_id" in body or "messages" in body:
        raise Fault(f"members {sorted(body)}")
    asked = Asked(text(body, "model"), stream=bool(body.get("stream", False)))
    asked.told = body.get("instructions") or ""
    asked.thinks = (body.get("reasoning") or {}).get("effort") not in (None, "none")
    form = (body.get("text") or {}).get("format") or {"type": "text"}
    if form["type"] == "json_schema":
        text(form, "name")
        asked.schema = mapping(form, "schema")
    asked.tools = [tool for given in members(body, "tools") for tool in _tools(given, "")]
    choice = body.get("tool_choice", "auto")
    if choice == "none":
        asked.tools = []
    elif choice != "auto":
        asked.forced = ANY if choice == "required" else text(choice, "name")
    reader = _Reader(asked)
    given = body.get("input")
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else members(body, "input"):
        reader.item(item)
    return asked


def _tools(tool, space):
    kind = text(tool, "type")
    if kind == "function":
        yield Tool(space + text(tool, "name"), mapping(tool, "parameters"))
    elif kind == "custom":
        yield Tool(text(tool, "name"), None)
    elif kind == "namespace":
        for inner in members(tool, "tools"):
            yield from _tools(inner, f"{text(tool, 'name')}.")


class _Reader:
    """Reads the items."""

    def __init__(self, asked):
        self.asked = asked
        self.calls = set()
        self.before = None

    def item(self, item):
        asked, kind = self.asked, item.get("type", "message")
        if kind == "message":
            self.message(text(item, "role"), item.get("content"))
        elif kind == "reasoning":
            members(item, "summary")
        elif kind == "function_call":
            if not isinstance(json.loads(text(item, "arguments")), dict):
                raise Fault("arguments that are no object")
            self.calls.add(text(item, "call_id"))
        elif kind == "custom_tool_call":
            text(item, "input")
            self.calls.add(text(item, "call_id"))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            if text(item, "call_id") not in self.calls:
                raise Fault(f"a result of an unknown call {item['call_id']}")
            asked.results.append(texts(item.get("output"), ("input_text",)))
        else:
            raise Fault(f"an item of type {kind}")
        self.before = item.get("role", kind)

    def message(self, role, content):
        asked = self.asked
        if role in ("system", "developer"):
            asked.told += texts(content, ("input_text",))
        elif role == "user":
            asked.results = []
            if self.before != "user":
                asked.said, asked.images = "", []
            for part in [{"type": "input_text", "text": content}] if isinstance(content, str) else content:
                if text(part, "type") == "input_image":
                    asked.images.append(text(part, "image_url").partition(";base64,")[2])
                else:
                    asked.said += texts([part], ("input_text",))
        elif role == "assistant":
            texts(content, ("output_text",))


def _output(asked, said):
    """The items of an answer, each finished."""
    items = []
    if said.thought:
        summary = [{"type": "summary_text", "text": said.thought}]
        items.append({"type": "reasoning", "id": f"rs_{asked.serial}", "summary": summary})
    if said.text:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        items.append({"type": "message", "id": f"msg_{asked.serial}", "role": "assistant", "content": [part]})
    for index, call in enumerate(said.calls):
        key = f"{asked.serial}_{index}"
        if isinstance(call.arguments, str):
            item = {"type": "custom_tool_call", "id": f"ctc_{key}", "input": call.arguments}
        else:
            item = {"type": "function_call", "id": f"fc_{key}", "arguments": call.text()}
        items.append(item | {"call_id": f"call_{key}", "name": call.name})
    return [item | {"status": "completed"} for item in items]


def _response(request, asked, status, output):
    """A response with the wishes of the request, as the origin repeats them."""
    body = request.json()
    response = {"id": f"resp_{asked.serial}", "object": "response", "created_at": 1_790_000_000, "status": status}
    for member in ("instructions", "metadata", "temperature", "max_output_tokens", "tools", "reasoning", "text"):
        response[member] = body.get(member)
    response |= {"model": asked.model, "output": output, "error": None, "incomplete_details": None, "usage": None}
    response |= {"tools": body.get("tools", []), "tool_choice": body.get("tool_choice", "auto")}
    response |= {"parallel_tool_calls": True, "previous_response_id": None, "store": body.get("store", True)}
    if status == "completed":
        count, written = USAGE["input"], USAGE["output"]
        response["usage"] = {"input_tokens": count, "output_tokens": written, "total_tokens": count + written}
        response["usage"]["input_tokens_details"] = {"cached_tokens": USAGE["cached"]}
        response["usage"]["output_tokens_details"] = {"reasoning_tokens": 0}
    return response


def whole(request, asked, said):
    """A whole answer."""
    return _response(request, asked, "completed", _output(asked, said))


def _event(kind, **members):
    return {"type": f"response.{kind}", **members}


def _part(place, said, words):
    """The events of the text of a message."""
    at = {**place, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    yield _event("content_part.added", **at, part=empty)
    yield from (_event("output_text.delta", **at, delta=word, logprobs=[]) for word in words)
    yield _event("output_text.done", **at, text=said, logprobs=[])
    yield _event("content_part.done", **at, part={**empty, "text": said})


def _summary(place, thought):
    """The events of a thought."""
    at = {**place, "summary_index": 0}
    yield _event("reasoning_summary_part.added", **at, part={"type": "summary_text", "text": ""})
    yield _event("reasoning_summary_text.delta", **at, delta=thought)
    yield _event("reasoning_summary_text.done", **at, text=thought)
    yield _event("reasoning_summary_part.done", **at, part={"type": "summary_text", "text": thought})


def _pieces(place, kind, member, full):
    """The events of what a call passes on."""
    yield from (_event(f"{kind}.delta", **place, delta=piece) for piece in (full[:5], full[5:]))
    yield _event(f"{kind}.done", **place, **{member: full})


def _item(index, item, said):
    """The events of an item."""
    place = {"item_id": item["id"], "output_index": index}
    open_item = {**item, "status": "in_progress"}
    if item["type"] == "message":
        open_item["content"], inner = [], _part(place, said.text, said.words())
    elif item["type"] == "reasoning":
        open_item["summary"], inner = [], _summary(place, said.thought)
    elif item["type"] == "custom_tool_call":
        open_item["input"], inner = "", _pieces(place, "custom_tool_call_input", "input", item["input"])
    else:
        open_item["arguments"], inner = "", _pieces(place, "function_call_arguments", "arguments", item["arguments"])
    yield _event("output_item.added", output_index=index, item=open_item)
    yield from inner
    yield _event("output_item.done", output_index=index, item=item)


def events(request, asked, said):
    """A streamed answer."""
    output = _output(asked, said)
    begun = _response(request, asked, "in_progress", [])
    sent = [_event("created", response=begun), _event("in_progress", response=begun)]
    for index, item in enumerate(output):
        sent += _item(index, item, said)
    sent.append(_event("completed", response=_response(request, asked, "completed", output)))
    return [_frame({**event, "sequence_number": number}) for number, event in enumerate(sent)]


def _frame(event):
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


def broken(message):
    """An error as an event."""
    return _frame({"type": "error", "sequence_number": 99, "code": "server_error", "message": message, "param": None})
