"""The openai SDK against the gateway: the Responses API."""

import json

import openai
from checks import (
    ANSWER,
    BACKENDS,
    CITIES,
    FIRST_WORD,
    FREE_TEXT,
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
    check,
    each_kind,
    each_kind_of_caller,
    on,
    raised,
    run,
)
from pydantic import BaseModel

client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20)
create = client.responses.create

# The backends, and one that serves Responses itself.
RESPONDERS = (*BACKENDS, "responses")
TOOLS = [{"type": "function", "strict": False, **TOOL}]
# The events of an answer of one text, but for its deltas.
TEXT_EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


def wish(backend, said=HELLO, **more):
    return {"model": f"{backend}-talk", "instructions": SYSTEM, "input": said, **more}


def check_answer(response, backend):
    assert response.object == "response" and response.status == "completed" and response.id
    assert response.model == f"{backend}-talk" and response.output_text == ANSWER
    (item,) = response.output
    assert item.type == "message" and item.role == "assistant" and item.id
    assert response.usage.input_tokens == USAGE.input and response.usage.output_tokens == USAGE.output
    assert response.usage.total_tokens == USAGE.input + USAGE.output
    if backend != "ollama":
        assert response.usage.input_tokens_details.cached_tokens == USAGE.cached


def check_order(events):
    """Every event is numbered, and one more than the one before."""
    assert [event.sequence_number for event in events] == list(range(len(events)))


@each_kind
def whole(backend):
    check_answer(create(**wish(backend)), backend)


@each_kind
def stream(backend):
    events = list(create(stream=True, **wish(backend)))
    check_order(events)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(deltas) > 3 and "".join(deltas) == ANSWER
    assert [event.type for event in events if event.type != "response.output_text.delta"] == TEXT_EVENTS
    check_answer(events[-1].response, backend)
    assert len({event.response.id for event in (events[0], events[1], events[-1])}) == 1


@on(*RESPONDERS)
def echo(backend):
    more = {"metadata": {"who": "me"}, "tools": TOOLS, "temperature": 0.5, "max_output_tokens": 500}
    for response in (create(**wish(backend, **more)), list(create(stream=True, **wish(backend, **more)))[-1].response):
        assert response.instructions == SYSTEM and response.metadata == {"who": "me"}
        assert response.temperature == 0.5 and response.max_output_tokens == 500
        assert [tool.name for tool in response.tools] == [TOOL["name"]]


@on(*RESPONDERS)
def stream_helper(backend):
    with client.responses.stream(**wish(backend)) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        check_answer(stream.get_final_response(), backend)
    assert "".join(deltas) == ANSWER


@on(*RESPONDERS)
def conversation(backend):
    turns = [
        {"role": "developer", "content": SYSTEM},
        {"role": "user", "content": [{"type": "input_text", "text": "Good morning"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Good morning to you", "annotations": []}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": HELLO}]},
    ]
    check_answer(create(model=f"{backend}-talk", input=turns), backend)


def check_calls(response):
    calls = [item for item in response.output if item.type == "function_call"]
    assert [call.name for call in calls] == [TOOL["name"]] * 2 and not response.output_text
    assert [json.loads(call.arguments) for call in calls] == [{"city": city} for city in CITIES]
    assert len({call.call_id for call in calls}) == 2 and all(call.call_id and call.id for call in calls)
    return [
        {
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": CITIES[json.loads(call.arguments)["city"]],
        }
        for call in calls
    ]


@each_kind_of_caller
def tools_whole(backend):
    asking = wish(backend, [{"role": "user", "content": WEATHER}], tools=TOOLS)
    first = create(**asking)
    results = check_calls(first)
    second = create(**asking | {"input": [*asking["input"], *first.output, *results]})
    assert second.output_text == WEATHER_ANSWER


@on(*RESPONDERS)
def tools_stream(backend):
    asking = wish(backend, WEATHER, tools=TOOLS)
    events = list(create(stream=True, **asking))
    check_order(events)
    parts = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert "".join(parts).count("city") == 2
    done = [json.loads(event.arguments) for event in events if event.type == "response.function_call_arguments.done"]
    assert done == [{"city": city} for city in CITIES]
    results = check_calls(events[-1].response)
    events = list(create(stream=True, **asking | {"input": results, "previous_response_id": events[-1].response.id}))
    assert events[-1].response.output_text == WEATHER_ANSWER


@on(*RESPONDERS)
def previous_response(backend):
    first = create(**wish(backend, WEATHER, tools=TOOLS))
    asking = wish(backend, check_calls(first), tools=TOOLS, previous_response_id=first.id)
    second = create(**asking)
    assert second.output_text == WEATHER_ANSWER and second.previous_response_id == first.id
    assert second.id != first.id
    items = list(client.responses.input_items.list(second.id, order="asc", limit=2))
    assert items[0].content[0].text == WEATHER
    kinds = [item.type for item in items if item.type.startswith("function")]
    assert kinds == ["function_call"] * 2 + ["function_call_output"] * 2


@on(*RESPONDERS)
def stored(backend):
    made = create(**wish(backend))
    kept = client.responses.retrieve(made.id)
    assert kept.id == made.id and kept.output_text == ANSWER
    items = list(client.responses.input_items.list(made.id))
    assert [item.role for item in items] == ["user"] and items[0].content[0].text == HELLO
    error = raised(openai.BadRequestError, lambda: client.responses.cancel(made.id))
    assert "synchronous" in error.message
    client.responses.delete(made.id)
    raised(openai.NotFoundError, lambda: client.responses.retrieve(made.id))
    error = raised(openai.BadRequestError, lambda: create(**wish(backend, previous_response_id=made.id)))
    if backend != "responses":  # It might be known there.
        assert (error.code, error.param) == ("previous_response_not_found", "previous_response_id")


@on(*RESPONDERS)
def not_stored(backend):
    made = create(**wish(backend, store=False))
    check_answer(made, backend)
    raised(openai.NotFoundError, lambda: client.responses.retrieve(made.id))


@check
def unknown_previous_response():
    asking = wish("openai", previous_response_id="resp_of_nobody")
    error = raised(openai.BadRequestError, lambda: create(**asking))
    assert error.code == "previous_response_not_found" and "resp_of_nobody" in error.message


@on(*RESPONDERS)
def parsed(backend):
    class Weather(BaseModel):
        city: str
        degrees: int

    assert client.responses.parse(**wish(backend, text_format=Weather)).output_parsed == Weather(**INSTANCE)
    with client.responses.stream(**wish(backend, text_format=Weather)) as stream:
        assert stream.get_final_response().output_parsed == Weather(**INSTANCE)


@on(*RESPONDERS)
def image(backend):
    url = f"data:image/png;base64,{PNG}"
    parts = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": url, "detail": "auto"}]
    assert create(**wish(backend, [{"role": "user", "content": parts}])).output_text == f"I see: {PNG}"


@on(*RESPONDERS)
def reasoning(backend):
    asking = wish(backend, reasoning={"effort": "high", "summary": "auto"}, max_output_tokens=32000)
    for response in (create(**asking), list(create(stream=True, **asking))[-1].response):
        assert [item.type for item in response.output] == ["reasoning", "message"]
        thought = response.output[0]
        assert "".join(part.text for part in (thought.summary or thought.content)) == THOUGHT
        assert response.output_text == ANSWER
    # What was thought goes back with the next question.
    turns = [{"role": "user", "content": HELLO}, *response.output, {"role": "user", "content": "And now?"}]
    assert "And now?" in create(**asking | {"input": turns}).output_text


@on(*RESPONDERS)
def reasoning_before_tools(backend):
    # As agents do: nothing is stored, all items go back as they came.
    asking = wish(backend, [{"role": "user", "content": WEATHER}], tools=TOOLS, store=False)
    asking |= {"reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    first = create(**asking)
    assert first.output[0].type == "reasoning"
    second = create(**asking | {"input": [*asking["input"], *first.output, *check_calls(first)]})
    assert second.output_text == WEATHER_ANSWER


@on(*RESPONDERS)
def custom_tool(backend):
    tool = {"type": "custom", "name": "take_note", "description": "Notes a text."}
    asking = wish(backend, [{"role": "user", "content": "Please call take_note"}], tools=[tool])
    whole, *events = create(**asking), *create(stream=True, **asking)
    check_order(events)
    done = [event.input for event in events if event.type == "response.custom_tool_call_input.done"]
    assert done == [FREE_TEXT]
    for first in (whole, events[-1].response):
        (call,) = (item for item in first.output if item.type == "custom_tool_call")
        assert call.name == "take_note" and call.input == FREE_TEXT
        result = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "Noted"}
        second = create(**asking | {"input": [*asking["input"], *first.output, result]})
        assert second.output_text == "The tools said: Noted"


@on(*RESPONDERS)
def hosted_tool(backend):
    asking = wish(backend, tools=[{"type": "web_search"}, *TOOLS])
    if backend != "responses":
        error = raised(openai.BadRequestError, lambda: create(**asking))
        assert "web_search" in error.message and "hosted_tools" in error.message
        raw = client.responses.with_raw_response.create(**asking | {"model": f"{backend}-lenient"})
        assert "tools[0]" in raw.headers["x-lingate-dropped"] and raw.parse().output_text == ANSWER
    else:
        check_answer(create(**asking), backend)


@check
def demo():
    assert create(model="demo-echo", input=HELLO).output_text == HELLO
    assert list(create(model="demo-echo", input=HELLO, stream=True))[-1].response.output_text == HELLO


@check
def bad_request():
    for more, place in (({"input": []}, "input"), ({"background": True}, "background")):
        error = raised(openai.BadRequestError, lambda: create(**wish("openai") | more))
        assert place in error.message and error.param == place


@check
def unknown_model():
    asking = wish("openai") | {"model": "no-such-model"}
    for streams in (False, True):
        error = raised(openai.NotFoundError, lambda: create(stream=streams, **asking))
        assert "no-such-model" in error.message


@on(*RESPONDERS)
def rate_limit(backend):
    asking = wish(backend) | {"model": f"{backend}-limited"}
    for streams in (False, True):
        error = raised(openai.RateLimitError, lambda: create(stream=streams, **asking))
        assert error.response.headers["retry-after"] == "7" and "slow down" in error.message


def check_failed(backend, model, reason):
    """A stream that breaks says so, after words, in an event or by what the SDK raises."""
    events, error = [], None
    stream = create(stream=True, **wish(backend) | {"model": f"{backend}-{model}"})
    try:
        events.extend(stream)
    except openai.APIError as raising:
        error = raising.message
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text.startswith(FIRST_WORD)
    if error is None:
        assert events[-1].type in ("response.failed", "error"), events[-1]
        error = events[-1].message if events[-1].type == "error" else events[-1].response.error.message
    assert error and reason in error
    assert "response.completed" not in [event.type for event in events]


@on(*RESPONDERS)
def cut(backend):
    check_failed(backend, "cut", "")


@on(*RESPONDERS)
def broken(backend):
    check_failed(backend, "broken", "the model melted")


@on(*RESPONDERS)
def leaving_early(backend):
    with create(stream=True, **wish(backend) | {"model": f"{backend}-endless"}) as stream:
        assert any(event.type == "response.output_text.delta" for event in stream)


run("responses ")
