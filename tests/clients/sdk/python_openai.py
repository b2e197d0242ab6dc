"""The openai SDK against the gateway: chats."""

import asyncio
import json

import openai
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

SETTINGS = {"base_url": f"{URL}/v1", "api_key": KEY, "max_retries": 0, "timeout": 20}
client = openai.OpenAI(**SETTINGS)
create = client.chat.completions.create

MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": HELLO}]
TOOLS = [{"type": "function", "function": TOOL}]


def words(stream):
    for chunk in stream:
        for choice in chunk.choices:
            if choice.delta.content:
                yield choice.delta.content


def check_usage(usage, backend):
    assert usage.prompt_tokens == USAGE.input and usage.completion_tokens == USAGE.output
    assert usage.total_tokens == USAGE.input + USAGE.output
    if backend != "ollama":
        assert usage.prompt_tokens_details.cached_tokens == USAGE.cached


def check_stream(chunks, backend):
    assert {chunk.model for chunk in chunks} == {f"{backend}-talk"}
    assert len({chunk.id for chunk in chunks}) == 1 and chunks[0].id
    assert chunks[0].choices[0].delta.role == "assistant"
    text = list(words(chunks))
    assert len(text) > 3 and "".join(text) == ANSWER
    finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert finishes == ["stop"]
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == []
    check_usage(chunks[-1].usage, backend)


@check
def models():
    names = {model.id for model in client.models.list()}
    assert {f"{backend}-talk" for backend in BACKENDS} | {"demo-echo"} <= names
    assert client.models.retrieve("anthropic-talk").id == "anthropic-talk"
    error = raised(openai.NotFoundError, lambda: client.models.retrieve("no-such-model"))
    assert "no-such-model" in error.message


@each_kind
def chat_whole(backend):
    answer = create(model=f"{backend}-talk", messages=MESSAGES)
    choice = answer.choices[0]
    assert answer.model == f"{backend}-talk" and answer.object == "chat.completion" and answer.id
    assert choice.message.role == "assistant" and choice.message.content == ANSWER
    assert choice.finish_reason == "stop" and not choice.message.tool_calls
    assert answer._request_id
    check_usage(answer.usage, backend)


@each_backend
def chat_with_headers(backend):
    raw = client.chat.completions.with_raw_response.create(model=f"{backend}-talk", messages=MESSAGES)
    assert raw.headers["x-lingate-endpoint"] == backend
    assert raw.parse().choices[0].message.content == ANSWER


@each_kind
def chat_stream(backend):
    options = {"include_usage": True}
    check_stream(list(create(model=f"{backend}-talk", messages=MESSAGES, stream=True, stream_options=options)), backend)


@each_backend
def chat_stream_without_usage(backend):
    chunks = list(create(model=f"{backend}-talk", messages=MESSAGES, stream=True))
    assert "".join(words(chunks)) == ANSWER
    assert not any(chunk.usage for chunk in chunks) and all(chunk.choices for chunk in chunks)


@each_backend
def chat_stream_helper(backend):
    with client.chat.completions.stream(model=f"{backend}-talk", messages=MESSAGES) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert len(deltas) > 3 and "".join(deltas) == ANSWER
    assert final.choices[0].message.content == ANSWER and final.choices[0].finish_reason == "stop"


@each_backend
async def asynchronous(backend):
    async with openai.AsyncOpenAI(**SETTINGS) as client:
        chat = client.chat.completions
        options = {"include_usage": True}

        async def stream():
            model = f"{backend}-talk"
            return [
                c async for c in await chat.create(model=model, messages=MESSAGES, stream=True, stream_options=options)
            ]

        whole, *streams = await asyncio.gather(
            chat.create(model=f"{backend}-talk", messages=MESSAGES), *(stream() for _ in range(5))
        )
        assert whole.choices[0].message.content == ANSWER
        for chunks in streams:
            check_stream(chunks, backend)


def check_calls(calls):
    assert [call.function.name for call in calls] == [TOOL["name"]] * 2
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": city} for city in CITIES]
    assert len({call.id for call in calls}) == 2 and all(call.id and call.type == "function" for call in calls)


def with_results(message):
    calls = message.tool_calls
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": CITIES[json.loads(call.function.arguments)["city"]]}
        for call in calls
    ]
    return [{"role": "user", "content": WEATHER}, message, *results]


@each_kind_of_caller
def tools_whole(backend):
    wish = {"model": f"{backend}-talk", "tools": TOOLS, "tool_choice": "auto"}
    first = create(messages=[{"role": "user", "content": WEATHER}], **wish).choices[0]
    assert first.finish_reason == "tool_calls" and not first.message.content
    check_calls(first.message.tool_calls)
    second = create(messages=with_results(first.message), **wish).choices[0]
    assert second.message.content == WEATHER_ANSWER and second.finish_reason == "stop"


@each_caller
def tools_stream(backend):
    wish = {"model": f"{backend}-talk", "tools": TOOLS}
    calls = {}
    finishes = []
    for chunk in create(messages=[{"role": "user", "content": WEATHER}], stream=True, **wish):
        for choice in chunk.choices:
            finishes.append(choice.finish_reason)
            for delta in choice.delta.tool_calls or []:
                call = calls.setdefault(delta.index, {"id": "", "name": "", "arguments": ""})
                call["id"] += delta.id or ""
                call["name"] += delta.function.name or ""
                call["arguments"] += delta.function.arguments or ""
    assert [finish for finish in finishes if finish] == ["tool_calls"]
    assert list(calls) == [0, 1]
    assert [call["name"] for call in calls.values()] == [TOOL["name"]] * 2
    assert [json.loads(call["arguments"]) for call in calls.values()] == [{"city": city} for city in CITIES]
    assert calls[0]["id"] and calls[1]["id"] and calls[0]["id"] != calls[1]["id"]
    with client.chat.completions.stream(messages=[{"role": "user", "content": WEATHER}], **wish) as stream:
        message = stream.get_final_completion().choices[0].message
    check_calls(message.tool_calls)
    second = create(messages=with_results(message), stream=True, **wish)
    assert "".join(words(second)) == WEATHER_ANSWER


@each_backend
def image(backend):
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]
    answer = create(model=f"{backend}-talk", messages=[{"role": "user", "content": parts}])
    assert answer.choices[0].message.content == f"I see: {PNG}"


@each_backend
def json_schema(backend):
    wish = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": SCHEMA}}
    answer = create(model=f"{backend}-talk", messages=MESSAGES, response_format=wish)
    assert json.loads(answer.choices[0].message.content) == INSTANCE


@each_backend
def parsed(backend):
    class Weather(BaseModel):
        city: str
        degrees: int

    answer = client.chat.completions.parse(model=f"{backend}-talk", messages=MESSAGES, response_format=Weather)
    assert answer.choices[0].message.parsed == Weather(**INSTANCE)


@each_backend
def parsed_stream(backend):
    class Weather(BaseModel):
        city: str
        degrees: int

    wish = {"model": f"{backend}-talk", "messages": MESSAGES, "response_format": Weather}
    with client.chat.completions.stream(**wish) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == Weather(**INSTANCE)


@each_backend
def parsed_calls(backend):
    class GetWeather(BaseModel):
        """Tells the weather in a city."""

        city: str

    tools = [openai.pydantic_function_tool(GetWeather, name=TOOL["name"])]
    wish = {"model": f"{backend}-talk", "tools": tools, "messages": [{"role": "user", "content": WEATHER}]}
    calls = client.chat.completions.parse(**wish).choices[0].message.tool_calls
    assert [call.function.parsed_arguments for call in calls] == [GetWeather(city=city) for city in CITIES]


@each_backend
def reasoning(backend):
    wish = {
        "model": f"{backend}-talk",
        "messages": MESSAGES,
        "reasoning_effort": "high",
        "max_completion_tokens": 32000,
    }
    message = create(**wish).choices[0].message
    assert message.content == ANSWER and message.reasoning_content == THOUGHT
    deltas = [choice.delta for chunk in create(stream=True, **wish) for choice in chunk.choices]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == THOUGHT
    assert "".join(delta.content or "" for delta in deltas) == ANSWER


@check
def demo():
    assert create(model="demo-echo", messages=MESSAGES).choices[0].message.content == HELLO
    assert "".join(words(create(model="demo-echo", messages=MESSAGES, stream=True))) == HELLO
    wish = {"model": "demo-tool", "tools": TOOLS}
    message = create(messages=[{"role": "user", "content": WEATHER}], **wish).choices[0].message
    (call,) = message.tool_calls
    assert call.function.name == TOOL["name"] and "city" in json.loads(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": "Oslo has 2 degrees"}
    answer = create(messages=[{"role": "user", "content": WEATHER}, message, result], **wish)
    assert "Oslo has 2 degrees" in answer.choices[0].message.content


@check
def unknown_model():
    for stream in (False, True):
        error = raised(openai.NotFoundError, lambda: create(model="no-such-model", messages=MESSAGES, stream=stream))
        assert "no-such-model" in error.message and error.code == "model_not_found"


@check
def bad_key():
    stranger = openai.OpenAI(**SETTINGS | {"api_key": "ck-wrong"})
    calls = (
        stranger.models.list,
        lambda: stranger.models.list(extra_headers={"Authorization": openai.Omit()}),
        lambda: stranger.chat.completions.create(model="openai-talk", messages=MESSAGES),
    )
    for call in calls:
        error = raised(openai.AuthenticationError, call)
        assert error.message and "ck-wrong" not in error.message


@check
def bad_request():
    error = raised(openai.BadRequestError, lambda: create(model="openai-talk", messages="Hello"))
    assert "messages" in error.message


@each_backend
def rate_limit(backend):
    for stream in (False, True):
        call = lambda: create(model=f"{backend}-limited", messages=MESSAGES, stream=stream)
        error = raised(openai.RateLimitError, call)
        assert error.response.headers["retry-after"] == "7" and "slow down" in error.message


@each_backend
def overloaded(backend):
    error = raised(openai.InternalServerError, lambda: create(model=f"{backend}-overloaded", messages=MESSAGES))
    assert error.status_code == 503 and "come back later" in error.message


@each_backend
def cut(backend):
    error = raised_after_words(openai.APIError, words(create(model=f"{backend}-cut", messages=MESSAGES, stream=True)))
    assert error.message


@each_backend
def broken(backend):
    stream = create(model=f"{backend}-broken", messages=MESSAGES, stream=True)
    assert "the model melted" in raised_after_words(openai.APIError, words(stream)).message


@each_backend
def leaving_early(backend):
    with create(model=f"{backend}-endless", messages=MESSAGES, stream=True) as stream:
        assert next(words(stream)).startswith(FIRST_WORD)


run()
