"""The record of a run: a table for the terminal, and a page of Markdown."""

import datetime
import platform
import re
import subprocess
from dataclasses import dataclass

from catalogue import CLIENTS
from harness import install


@dataclass
class Outcome:
    """What came of a client: its exit code, the lines that it printed, and how long it took."""

    name: str
    code: int
    lines: list
    seconds: float

    def checks(self, word):
        """The checks that passed (PASS) or failed (FAIL); the sum at the end is none."""
        marked = [line.partition(" ")[2] for line in self.lines if line.startswith(f"{word} ")]
        return [check for check in marked if not re.fullmatch(r"\d+/\d+", check)]

    def sum(self):
        """The counts, as `PASS 3/3`."""
        good, bad = len(self.checks("PASS")), len(self.checks("FAIL"))
        return f"{'PASS' if self.code == 0 else 'FAIL'} {good}/{good + bad}"


def table(outcomes):
    """A line for each client."""
    width = max(len(outcome.name) for outcome in outcomes)
    lines = []
    for outcome in outcomes:
        lines.append(f"{outcome.name:<{width}}  {outcome.sum():<14} {outcome.seconds:4.0f} s")
        lines += [f"{'':<{width}}  {check.partition(':')[0]}" for check in outcome.checks("FAIL")]
    return "\n".join(lines)


_HEAD = """# Real clients through lingate

Written by `tests/clients/run.py --record`; do not edit. Unmodified clients, installed by package name, complete work
through lingate in front of scripted upstreams of each dialect; `tests/clients/README.md` tells how.

| | |
|---|---|
| when | {when} |
| lingate | {lingate} |
| machine | {machine} |

| client | packages | checks | result |
|---|---|---|---|
"""


def page(outcomes, program):
    """The page."""
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    now = datetime.datetime.now(datetime.UTC)
    node = subprocess.run([install.node_program(), "--version"], capture_output=True, text=True, check=True).stdout
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, Node.js {node.strip()}"
    text = _HEAD.format(when=f"{now:%Y-%m-%d}", lingate=version, machine=machine)
    for outcome in outcomes:
        packages = ", ".join(f"`{package}`" for package in CLIENTS[outcome.name].packages)
        good, bad = len(outcome.checks("PASS")), len(outcome.checks("FAIL"))
        text += f"| {outcome.name} | {packages} | {good + bad} | {outcome.sum()} |\n"
    for outcome in outcomes:
        text += f"\n## {outcome.name}\n\n{_summary(outcome)}"
    return text


def _summary(outcome):
    """Passed checks by name, with the backends of each; failed ones with their reason."""
    backends = {}
    for check in outcome.checks("PASS"):
        found = re.fullmatch(r"(.*)\[(.*)\]", check)
        name, backend = (found[1].strip(), found[2]) if found else (check, "")
        backends.setdefault(name, []).append(backend)
    text = "| check | backends |\n|---|---|\n"
    for name, names in backends.items():
        escaped = name.replace("|", "\\|")
        text += f"| {escaped} | {', '.join(filter(None, names))} |\n"
    for check in outcome.checks("FAIL"):
        text += f"\n- FAIL {check}"
    return text + ("\n" if outcome.checks("FAIL") else "")
