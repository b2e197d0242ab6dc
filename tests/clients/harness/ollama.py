"""The upstream that speaks Ollama's dialect: chat, generate, embed."""

import json

from .mind import MODELS, USAGE, Asked, Fault, Tool, answer, mapping, members, text
from .reply import Reply, Stream

STREAM_TYPE = "application/x-ndjson"
CREDENTIAL = ("authorization", "Bearer ")
CHAT = "/api/chat"
TIME = "2026-10-01T12:00:00.123456789Z"


def read(request):
    """Reads a chat; None if it is without words."""
    body = request.json()
    if not body.get("messages"):
        return None
    asked = _wishes(body)
    for tool in members(body, "tools"):
        function = mapping(tool, "function")
        asked.tools.append(Tool(text(function, "name"), mapping(function, "parameters")))
    called, before = [], None
    for message in members(body, "messages"):
        role = text(message, "role")
        # Ollama's own SDK leaves an empty content out.
        content = text(message, "content") if "content" in message else ""
        if role == "system":
            asked.told += content
        elif role == "user":
            asked.results.clear()
            if before != "user":
                asked.said, asked.images = "", []
            asked.said += content
            asked.images += _images(message)
        elif role == "assistant":
            for call in members(message, "tool_calls"):
                function = mapping(call, "function")
                mapping(function, "arguments")
                called.append((text(function, "name"), call.get("id")))
        elif role == "tool":
            name, key = message.get("tool_name"), message.get("tool_call_id")
            # Ollama's own SDK leaves the id out, and LangChain the name; then the order counts.
            named = name is not None or key is not None
            if not called or (named and not any(name == call[0] or (key and key == call[1]) for call in called)):
                raise Fault(f"a result of no call: {json.dumps(message)[:300]}")
            asked.results.append(content)
        else:
            raise Fault(f"role {role}")
        before = role
    return asked


def _wishes(body):
    """What chat and generate have in common."""
    asked = Asked(text(body, "model"), stream=body.get("stream", True))
    think = body.get("think", False)
    if think not in (None, True, False, "low", "medium", "high", "max"):
        raise Fault(f"think: {think!r}")
    asked.thinks = bool(think)
    if body.get("format") not in (None, ""):
        asked.schema = mapping(body, "format")
    if "options" in body:
        mapping(body, "options")
    return asked


def _images(message):
    images = members(message, "images")
    for image in images:
        if not isinstance(image, str) or ":" in image or "," in image:
            raise Fault(f"no base64: {image!r}")
    return images


def _message(content, thought=None, calls=()):
    message = {"role": "assistant", "content": content}
    if thought:
        message["thinking"] = thought
    if calls:
        message["tool_calls"] = [{"function": {"name": call.name, "arguments": call.arguments}} for call in calls]
    return message


def _line(asked, said, done):
    """A line; the last one counts."""
    line = {"model": asked.model, "created_at": TIME, **said, "done": done}
    if done:
        line |= {"done_reason": "stop", "total_duration": 2_000_000_000, "load_duration": 1_000_000}
        line |= {"prompt_eval_count": USAGE["input"], "prompt_eval_duration": 300_000_000}
        line |= {"eval_count": USAGE["output"], "eval_duration": 1_500_000_000}
    return line


def whole(_request, asked, said):
    """A whole answer."""
    return _line(asked, {"message": _message(said.text, said.thought, said.calls)}, True)


def events(_request, asked, said):
    """A streamed answer."""
    messages = [_message("", said.thought)] if said.thought else []
    messages += [_message(word) for word in said.words()]
    messages += [_message("", None, [call]) for call in said.calls]
    lines = [_line(asked, {"message": message}, False) for message in messages]
    return _written([*lines, _line(asked, {"message": _message("")}, True)])


def _written(lines):
    return [json.dumps(line) + "\n" for line in lines]


def refusal(_status, message):
    """An error body."""
    return {"error": message}


def broken(message):
    """An error as a line."""
    return json.dumps(refusal(500, message)) + "\n"


def _loaded(body, said):
    """The answer to a request without words, which loads the model or unloads it."""
    reason = "unload" if body.get("keep_alive") in (0, "0", "0s") else "load"
    return {"model": text(body, "model"), "created_at": TIME, **said, "done": True, "done_reason": reason}


def _generate(body):
    asked = _wishes(body)
    if not body.get("prompt"):
        return Reply.of(200, _loaded(body, {"response": ""}))
    asked.said = text(body, "prompt") + (f" …{body['suffix']}" if body.get("suffix") else "")
    asked.told = body.get("system") or ""
    asked.images = _images(body)
    said = answer(asked)
    thought = {"thinking": said.thought} if said.thought else {}
    if not asked.stream:
        return Reply.of(200, _line(asked, {"response": said.text, **thought}, True))
    lines = [_line(asked, {"response": "", **thought}, False)] if thought else []
    lines += [_line(asked, {"response": word}, False) for word in said.words()]
    return Stream(STREAM_TYPE, _written([*lines, _line(asked, {"response": ""}, True)]))


def _embed(body):
    given = body.get("input")
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise Fault("invalid input type")
    vectors = [[float(len(text)), -2.0] for text in given]
    counts = {"total_duration": 1, "load_duration": 1, "prompt_eval_count": 2 * len(given)}
    return Reply.of(200, {"model": text(body, "model"), "embeddings": vectors, **counts})


_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "fable",
    "families": ["fable"],
    "parameter_size": "7B",
    "quantization_level": "Q4_K_M",
}


def _model(name):
    tagged = f"{name}:latest"
    return {
        "name": tagged,
        "model": tagged,
        "modified_at": TIME,
        "size": 4_000_000_000,
        "digest": "ab" * 32,
        "details": _DETAILS,
    }


def other(request):
    """What is no chat."""
    if request.path == CHAT:
        return Reply.of(200, _loaded(request.json(), {"message": _message("")}))
    if request.path == "/api/generate":
        return _generate(request.json())
    if request.path == "/api/embed":
        return _embed(request.json())
    if request.path == "/api/embeddings":
        return Reply.of(200, {"embedding": [float(len(text(request.json(), "prompt"))), -2.0]})
    if request.path == "/api/tags":
        return Reply.of(200, {"models": [_model(name) for name in MODELS]})
    if request.path == "/api/ps":
        return Reply.of(200, {"models": [_model("talk") | {"expires_at": TIME, "size_vram": 4_000_000_000}]})
    if request.path == "/api/show":
        shown = {"modelfile": "FROM fable", "parameters": "num_ctx 8192", "template": "{{ .Prompt }}"}
        shown |= {"details": _DETAILS, "modified_at": TIME, "capabilities": ["completion", "tools"]}
        info = {"general.architecture": "fable", "fable.context_length": 8192}
        return Reply.of(200, shown | {"model_info": info})
    if request.path == "/api/version":
        return Reply.of(200, {"version": "0.20.0"})
    return None
