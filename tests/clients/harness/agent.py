"""Sends a coding agent on the errand, on every dialect, and looks at the file that it was to change."""

import http.server
import importlib
import itertools
import json
import pathlib
import subprocess
import tempfile
import threading
from dataclasses import dataclass

from . import errand, install, scribe
from .gateway import Gateway
from .report import short
from .sdk import environment
from .upstream import CLIENT_KEY, DIALECTS, Server, Upstream

# Seconds for one run of an agent.
LIMIT = 180
TEXT = "A page\n{}\nThe end\n"
# The word in the file at first, and what it is changed to by one prompt after the other of a session.
WORDS = ("draft", "final", "printed")


@dataclass
class Run:
    """One prompt to an agent."""

    url: str
    key: str
    model: str
    prompt: str
    home: pathlib.Path
    folder: pathlib.Path


def drive(client, report):
    """Installs an agent and sends it on the errand."""
    agent = importlib.import_module(f"agents.{client.name}")
    place = report.part("install", install.node, client.name, client.packages)
    if place is None:
        return
    program = place / "node_modules/.bin" / agent.PROGRAM
    with tempfile.TemporaryDirectory(prefix="lingate-agent-") as scratch, Upstream() as upstream, Outside() as outside:
        scratch = pathlib.Path(scratch)
        gateway = Gateway(upstream, scratch / "gateway", set(agent.WAYS.values()) - {"{}-lenient"})
        try:
            for backend in (*DIALECTS, *agent.BACKENDS, *scribe.BACKENDS):
                for way in agent.WAYS:
                    session = scratch / f"{backend}-{way.replace(' ', '-')}"
                    _session(agent, program, gateway.url, session, (backend, way), upstream, outside, report)
            for fault in upstream.faults:
                report.note(short(fault))
            report.check("no call to anywhere else", ", ".join(sorted(set(outside.calls) - agent.ELSEWHERE)) or None)
        finally:
            report.check("the gateway ends well, its log holds no key", gateway.stop())


def _session(agent, program, url, session, place, upstream, outside, report):
    """Two prompts in one session: the second goes on where the first ended."""
    backend, way = place
    kind = scribe.kind(backend)
    work, home = session / "work", session / "home"
    work.mkdir(parents=True)
    page = work / "page.txt"
    page.write_text(TEXT.format(WORDS[0]))
    begun = len(upstream.asked(kind))
    for turn, (old, new) in enumerate(zip(WORDS, WORDS[1:], strict=False)):
        before = len(upstream.asked(kind))
        run = Run(url, CLIENT_KEY, agent.WAYS[way].format(backend), errand.prompt(page, old, new, way), home, work)
        line, env = agent.command(program, run, again=turn > 0)
        env = environment(home, **env, HTTPS_PROXY=outside.url, HTTP_PROXY=outside.url)
        reason = _outcome(agent, line, env, work)
        if page.read_text() != TEXT.format(new):
            reason = f"the page is {page.read_text()!r}" + (f"; {reason}" if reason else "")
        if reason is None and len(upstream.asked(kind)) < before + 2:
            reason = "the upstream was not asked twice"
        name = ("edits a file", "goes on with the session")[turn]
        report.check(f"{name} by the {way} [{backend}]", reason and short(reason))
        if reason:
            return
    if backend != agent.NATIVE:
        report.check(f"keeps the beginning by the {way} [{backend}]", _changed(upstream.asked(kind)[begun:]))


def _changed(requests):
    """What changed in the beginning of a conversation from one request to the next, which costs the prompt's cache."""
    bodies = [body for body in (request.json() for request in requests) if body.get("tools")]
    for before, after in itertools.pairwise(bodies):
        for member in ("tools", "system", "instructions", "messages"):
            kept, now = (json.dumps(_unmarked(body.get(member))) for body in (before, after))
            # A list goes on where it ended.
            if not now.startswith(kept.removesuffix("]")):
                return f"{member}: {short(kept, 3000)} became {short(now, 3000)}"
    return None


def _unmarked(value):
    """The same without marks of the cache, which agents move along with the conversation."""
    if isinstance(value, dict):
        return {name: _unmarked(inner) for name, inner in value.items() if name != "cache_control"}
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value


def _outcome(agent, line, env, folder):
    """Runs the agent; returns what was wrong with its end."""
    command = [str(part) for part in line]
    try:
        run = subprocess.run(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return f"not within {LIMIT} s: {short((late.stdout or b'').decode(errors='replace'))}"
    said = short(run.stdout + run.stderr)
    if run.returncode:
        return f"exit code {run.returncode}: {said}"
    try:
        words = agent.last_words(run.stdout)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        return f"{type(error).__name__}: {error}: {said}"
    return None if words.strip() == errand.DONE else f"its last words: {short(words)}"


class Outside:
    """A proxy that stands for the rest of the world: it notes who would be called, and refuses."""

    def __init__(self):
        self.calls = calls = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def _refuse(self):
                calls.append(self.path)
                self.send_error(403)

            do_CONNECT = do_GET = do_POST = do_HEAD = _refuse

            def log_message(self, *_):
                """Says nothing."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
