"""The demonstration: a million lines are parsed, a task each, by processes that are killed twice.

    python examples/million/demo.py [--lines 1000000] [--work FOLDER]

It starts `durable run workflow.py`, kills it with SIGKILL at a third of the lines, resumes it, kills it again at two
thirds, and resumes it to the end. Then it says what that took (memory, time, disk) and checks every line: against
the log, with plain SQL, and against what the line's writer knows. The exit code is 1 if a claim fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from evidence import Check, check_log, check_values

HERE = Path(__file__).resolve().parent
RUN = "million"
KILLS = (0.33, 0.66)
"""Shares of the lines that are done when the process is killed."""

MEGABYTE = 1e6
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Drive:
    """A process that drives the run.

    Args:
        words: the `durable` command.
        env: its environment.
    """

    def __init__(self, words: list[str], env: dict[str, str]) -> None:
        self.seconds = 0.0
        self.megabytes = 0.0
        self._began = time.monotonic()
        self._process = subprocess.Popen([sys.executable, "-m", "durable", *words], env=env, stdin=subprocess.DEVNULL)

    def wait(self, enough: Callable[[], bool] | None = None) -> int:
        """Wait for its end, or kill it once enough is done; return how it ended, minus the signal if one did."""
        try:
            while True:
                pid, status, used = os.wait4(self._process.pid, os.WNOHANG)
                if pid:
                    break
                if enough is not None and enough():
                    self._process.kill()
                    enough = None
                time.sleep(0.01)
        except BaseException:
            self._process.kill()
            raise
        self.seconds, self.megabytes = time.monotonic() - self._began, used.ru_maxrss * RSS_UNIT / MEGABYTE
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode


class Demo:
    """The run, its store, and what was claimed of it.

    Args:
        work: folder of the store.
        lines: how many lines there are.
    """

    def __init__(self, work: Path, lines: int) -> None:
        self.lines = lines
        self.database = work / "runs.db"
        self.store = f"sqlite:///{self.database}"
        self.drives: list[Drive] = []
        self.failed = 0
        self._env = {**os.environ, "MILLION_LINES": str(lines), "DURABLE_STORE": self.store, "PYTHONUNBUFFERED": "1"}

    def run(self) -> bool:
        """Kill twice, resume twice, measure and check; return whether all claims hold."""
        self.step(f"1. Parse {self.lines:,} lines, and be killed twice")
        for share in KILLS:
            self._drive(share)
            self.say(f"$ durable plan {RUN}")
            self._ask("plan", RUN, "--limit", "4")
        self._drive(None)
        self.step("2. What it took")
        self._measure()
        self.step("3. Every line, exactly once")
        for check in check_log(self.database, RUN, self.lines):
            self.claim(check)
        code = self._ask("verify", RUN, quiet=True)
        self.claim(Check(code == 0, "the chain of digests over all events holds"))
        for check in check_values(self.store, RUN, self.lines):
            self.claim(check)
        print(f"\n{'Every claim holds' if not self.failed else f'{self.failed} claims FAILED'}")
        return not self.failed

    def step(self, text: str) -> None:
        """Start a new part."""
        print(f"\n{text}", flush=True)

    def say(self, text: str) -> None:
        """Write an indented line."""
        print(f"  {text}", flush=True)

    def claim(self, check: Check) -> None:
        """Tell whether a claim holds, and remember if it does not."""
        self.failed += not check.holds
        self.say(f"{'ok  ' if check.holds else 'FAIL'} {check.text}")

    def _drive(self, share: float | None) -> None:
        """Begin or go on, up to a share of the lines."""
        words = ["resume", RUN] if self.drives else ["run", str(HERE / "workflow.py"), "--run-id", RUN]
        self.say(f"$ durable {' '.join(words)} --progress 5")
        drive = Drive([*words, "--progress", "5"], self._env)
        self.drives.append(drive)
        if share is None:
            self.claim(Check(drive.wait() == 0, "it went on to the end"))
        else:
            code = drive.wait(lambda: self._events() >= 2 * share * self.lines)
            self.claim(Check(code == -signal.SIGKILL, f"killed at {share:.0%}: kill -9"))

    def _events(self) -> int:
        """How many events the log has; a line leads to two."""
        try:
            with closing(sqlite3.connect(f"{self.database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                return int(connection.execute("SELECT coalesce(max(seq), 0) FROM events WHERE run = 1").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # there is no store yet

    def _ask(self, *words: str, quiet: bool = False) -> int:
        output = subprocess.DEVNULL if quiet else None
        return subprocess.run([sys.executable, "-m", "durable", *words], env=self._env, stdout=output).returncode

    def _measure(self) -> None:
        seconds = sum(drive.seconds for drive in self.drives)
        peaks = ", ".join(f"{drive.megabytes:,.0f}" for drive in self.drives)
        size = sum(file.stat().st_size for file in self.database.parent.glob("runs.db*") if file.is_file())
        self.say(f"memory   {max(drive.megabytes for drive in self.drives):,.0f} MB at most ({peaks} MB a process)")
        self.say(
            f"time     {seconds:.1f} s in {len(self.drives)} processes, {self.lines / seconds:,.0f} lines a second"
        )
        self.say(
            f"disk     {size / MEGABYTE:,.1f} MB, {size / self.lines:,.0f} bytes a line, its text and result included"
        )


def main() -> int:
    """Run the demonstration; return the exit code."""
    parser = argparse.ArgumentParser(description="Kill a run of a million tasks twice and check every one of them.")
    parser.add_argument("--lines", type=int, default=1_000_000, help="how many lines (%(default)s)")
    parser.add_argument("--work", type=Path, default=Path(".durable/million"), help="folder of the store (%(default)s)")
    asked = parser.parse_args()
    work = Path(os.path.abspath(asked.work))
    shutil.rmtree(work, ignore_errors=True)  # of the demonstration before this one
    work.mkdir(parents=True)
    return 0 if Demo(work, asked.lines).run() else 1


if __name__ == "__main__":
    sys.exit(main())
