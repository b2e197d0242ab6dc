"""The model behind every upstream: it says back what it read, so what is lost on the way is missing in the answer."""

import itertools
import json
from dataclasses import dataclass, field

from . import errand, scribe

# What it thinks before it answers, if it is asked to.
THOUGHT = "Let me think about it."
# Anthropic's seal on a thought.
SIGNATURE = "c2lnbmVkLWJ5LXRoZS11cHN0cmVhbQ=="
# Tokens read, cached ones among them; of those the cached ones; tokens written.
USAGE = {"input": 11, "cached": 4, "output": 5}
# A red pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

TOOL = {
    "name": "get_weather",
    "description": "Tells the weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city's name."}},
        "required": ["city"],
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
INSTANCE = {"city": "Oslo", "degrees": 2}
# What it says to a tool that takes free text, and to one that stands for such a tool.
FREE_TEXT = 'Two\nlines, and "quotes"'
# The models that each upstream has: one that talks, the others fail in their ways.
MODELS = ("talk", scribe.NAME, "limited", "overloaded", "cut", "broken", "endless")
# Of a tool choice: some tool, whichever.
ANY = "*"


class Fault(Exception):
    """A request that an upstream does not understand."""


@dataclass
class Tool:
    """A tool on offer. Without a schema it takes free text."""

    name: str
    schema: dict | None


@dataclass
class Asked:
    """What an upstream read in a request, in no dialect."""

    model: str
    told: str = ""
    said: str = ""
    images: list = field(default_factory=list)
    tools: list = field(default_factory=list)
    # The name of the tool that must be called, or ANY.
    forced: str | None = None
    # What tools answered since the user last spoke.
    results: list = field(default_factory=list)
    schema: dict | None = None
    thinks: bool = False
    stream: bool = False
    # Whether a stream ends with the usage, in dialects where that is a wish.
    usage: bool = True
    # The number of the answer: no two answers have the same ids, for clients take those with one id for one.
    serial: int = field(default_factory=itertools.count(1).__next__)


@dataclass
class Call:
    """A call of a tool: an object, or free text."""

    name: str
    arguments: dict | str

    def text(self):
        """The arguments as a dialect writes them that has them as text."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments, separators=(",", ":"))


@dataclass
class Answer:
    """An answer, in no dialect."""

    thought: str | None = None
    text: str = ""
    calls: list = field(default_factory=list)
    # Whether a stream cuts the text anywhere, and not between words.
    cut: bool = False

    def words(self):
        """The text in words, each with the space before it."""
        if self.cut:
            return [self.text[at : at + 3] for at in range(0, len(self.text), 3)]
        first, *rest = self.text.split(" ")
        return [word for word in [first, *(f" {word}" for word in rest)] if word]


def answer(asked):
    """What the model says to that."""
    thought = THOUGHT if asked.thinks else None
    said = Answer(thought, *_said(asked))
    if asked.model == scribe.NAME:
        return Answer(thought, scribe.text(asked, said), cut=True)
    return said


def _said(asked):
    step = errand.step(asked)
    if step is not None:
        return step.text, [Call(*call) for call in step.calls]
    calls = [] if asked.results else list(_calls(asked))
    if calls:
        return "", calls
    if asked.results:
        return f"The tools said: {', '.join(asked.results)}", []
    if asked.schema is not None:
        return json.dumps(_instance(asked.schema)), []
    if asked.images:
        return f"I see: {' '.join(asked.images)}", []
    told = f" I was told: {asked.told}" if asked.told else ""
    return f"You said: {asked.said}{told}", []


def _calls(asked):
    cities = [city for city in ("Oslo", "Rome") if city in asked.said]
    for tool in asked.tools:
        if tool.name == TOOL["name"] and cities:
            yield from (Call(tool.name, {"city": city}) for city in cities)
            return
    for tool in asked.tools:
        if asked.forced in (ANY, tool.name) or f"call {tool.name}" in asked.said:
            yield Call(tool.name, FREE_TEXT if tool.schema is None else _instance(tool.schema))
            return


def _instance(schema):
    """An object of the schema, as far as the checks have one."""
    known = {**INSTANCE, "input": FREE_TEXT}
    return {name: value for name, value in known.items() if name in schema.get("properties", {})}


def text(value, member):
    """A text member."""
    found = value.get(member)
    if not isinstance(found, str):
        raise Fault(f"`{member}` is no text in {json.dumps(value)[:500]}")
    return found


def members(value, member):
    """An array member; empty if it is absent."""
    found = value.get(member, [])
    if not isinstance(found, list):
        raise Fault(f"`{member}` is no array: {found!r}")
    return found


def mapping(value, member):
    """An object member."""
    found = value.get(member)
    if not isinstance(found, dict):
        raise Fault(f"`{member}` is no object in {json.dumps(value)[:500]}")
    return found


def texts(content, kinds=("text",)):
    """A text, or the texts of an array of text parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise Fault(f"neither text nor parts: {content!r}")
    for part in content:
        if part.get("type") not in kinds:
            raise Fault(f"no text: {json.dumps(part)[:300]}")
    return "".join(text(part, "text") for part in content)
