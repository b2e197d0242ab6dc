"""A model that writes its calls into its text, as open models do behind servers that do not read them."""

import json

# The name of the model.
NAME = "scribe"
# The kinds of backend that it is asked on, and what those are called in the names of models: KIND-written-talk.
KINDS = ("vllm", "ollama")
SUFFIX = "-written"
BACKENDS = tuple(kind + SUFFIX for kind in KINDS)


def kind(backend):
    """The kind behind the name of a backend."""
    return backend.removesuffix(SUFFIX)


def text(asked, said):
    """The text with the calls in it. From answer to answer the form is another one."""
    if not said.calls:
        return said.text
    form = FORMS[asked.serial % len(FORMS)]
    return f"{said.text}\n\n" * bool(said.text) + "\n".join(form(call) for call in said.calls)


def _object(call):
    arguments = call.arguments if isinstance(call.arguments, dict) else {"input": call.arguments}
    return {"name": call.name, "arguments": arguments}


def _hermes(call):
    """Hermes 2, Qwen 2.5 and 3."""
    return f"<tool_call>\n{json.dumps(_object(call))}\n</tool_call>"


def _xml(call):
    """Qwen 3 Coder."""
    pairs = _object(call)["arguments"].items()
    parameters = "".join(f"<parameter={name}>\n{_plain(value)}\n</parameter>\n" for name, value in pairs)
    return f"<tool_call>\n<function={call.name}>\n{parameters}</function>\n</tool_call>"


def _fence(call):
    """What models write that were told to."""
    return f"```tool_call\n{json.dumps(_object(call), indent=2)}\n```"


def _plain(value):
    return value if isinstance(value, str) else json.dumps(value)


FORMS = (_hermes, _xml, _fence)
