"""The errand of the coding agents: change a word in a file, by whatever tools the agent offers.

The prompt names the file, both words and the way; the model finds the tools for it by the form of their arguments, so
that it knows no agent by name. A step of the errand is done for each result that came back.
"""

import re
import shlex
from dataclasses import dataclass, field

# The ways, as the prompt names them.
WAYS = ("edit tool", "shell", "patch")
_PROMPT = re.compile(r"In the file (\S+) replace (\w+) by (\w+), using the ([a-z ]+)\.")
# The model's last words.
DONE = "The errand is done."


def prompt(path, old, new, way):
    """What the user says."""
    return f"In the file {path} replace {old} by {new}, using the {way}."


@dataclass
class Step:
    """What the model says, and the calls it makes: names and arguments."""

    text: str = ""
    calls: list = field(default_factory=list)


def step(asked):
    """The next step, or None if this is no errand."""
    found = _PROMPT.search(asked.said)
    if not found or not asked.tools:
        return None
    path, old, new, way = found.groups()
    plan = {"edit tool": _edit, "shell": _shell, "patch": _patch}[way](asked.tools, path, old, new)
    done = len(asked.results)
    if None in plan:
        return Step(f"There is no tool for that among {[tool.name for tool in asked.tools]}.")
    if done >= len(plan):
        return Step(DONE)
    return Step("I see to it.", [plan[done]])


def _edit(tools, path, old, new):
    """Read the file, then edit it: agents refuse to edit what was not read."""
    return [
        _call(tools, [(r"file_?path|path", path)], name=r"(?i)read"),
        _call(tools, [(r"file_?path|path", path), (r"old_?string|old_?text", old), (r"new_?string|new_?text", new)]),
    ]


def _shell(tools, path, old, new):
    """One command."""
    line = f"sed -i s/{old}/{new}/ {shlex.quote(path)}"
    return [_call(tools, [(r"command|cmd", line)])]


def _patch(tools, path, old, new):
    """The patch format of Codex, as free text."""
    text = f"*** Begin Patch\n*** Update File: {path}\n@@\n-{old}\n+{new}\n*** End Patch\n"
    free = [tool for tool in tools if re.search(r"patch", tool.name)]
    if not free:
        return [None]
    (tool, *_) = free
    return [(tool.name, text) if tool.schema is None else _call([tool], [(r"input|patch|patchText", text)])]


def _call(tools, wanted, name=""):
    """A call of the first tool that has a member for each wanted value; what else it requires gets a plain value."""
    for tool in tools:
        if tool.schema is None or not re.search(name, tool.name):
            continue
        members = tool.schema.get("properties", {})
        arguments = {}
        for pattern, value in wanted:
            fitting = [member for member in members if re.fullmatch(pattern, member, re.IGNORECASE)]
            if not fitting:
                break
            listed = members[fitting[0]].get("type") == "array"
            arguments[fitting[0]] = ["bash", "-c", value] if listed else value
        else:
            for member in tool.schema.get("required", []):
                arguments.setdefault(member, _plain(members.get(member, {}), tool.name))
            return tool.name, arguments
    return None


def _plain(schema, tool):
    """A value for a member that the errand does not care for."""
    kinds = {"number": 1, "integer": 1, "boolean": False, "array": [], "object": {}}
    return kinds.get(schema.get("type"), f"A step of the errand, by {tool}")
