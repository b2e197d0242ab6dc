"""The ollama SDK against the gateway."""

import asyncio
import base64
import json

import ollama
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
    on,
    raised,
    raised_after_words,
    run,
)

SETTINGS = {"host": URL, "headers": {"Authorization": f"Bearer {KEY}"}, "timeout": 20}
client = ollama.Client(**SETTINGS)

MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": HELLO}]
TOOLS = [{"type": "function", "function": TOOL}]


def words(parts):
    for part in parts:
        if part.message.content:
            yield part.message.content


def check_last(answer, backend):
    assert answer.model == f"{backend}-talk" and answer.created_at
    assert answer.done is True and answer.done_reason == "stop"
    assert answer.prompt_eval_count == USAGE.input and answer.eval_count == USAGE.output
    assert answer.total_duration > 0


def check_stream(parts, backend):
    text = list(words(parts))
    assert len(text) > 3 and "".join(text) == ANSWER
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {part.model for part in parts} == {f"{backend}-talk"}
    check_last(parts[-1], backend)


@check
def models():
    listed = client.list().models
    names = {model.model for model in listed}
    assert {f"{backend}-talk" for backend in BACKENDS} | {"demo-echo", "exposed/talk:latest"} <= names
    assert all(model.digest and model.size is not None and model.modified_at for model in listed)


@check
def loaded():
    models = client.ps().models
    assert {model.model for model in models} == {"exposed/talk:latest", "ollama-talk", "ollama-lenient"}
    assert all(model.size_vram > 0 and model.expires_at for model in models)


@each_backend
def show(backend):
    for name in (f"{backend}-talk", f"{backend}-talk:latest"):
        shown = client.show(name)
        assert "completion" in shown.capabilities
        assert shown.modelinfo is not None and shown.details is not None
    if backend == "ollama":
        assert shown.template == "{{ .Prompt }}" and shown.modelinfo["fable.context_length"] == 8192


@each_kind
def chat_whole(backend):
    answer = client.chat(f"{backend}-talk", MESSAGES)
    assert answer.message.role == "assistant" and answer.message.content == ANSWER
    assert not answer.message.tool_calls and not answer.message.thinking
    check_last(answer, backend)


@each_backend
def chat_with_options(backend):
    options = {"temperature": 0.5, "num_ctx": 4096, "num_predict": 100, "top_k": 20}
    # The tag that Ollama clients put behind every name.
    answer = client.chat(f"{backend}-talk:latest", MESSAGES, options=options, keep_alive="5m")
    assert answer.message.content == ANSWER


@each_kind
def chat_stream(backend):
    check_stream(list(client.chat(f"{backend}-talk", MESSAGES, stream=True)), backend)


@each_backend
def generate(backend):
    answer = client.generate(f"{backend}-talk", HELLO, system=SYSTEM)
    assert answer.response == ANSWER
    check_last(answer, backend)
    parts = list(client.generate(f"{backend}-talk", HELLO, system=SYSTEM, stream=True))
    texts = [part.response for part in parts if part.response]
    assert len(texts) > 3 and "".join(texts) == ANSWER
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    check_last(parts[-1], backend)


@each_backend
async def asynchronous(backend):
    client = ollama.AsyncClient(**SETTINGS)

    async def stream():
        return [part async for part in await client.chat(f"{backend}-talk", MESSAGES, stream=True)]

    whole, *streams = await asyncio.gather(client.chat(f"{backend}-talk", MESSAGES), *(stream() for _ in range(5)))
    assert whole.message.content == ANSWER
    for parts in streams:
        check_stream(parts, backend)
    await client.close()


def check_calls(calls):
    assert [call.function.name for call in calls] == [TOOL["name"]] * 2
    assert [dict(call.function.arguments) for call in calls] == [{"city": city} for city in CITIES]


def with_results(message):
    check_calls(message.tool_calls)
    results = [
        {"role": "tool", "tool_name": call.function.name, "content": CITIES[call.function.arguments["city"]]}
        for call in message.tool_calls
    ]
    return [{"role": "user", "content": WEATHER}, message, *results]


@each_kind_of_caller
def tools_whole(backend):
    first = client.chat(f"{backend}-talk", [{"role": "user", "content": WEATHER}], tools=TOOLS)
    assert not first.message.content
    second = client.chat(f"{backend}-talk", with_results(first.message), tools=TOOLS)
    assert second.message.content == WEATHER_ANSWER


@each_caller
def tools_stream(backend):
    parts = list(client.chat(f"{backend}-talk", [{"role": "user", "content": WEATHER}], tools=TOOLS, stream=True))
    assert parts[-1].done and not "".join(words(parts))
    calls = [call for part in parts for call in part.message.tool_calls or []]
    message = ollama.Message(role="assistant", content="", tool_calls=calls)
    second = client.chat(f"{backend}-talk", with_results(message), tools=TOOLS, stream=True)
    assert "".join(words(second)) == WEATHER_ANSWER


@each_caller
def tools_from_a_function(backend):
    def get_weather(city: str) -> str:
        """Tells the weather in a city.

        Args:
          city: The city's name.
        """
        return CITIES[city]

    answer = client.chat(f"{backend}-talk", [{"role": "user", "content": WEATHER}], tools=[get_weather])
    check_calls(answer.message.tool_calls)


@each_backend
def image(backend):
    for picture in (PNG, base64.b64decode(PNG)):
        message = {"role": "user", "content": "What is it?", "images": [picture]}
        assert client.chat(f"{backend}-talk", [message]).message.content == f"I see: {PNG}"
    answer = client.generate(f"{backend}-talk", "What is it?", images=[base64.b64decode(PNG)])
    assert answer.response == f"I see: {PNG}"


@each_backend
def json_schema(backend):
    answer = client.chat(f"{backend}-talk", MESSAGES, format=SCHEMA)
    assert json.loads(answer.message.content) == INSTANCE


@each_backend
def thinking(backend):
    # A bare yes has no word in OpenAI's dialect, whose models think by themselves.
    for think in ("high",) if backend == "openai" else (True, "high"):
        answer = client.chat(f"{backend}-talk", MESSAGES, think=think)
        assert answer.message.thinking == THOUGHT and answer.message.content == ANSWER
        parts = list(client.chat(f"{backend}-talk", MESSAGES, think=think, stream=True))
        assert "".join(part.message.thinking or "" for part in parts) == THOUGHT
        assert "".join(words(parts)) == ANSWER
    assert not client.chat(f"{backend}-talk", MESSAGES, think=False).message.thinking


@each_backend
def generate_with_more(backend):
    answer = client.generate(f"{backend}-talk", HELLO, format=SCHEMA)
    assert json.loads(answer.response) == INSTANCE
    answer = client.generate(f"{backend}-talk", HELLO, think="high")
    assert answer.thinking == THOUGHT and answer.response == f"You said: {HELLO}"
    parts = list(client.generate(f"{backend}-talk", HELLO, think="high", stream=True))
    assert "".join(part.thinking or "" for part in parts) == THOUGHT


@each_backend
def generate_with_a_suffix(backend):
    call = lambda: client.generate(f"{backend}-talk", HELLO, suffix="The end.")
    if backend == "anthropic":
        assert "suffix" in raised(ollama.ResponseError, call).error
    else:
        assert call().response == f"You said: {HELLO} …The end."


@each_backend
def load_and_unload(backend):
    for answer in (client.generate(f"{backend}-talk"), client.chat(f"{backend}-talk")):
        assert answer.done and answer.done_reason == "load"
    answer = client.generate(f"{backend}-talk", keep_alive=0)
    assert answer.done and answer.done_reason == "unload" and not answer.response


def check_vectors(answer, backend, vectors):
    assert [list(vector) for vector in answer.embeddings] == vectors and answer.model == f"{backend}-talk"
    assert answer.total_duration > 0 and answer.prompt_eval_count == 2 * len(vectors)


@on("openai", "ollama")
def embed(backend):
    model = f"{backend}-talk"
    more = {"truncate": False, "dimensions": 2, "keep_alive": "5m", "options": {"num_ctx": 512}}
    check_vectors(client.embed(model, ["Hello", "there!"], **more), backend, [[5, -2], [6, -2]])
    check_vectors(client.embed(model, "Hello"), backend, [[5, -2]])
    # The older form, of one text.
    assert list(client.embeddings(model, "Hello").embedding) == [5, -2]


@on("openai", "ollama")
async def embed_asynchronous(backend):
    client = ollama.AsyncClient(**SETTINGS)
    check_vectors(await client.embed(f"{backend}-talk", ["Hello", "there!"]), backend, [[5, -2], [6, -2]])
    await client.close()


@check
def embed_refused():
    for call in (client.embed, client.embeddings):
        error = raised(ollama.ResponseError, lambda: call("anthropic-talk", "Hello"))
        assert error.status_code == 400 and "embeddings" in error.error


@check
def embed_of_the_demo():
    first, same, other = client.embed("demo-echo", ["Hello", "Hello", "other"]).embeddings
    assert list(first) == list(same) == list(client.embeddings("demo-echo", "Hello").embedding)
    assert list(first) != list(other)
    assert len(client.embed("demo-echo", "Hello", dimensions=8).embeddings[0]) == 8


@check
def demo():
    assert client.chat("demo-echo", MESSAGES).message.content == HELLO
    assert "".join(words(client.chat("demo-echo", MESSAGES, stream=True))) == HELLO
    assert client.generate("demo-echo", HELLO).response == HELLO
    first = client.chat("demo-tool", [{"role": "user", "content": WEATHER}], tools=TOOLS)
    (call,) = first.message.tool_calls
    assert call.function.name == TOOL["name"] and "city" in call.function.arguments
    result = {"role": "tool", "tool_name": TOOL["name"], "content": "Oslo has 2 degrees"}
    answer = client.chat("demo-tool", [{"role": "user", "content": WEATHER}, first.message, result], tools=TOOLS)
    assert "Oslo has 2 degrees" in answer.message.content


@check
def unknown_model():
    calls = (
        lambda: client.chat("no-such-model", MESSAGES),
        lambda: list(client.chat("no-such-model", MESSAGES, stream=True)),
        lambda: client.generate("no-such-model", HELLO),
        lambda: client.show("no-such-model"),
    )
    for call in calls:
        error = raised(ollama.ResponseError, call)
        assert error.status_code == 404 and "no-such-model" in error.error and "{" not in error.error


@check
def bad_key():
    for headers in ({"Authorization": "Bearer ck-wrong"}, {}):
        stranger = ollama.Client(**SETTINGS | {"headers": headers})
        for call in (stranger.list, lambda: stranger.chat("openai-talk", MESSAGES)):
            error = raised(ollama.ResponseError, call)
            assert error.status_code == 401 and "{" not in error.error and "ck-wrong" not in error.error


@each_backend
def rate_limit(backend):
    calls = (
        lambda: client.chat(f"{backend}-limited", MESSAGES),
        lambda: list(client.chat(f"{backend}-limited", MESSAGES, stream=True)),
    )
    for call in calls:
        error = raised(ollama.ResponseError, call)
        assert error.status_code == 429 and "slow down" in error.error


@each_backend
def overloaded(backend):
    error = raised(ollama.ResponseError, lambda: client.chat(f"{backend}-overloaded", MESSAGES))
    assert error.status_code == 503 and "come back later" in error.error


@each_backend
def cut(backend):
    error = raised_after_words(ollama.ResponseError, words(client.chat(f"{backend}-cut", MESSAGES, stream=True)))
    assert error.error


@each_backend
def broken(backend):
    stream = client.chat(f"{backend}-broken", MESSAGES, stream=True)
    assert "the model melted" in raised_after_words(ollama.ResponseError, words(stream)).error


@each_backend
def leaving_early(backend):
    parts = client.chat(f"{backend}-endless", MESSAGES, stream=True)
    assert next(words(parts)).startswith(FIRST_WORD)
    parts.close()


run()
