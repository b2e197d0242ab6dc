"""lingate in front of Open WebUI: signs in to it and serves its models, most of all to Ollama clients."""

import concurrent.futures
import json
import subprocess
import pathlib
import time

import processes
import samples
import web
from report import short

AT_ONCE = 8
JWT_SECONDS = 15
# What Open WebUI speaks besides chat completions.
DIALECTS = ["openai_responses", "anthropic_messages"]


def gateway_config(url, credential, dialects=()):
    """The lingate in front of Open WebUI that serves all that it lists; `dialects` are relayed as they are."""
    endpoint = {"name": "webui", "type": "openwebui", "url": url, **credential, "expose_models": True}
    endpoint |= {"dialects": list(dialects)} if dialects else {}
    return {"keep_alive": "400ms", "clients": {"auth": "open"}, "endpoints": [endpoint]}


def ask(url, model, text=samples.SAID):
    """A whole Ollama chat."""
    return web.post(f"{url}/api/chat", {"model": model, "messages": samples.user(text), "stream": False})


def said(reply):
    """The text of a whole Ollama chat, or the status and error."""
    if reply.status != 200:
        return f"{reply.status} {short(reply.text)}"
    return reply.json()["message"]["content"]


def ask_at_once(url, model):
    """As many chats at once; gives what each said."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return [said(reply) for reply in pool.map(lambda _: ask(url, model), range(AT_ONCE))]


def plain_http(report, gateway):
    """Ollama's routes, without a client library."""
    report.section("lingate in front of Open WebUI: plain HTTP")
    tags = web.get(f"{gateway.url}/api/tags")
    names = [model["name"] for model in tags.json()["models"]]
    report.check(
        "GET /api/tags", tags.status == 200 and {"assistant", "openai.assistant"} <= set(names), " ".join(names)
    )
    report.check("no model is listed twice", len(names) == len(set(names)), f"{len(names)} names")
    for kind, model in (("Ollama", "assistant"), ("OpenAI", "openai.assistant")):
        reply = ask(gateway.url, model)
        name = f"POST /api/chat, whole, a model of Open WebUI's {kind} connection"
        report.check(name, said(reply) == samples.SAID, repr(said(reply)))
    report.note(f"x-lingate-endpoint: {reply.headers.get('x-lingate-endpoint')}")
    body = {"messages": samples.user(samples.SAID)}
    for kind, prefix in (("Ollama", ""), ("OpenAI", "openai.")):
        stream = web.stream(f"{gateway.url}/api/chat", {**body, "model": f"{prefix}assistant"})
        for _, line in [*stream.lines[:2], *stream.lines[-1:]]:
            report.note(short(line, 400))
        chat = samples.from_ollama(stream.events())
        good = chat.content == samples.SAID and chat.finish == "stop" and samples.counted(chat.usage)
        name = f"POST /api/chat, streamed, a model of Open WebUI's {kind} connection"
        report.check(name, good, f"{len(stream.lines)} lines, {chat.usage}")
    chat = samples.from_ollama(web.stream(f"{gateway.url}/api/chat", {**body, "model": "slow"}).events())
    good = chat.pieces >= 4 and chat.last - chat.first > 2
    report.check(
        "pieces arrive as they are made", good, f"first after {chat.first:.2f} s, last after {chat.last:.2f} s"
    )


def rich(report, gateway):
    """Tools, reasoning, pictures, errors; and the other dialects."""
    report.section("lingate in front of Open WebUI: tools, reasoning, pictures, errors, other dialects")
    for kind, prefix in (("Ollama", ""), ("OpenAI", "openai.")):
        for stream in (False, True):
            how = f"{kind} connection, {'streamed' if stream else 'whole'}"
            asked = {"messages": samples.user("What is the weather?"), "tools": [samples.TOOL]}
            chat = ollama_chat(gateway.url, {"model": f"{prefix}tool-user", **asked}, stream)
            names = [call["name"] for call in chat.calls]
            report.check(f"{how}: a tool call", names == ["get_weather"], chat.calls)
            body = {"model": f"{prefix}thinker", "messages": samples.user(samples.SAID)}
            chat = ollama_chat(gateway.url, body, stream)
            good = chat.reasoning.startswith("You wrote 9 words") and chat.content == samples.SAID
            report.check(f"{how}: reasoning", good, repr(chat.reasoning))
            body = {"model": f"{prefix}assistant", "messages": samples.ollama_image("What is this?")}
            chat = ollama_chat(gateway.url, body, stream)
            report.check(f"{how}: a picture", chat.content.startswith("I see 1 image (image/png"), repr(chat.content))
    for name in ("failing", "openai.failing"):
        failed = ask(gateway.url, name)
        good = failed.status == 500 and "demo-error" in failed.text
        report.check(f"{name}: an error of the model behind", good, said(failed))
    unknown = ask(gateway.url, "no-such-model")
    report.check("an unknown model", unknown.status == 404 and "error" in unknown.json(), said(unknown))
    chat = samples.from_openai(
        web.post(
            f"{gateway.url}/v1/chat/completions",
            {"model": "assistant", "messages": samples.user(samples.SAID)},
        ).json()
    )
    report.check("POST /v1/chat/completions", chat.content == samples.SAID, repr(chat.content))
    message = web.post(
        f"{gateway.url}/v1/messages",
        {"model": "assistant", "max_tokens": 100, "messages": samples.user(samples.SAID)},
    ).json()
    texts = [block.get("text") for block in message.get("content", [])]
    report.check("POST /v1/messages", texts == [samples.SAID], texts or short(message))


def messages(report, gateway):
    """Anthropic's dialect, which this lingate relays: it is one of Open WebUI's own."""
    report.section("lingate in front of Open WebUI: POST /v1/messages, relayed")
    for model in ("openai.assistant", "assistant"):
        body = {"model": model, "max_tokens": 100, "messages": samples.user(samples.SAID)}
        whole = web.post(f"{gateway.url}/v1/messages", body)
        texts = [block.get("text") for block in whole.json().get("content", [])]
        good = whole.status == 200 and texts == [samples.SAID]
        report.check(f"{model}, whole", good, texts if good else f"{whole.status} {short(whole.text)}")
        stream = web.stream(f"{gateway.url}/v1/messages", {**body, "stream": True})
        deltas = [event.get("delta", {}) for _, event in stream.events() if event["type"] == "content_block_delta"]
        text = "".join(delta.get("text", "") for delta in deltas)
        last = stream.events()[-1][1]["type"] if stream.events() else short(stream.lines)
        good = text == samples.SAID and last == "message_stop"
        report.check(f"{model}, streamed", good, f"{text!r}, {len(deltas)} pieces, {last}")


def ollama_chat(url, body, stream):
    """An Ollama chat, whole or streamed."""
    if stream:
        return samples.from_ollama(web.stream(f"{url}/api/chat", body).events())
    return samples.from_ollama([(0.0, web.post(f"{url}/api/chat", {**body, "stream": False}).json())])


def ollama_client(report, gateway, python):
    """The official Python client."""
    report.section("lingate in front of Open WebUI: the ollama Python client")
    script = pathlib.Path(__file__).with_name("ollama_client.py")
    # A folder of the environment's own modules is no place for compiled files.
    run = subprocess.run(
        [python, "-B", script, gateway.url, "assistant"], capture_output=True, text=True, timeout=120, check=False
    )
    if not report.check("it runs", run.returncode == 0, short(run.stderr) or "no complaint"):
        return
    seen = json.loads(run.stdout)
    report.check("list", "assistant" in seen["listed"], " ".join(seen["listed"]))
    report.check("show", "completion" in seen["capabilities"], seen["capabilities"])
    report.check("chat, whole", seen["whole"] == samples.SAID, repr(seen["whole"]))
    good = seen["streamed"] == samples.SAID and seen["pieces"] > 2 and seen["done"] and all(seen["counts"])
    report.check("chat, streamed", good, f"{seen['pieces']} pieces, {seen['done_reason']}, counts {seen['counts']}")
    report.check("generate", seen["generated"] == samples.SAID, repr(seen["generated"]))
    report.check("a picture", seen["picture"].startswith("I see 1 image"), repr(seen["picture"]))
    report.check("ps", seen["running"] >= 0, f"{seen['running']} models")
    report.check("an unknown model", seen["unknown"].startswith("404"), seen["unknown"])


def one_session(report, webui, gateway, before):
    """One sign-in serves everything, also after a restart."""
    report.section("lingate in front of Open WebUI: one sign-in")
    count = webui.sign_ins() - before
    report.check("all of the above took one sign-in", count == 1, f"{count} in Open WebUI's log")
    before = webui.sign_ins()
    code = gateway.restart()
    report.check("lingate is restarted", code == 0, f"it ended with {code}")
    answers = ask_at_once(gateway.url, "assistant")
    report.check(
        f"{AT_ONCE} chats at once are answered", answers == [samples.SAID] * AT_ONCE, f"{len(answers)} answers"
    )
    count = webui.sign_ins() - before
    report.check("it did not sign in again", count == 0, f"{count} sign-ins")


def flags_alone(report, webui, start, email, password_file):
    """The form without a configuration file, as the openwebui-ollama-proxy has it."""
    report.section("lingate in front of Open WebUI: flags alone")
    options = ["--openwebui-url", webui.url, "--email", email, "--password-file", password_file]
    report.note(f"lingate serve --openwebui-url {webui.url} --email {email} --password-file … --port …")
    gateway = start(options)
    names = [model["name"] for model in web.get(f"{gateway.url}/api/tags").json()["models"]]
    report.check("GET /api/tags", "assistant" in names, " ".join(names))
    answer = said(ask(gateway.url, "assistant"))
    report.check("POST /api/chat", answer == samples.SAID, repr(answer))


def api_key(report, webui, client, start):
    """A key of Open WebUI instead of e-mail and password: no sign-in at all."""
    report.section("lingate in front of Open WebUI: with an API key of Open WebUI")
    path = "/api/v1/auths/admin/config"
    saved = client.post(path, {**client.get(path).json(), "ENABLE_API_KEYS": True})
    report.check("API keys are switched on", saved.status == 200, f"POST {path}: {saved.status}")
    made = client.post("/api/v1/auths/api_key", {})
    report.check("POST /api/v1/auths/api_key", made.status == 200, made.status)
    before = webui.sign_ins()
    gateway = start(gateway_config(webui.url, {"api_key": made.json()["api_key"]}))
    answer = said(ask(gateway.url, "assistant"))
    report.check("POST /api/chat", answer == samples.SAID, repr(answer))
    count = webui.sign_ins() - before
    report.check("without a sign-in", count == 0, f"{count} sign-ins")


def lost_session(report, webui, gateway, secret):
    """Open WebUI forgets all sessions (its signing key changes); lingate signs in again once, unseen by its clients."""
    report.section("lingate in front of Open WebUI: the session is refused")
    # What the setting does is looked at afterwards.
    webui.restart(secret, ENABLE_RESPONSES_API_STATEFUL="true")
    before = webui.sign_ins()
    answers = ask_at_once(gateway.url, "assistant")
    seen = f"{answers.count(samples.SAID)} of {AT_ONCE} right"
    report.check(
        "Open WebUI restarted with another WEBUI_SECRET_KEY: chats at once", answers == [samples.SAID] * AT_ONCE, seen
    )
    refused = webui.answered("POST", "/api/chat/completions").count(401) + webui.answered("GET", "/api/models").count(
        401
    )
    report.check("Open WebUI refused the old session", refused > 0, f"401 {refused} times")
    count = webui.sign_ins() - before
    report.check("one sign-in followed", count == 1, f"{count} sign-ins")


def expired_session(report, webui, client, start):
    """Sessions of 15 seconds: an expired one is renewed once, unseen by the client."""
    report.section(f"lingate in front of Open WebUI: JWT_EXPIRES_IN={JWT_SECONDS}s")
    # The variable counts only until Open WebUI has saved its settings, which it does at its first start.
    path = "/api/v1/auths/admin/config"
    saved = client.post(path, {**client.get(path).json(), "JWT_EXPIRES_IN": f"{JWT_SECONDS}s"})
    report.check(f"POST {path}", saved.json().get("JWT_EXPIRES_IN") == f"{JWT_SECONDS}s", saved.status)
    before = webui.sign_ins()
    gateway = start()
    reply = ask(gateway.url, "assistant")
    report.check("the first chat", said(reply) == samples.SAID, f"{webui.sign_ins() - before} sign-in")
    report.note(f"{JWT_SECONDS + 2} s later, without a request in between")
    time.sleep(JWT_SECONDS + 2)
    stream = web.stream(f"{gateway.url}/api/chat", {"model": "assistant", "messages": samples.user(samples.SAID)})
    chat = samples.from_ollama(stream.events())
    good = stream.status == 200 and chat.content == samples.SAID and chat.finish == "stop"
    report.check("the next chat", good, f"{stream.status}, {chat.content!r}, {chat.finish}")
    count = webui.sign_ins() - before
    report.check("it signed in once more", count == 2, f"{count} sign-ins in all")
    # A slow answer outlives the session that it was begun with.
    words = " ".join(f"word{number}" for number in range(JWT_SECONDS + 4))
    body = {"model": "slow", "messages": samples.user(words)}
    stream = web.stream(f"{gateway.url}/api/chat", body)
    chat = samples.from_ollama(stream.events())
    good = chat.content == words and chat.finish == "stop"
    report.check("a stream longer than the session", good, f"{chat.pieces} pieces in {chat.last:.0f} s, {chat.finish}")


def wrong_password(report, webui, start):
    """What the client is told, and that Open WebUI's rate limit is not used up."""
    report.section("lingate in front of Open WebUI: a wrong password")
    before = webui.sign_ins()
    gateway = start()
    for path, body in (("/api/chat", {"stream": False}), ("/v1/chat/completions", {})):
        reply = web.post(gateway.url + path, {"model": "assistant", "messages": samples.user("Hi"), **body})
        report.check(f"POST {path}", reply.status >= 400 and reply.text != "", f"{reply.status} {short(reply.text)}")
    for path in ("/api/tags", "/v1/models"):
        reply = web.get(gateway.url + path)
        report.check(
            f"GET {path}", reply.status == 503 and "password" in reply.text, f"{reply.status} {short(reply.text)}"
        )
    for _ in range(20):
        ask(gateway.url, "assistant")
    count = webui.sign_ins() - before
    report.check("20 more requests do not hammer the sign-in", 1 <= count <= 2, f"{count} sign-ins in all")

    def warned():
        return [line for line in gateway.program.log().splitlines() if "no Open WebUI session" in line]

    # It is written beside the answers, not before them.
    report.check("lingate's log says it", True, short(processes.until("the warning in lingate's log", 5, warned)[0]))


def no_secrets(report, gateways, secrets):
    """Nothing secret in any log of lingate."""
    report.section("Secrets")
    found = [
        f"{gateway.name}: {name}"
        for gateway in gateways
        for name, secret in secrets.items()
        if secret in gateway.program.log()
    ]
    report.check("no password, key or token in lingate's logs", not found, found or f"{len(gateways)} logs searched")
    tokens = [gateway.name for gateway in gateways if "eyJ" in gateway.program.log()]
    report.check("nothing that looks like a session token", not tokens, tokens or "none")
