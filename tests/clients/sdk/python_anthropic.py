"""The anthropic SDK against the gateway."""

import asyncio
import json

import anthropic
from checks import (
    ANSWER,
    BACKENDS,
    CITIES,
    FIRST_WORD,
    HELLO,
    INSTANCE,
    KEY,
    PNG,
    SCHEMA,
    SIGNATURE,
    SYSTEM,
    THOUGHT,
    TOOL,
    URL,
    USAGE,
    WEATHER,
    WEATHER_ANSWER,
    check,
    each_backend,
    each_caller,
    each_kind,
    each_kind_of_caller,
    raised,
    raised_after_words,
    run,
)
from pydantic import BaseModel

SETTINGS = {"base_url": URL, "api_key": KEY, "max_retries": 0, "timeout": 20}
client = anthropic.Anthropic(**SETTINGS)

TOOLS = [{"name": TOOL["name"], "description": TOOL["description"], "input_schema": TOOL["parameters"]}]
EFFORT = {"output_config": {"effort": "high"}}


def wish(backend, said=HELLO, **more):
    return {
        "model": f"{backend}-talk",
        "max_tokens": 1000,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": said}],
        **more,
    }


def check_usage(usage, backend):
    cached = 0 if backend == "ollama" else USAGE.cached
    assert usage.input_tokens == USAGE.input - cached
    assert (usage.cache_read_input_tokens or 0) == cached
    assert usage.output_tokens == USAGE.output


def check_answer(message, backend):
    assert message.type == "message" and message.role == "assistant" and message.id
    assert message.model == f"{backend}-talk"
    assert [(block.type, block.text) for block in message.content] == [("text", ANSWER)]
    assert message.stop_reason == "end_turn"
    check_usage(message.usage, backend)


@check
def models():
    listed = list(client.models.list())
    names = {model.id for model in listed}
    assert {f"{backend}-talk" for backend in BACKENDS} | {"demo-echo"} <= names
    assert all(model.type == "model" and model.display_name and model.created_at for model in listed)
    assert client.models.retrieve("openai-talk").id == "openai-talk"
    error = raised(anthropic.NotFoundError, lambda: client.models.retrieve("no-such-model"))
    assert "no-such-model" in error.message


@each_kind
def message_whole(backend):
    message = client.messages.create(**wish(backend))
    check_answer(message, backend)
    assert message._request_id


@each_backend
def message_with_headers(backend):
    raw = client.messages.with_raw_response.create(**wish(backend))
    assert raw.headers["x-lingate-endpoint"] == backend
    check_answer(raw.parse(), backend)


@each_kind
def message_stream_helper(backend):
    with client.messages.stream(**wish(backend)) as stream:
        texts = list(stream.text_stream)
        check_answer(stream.get_final_message(), backend)
    assert len(texts) > 3 and "".join(texts) == ANSWER


@each_backend
def message_stream_events(backend):
    events = list(client.messages.create(stream=True, **wish(backend)))
    kinds = [event.type for event in events if event.type != "ping"]
    deltas = kinds.count("content_block_delta")
    assert deltas > 3
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * deltas,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0].message.model == f"{backend}-talk"
    (last,) = (event for event in events if event.type == "message_delta")
    assert last.delta.stop_reason == "end_turn" and last.usage.output_tokens == USAGE.output


@each_backend
async def asynchronous(backend):
    async with anthropic.AsyncAnthropic(**SETTINGS) as client:

        async def stream():
            async with client.messages.stream(**wish(backend)) as stream:
                assert "".join([text async for text in stream.text_stream]) == ANSWER
                return await stream.get_final_message()

        for message in await asyncio.gather(client.messages.create(**wish(backend)), *(stream() for _ in range(5))):
            check_answer(message, backend)


def check_calls(message):
    calls = [block for block in message.content if block.type == "tool_use"]
    assert message.stop_reason == "tool_use"
    assert [call.name for call in calls] == [TOOL["name"]] * 2
    assert [call.input for call in calls] == [{"city": city} for city in CITIES]
    assert len({call.id for call in calls}) == 2 and all(call.id for call in calls)
    return calls


def with_results(message):
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": CITIES[call.input["city"]]}
        for call in check_calls(message)
    ]
    return [
        {"role": "user", "content": WEATHER},
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": results},
    ]


@each_kind_of_caller
def tools_whole(backend):
    first = client.messages.create(**wish(backend, WEATHER, tools=TOOLS, tool_choice={"type": "auto"}))
    second = client.messages.create(**wish(backend, tools=TOOLS) | {"messages": with_results(first)})
    assert [block.text for block in second.content] == [WEATHER_ANSWER] and second.stop_reason == "end_turn"


@each_caller
def tools_stream(backend):
    with client.messages.stream(**wish(backend, WEATHER, tools=TOOLS)) as stream:
        parts = [event.partial_json for event in stream if event.type == "input_json"]
        first = stream.get_final_message()
    assert json.loads("[" + "".join(parts).replace("}{", "},{") + "]") == [{"city": city} for city in CITIES]
    with client.messages.stream(**wish(backend, tools=TOOLS) | {"messages": with_results(first)}) as stream:
        assert stream.get_final_text() == WEATHER_ANSWER


@each_caller
def tools_runner(backend):
    asked = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Tells the weather in a city."""
        asked.append(city)
        return CITIES[city]

    # The SDK wants the server to keep the conversation. Anthropic does; where it cannot be had, the SDK must be told so
    # in a way that makes it send all of the conversation again.
    runner = client.beta.messages.tool_runner(**wish(backend, WEATHER, tools=[get_weather]))
    assert runner.until_done().content[0].text == WEATHER_ANSWER
    assert asked == list(CITIES)


@each_backend
def image(backend):
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    message = client.messages.create(**wish(backend, parts))
    assert [block.text for block in message.content] == [f"I see: {PNG}"]


@each_backend
def json_schema(backend):
    config = {"format": {"type": "json_schema", "schema": SCHEMA}}
    (block,) = client.messages.create(**wish(backend, output_config=config)).content
    assert json.loads(block.text) == INSTANCE


@each_backend
def parsed(backend):
    class Weather(BaseModel):
        city: str
        degrees: int

    assert client.messages.parse(**wish(backend, output_format=Weather)).parsed_output == Weather(**INSTANCE)


@each_kind
def thinking(backend):
    asking = wish(backend, thinking={"type": "enabled", "budget_tokens": 5000}, max_tokens=9000)
    with client.messages.stream(**asking) as stream:
        thoughts = [event.thinking for event in stream if event.type == "thinking"]
        streamed = stream.get_final_message()
    assert "".join(thoughts) == THOUGHT
    for message in (client.messages.create(**asking), streamed):
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert message.content[0].thinking == THOUGHT and message.content[1].text == ANSWER
        # Only Anthropic seals its thoughts; nobody else's answer may pretend to.
        assert message.content[0].signature == (SIGNATURE if backend == "anthropic" else "")


@each_backend
def effort(backend):
    message = client.messages.create(**wish(backend, max_tokens=9000, **EFFORT))
    assert [block.type for block in message.content] == ["thinking", "text"]


@each_kind
def thinking_before_tools(backend):
    asking = wish(backend, WEATHER, tools=TOOLS, thinking={"type": "adaptive"}, max_tokens=9000, **EFFORT)
    for stream in (False, True):
        if stream:
            with client.messages.stream(**asking) as events:
                first = events.get_final_message()
        else:
            first = client.messages.create(**asking)
        assert [block.type for block in first.content] == ["thinking", "tool_use", "tool_use"]
        # The thought goes back as it came, with its signature: the upstream refuses any other.
        second = client.messages.create(**asking | {"messages": with_results(first)})
        assert [block.type for block in second.content] == ["thinking", "text"]
        assert second.content[1].text == WEATHER_ANSWER


@each_backend
def count_tokens(backend):
    asking = {"model": f"{backend}-talk", "messages": [{"role": "user", "content": HELLO}], "tools": TOOLS}
    raw = client.messages.with_raw_response.count_tokens(**asking)
    counted = raw.parse().input_tokens
    if backend == "anthropic":
        assert counted > 1000
    else:
        # No count of the backend's own, so it is a guess that says so.
        assert 10 < counted < 500
        assert any("estimate" in f"{name}: {value}" for name, value in raw.headers.items()), dict(raw.headers)


@check
def count_tokens_of_nothing():
    call = lambda: client.messages.count_tokens(model="no-such-model", messages=[{"role": "user", "content": HELLO}])
    raised(anthropic.NotFoundError, call)


@each_backend
def older_version(backend):
    # What SDKs of the first API version send; it has a temperature.
    headers = {"anthropic-version": "2023-06-01"}
    more = {"temperature": 0.5, "top_k": 20}
    check_answer(client.messages.create(**wish(backend), extra_headers=headers, extra_body=more), backend)


@each_backend
def cache_marks(backend):
    mark = {"cache_control": {"type": "ephemeral"}}
    asking = wish(backend, [{"type": "text", "text": HELLO, **mark}])
    asking |= {"system": [{"type": "text", "text": SYSTEM, **mark}], "tools": [{**TOOLS[0], **mark}]}
    check_answer(client.messages.create(**asking), backend)


@each_backend
def beta(backend):
    message = client.beta.messages.create(**wish(backend), betas=["interleaved-thinking-2025-05-14"])
    assert [block.text for block in message.content] == [ANSWER]


@each_backend
def hosted_tool(backend):
    asking = wish(backend, tools=[{"type": "web_search_20250305", "name": "web_search"}, *TOOLS])
    if backend == "anthropic":
        check_answer(client.messages.create(**asking), backend)
    else:
        error = raised(anthropic.BadRequestError, lambda: client.messages.create(**asking))
        assert "web_search" in error.message and "hosted_tools" in error.message
        raw = client.messages.with_raw_response.create(**asking | {"model": f"{backend}-lenient"})
        assert "tools[0]" in raw.headers["x-lingate-dropped"]
        assert [block.text for block in raw.parse().content] == [ANSWER]


@check
def demo():
    asking = wish("demo") | {"model": "demo-echo"}
    assert client.messages.create(**asking).content[0].text == HELLO
    with client.messages.stream(**asking) as stream:
        assert "".join(stream.text_stream) == HELLO
    asking = wish("demo", WEATHER, tools=TOOLS) | {"model": "demo-tool"}
    first = client.messages.create(**asking)
    (call,) = (block for block in first.content if block.type == "tool_use")
    assert first.stop_reason == "tool_use" and "city" in call.input
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "Oslo has 2 degrees"}
    turns = [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = client.messages.create(**asking | {"messages": asking["messages"] + turns})
    assert "Oslo has 2 degrees" in second.content[0].text


@check
def unknown_model():
    for stream in (False, True):
        asking = wish("openai") | {"model": "no-such-model", "stream": stream}
        error = raised(anthropic.NotFoundError, lambda: client.messages.create(**asking))
        assert "no-such-model" in error.message and error.body["error"]["type"] == "not_found_error"


@check
def bad_key():
    stranger = anthropic.Anthropic(**SETTINGS | {"api_key": "ck-wrong"})
    for call in (stranger.models.list, lambda: stranger.messages.create(**wish("openai"))):
        error = raised(anthropic.AuthenticationError, call)
        assert error.body["error"]["type"] == "authentication_error" and "ck-wrong" not in error.message
    # The other header that the SDK has for a key.
    bearer = anthropic.Anthropic(**SETTINGS | {"api_key": None, "auth_token": KEY})
    check_answer(bearer.messages.create(**wish("openai")), "openai")


@check
def bad_request():
    asking = wish("openai") | {"messages": "Hello"}
    error = raised(anthropic.BadRequestError, lambda: client.messages.create(**asking))
    assert "messages" in error.message and error.body["error"]["type"] == "invalid_request_error"


@each_backend
def rate_limit(backend):
    for stream in (False, True):
        asking = wish(backend, stream=stream) | {"model": f"{backend}-limited"}
        error = raised(anthropic.RateLimitError, lambda: client.messages.create(**asking))
        assert error.response.headers["retry-after"] == "7" and "slow down" in error.message
        assert error.body["error"]["type"] == "rate_limit_error"


@each_backend
def overloaded(backend):
    asking = wish(backend) | {"model": f"{backend}-overloaded"}
    error = raised(anthropic.InternalServerError, lambda: client.messages.create(**asking))
    # Anthropic's own status of a 503.
    assert error.status_code == 529 and error.body["error"]["type"] == "overloaded_error"
    assert "come back later" in error.message


def words(asking):
    for event in client.messages.create(stream=True, **asking):
        if event.type == "content_block_delta":
            yield event.delta.text


@each_backend
def cut(backend):
    asking = wish(backend) | {"model": f"{backend}-cut"}
    error = raised_after_words(anthropic.APIStatusError, words(asking))
    assert error.body["type"] == "error" and error.body["error"]["message"]

    def helper():
        with client.messages.stream(**asking) as stream:
            return stream.get_final_message()

    raised(anthropic.APIStatusError, helper)


@each_backend
def broken(backend):
    error = raised_after_words(anthropic.APIStatusError, words(wish(backend) | {"model": f"{backend}-broken"}))
    assert "the model melted" in error.body["error"]["message"]


@each_backend
def leaving_early(backend):
    with client.messages.stream(**wish(backend) | {"model": f"{backend}-endless"}) as stream:
        assert next(stream.text_stream).startswith(FIRST_WORD)


run()
