"""The openai SDK's Responses against the gateway."""

import json

import openai
from checks import (
    ANSWER,
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
    raised,
    raised_after_words,
    run,
)
from pydantic import BaseModel

SETTINGS = {"base_url": f"{URL}/v1", "api_key": KEY, "max_retries": 0, "timeout": 20}
client = openai.OpenAI(**SETTINGS)
create = client.responses.create

WISH = {"instructions": SYSTEM, "input": HELLO}
TOOLS = [{"type": "function", "strict": False, **TOOL}]


def words(stream):
    for event in stream:
        if event.type == "response.output_text.delta":
            yield event.delta
        elif event.type == "response.failed":
            raise openai.APIError(event.response.error.message, request=None, body=None)


def check_answer(answer, backend):
    assert answer.model == f"{backend}-talk" and answer.object == "response" and answer.id.startswith("resp_")
    assert answer.status == "completed" and answer.output_text == ANSWER and answer.instructions == SYSTEM
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens) == (USAGE.input, USAGE.output)
    assert usage.total_tokens == USAGE.input + USAGE.output
    if backend != "ollama":
        assert usage.input_tokens_details.cached_tokens == USAGE.cached


@each_backend
def whole(backend):
    check_answer(create(model=f"{backend}-talk", **WISH), backend)


@each_backend
def stream(backend):
    events = list(create(model=f"{backend}-talk", stream=True, **WISH))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert events[0].response.id == events[-1].response.id
    texts = list(words(events))
    assert len(texts) > 3 and "".join(texts) == ANSWER
    check_answer(events[-1].response, backend)


@each_backend
def stream_helper(backend):
    with client.responses.stream(model=f"{backend}-talk", **WISH) as stream:
        assert "".join(words(stream)) == ANSWER
        check_answer(stream.get_final_response(), backend)


def check_calls(answer):
    calls = [item for item in answer.output if item.type == "function_call"]
    assert [call.name for call in calls] == [TOOL["name"]] * 2
    assert [json.loads(call.arguments) for call in calls] == [{"city": city} for city in CITIES]
    assert len({call.call_id for call in calls}) == 2 and all(call.call_id and call.id for call in calls)
    return calls


def with_results(answer):
    return [{"role": "user", "content": WEATHER}, *answer.output, *results_of(answer)]


def results_of(answer):
    return [
        {"type": "function_call_output", "call_id": call.call_id, "output": CITIES[json.loads(call.arguments)["city"]]}
        for call in check_calls(answer)
    ]


@each_backend
def tools(backend):
    wish = {"model": f"{backend}-talk", "tools": TOOLS, "tool_choice": "auto"}
    answer = create(input=WEATHER, **wish)
    second = create(input=with_results(answer), **wish)
    assert second.output_text == WEATHER_ANSWER and not any(item.type == "function_call" for item in second.output)
    with client.responses.stream(input=WEATHER, **wish) as stream:
        deltas = [event.delta for event in stream if event.type == "response.function_call_arguments.delta"]
        answer = stream.get_final_response()
    assert "".join(deltas) == "".join(call.arguments for call in check_calls(answer))
    assert "".join(words(create(input=with_results(answer), stream=True, **wish))) == WEATHER_ANSWER


@each_backend
def stored(backend):
    wish = {"model": f"{backend}-talk", "tools": TOOLS, "tool_choice": "auto"}
    answer = create(input=WEATHER, **wish)
    second = create(input=results_of(answer), previous_response_id=answer.id, **wish)
    assert second.output_text == WEATHER_ANSWER and second.previous_response_id == answer.id
    with client.responses.stream(input=WEATHER, **wish) as stream:
        list(stream)
        answer = stream.get_final_response()
    assert check_calls(client.responses.retrieve(answer.id))[0].id == answer.output[0].id
    with client.responses.stream(input=results_of(answer), previous_response_id=answer.id, **wish) as stream:
        list(stream)
        second = stream.get_final_response()
    assert second.output_text == WEATHER_ANSWER and second.previous_response_id == answer.id
    items = list(client.responses.input_items.list(second.id, order="asc", limit=2))
    assert items[0].content[0].text == WEATHER and items[0].type == "message"
    assert [item.type for item in items if item.type.startswith("function")] == [
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
    ]
    error = raised(openai.BadRequestError, lambda: client.responses.cancel(answer.id))
    assert "synchronous" in error.message
    client.responses.delete(answer.id)
    raised(openai.NotFoundError, lambda: client.responses.retrieve(answer.id))
    error = raised(openai.BadRequestError, lambda: create(input=HELLO, previous_response_id=answer.id, **wish))
    assert (error.code, error.param) == ("previous_response_not_found", "previous_response_id")


@each_backend
def image(backend):
    parts = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
    ]
    answer = create(model=f"{backend}-talk", input=[{"role": "user", "content": parts}])
    assert answer.output_text == f"I see: {PNG}"


@each_backend
def json_schema(backend):
    wish = {"format": {"type": "json_schema", "name": "weather", "strict": True, "schema": SCHEMA}}
    assert json.loads(create(model=f"{backend}-talk", input=HELLO, text=wish).output_text) == INSTANCE


@each_backend
def parsed(backend):
    class Weather(BaseModel):
        city: str
        degrees: int

    answer = client.responses.parse(model=f"{backend}-talk", input=HELLO, text_format=Weather)
    assert answer.output_parsed == Weather(**INSTANCE)


def thoughts(answer):
    return "".join(part.text for item in answer.output if item.type == "reasoning" for part in item.summary)


@each_backend
def reasoning(backend):
    wish = {
        "model": f"{backend}-talk",
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 32000,
        "store": False,
        **WISH,
    }
    answer = create(**wish)
    assert answer.output_text == ANSWER and thoughts(answer) == THOUGHT
    events = list(create(stream=True, **wish))
    deltas = [event.delta for event in events if event.type == "response.reasoning_summary_text.delta"]
    assert "".join(deltas) == THOUGHT and thoughts(events[-1].response) == THOUGHT
    # What was thought is sent back.
    history = [{"role": "user", "content": HELLO}, *answer.output, {"role": "user", "content": "And now?"}]
    assert "And now?" in create(**wish | {"input": history}).output_text


@check
def demo():
    assert create(model="demo-echo", input=HELLO).output_text == HELLO
    assert "".join(words(create(model="demo-echo", input=HELLO, stream=True))) == HELLO


@check
def unknown_model():
    for stream in (False, True):
        error = raised(openai.NotFoundError, lambda: create(model="no-such-model", input=HELLO, stream=stream))
        assert "no-such-model" in error.message and error.code == "model_not_found"


@check
def bad_request():
    for wish, place in (({"input": []}, "input"), ({"input": HELLO, "background": True}, "background")):
        error = raised(openai.BadRequestError, lambda: create(model="openai-talk", **wish))
        assert place in error.message and error.param == place


@each_backend
def rate_limit(backend):
    for stream in (False, True):
        error = raised(openai.RateLimitError, lambda: create(model=f"{backend}-limited", input=HELLO, stream=stream))
        assert error.response.headers["retry-after"] == "7" and "slow down" in error.message


@each_backend
def overloaded(backend):
    error = raised(openai.InternalServerError, lambda: create(model=f"{backend}-overloaded", input=HELLO))
    assert error.status_code == 503 and "come back later" in error.message


@each_backend
def cut(backend):
    stream = create(model=f"{backend}-cut", stream=True, **WISH)
    assert raised_after_words(openai.APIError, words(stream)).message


@each_backend
def broken(backend):
    stream = create(model=f"{backend}-broken", stream=True, **WISH)
    assert "the model melted" in raised_after_words(openai.APIError, words(stream)).message


@each_backend
def leaving_early(backend):
    with create(model=f"{backend}-endless", stream=True, **WISH) as stream:
        assert next(words(stream)).startswith(FIRST_WORD)


run()
