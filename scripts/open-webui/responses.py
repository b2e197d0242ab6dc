"""Open WebUI's connection that speaks Responses, and lingate's Responses in front of Open WebUI."""

import json

import as_client
import samples
import web
from report import short

TRANSLATED = "translated"
RELAYED = "relayed"
TOOL = {"type": "function", **samples.TOOL["function"]}


class Events:
    """A Responses stream, put together."""

    def __init__(self, stream):
        self.status = stream.status
        self.kinds = [event.get("type") for _, event in stream.events()]
        self.at = [at for at, event in stream.events() if event.get("type") == "response.output_text.delta"]
        self.text = self._deltas(stream, "response.output_text.delta")
        self.thoughts = self._deltas(stream, "response.reasoning_text.delta")
        self.thoughts += self._deltas(stream, "response.reasoning_summary_text.delta")
        numbers = [event.get("sequence_number") for _, event in stream.events()]
        self.in_order = numbers == list(range(len(numbers)))
        self.last = stream.events()[-1][1] if self.kinds else {}
        self.comments = sum(line.startswith(":") for _, line in stream.lines)
        self.raw = "\n".join(line for _, line in stream.lines)

    @staticmethod
    def _deltas(stream, kind):
        return "".join(event["delta"] for _, event in stream.events() if event.get("type") == kind)

    @property
    def whole(self):
        """The answer that the last event holds."""
        return self.last.get("response") or {}

    def complete(self):
        """Begun, numbered without a gap, and completed."""
        return self.kinds[:1] == ["response.created"] and self.kinds[-1] == "response.completed" and self.in_order

    def seen(self):
        if self.kinds[-1:] == ["response.completed"]:
            return f"{self.kinds[0]} … {self.kinds[-1]}, {len(self.kinds)} events"
        return short(self.raw)


def text_of(answer):
    """The text of a whole answer."""
    parts = [part for item in answer.get("output", []) if item["type"] == "message" for part in item["content"]]
    return "".join(part.get("text", "") for part in parts)


def calls_of(answer):
    """The function calls of a whole answer."""
    return [item for item in answer.get("output", []) if item["type"] == "function_call"]


def named(model):
    """A model as the connection that speaks Responses lists it."""
    return f"{as_client.RESPONSES}.{model}"


def chats(report, client):
    """Chats of Open WebUI's API; it hands the stream of such a connection on as it is."""
    report.section("Open WebUI as a client: POST /api/chat/completions, the connection that speaks Responses")
    _, chat = client.chat(named("assistant"), samples.user(samples.SAID))
    good = chat.content == samples.SAID and samples.counted(chat.usage)
    report.check("whole", good, f"{chat.content!r}, {chat.finish}, {as_client.brief_usage(chat.usage)}")
    events = streamed(client, "assistant", samples.user(samples.SAID))
    good = events.text == samples.SAID and events.complete() and samples.counted(events.whole.get("usage"))
    report.check("streamed", good, f"{events.text!r}, {events.seen()}")
    events = streamed(client, "slow", samples.user("one two three four"))
    good = len(events.at) >= 4 and events.at[-1] - events.at[0] > 2 and events.complete()
    seen = f"{len(events.at)} pieces, the first after {events.at[0]:.2f} s, the last after {events.at[-1]:.2f} s"
    report.check("pieces arrive as they are made", good, seen)
    report.check("signs of life between them", events.comments >= 4, f"{events.comments} of them")
    events = streamed(client, "thinker", samples.user(samples.SAID))
    good = events.thoughts.startswith("You wrote 9 words") and events.text == samples.SAID and events.complete()
    report.check("streamed: reasoning apart from the answer", good, repr(events.thoughts))
    for stream in (False, True):
        tool_call(report, client, stream)
    _, chat = client.chat(named("assistant"), samples.openai_image("What is this?"))
    report.check("whole: a picture", chat.content.startswith("I see 1 image (image/png, 70 bytes)"), repr(chat.content))
    body = {"model": named("failing"), "messages": samples.user("Hi")}
    failed = client.post("/api/chat/completions", body)
    good = failed.status == 500 and "demo-error" in failed.text
    report.check("an upstream's error", good, f"{failed.status} {short(failed.text)}")


def streamed(client, model, messages, **more):
    """A streamed chat of the connection."""
    body = {"model": named(model), "messages": messages, "stream": True, **more}
    return Events(web.stream(f"{client.url}/api/chat/completions", body, client.token))


def tool_call(report, client, stream):
    """A tool call, and its result in a history of chat messages, which Open WebUI makes items of."""
    how, asked = "streamed" if stream else "whole", samples.user("What is the weather?")

    def answer(messages):
        if stream:
            events = streamed(client, "tool-user", messages, tools=[samples.TOOL])
            calls = [{"name": call["name"], "arguments": call["arguments"]} for call in calls_of(events.whole)]
            return calls, events.text
        _, chat = client.chat(named("tool-user"), messages, tools=[samples.TOOL])
        return chat.calls, chat.content

    calls, _ = answer(asked)
    good = [call["name"] for call in calls] == ["get_weather"] and "city" in json.loads(calls[0]["arguments"])
    report.check(f"{how}: a tool call", good, calls)
    call = {"id": "call_1", "type": "function", "function": calls[0]}
    history = [
        *asked,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": samples.WEATHER},
    ]
    _, text = answer(history)
    report.check(f"{how}: the tool's result goes back", samples.WEATHER in text, repr(text))


def own_route(report, client):
    """Open WebUI's own route for Responses, which hands on bodies as they are: here the state is lingate's."""
    report.section("Open WebUI as a client: POST /openai/responses")
    path = "/openai/responses"
    body = {"model": named("tool-user"), "input": "What is the weather?", "tools": [TOOL]}
    first = client.post(path, body).json()
    calls = calls_of(first)
    report.check("a tool call", [call["name"] for call in calls] == ["get_weather"], calls or short(first))
    result = {"type": "function_call_output", "call_id": calls[0]["call_id"], "output": samples.WEATHER}
    # The tool's name is in the stored answer alone.
    body = {**body, "previous_response_id": first["id"], "input": [result]}
    second = client.post(path, body).json()
    good = text_of(second).startswith("The tool get_weather answered") and samples.WEATHER in text_of(second)
    report.check("its result, after `previous_response_id`", good, repr(text_of(second)) if good else short(second))
    events = Events(web.stream(client.url + path, {**body, "stream": True}, client.token))
    report.check("the same, streamed", events.text == text_of(second) and events.complete(), events.seen())
    unknown = client.post(path, {**body, "previous_response_id": "resp_unknown"})
    good = unknown.status == 400 and "previous_response_not_found" in unknown.text
    report.check("an unknown id", good, f"{unknown.status} {short(unknown.text)}")


def in_front(report, how, gateway, models):
    """lingate's `/v1/responses`, with Open WebUI behind it."""
    report.section(f"lingate in front of Open WebUI: POST /v1/responses, {how}")
    url = f"{gateway.url}/v1/responses"
    for model in models:
        body = {"model": model, "input": samples.SAID}
        whole = web.post(url, body)
        good = whole.status == 200 and text_of(whole.json()) == samples.SAID
        report.check(f"{model}, whole", good, repr(text_of(whole.json())) if good else short(whole.text))
        events = Events(web.stream(url, {**body, "stream": True}))
        if how == TRANSLATED and model.startswith(as_client.RESPONSES):
            # Open WebUI answers a chat in a stream of Responses there, which no client of chats can read.
            good = events.text == "" and "error" in events.raw
            report.check(f"{model}, streamed: a fault, and no empty answer", good, events.seen())
            continue
        good = events.text == samples.SAID and events.complete()
        report.check(f"{model}, streamed", good, f"{events.text!r}, {events.seen()}")
    prefix = models[-1].removesuffix("assistant")
    body = {"model": f"{prefix}tool-user", "input": "What is the weather?", "tools": [TOOL]}
    first = web.post(url, body).json()
    calls = calls_of(first)
    report.check("a tool call", [call["name"] for call in calls] == ["get_weather"], calls or short(first))
    result = {"type": "function_call_output", "call_id": calls[0]["call_id"], "output": samples.WEATHER}
    second = web.post(url, {**body, "previous_response_id": first["id"], "input": [result]}).json()
    good = text_of(second).startswith("The tool get_weather answered") and samples.WEATHER in text_of(second)
    report.check("its result, after `previous_response_id`", good, repr(text_of(second)) if good else short(second))
