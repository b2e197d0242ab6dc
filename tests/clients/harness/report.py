"""What a run says: a line for each check, and the sum."""

import json


class Report:
    """Counts and prints the checks of one client."""

    def __init__(self):
        self.good = 0
        self.bad = 0

    def note(self, text):
        """A line that is no check."""
        print(f"NOTE {text}", flush=True)

    def check(self, name, reason=None):
        """A check that passed, or failed for a reason."""
        if reason:
            self.bad += 1
            print(f"FAIL {name}: {reason}", flush=True)
        else:
            self.good += 1
            print(f"PASS {name}", flush=True)

    def part(self, name, run, *arguments):
        """Runs a part of the work; an error in it is a failed check. Returns what it gave, or None."""
        try:
            return run(*arguments)
        except Exception as error:
            self.check(name, f"{type(error).__name__}: {error}")
            return None

    def end(self):
        """Prints the sum; returns the exit code."""
        whole = self.good + self.bad
        fine = self.bad == 0 and whole > 0
        print(f"{'PASS' if fine else 'FAIL'} {self.good}/{whole}", flush=True)
        return 0 if fine else 1


def short(value, limit=1500):
    """One text of bounded length."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= limit else text[: limit // 2] + " … " + text[-limit // 2 :]
