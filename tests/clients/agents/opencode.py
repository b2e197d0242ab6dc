"""OpenCode: speaks OpenAI's chat by the provider that its configuration names."""

import json

PROGRAM = "opencode"
WAYS = {"edit tool": "{}-lenient", "shell": "{}-lenient"}
# The backend that speaks the agent's own dialect, and further ones to send it to.
NATIVE = "openai"
BACKENDS = ()
# It looks for the package of its plugins there; it gets none and goes on.
ELSEWHERE = {"registry.npmjs.org:443"}


def command(program, run, again):
    """The command line and the environment of a run; `again` goes on with the session before."""
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{run.url}/v1", "apiKey": run.key},
        "models": {run.model: {"tool_call": True}},
    }
    config = {
        "provider": {"lingate": provider},
        "enabled_providers": ["lingate"],
        "small_model": f"lingate/{run.model}",
        "permission": {"edit": "allow", "bash": "allow"},
        "share": "disabled",
        "autoupdate": False,
    }
    line = [program, "run", "--pure", "--format", "json", "--model", f"lingate/{run.model}"]
    line += [*(["--continue"] if again else []), "--", run.prompt]
    quiet = dict.fromkeys(
        (
            "OPENCODE_DISABLE_AUTOUPDATE",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS",
            "OPENCODE_DISABLE_LSP_DOWNLOAD",
            "OPENCODE_DISABLE_MODELS_FETCH",
        ),
        "1",
    )
    return line, {"OPENCODE_CONFIG_CONTENT": json.dumps(config), **quiet}


def last_words(output):
    """What the agent said at its end; an error if it did not end well."""
    texts = []
    for line in output.splitlines():
        event = json.loads(line)
        if event["type"] == "error":
            raise ValueError(json.dumps(event["error"]))
        if event["type"] == "text":
            texts.append(event["part"]["text"])
    return texts[-1]
