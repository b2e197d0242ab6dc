"""The openai SDK against the gateway: completions and embeddings."""

import json

import openai
from checks import HELLO, KEY, URL, USAGE, check, each_backend, on, raised, run

SETTINGS = {"base_url": f"{URL}/v1", "api_key": KEY, "max_retries": 0, "timeout": 20}
client = openai.OpenAI(**SETTINGS)


def check_usage(usage, backend):
    assert usage.prompt_tokens == USAGE.input and usage.completion_tokens == USAGE.output
    if backend != "ollama":
        assert usage.prompt_tokens_details.cached_tokens == USAGE.cached


@each_backend
def completion_whole(backend):
    answer = client.completions.create(model=f"{backend}-talk", prompt=HELLO, max_tokens=50)
    assert answer.object == "text_completion" and answer.model == f"{backend}-talk" and answer.id
    assert answer.choices[0].text == f"You said: {HELLO}" and answer.choices[0].finish_reason == "stop"
    check_usage(answer.usage, backend)


@each_backend
def completion_stream(backend):
    wish = {"model": f"{backend}-talk", "prompt": HELLO, "max_tokens": 50, "stream": True}
    for options in ({}, {"stream_options": {"include_usage": True}}):
        chunks = list(client.completions.create(**wish, **options))
        texts = [choice.text for chunk in chunks for choice in chunk.choices if choice.text]
        assert len(texts) > 3 and "".join(texts) == f"You said: {HELLO}"
        finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
        assert finishes == ["stop"] and {chunk.object for chunk in chunks} == {"text_completion"}
        assert bool(chunks[-1].usage) == bool(options)
    check_usage(chunks[-1].usage, backend)


@each_backend
def completion_with_a_suffix(backend):
    wish = {"model": f"{backend}-talk", "prompt": HELLO, "suffix": "The end."}
    if backend == "anthropic":
        # There is nothing to fill in there, and the suffix would change the answer.
        assert "suffix" in raised(openai.BadRequestError, lambda: client.completions.create(**wish)).message
    else:
        assert client.completions.create(**wish).choices[0].text == f"You said: {HELLO} …The end."


def check_vectors(answer, backend):
    assert [item.embedding for item in answer.data] == [[5.0, -2.0], [6.0, -2.0]]
    assert [item.index for item in answer.data] == [0, 1] and answer.object == "list"
    assert answer.model == f"{backend}-talk" and answer.usage.prompt_tokens == answer.usage.total_tokens == 4


@on("openai", "ollama")
def embeddings(backend):
    wish = {"model": f"{backend}-talk", "input": ["Hello", "there!"]}
    # Without a word on it, the SDK asks for base64 and reads that.
    for more in ({}, {"encoding_format": "float"}, {"dimensions": 2}):
        check_vectors(client.embeddings.create(**wish, **more), backend)
    raw = client.embeddings.with_raw_response.create(**wish, encoding_format="base64")
    assert [item["embedding"] for item in json.loads(raw.text)["data"]] == ["AACgQAAAAMA=", "AADAQAAAAMA="]
    assert client.embeddings.create(**wish | {"input": "Hello"}).data[0].embedding == [5.0, -2.0]
    raised(openai.BadRequestError, lambda: client.embeddings.create(**wish | {"input": []}))


@on("openai", "ollama")
async def embeddings_asynchronous(backend):
    async with openai.AsyncOpenAI(**SETTINGS) as client:
        check_vectors(await client.embeddings.create(model=f"{backend}-talk", input=["Hello", "there!"]), backend)


@check
def embeddings_refused():
    call = lambda: client.embeddings.create(model="anthropic-talk", input="Hello")
    assert "embeddings" in raised(openai.BadRequestError, call).message


@check
def embeddings_of_tokens():
    tokens = [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6]]
    check_vectors(client.embeddings.create(model="openai-talk", input=tokens), "openai")
    # Ollama takes text alone; "[1, 2]" as a text would be another question.
    call = lambda: client.embeddings.create(model="ollama-talk", input=tokens)
    assert "token" in raised(openai.BadRequestError, call).message


@check
def embeddings_of_the_demo():
    answers = [client.embeddings.create(model="demo-echo", input=["Hello", "Hello", "other"]) for _ in range(2)]
    first, same, other = (item.embedding for item in answers[0].data)
    assert first == same == answers[1].data[0].embedding != other
    numbers = client.embeddings.create(model="demo-echo", input="Hello", encoding_format="float").data[0].embedding
    assert len(first) == len(numbers) and all(abs(a - b) < 1e-6 for a, b in zip(first, numbers, strict=True))
    assert len(client.embeddings.create(model="demo-echo", input="Hello", dimensions=8).data[0].embedding) == 8


run()
