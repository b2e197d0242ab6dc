#!/usr/bin/env python3
"""Runs a real Open WebUI on both sides of lingate and checks what is seen; see docs/open-webui.md.

Needs Python 3.11 (or 3.12) and a built lingate. Everything runs on loopback ports; data and logs stay in a new folder.
Prints `ok` or `FAIL` for each check; the exit code is 0 if all hold.
"""

import argparse
import datetime
import os
import pathlib
import platform
import secrets
import signal
import subprocess
import sys
import tempfile

import as_backend
import as_client
import installation
import processes
import responses
import vectors
import web
from report import Report, short

EMAIL = "admin@example.com"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lingate", default="target/debug/lingate", help="the program [%(default)s]")
    parser.add_argument("--folder", default="target/open-webui", help="where Open WebUI is installed [%(default)s]")
    parser.add_argument("--python", help="the Python 3.11 or 3.12 to install with")
    return parser.parse_args()


def versions(report, python, binary):
    """What takes part."""
    report.section("Versions")
    report.note(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}")
    ask = 'import platform; from importlib.metadata import version as v; print(f"Python {platform.python_version()},'
    ask += " open-webui {v('open-webui')}, ollama {v('ollama')}\")"
    for command in ([python, "-c", ask], [binary, "--version"]):
        report.note(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def sign_up(report, webui, password):
    """The first user is the admin; gives a signed-in client."""
    report.section("Open WebUI")
    form = {"name": "Admin", "email": EMAIL, "password": password}
    reply = web.post(f"{webui.url}/api/v1/auths/signup", form)
    if not report.check(
        "the first user signs up", reply.status == 200, f"{reply.status}, role {reply.json().get('role')}"
    ):
        raise RuntimeError(short(reply.text))
    return as_client.Client(webui.url, reply.json()["token"])


def as_a_client(report, client, gateway, key):
    """Open WebUI -> lingate."""
    report.part(as_client.connect, report, client, gateway, key)
    report.part(as_client.lists, report, client)
    for part in (as_client.texts, as_client.ollama_routes, as_client.rich, as_client.messages):
        report.part(part, report, client)
    for part in (responses.chats, responses.own_route, vectors.as_a_client, vectors.count_as_a_client):
        report.part(part, report, client)
    report.part(vectors.documents, report, client, gateway, key)
    for prefix in (f"{as_client.OPENAI}.", f"{as_client.RESPONSES}.", ""):
        for model in ("assistant", "tool-user", "thinker", "slow"):
            report.part(as_client.page_chat, report, client, f"{prefix}{model}")


def as_a_backend(report, webui, client, start, python, password):
    """Client -> lingate -> Open WebUI (-> the other lingate; so nothing goes in a circle)."""
    right = as_backend.gateway_config(webui.url, {"email": EMAIL, "password": password})
    wrong = as_backend.gateway_config(webui.url, {"email": EMAIL, "password": password + "x"})
    before = webui.sign_ins()
    gateway = start("in-front", right)
    for part in (as_backend.plain_http, as_backend.rich, vectors.in_front):
        report.part(part, report, gateway)
    prefixed = [f"{prefix}.assistant" for prefix in (as_client.RESPONSES, as_client.OPENAI)]
    report.part(responses.in_front, report, responses.TRANSLATED, gateway, ["assistant", *prefixed])
    report.part(as_backend.ollama_client, report, gateway, python)
    report.part(as_backend.one_session, report, webui, gateway, before)
    password_file = webui.folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password + "\n")
    report.part(
        as_backend.flags_alone, report, webui, lambda options: start("flags", None, options), EMAIL, password_file
    )
    spoken = as_backend.gateway_config(webui.url, {"email": EMAIL, "password": password}, as_backend.DIALECTS)
    native = start("native", spoken)
    report.part(responses.in_front, report, responses.RELAYED, native, prefixed)
    report.part(as_backend.messages, report, native)
    report.part(as_backend.api_key, report, webui, client, lambda config: start("api-key", config))
    report.part(as_backend.wrong_password, report, webui, lambda: start("wrong-password", wrong))
    report.part(as_backend.lost_session, report, webui, gateway, secrets.token_urlsafe(32))
    # The driver's own session is gone too.
    signed_in = web.post(f"{webui.url}/api/v1/auths/signin", {"email": EMAIL, "password": password})
    client = as_client.Client(webui.url, signed_in.json()["token"])
    model = f"{as_client.RESPONSES}.tool-user"
    report.part(as_client.page_chat, report, client, model, ", ENABLE_RESPONSES_API_STATEFUL")
    report.part(as_backend.expired_session, report, webui, client, lambda: start("short-sessions", right))


def main():
    given = arguments()
    sys.stdout.reconfigure(line_buffering=True)
    # So that what was started is stopped then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    binary = processes.binary_path(given.lingate)
    folder = pathlib.Path(given.folder).resolve()
    python = installation.install(folder, given.python)
    run_folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    report, gateways = Report(), []
    webui = processes.OpenWebui(python, run_folder)

    def start(name, config, options=()):
        gateway = processes.Lingate(name, binary, run_folder, config, options)
        gateways.append(gateway)
        gateway.start()
        return gateway

    password, key, secret = (secrets.token_urlsafe(32) for _ in range(3))
    try:
        versions(report, python, binary)
        behind = start("behind", as_client.gateway_config(key))
        seconds = webui.start(secret)
        client = sign_up(report, webui, password)
        report.note(f"healthy after {seconds:.0f} s")
        as_a_client(report, client, behind, key)
        as_a_backend(report, webui, client, start, python, password)
        report.part(as_backend.no_secrets, report, gateways, {"password": password, "key": key, "signing key": secret})
    finally:
        for program in [gateway.program for gateway in reversed(gateways)] + [webui.program]:
            if program:
                program.stop()
        print(f"\nlogs and data: {os.path.relpath(run_folder)}")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
