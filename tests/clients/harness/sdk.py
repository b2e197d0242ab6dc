"""Runs the script of an SDK against a gateway, then looks at what the upstreams were asked."""

import json
import os
import pathlib
import subprocess
import tempfile

from . import install, mind, scribe
from .gateway import Gateway
from .report import short
from .upstream import CLIENT_KEY, DIALECTS, KINDS, UPSTREAM_KEY, Upstream, holds

SCRIPTS = pathlib.Path(__file__).resolve().parents[1] / "sdk"
# Seconds for a script.
LIMIT = 240


def drive(client, report):
    """Installs, runs and checks a client of the catalogue."""
    commands = report.part("install", _commands, client)
    if commands is None:
        return
    with tempfile.TemporaryDirectory(prefix="lingate-client-") as scratch, Upstream() as upstream:
        scratch = pathlib.Path(scratch)
        gateway = Gateway(upstream, scratch / "gateway")
        try:
            for command in commands:
                _script(command, gateway.url, scratch, report)
            _behind(client, upstream, report)
            for fault in upstream.faults if report.bad else ():
                report.note(short(fault))
        finally:
            report.check("the gateway ends well, its log holds no key", gateway.stop())


def _behind(client, upstream, report):
    """What the upstreams saw."""
    for kind in DIALECTS:
        report.check(f"a client leaves [{kind}]", None if upstream.left(kind) else "the upstream call went on")
    for kind, parts in wishes(client.name).items() if client.whole else ():
        bodies = [request.json() for request in upstream.asked(kind)]
        for what, wanted in parts.items():
            found = any(holds(body, wanted) for body in bodies)
            report.check(f"the upstream gets {what} [{kind}]", None if found else f"no request holds {wanted}")


def _commands(client):
    if client.language == "python":
        interpreter = install.python(client.name, client.packages)
        return [[interpreter, SCRIPTS / script] for script in client.scripts]
    program, place = install.node_program(), install.node(client.name, client.packages)
    # Node looks for packages beside the script's real place, so the scripts go to the packages.
    for name in ("checks.mjs", *client.scripts):
        (place / name).write_bytes((SCRIPTS / name).read_bytes())
    return [[program, place / script] for script in client.scripts]


def environment(home, **more):
    """What a client gets of ours, which is little: an empty home, and a word against telemetry."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    quiet = {"DO_NOT_TRACK": "1", "LANGCHAIN_TRACING_V2": "false", "NO_COLOR": "1"}
    python = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    return {**kept, **quiet, **python, "HOME": str(home), "NO_PROXY": "127.0.0.1,localhost", **more}


def _setup(url):
    return {
        "url": url,
        "key": CLIENT_KEY,
        "upstream_key": UPSTREAM_KEY,
        "png": mind.PNG,
        "tool": mind.TOOL,
        "schema": mind.SCHEMA,
        "free_text": mind.FREE_TEXT,
        "thought": mind.THOUGHT,
        "signature": mind.SIGNATURE,
        "usage": mind.USAGE,
        "backends": DIALECTS,
        "kinds": list(KINDS),
        "written": scribe.BACKENDS,
    }


def _script(command, url, scratch, report):
    """Runs the script; its lines are checks, or belong to the check above."""
    env = environment(scratch / "home", LINGATE_CLIENT_SETUP=json.dumps(_setup(url)))
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=scratch,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        output, _ = process.communicate(timeout=LIMIT)
        ending = None if process.returncode == 0 else f"exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        ending = f"not within {LIMIT} s"
    failed = report.bad
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word == "PASS":
            report.check(rest)
        elif word == "FAIL":
            name, _, reason = rest.partition(": ")
            report.check(name, reason or "no reason given")
        else:
            report.note(line)
    if report.bad > failed and ending == "exit code 1":
        return
    report.check("the script ends", ending)


def wishes(name):
    """Parts that the requests of every whole client have, for each kind by what they are."""
    tool, schema, png = mind.TOOL, mind.SCHEMA, mind.PNG
    call = {"city": "Oslo"}
    image = {"type": "base64", "media_type": "image/png", "data": png}
    wanted = {
        "openai": {
            "a wish for a stream": {"model": "talk", "stream": True, "stream_options": {"include_usage": True}},
            "the tool": {"type": "function", "function": tool},
            "the call": {"type": "function", "function": {"name": tool["name"], "arguments": '{"city":"Oslo"}'}},
            "the result": {"role": "tool", "content": "Oslo has 2 degrees"},
            "the image": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}},
            "the schema": {"type": "json_schema", "json_schema": {"schema": schema}},
            "the effort": {"reasoning_effort": "high"},
        },
        "anthropic": {
            "a wish for a stream": {"model": "talk", "stream": True},
            "the tool": {
                "name": tool["name"],
                "description": tool["description"],
                "input_schema": tool["parameters"],
            },
            "the call": {"type": "tool_use", "name": tool["name"], "input": call},
            "the result": {"type": "tool_result"},
            "the image": {"type": "image", "source": image},
            "the schema": {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
        },
        "ollama": {
            "a wish for a stream": {"model": "talk", "stream": True},
            "the tool": {"type": "function", "function": tool},
            "the call": {"function": {"name": tool["name"], "arguments": call}},
            "the result": {"role": "tool", "content": "Oslo has 2 degrees"},
            "the image": {"images": [png]},
            "the schema": {"format": schema},
            "the effort": {"think": "high"},
        },
    }
    if name == "python_anthropic":
        # A thread goes on where it began; by other dialects the whole conversation is sent.
        wanted["anthropic"]["the thread"] = {"thread": {"type": "continue"}}
    if name == "python_openai":
        # Thoughts come back to the provider that made them.
        thought = {"type": "thinking", "thinking": mind.THOUGHT, "signature": mind.SIGNATURE}
        wanted["anthropic"]["the thought"] = thought
    return wanted
