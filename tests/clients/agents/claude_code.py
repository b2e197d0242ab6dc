"""Claude Code: speaks Anthropic's messages to ANTHROPIC_BASE_URL."""

import json

PROGRAM = "claude"
# The ways of the errand for which it has tools, and the model's name on a backend.
WAYS = {"edit tool": "{}-lenient", "shell": "{}-lenient"}
# The backend that speaks the agent's own dialect, and further ones to send it to.
NATIVE = "anthropic"
BACKENDS = ()
# Who else it may try to call.
ELSEWHERE = frozenset()


def command(program, run, again):
    """The command line and the environment of a run; `again` goes on with the session before."""
    line = [program, "--print", "--output-format", "json", "--allowedTools", "Read,Edit,Write,Bash"]
    line += [*(["--continue"] if again else []), "--", run.prompt]
    models = dict.fromkeys(
        ("ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL"), run.model
    )
    quiet = dict.fromkeys(
        (
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
            "DISABLE_AUTOUPDATER",
            "DISABLE_ERROR_REPORTING",
            "DISABLE_TELEMETRY",
        ),
        "1",
    )
    return line, {"ANTHROPIC_BASE_URL": run.url, "ANTHROPIC_AUTH_TOKEN": run.key, **models, **quiet}


def last_words(output):
    """What the agent said at its end; an error if it did not end well."""
    result = json.loads(output)
    if result["is_error"]:
        raise ValueError(result["result"])
    return result["result"]
