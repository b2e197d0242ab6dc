"""LangChain's three providers against the gateway: OpenAI's, Anthropic's and Ollama's client on every backend."""

import checks
from checks import (
    ANSWER,
    BACKENDS,
    CITIES,
    FIRST_WORD,
    HELLO,
    INSTANCE,
    KEY,
    PNG,
    SYSTEM,
    THOUGHT,
    TOOL,
    URL,
    USAGE,
    WEATHER,
    WEATHER_ANSWER,
    on,
    raised,
    raised_after_words,
    run,
)
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel

MESSAGES = [SystemMessage(SYSTEM), HumanMessage(HELLO)]
OPENAI = {"base_url": f"{URL}/v1", "api_key": KEY, "max_retries": 0, "timeout": 20}
OLLAMA = {"base_url": URL, "client_kwargs": {"headers": {"Authorization": f"Bearer {KEY}"}, "timeout": 20}}


def openai_chat(backend, name="talk", **more):
    return ChatOpenAI(model=f"{backend}-{name}", stream_usage=True, **OPENAI, **more)


def openai_responses(backend, name="talk", **more):
    return ChatOpenAI(model=f"{backend}-{name}", use_responses_api=True, **OPENAI, **more)


def anthropic_chat(backend, name="talk", **more):
    settings = {"base_url": URL, "api_key": KEY, "max_retries": 0, "timeout": 20, "max_tokens": 9000}
    return ChatAnthropic(model=f"{backend}-{name}", **settings, **more)


def ollama_chat(backend, name="talk", **more):
    return ChatOllama(model=f"{backend}-{name}", **OLLAMA, **more)


PROVIDERS = {
    "ChatOpenAI": openai_chat,
    "ChatOpenAI_responses": openai_responses,
    "ChatAnthropic": anthropic_chat,
    "ChatOllama": ollama_chat,
}


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


@tool(TOOL["name"], description=TOOL["description"])
def get_weather(city: str) -> str:
    return CITIES[city]


def each(function, providers=PROVIDERS):
    """Adds a check for each provider and backend."""
    for name in providers:
        for backend in BACKENDS:
            checks.add(f"{function.__name__} {name}[{backend}]", function, name, PROVIDERS[name], backend)
    return function


def check_usage(message):
    usage = message.usage_metadata
    assert usage["input_tokens"] == USAGE.input and usage["output_tokens"] == USAGE.output, usage


@each
def invoke(_name, provider, backend):
    message = provider(backend).invoke(MESSAGES)
    assert message.text == ANSWER
    check_usage(message)


@each
def stream(_name, provider, backend):
    chunks = list(provider(backend).stream(MESSAGES))
    texts = [chunk.text for chunk in chunks if chunk.text]
    assert len(texts) > 3 and "".join(texts) == ANSWER
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    check_usage(whole)


@each
async def asynchronous(_name, provider, backend):
    assert (await provider(backend).ainvoke(MESSAGES)).text == ANSWER
    assert "".join([chunk.text async for chunk in provider(backend).astream(MESSAGES)]) == ANSWER


@each
def bind_tools(_name, provider, backend):
    model = provider(backend).bind_tools([get_weather])
    turns = [HumanMessage(WEATHER)]
    first = model.invoke(turns)
    assert [call["args"] for call in first.tool_calls] == [{"city": city} for city in CITIES]
    results = [ToolMessage(CITIES[call["args"]["city"]], tool_call_id=call["id"]) for call in first.tool_calls]
    assert model.invoke([*turns, first, *results]).text == WEATHER_ANSWER


@each
def bind_tools_stream(_name, provider, backend):
    model = provider(backend).bind_tools([get_weather])
    turns = [HumanMessage(WEATHER)]
    first, *chunks = model.stream(turns)
    for chunk in chunks:
        first += chunk
    assert [call["args"] for call in first.tool_calls] == [{"city": city} for city in CITIES]
    results = [get_weather.invoke(call) for call in first.tool_calls]
    assert "".join(chunk.text for chunk in model.stream([*turns, first, *results])) == WEATHER_ANSWER


@each
def with_structured_output(_name, provider, backend):
    model = provider(backend).with_structured_output(Weather, method="json_schema")
    assert model.invoke(MESSAGES) == Weather(**INSTANCE)


@each
def with_structured_output_by_a_tool(name, provider, backend):
    model = provider(backend).with_structured_output(Weather, method="function_calling")
    if backend == "ollama" and name != "ChatOllama":
        # These force the call, which Ollama cannot; so it is refused by the name of the member.
        try:
            model.invoke(MESSAGES)
        except Exception as error:
            assert "tool_choice" in str(error), error
        else:
            raise AssertionError("not refused")
    elif name == "ChatOllama":
        # It only offers the tool, so the words must ask for it.
        assert model.invoke("Please call Weather") == Weather(**INSTANCE)
    else:
        assert model.invoke(MESSAGES) == Weather(**INSTANCE)


@each
def image(_name, provider, backend):
    part = {"type": "image", "base64": PNG, "mime_type": "image/png"}
    message = HumanMessage([{"type": "text", "text": "What is it?"}, part])
    assert provider(backend).invoke([message]).text == f"I see: {PNG}"


# LangChain's client reads no reasoning in OpenAI's chats.
THINKING = {
    "ChatOpenAI_responses": {"reasoning": {"effort": "high", "summary": "auto"}},
    "ChatAnthropic": {"thinking": {"type": "enabled", "budget_tokens": 5000}},
    "ChatOllama": {"reasoning": "high"},
}


def thinking(name, provider, backend):
    model = provider(backend, **THINKING[name])
    message = model.invoke(MESSAGES)
    thoughts = [block["reasoning"] for block in message.content_blocks if block["type"] == "reasoning"]
    assert "".join(thoughts) == THOUGHT and message.text == ANSWER
    # What was thought goes back with the next question.
    assert model.invoke([*MESSAGES, message, HumanMessage(HELLO)]).text == ANSWER


each(thinking, THINKING)


@each
def rate_limit(_name, provider, backend):
    for call in (lambda model: model.invoke(MESSAGES), lambda model: list(model.stream(MESSAGES))):
        assert "slow down" in str(raised(Exception, lambda: call(provider(backend, "limited"))))


@each
def cut(_name, provider, backend):
    raised_after_words(Exception, (chunk.text for chunk in provider(backend, "cut").stream(MESSAGES)))


@each
def broken(_name, provider, backend):
    words = (chunk.text for chunk in provider(backend, "broken").stream(MESSAGES))
    assert "the model melted" in str(raised_after_words(Exception, words))


@each
def leaving_early(_name, provider, backend):
    stream = provider(backend, "endless").stream(MESSAGES)
    assert any(chunk.text.startswith(FIRST_WORD) for chunk in stream)
    stream.close()


@on(*BACKENDS)
def openai_completion(backend):
    model = OpenAI(model=f"{backend}-talk", **OPENAI)
    assert model.invoke(HELLO) == f"You said: {HELLO}" == "".join(model.stream(HELLO))


@on(*BACKENDS)
def ollama_completion(backend):
    model = OllamaLLM(model=f"{backend}-talk", **OLLAMA)
    assert model.invoke(HELLO) == f"You said: {HELLO}" == "".join(model.stream(HELLO))


@on("openai", "ollama")
def openai_embeddings(backend):
    # Else it cuts texts into tokens by a table that it fetches.
    model = OpenAIEmbeddings(model=f"{backend}-talk", check_embedding_ctx_length=False, **OPENAI)
    assert model.embed_documents(["Hello", "there!"]) == [[5, -2], [6, -2]]


@on("openai", "ollama")
def ollama_embeddings(backend):
    model = OllamaEmbeddings(model=f"{backend}-talk", **OLLAMA)
    assert model.embed_documents(["Hello", "there!"]) == [[5, -2], [6, -2]]


run()
