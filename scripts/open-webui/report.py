"""What the run says: a line for each check, and the sum."""

import time
import traceback


class Report:
    """Counts and prints the checks."""

    def __init__(self):
        self.good = 0
        self.bad = 0
        self.begun = time.monotonic()

    def section(self, title):
        print(f"\n== {title}", flush=True)

    def note(self, text):
        print(f"      {text}", flush=True)

    def check(self, name, holds, seen=""):
        """Notes a check: `ok` with what was seen, or `FAIL`."""
        if holds:
            self.good += 1
        else:
            self.bad += 1
        word = "ok  " if holds else "FAIL"
        print(f"{word}  {name}" + (f": {seen}" if seen != "" else ""), flush=True)
        return bool(holds)

    def part(self, run, *arguments):
        """Runs a part of the checks; what goes wrong in it is a failed check, and the next part still runs."""
        try:
            return run(*arguments)
        except Exception as error:
            traceback.print_exc()
            self.check(f"{run.__name__} ran to its end", False, f"{type(error).__name__}: {error}")
            return None

    def end(self):
        """Prints the sum; gives the exit code."""
        seconds = time.monotonic() - self.begun
        print(f"\n{self.good} ok, {self.bad} failed, in {seconds:.0f} s", flush=True)
        return 0 if self.bad == 0 and self.good else 1


def short(text, limit=300):
    """One line of bounded length."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
