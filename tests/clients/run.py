#!/usr/bin/env python3
"""Runs real clients, unmodified, through lingate on scripted upstreams of every dialect; see README.md.

NAME is a client of catalogue.py, or a group: sdks, agents, all. Prints PASS or FAIL for each check and at last the sum;
the exit code is 0 if every check passed.
"""

import argparse
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import time

import record
from catalogue import CLIENTS, GROUPS
from harness import agent, sdk
from harness.gateway import binary
from harness.report import Report

# Seconds for one client, its installation included.
LIMIT = 1500


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join([*CLIENTS, *GROUPS])} [all]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="clients at once [%(default)s]")
    parser.add_argument(
        "--record", type=pathlib.Path, metavar="FILE", help="write what ran and what came of it, as Markdown"
    )
    given = parser.parse_args()
    for name in given.names:
        if name not in CLIENTS and name not in GROUPS:
            parser.error(f"no client {name}")
    return given


def alone(name):
    """Runs one client in this process; returns the exit code."""
    client, report = CLIENTS[name], Report()
    driver = agent if client.language == "agent" else sdk
    report.part("the run", driver.drive, client, report)
    return report.end()


def apart(name):
    """Runs one client in a process of its own; returns its exit code, what it said, and the seconds."""
    begun = time.monotonic()
    command = [sys.executable, __file__, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            output, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.terminate()
            output, _ = process.communicate()
            output += f"FAIL {name}: not within {LIMIT} s\n"
    seconds = time.monotonic() - begun
    print(f"\n== {name}, {seconds:.0f} s\n{output}", end="", flush=True)
    return record.Outcome(name, process.returncode, output.splitlines(), seconds)


def main():
    given = arguments()
    # So that what was started is stopped then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = [client.name for name in given.names or ["all"] for client in GROUPS.get(name, [CLIENTS.get(name)])]
    names = list(dict.fromkeys(names))
    if len(names) == 1 and not given.record:
        return alone(names[0])
    program = binary()
    with concurrent.futures.ThreadPoolExecutor(max(1, given.jobs)) as pool:
        outcomes = list(pool.map(apart, names))
    if given.record:
        given.record.write_text(record.page(outcomes, program))
    print(f"\n{record.table(outcomes)}")
    failed = sum(outcome.code != 0 for outcome in outcomes)
    print(f"\n{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
