"""Codex CLI: speaks OpenAI's Responses to the provider that its configuration names."""

import json

PROGRAM = "codex"
# It offers its patch tool, which takes free text, to models alone whose names it knows.
WAYS = {"shell": "{}-lenient", "patch": "gpt-5.5-{}"}
# The backend that speaks the agent's own dialect, and further ones to send it to.
NATIVE = "responses"
BACKENDS = ("responses",)
# Who else it may try to call.
ELSEWHERE = frozenset()


def command(program, run, again):
    """The command line and the environment of a run; `again` goes on with the session before."""
    config = {
        "model": run.model,
        "model_provider": "lingate",
        "model_providers.lingate.name": "lingate",
        "model_providers.lingate.base_url": f"{run.url}/v1",
        "model_providers.lingate.env_key": "LINGATE_KEY",
        "model_providers.lingate.wire_api": "responses",
        "model_providers.lingate.request_max_retries": 0,
        "model_providers.lingate.stream_max_retries": 0,
        "analytics.enabled": False,
        "features.plugins": False,
        "features.apps": False,
        "check_for_update_on_startup": False,
    }
    line = [program, "exec", *(["resume", "--last"] if again else []), "--json", "--skip-git-repo-check"]
    line += ["--dangerously-bypass-approvals-and-sandbox"]
    for name, value in config.items():
        line += ["-c", f"{name}={json.dumps(value)}"]
    return [*line, run.prompt], {"LINGATE_KEY": run.key}


def last_words(output):
    """What the agent said at its end; an error if it did not end well."""
    texts = []
    for line in output.splitlines():
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        if event["type"] in ("error", "turn.failed"):
            raise ValueError(json.dumps(event))
        item = event.get("item", {})
        if event["type"] == "item.completed" and item.get("type") == "agent_message":
            texts.append(item["text"])
    return texts[-1]
