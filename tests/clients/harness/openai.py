"""The upstream that speaks OpenAI's dialect: chat, completions, embeddings."""

import base64
import json
import struct

from .mind import ANY, MODELS, USAGE, Asked, Fault, Tool, answer, mapping, members, text, texts
from .reply import Reply, Stream

STREAM_TYPE = "text/event-stream"
CREDENTIAL = ("authorization", "Bearer ")
CHAT = "/chat/completions"
# Where a thought stands; vLLM calls it `reasoning`.
THOUGHT_MEMBER = {"vllm": "reasoning"}


def read(request):
    """Reads a chat."""
    body = request.json()
    asked = _wishes(body)
    if body.get("reasoning_effort") not in (None, "none"):
        asked.thinks = True
    form = body.get("response_format")
    if form is not None and form != {"type": "text"}:
        schema = mapping(form, "json_schema")
        text(schema, "name")
        asked.schema = mapping(schema, "schema")
    asked.tools = [_tool(tool) for tool in members(body, "tools")]
    choice = body.get("tool_choice", "auto")
    if choice == "none":
        asked.tools = []
    elif choice == "required":
        asked.forced = ANY
    elif choice != "auto":
        asked.forced = text(mapping(choice, text(choice, "type")), "name")
    calls, before = set(), None
    for message in members(body, "messages"):
        role = text(message, "role")
        if role in ("system", "developer"):
            asked.told += texts(message.get("content"))
        elif role == "user":
            _user(message.get("content"), asked, fresh=before != "user")
        elif role == "assistant":
            calls.update(_call(call) for call in members(message, "tool_calls"))
        elif role == "tool" and text(message, "tool_call_id") in calls:
            asked.results.append(texts(message.get("content")))
        else:
            raise Fault(f"role {role}: {json.dumps(message)[:300]}")
        before = role
    return asked


def _wishes(body):
    """What chats and completions have in common."""
    asked = Asked(text(body, "model"), stream=bool(body.get("stream", False)))
    if "stream_options" in body and not asked.stream:
        raise Fault("stream_options without a stream")
    asked.usage = body.get("stream_options", {}).get("include_usage") is True
    return asked


def _tool(tool):
    kind = text(tool, "type")
    spec = mapping(tool, kind)
    if kind == "custom":
        return Tool(text(spec, "name"), None)
    if kind != "function":
        raise Fault(f"a tool of type {kind}")
    return Tool(text(spec, "name"), mapping(spec, "parameters"))


def _call(call):
    if text(call, "type") == "function":
        arguments = text(mapping(call, "function"), "arguments")
        try:
            fine = isinstance(json.loads(arguments), dict)
        except ValueError:
            fine = False
        if not fine:
            raise Fault(f"arguments {arguments!r}")
    else:
        text(mapping(call, "custom"), "input")
    return text(call, "id")


def _user(content, asked, fresh):
    asked.results.clear()
    if fresh:
        asked.said, asked.images = "", []
    for part in [{"type": "text", "text": texts(content)}] if isinstance(content, str) else content:
        kind = text(part, "type")
        if kind == "text":
            asked.said += text(part, "text")
        elif kind == "image_url":
            head, _, data = text(mapping(part, "image_url"), "url").partition(";base64,")
            if not head.startswith("data:image/") or not data:
                raise Fault(f"no data URL: {head[:100]}")
            asked.images.append(data)
        else:
            raise Fault(f"part {kind}")


def _usage():
    read_tokens, written = USAGE["input"], USAGE["output"]
    return {
        "prompt_tokens": read_tokens,
        "completion_tokens": written,
        "total_tokens": read_tokens + written,
        "prompt_tokens_details": {"cached_tokens": USAGE["cached"]},
    }


def _finish(said):
    return "tool_calls" if said.calls else "stop"


def _written(asked, index, call):
    key = f"call_{asked.serial}_{index}"
    if isinstance(call.arguments, str):
        return {"id": key, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": key, "type": "function", "function": {"name": call.name, "arguments": call.text()}}


def whole(request, asked, said):
    """A whole chat answer."""
    message = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.thought:
        message[THOUGHT_MEMBER.get(request.kind, "reasoning_content")] = said.thought
    if said.calls:
        message["tool_calls"] = [_written(asked, index, call) for index, call in enumerate(said.calls)]
    choice = {"index": 0, "message": message, "finish_reason": _finish(said), "logprobs": None}
    return _frame("chat.completion", asked, [choice]) | {"usage": _usage(), "system_fingerprint": "fp_1"}


def _frame(kind, asked, choices):
    head = {"id": f"chatcmpl-{asked.serial}", "object": kind, "created": 1_790_000_000}
    return head | {"model": asked.model, "choices": choices}


def event(data):
    """An SSE event."""
    return f"data: {json.dumps(data)}\n\n"


def _chunks(kind, asked, parts):
    """Chunks of one choice; `parts` are its members and the finish."""
    for part, finish in parts:
        chunk = _frame(kind, asked, [{"index": 0, **part, "finish_reason": finish}])
        yield event(chunk | ({"usage": None} if asked.usage else {}))
    if asked.usage:
        yield event(_frame(kind, asked, []) | {"usage": _usage()})
    yield "data: [DONE]\n\n"


def events(request, asked, said):
    """A streamed chat answer."""
    deltas = [{"role": "assistant", "content": ""}]
    if said.thought:
        deltas.append({THOUGHT_MEMBER.get(request.kind, "reasoning_content"): said.thought})
    deltas += [{"content": word} for word in said.words()]
    for index, call in enumerate(said.calls):
        opened = _written(asked, index, call)
        inner, member = ("custom", "input") if "custom" in opened else ("function", "arguments")
        full, opened[inner][member] = opened[inner][member], ""
        deltas.append({"tool_calls": [{"index": index, **opened}]})
        for piece in (full[:5], full[5:]):
            deltas.append({"tool_calls": [{"index": index, inner: {member: piece}}]})
    parts = [({"delta": delta}, None) for delta in deltas]
    return list(_chunks("chat.completion.chunk", asked, [*parts, ({"delta": {}}, _finish(said))]))


def refusal(status, message):
    """An error body."""
    kind = "rate_limit_exceeded" if status == 429 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def broken(message):
    """An error as an event."""
    return event(refusal(500, message))


def other(request):
    """What is no chat."""
    body = request.json()
    if request.path == "/completions":
        return _completion(body)
    if request.path == "/embeddings":
        return Reply.of(200, _embeddings(body))
    if request.path == "/models":
        models = [{"id": name, "object": "model", "created": 1, "owned_by": "somebody"} for name in MODELS]
        return Reply.of(200, {"object": "list", "data": models})
    return None


def _completion(body):
    asked = _wishes(body)
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        (prompt,) = prompt
    if not isinstance(prompt, str):
        raise Fault(f"prompt {prompt!r}")
    asked.said = prompt + (f" …{body['suffix']}" if body.get("suffix") else "")
    said = answer(asked)
    if not asked.stream:
        choice = {"index": 0, "text": said.text, "finish_reason": "stop", "logprobs": None}
        return Reply.of(200, _frame("text_completion", asked, [choice]) | {"usage": _usage()})
    parts = [({"text": word}, None) for word in said.words()] + [({"text": ""}, "stop")]
    return Stream(STREAM_TYPE, list(_chunks("text_completion", asked, parts)))


def _embeddings(body):
    """Vectors that tell how long each text or list of tokens is."""
    given = body.get("input")
    given = [given] if isinstance(given, str) else given
    if not given or not all(isinstance(text, str | list) for text in given):
        raise Fault(f"input {given!r}")
    vectors = [[float(len(text)), -2.0] for text in given]
    if body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack("<2f", *vector)).decode() for vector in vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    if "encoding_format" not in body:
        # The order is told by the index.
        data.reverse()
    usage = {"prompt_tokens": 2 * len(given), "total_tokens": 2 * len(given)}
    return {"object": "list", "data": data, "model": text(body, "model"), "usage": usage}
