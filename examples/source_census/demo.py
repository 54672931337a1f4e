"""The demonstration: a census of the standard library is killed half way, and goes on where it was.

    python examples/source_census/demo.py [--work FOLDER]

It starts `durable run census.py` as a process, waits until about half of the files are recorded,
kills it with SIGKILL, shows what the log holds, resumes the run, and then proves from the log that
nothing recorded was done again. Meanwhile a second run, never killed, writes its own report in a
store of its own: both reports must be the same, byte for byte. The exit code is 1 if a claim fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import census_analysis
from demo_evidence import Log

HERE = Path(__file__).resolve().parent
CENSUS = HERE / "census.py"
RUN = "census"
KILL_AT = 0.45
"""Share of the files that are recorded when the process is killed."""

PATIENCE = 300.0
"""Seconds until the demonstration gives up on a process."""

LIVE = sys.stdout.isatty()


class DemoFailed(Exception):
    """The demonstration cannot go on."""


class Screen:
    """Writes to the terminal: a moving bar there, plain lines when the output is piped."""

    def __init__(self) -> None:
        self.failed = 0
        self.shown = -1

    def step(self, text: str) -> None:
        """Start a new part."""
        print(f"\n{_style('1', text)}", flush=True)

    def say(self, text: str) -> None:
        """Write an indented line."""
        print(f"  {text}", flush=True)

    def quote(self, text: str, most: int = 14) -> None:
        """Show the beginning of a command's output."""
        lines = text.rstrip().splitlines()
        for line in lines[:most]:
            print(_style("2", f"  | {line}"), flush=True)
        if len(lines) > most:
            print(_style("2", f"  | ... {len(lines) - most} more lines"), flush=True)

    def progress(self, done: int, total: int, what: str) -> None:
        """Show how far something is; piped, a line for every fifth of it."""
        share = done / total if total else 1.0
        if LIVE:
            full = round(share * 40)
            print(f"\r  {'█' * full}{'░' * (40 - full)} {done:,} of {total:,} {what}", end="", flush=True)
        elif int(share * 5) > self.shown:
            self.shown = int(share * 5)
            self.say(f"{done:,} of {total:,} {what}")

    def end_progress(self) -> None:
        """Leave the line of the bar."""
        self.shown = -1
        if LIVE:
            print(flush=True)

    def claim(self, holds: bool, text: str) -> None:
        """Tell whether a claim holds, and remember if it does not."""
        self.failed += not holds
        mark = _style("32", "ok  ") if holds else _style("31", "FAIL")
        print(f"  {mark} {text}", flush=True)


def _style(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if LIVE and "NO_COLOR" not in os.environ else text


class Census:
    """One run of the census, with a store and a report of its own.

    Args:
        folder: where both go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.report = folder / "report"
        self.output = folder / "output.txt"
        self.store = f"sqlite:///{folder / 'runs.db'}"
        self.log = Log(folder / "runs.db", RUN)
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    def start(self, *words: str) -> None:
        """Start a `durable` command as a process of its own."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self._command(words), env=self._env(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def ask(self, *words: str) -> tuple[int, str]:
        """Run a `durable` command to its end; return its exit code and what it printed."""
        done = subprocess.run(self._command(words), env=self._env(), capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout + done.stderr

    def watch(self, until: Callable[[int], bool], tell: Callable[[int], None]) -> int | None:
        """Wait until enough files are recorded or the process ends; return its exit code, None if it lives."""
        assert self.process is not None
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            code = self.process.poll()
            settled = self.log.settled_files()
            tell(settled)
            if code is not None or until(settled):
                return code
            time.sleep(0.1)
        raise DemoFailed(f"the census took more than {PATIENCE:.0f} s")

    def stop(self) -> None:
        """End the process if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def pages(self) -> dict[str, bytes]:
        """Return the report's files by name."""
        return {page.name: page.read_bytes() for page in sorted(self.report.glob("[!.]*"))}

    def _command(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "durable", *words, "--store", self.store]

    def _env(self) -> dict[str, str]:
        return {**os.environ, "CENSUS_OUT": str(self.report), "PYTHONUNBUFFERED": "1"}


def demonstrate(work: Path, screen: Screen) -> None:
    """Kill, look, resume, prove, compare."""
    files = len(census_analysis.discover(_root()))
    killed, whole = Census(work / "killed"), Census(work / "never-killed")
    try:
        screen.step(f"1. Start the census of {files:,} Python files")
        whole.start("run", str(CENSUS), "--run-id", RUN)
        screen.say("a second census runs beside it in a store of its own; that one is never killed")
        seen = _run_and_kill(killed, files, screen)
        _look(killed, seen, files, screen)
        _resume(killed, files, screen)
        _prove(killed, seen, files, screen)
        _compare(killed, whole, files, screen)
    finally:
        killed.stop()
        whole.stop()
    _close(killed, screen)


def _root() -> Path:
    import sysconfig

    return Path(os.environ.get("CENSUS_ROOT") or sysconfig.get_path("stdlib"))


def _run_and_kill(census: Census, files: int, screen: Screen) -> int:
    """Run until a good share is recorded, kill, and return the last sequence number in the log."""
    screen.say(f"$ durable run census.py --run-id {RUN}")
    census.start("run", str(CENSUS), "--run-id", RUN)
    enough = max(1, int(files * KILL_AT))
    code = census.watch(lambda done: done >= enough, lambda done: screen.progress(done, files, "files recorded"))
    screen.end_progress()
    if code is not None:
        raise DemoFailed(f"the census ended (exit {code}) before it could be killed\n{census.output.read_text()}")
    screen.step("2. Kill it")
    assert census.process is not None
    census.process.kill()
    code = census.process.wait()
    screen.say(f"$ kill -9 {census.process.pid}")
    screen.claim(code == -signal.SIGKILL, "the process is dead: no warning, no clean-up, no last words")
    return census.log.last_seq()


def _look(census: Census, seen: int, files: int, screen: Screen) -> None:
    screen.step("3. What the log holds")
    held = census.log.evidence(seen)
    screen.say(
        f"{seen:,} events: {held.recorded:,} successes and {held.failed:,} failures recorded, "
        f"{held.in_flight:,} bodies in flight when it died; {files:,} files in all"
    )
    screen.say(f"$ durable plan {RUN}")
    _, text = census.ask("plan", RUN)
    screen.quote(text)


def _resume(census: Census, files: int, screen: Screen) -> None:
    screen.step("4. Resume")
    screen.say(f"$ durable resume {RUN}")
    began = time.time()
    before = census.log.last_seq()
    census.start("resume", RUN)
    code = census.watch(lambda _: False, lambda done: screen.progress(done, files, "files recorded"))
    screen.end_progress()
    if code:
        screen.quote(census.output.read_text())
    screen.claim(code == 0, "it went on to the end")
    first = census.log.first_start_after(before)
    if first is not None:
        screen.say(f"the first body started {first - began:.2f} s after the command")


def _prove(census: Census, seen: int, files: int, screen: Screen) -> None:
    screen.step("5. What was not done twice, from the log")
    proof = census.log.evidence(seen)
    screen.say(f"{proof.recorded:,} bodies had their success recorded before the kill, {proof.failed:,} their failure")
    screen.say(f"{proof.started_after:,} bodies started after it, {proof.again:,} of them for the second time")
    screen.claim(proof.twice == 0, f"bodies that ran again after a recorded outcome: {proof.twice}")
    screen.claim(
        proof.again <= proof.in_flight, f"second attempts: only of the {proof.in_flight} in flight at the kill"
    )
    screen.claim(proof.files == files, f"files with exactly one outcome: {proof.files:,} of {files:,}")
    worked = proof.seconds_worked
    screen.say(f"saved: {proof.seconds_saved:.1f} s of bodies; four ran at a time, so {worked:.1f} s on the clock")
    code, text = census.ask("verify", RUN)
    if code:
        screen.quote(text)
    screen.claim(code == 0, "the log's chain of digests holds across the kill")


def _compare(killed: Census, whole: Census, files: int, screen: Screen) -> None:
    screen.step("6. Compare with the census that was never killed")
    code = whole.watch(lambda _: False, lambda done: screen.progress(done, files, "files recorded there"))
    screen.end_progress()
    if code:
        screen.quote(whole.output.read_text())
    ours, theirs = killed.pages(), whole.pages()
    same = bool(ours) and ours == theirs
    size = sum(map(len, ours.values()))
    screen.claim(same, f"{len(ours)} files of the report, {size:,} bytes, are the same byte for byte")
    if not same:
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                screen.say(f"differs: {name}")


def _close(census: Census, screen: Screen) -> None:
    screen.step("The report")
    page = census.report / "census.md"
    if page.exists():
        for sentence in page.read_text(encoding="utf-8").split("\n\n")[1].replace("**", "").split(". ")[:3]:
            screen.say(f"{sentence}.")
    screen.say(f"report   {page}")
    screen.say(f"log      durable log {RUN} --store {census.store}")


def main() -> int:
    """Run the demonstration; return the exit code."""
    parser = argparse.ArgumentParser(description="Kill a census half way and prove that it goes on.")
    parser.add_argument("--work", type=Path, default=Path(".durable/demo"), help="folder for stores and reports")
    work = Path(os.path.abspath(parser.parse_args().work))
    for folder in ("killed", "never-killed"):  # of the demonstration before this one
        shutil.rmtree(work / folder, ignore_errors=True)
    screen = Screen()
    began = time.monotonic()
    try:
        demonstrate(work, screen)
    except DemoFailed as error:
        screen.end_progress()
        screen.claim(False, str(error))
    taken = time.monotonic() - began
    print(f"\n{'Every claim holds' if not screen.failed else f'{screen.failed} claims FAILED'} ({taken:.0f} s)")
    return 1 if screen.failed else 0


if __name__ == "__main__":
    sys.exit(main())
