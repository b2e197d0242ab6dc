"""Open WebUI as a client of lingate: its kinds of connections, used through Open WebUI's own API."""

import json
import uuid

import processes
import samples
import web
from report import short

DEMO_MODELS = {
    "assistant": ("demo-echo", "Assistant"),
    "thinker": ("demo-think", ""),
    "tool-user": ("demo-tool", ""),
    "slow": ("demo-slow", ""),
    "failing": ("demo-error", ""),
}
# Connections to one lingate list the same names, and Open WebUI keeps one model of each name. So the models of the
# OpenAI connections get these in front of their names.
OPENAI = "openai"
RESPONSES = "responses"
# What Open WebUI's page wants asked beside a chat.
BESIDE = ("title_generation", "tags_generation", "follow_up_generation")


def gateway_config(key):
    """The lingate that Open WebUI connects to: the built-in demo backend behind virtual models, and a key."""
    return {
        # Shorter than the second between two words of `slow`: all that Open WebUI hears of it has signs of life in it.
        "keep_alive": "400ms",
        "clients": {"auth": "keys", "keys": [{"name": "open-webui", "key": key}]},
        "endpoints": [{"name": "demo", "type": "demo"}],
        "virtual_models": [
            {"name": name, "display_name": shown, "targets": [{"endpoint": "demo", "model": model}]}
            for name, (model, shown) in DEMO_MODELS.items()
        ],
    }


class Client:
    """Somebody who is signed in to Open WebUI."""

    def __init__(self, url, token):
        self.url = url
        self.token = token

    def get(self, path):
        return web.get(self.url + path, self.token)

    def post(self, path, body):
        return web.post(self.url + path, body, self.token)

    def chat(self, model, messages, **more):
        """A chat completion: status, and what it says."""
        body = {"model": model, "messages": messages, **more}
        if more.get("stream"):
            stream = web.stream(f"{self.url}/api/chat/completions", body, self.token)
            return stream, samples.from_openai_stream(stream)
        reply = self.post("/api/chat/completions", body)
        return reply, samples.from_openai(reply.json())


def connect(report, client, gateway, key):
    """Verifies and saves the connections, as the admin settings page does."""
    report.section("Open WebUI as a client: connections")
    openai, ollama = f"{gateway.url}/v1", gateway.url
    reply = client.post("/openai/verify", {"url": openai, "key": key})
    report.check(f"POST /openai/verify takes {openai}", reply.status == 200, short(reply.text, 160))
    reply = client.post("/openai/verify", {"url": openai, "key": "sk-wrong"})
    report.check("POST /openai/verify refuses a wrong key", reply.status == 401, f"{reply.status} {short(reply.text)}")
    reply = client.post("/ollama/verify", {"url": ollama, "key": key})
    report.check(f"POST /ollama/verify takes {ollama}", reply.status == 200, short(reply.text))
    configs = {
        "0": {"enable": True, "prefix_id": OPENAI},
        "1": {"enable": True, "prefix_id": RESPONSES, "api_type": "responses"},
    }
    saved = client.post(
        "/openai/config/update",
        {
            "ENABLE_OPENAI_API": True,
            "OPENAI_API_BASE_URLS": [openai] * len(configs),
            "OPENAI_API_KEYS": [key] * len(configs),
            "OPENAI_API_CONFIGS": configs,
        },
    )
    seen = f"{saved.status}, base URL {openai}, prefixes {OPENAI}, {RESPONSES}"
    report.check("POST /openai/config/update", saved.status == 200, seen)
    config = {"enable": True, "key": key}
    saved = client.post(
        "/ollama/config/update",
        {"ENABLE_OLLAMA_API": True, "OLLAMA_BASE_URLS": [ollama], "OLLAMA_API_CONFIGS": {"0": config}},
    )
    report.check("POST /ollama/config/update", saved.status == 200, f"{saved.status}, base URL {ollama}")


def lists(report, client):
    """The model lists."""
    report.section("Open WebUI as a client: lists")
    models = {model["id"]: model for model in client.get("/api/models").json()["data"]}
    report.note(f"GET /api/models: {' '.join(models)}")
    for owner, prefix in (("openai", f"{OPENAI}."), ("openai", f"{RESPONSES}."), ("ollama", "")):
        # For an OpenAI connection Open WebUI writes "openai", whoever lingate says owns the model.
        wanted = {prefix + name for name in DEMO_MODELS}
        found = {name for name in wanted if models.get(name, {}).get("owned_by") == owner}
        report.check(
            f"all models are there as {prefix}NAME", found == wanted, f"{len(found)} of {len(wanted)}, {owner}"
        )
    shown = models[f"{OPENAI}.assistant"]["name"]
    report.check("the display name is shown", shown == f"{OPENAI}.Assistant", shown)
    tags = client.get("/ollama/api/tags")
    names = [model["model"] for model in tags.json()["models"]]
    report.check("GET /ollama/api/tags", tags.status == 200 and "assistant" in names, " ".join(names))
    show = client.post("/ollama/api/show", {"model": "thinker"})
    capabilities = show.json().get("capabilities")
    report.check("POST /ollama/api/show", show.status == 200 and "completion" in capabilities, capabilities)
    version = client.get("/ollama/api/version")
    report.check("GET /ollama/api/version", version.status == 200, short(version.text))


def texts(report, client):
    """Whole and streamed texts over both connections."""
    report.section("Open WebUI as a client: POST /api/chat/completions")
    for kind, name in (("OpenAI", f"{OPENAI}.assistant"), ("Ollama", "assistant")):
        reply, chat = client.chat(name, samples.user(samples.SAID))
        good = reply.status == 200 and chat.content == samples.SAID and samples.counted(chat.usage)
        report.check(f"{kind} connection, whole", good, f"{chat.content!r}, {chat.finish}, {brief_usage(chat.usage)}")
    for kind, name in (("OpenAI", f"{OPENAI}.assistant"), ("Ollama", "assistant")):
        asked = {"stream": True, "stream_options": {"include_usage": True}}
        reply, chat = client.chat(name, samples.user(samples.SAID), **asked)
        good = chat.content == samples.SAID and chat.finish == "stop" and reply.done() and samples.counted(chat.usage)
        seen = f"{chat.content!r} in {chat.pieces} pieces, {chat.finish}, {brief_usage(chat.usage)}"
        report.check(f"{kind} connection, streamed", good, seen)
    for kind, name in (("OpenAI", f"{OPENAI}.slow"), ("Ollama", "slow")):
        stream, chat = client.chat(name, samples.user("one two three four"), stream=True)
        good = chat.pieces >= 4 and chat.last - chat.first > 2
        seen = f"{chat.pieces} pieces, the first after {chat.first:.2f} s, the last after {chat.last:.2f} s"
        report.check(f"{kind} connection, pieces arrive as they are made", good, seen)
        signs = samples.signs_of_life(stream)
        report.check(f"{kind} connection, signs of life between them", signs >= 4, f"{signs} of them")


def brief_usage(usage):
    """The counts of a usage, without what only some have."""
    kept = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "prompt_eval_count", "eval_count")
    return " ".join(f"{name}={usage[name]}" for name in kept if usage and usage.get(name) is not None) or "no usage"


def ollama_routes(report, client):
    """Open WebUI's own Ollama routes."""
    report.section("Open WebUI as a client: POST /ollama/api/chat and /ollama/api/generate")
    body = {"model": "assistant", "messages": samples.user(samples.SAID)}
    whole = client.post("/ollama/api/chat", {**body, "stream": False})
    chat = samples.from_ollama([(0.0, whole.json())])
    good = chat.content == samples.SAID and samples.counted(chat.usage)
    report.check("chat, whole", good, f"{chat.content!r}, {chat.finish}, {brief_usage(chat.usage)}")
    stream = web.stream(f"{client.url}/ollama/api/chat", {**body, "stream": True}, client.token)
    chat = samples.from_ollama(stream.events())
    good = chat.content == samples.SAID and chat.finish == "stop" and samples.counted(chat.usage)
    seen = f"{chat.content!r} in {chat.pieces} pieces, {chat.finish}, {brief_usage(chat.usage)}"
    report.check("chat, streamed", good, seen)
    generate = {"model": "assistant", "prompt": samples.SAID, "stream": False}
    reply = client.post("/ollama/api/generate", generate)
    text = reply.json().get("response")
    report.check("generate, whole", text == samples.SAID, repr(text))


def rich(report, client):
    """Reasoning, tools, pictures and errors."""
    report.section("Open WebUI as a client: reasoning, tools, pictures, errors")
    for kind, prefix in (("OpenAI", f"{OPENAI}."), ("Ollama", "")):
        for stream in (False, True):
            how = f"{kind} connection, {'streamed' if stream else 'whole'}"
            _, chat = client.chat(f"{prefix}thinker", samples.user(samples.SAID), stream=stream)
            good = chat.reasoning.startswith("You wrote 9 words") and chat.content == samples.SAID
            report.check(f"{how}: reasoning apart from the answer", good, repr(chat.reasoning))
            tool_call(report, client, how, f"{prefix}tool-user", stream)
            _, chat = client.chat(f"{prefix}assistant", samples.openai_image("What is this?"), stream=stream)
            good = chat.content.startswith("I see 1 image (image/png, 70 bytes)")
            report.check(f"{how}: a picture", good, repr(chat.content))
        failed = client.post("/api/chat/completions", {"model": f"{prefix}failing", "messages": samples.user("Hi")})
        good = failed.status == 500 and "demo-error" in failed.text
        report.check(f"{kind} connection: an upstream's error", good, f"{failed.status} {short(failed.text)}")


def tool_call(report, client, how, model, stream):
    """A tool call and its result."""
    asked = samples.user("What is the weather?")
    _, chat = client.chat(model, asked, tools=[samples.TOOL], stream=stream)
    names = [call["name"] for call in chat.calls]
    arguments = json.loads(chat.calls[0]["arguments"])
    good = names == ["get_weather"] and "city" in arguments and chat.finish == "tool_calls"
    report.check(f"{how}: a tool call", good, f"{chat.calls}, {chat.finish}")
    call = {"id": "call_1", "type": "function", "function": chat.calls[0]}
    history = [
        *asked,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": samples.WEATHER},
    ]
    _, chat = client.chat(model, history, tools=[samples.TOOL], stream=stream)
    report.check(f"{how}: the tool's result goes back", samples.WEATHER in chat.content, repr(chat.content))


def messages(report, client):
    """Open WebUI's own Messages route: it asks its OpenAI connection for a token count first, then for the chat."""
    report.section("Open WebUI as a client: POST /api/v1/messages")
    body = {"model": f"{OPENAI}.assistant", "max_tokens": 100, "messages": samples.user(samples.SAID)}
    reply = client.post("/api/v1/messages", body)
    text = "".join(block.get("text", "") for block in reply.json().get("content", []))
    good = reply.status == 200 and text == samples.SAID
    report.check("whole", good, repr(text) if good else f"{reply.status} {short(reply.text)}")
    stream = web.stream(f"{client.url}/api/v1/messages", {**body, "stream": True}, client.token)
    deltas = [event.get("delta", {}) for _, event in stream.events() if event.get("type") == "content_block_delta"]
    text = "".join(delta.get("text", "") for delta in deltas)
    last = stream.events()[-1][1].get("type")
    report.check("streamed", text == samples.SAID and last == "message_stop", f"{text!r}, {len(deltas)} pieces, {last}")


def page_chat(report, client, model, how=""):
    """A chat as Open WebUI's page makes it: saved, with Open WebUI's own tools on offer, title and tags asked beside."""
    report.section(f"Open WebUI as a client: a chat of its page, {model}{how}")
    question = {
        "id": str(uuid.uuid4()),
        "parentId": None,
        "childrenIds": [],
        "role": "user",
        "content": samples.SAID,
        "models": [model],
    }
    answer_id = str(uuid.uuid4())
    begun = client.post(
        "/api/chat/completions",
        {
            "model": model,
            "stream": True,
            "messages": samples.user(samples.SAID),
            "parent_id": None,
            "user_message": question,
            "message_ids": [{"model_id": model, "message_id": answer_id}],
            "session_id": str(uuid.uuid4()),
            # Their prompts are hundreds of words, and `slow` says a word a second.
            "background_tasks": {} if model.endswith("slow") else dict.fromkeys(BESIDE, True),
        },
    )
    report.check("it begins", begun.status == 200 and "chat_id" in begun.json(), short(begun.text, 160))
    chat_id = begun.json()["chat_id"]

    def saved():
        chat = client.get(f"/api/v1/chats/{chat_id}").json()["chat"]
        message = chat["history"]["messages"][answer_id]
        return (chat, message) if message.get("done") else None

    _, message = processes.until("the answer of the page chat", 60, saved)
    kinds = [item.get("type") for item in message.get("output") or []]
    good = "function_call_output" in kinds if model.endswith("tool-user") else message["content"] == samples.SAID
    report.check("the answer is saved in the chat", good, f"{short(message['content'])!r}, output {kinds}")
    report.check("without an error", not message.get("error"), message.get("error") or "none")
    return chat_id
