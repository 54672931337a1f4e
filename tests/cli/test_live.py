"""Progress: a live display on a terminal, now and then a line elsewhere, nothing lost of what tasks print."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from durable.cli import live
from durable.cli.words import ago, lasted
from tests.cli.place import Here

CHATTY = """
    import logging, sys, time
    from durable import parallel, task, workflow

    logging.basicConfig(level=logging.INFO)

    @task
    def member(n):
        print(f"member {n} prints [bold]text[/bold]")
        logging.info("member %s logs", n)
        time.sleep(1.0)
        if n == 1:
            raise ValueError("no one")
        return n

    @task
    def last():
        sys.stdout.write("no end of line")
        return "end"

    with workflow("chatty") as wf:
        members = parallel(*(member(task_id=f"m{n}", n=n) for n in range(3)), name="all")
        members.with_execution(policy="best_effort") >> last
"""
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(here: Here, *words: str, stderr: int | None = None) -> str:
    """Run a command on a terminal of its own and return all that it wrote there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    command = [sys.executable, "-m", "durable", *words]
    process = subprocess.Popen(
        command, cwd=here.path, stdin=theirs, stdout=theirs, stderr=stderr or theirs, env=environment
    )
    os.close(theirs)
    written = b""
    until = time.monotonic() + 40
    while time.monotonic() < until:
        ready, _, _ = select.select([ours], [], [], 0.1)
        try:
            data = os.read(ours, 65536) if ready else b""
        except OSError:  # the other end is closed
            break
        written += data
        if not data and process.poll() is not None:
            break
    process.wait(10)
    os.close(ours)
    return written.decode()


def test_the_display_lives_and_nothing_is_lost(here: Here) -> None:
    here.write("chatty.py", CHATTY)
    written = on_terminal(here, "run", "chatty.py")
    lines = [line.strip() for line in ESCAPE.sub("", written).replace("\r", "\n").split("\n")]
    assert "running: m0, m1, m2" in lines
    assert any(line.endswith(" s") and "0 of 4 done, 3 running" in line for line in lines)
    for number in range(3):
        assert f"member {number} prints [bold]text[/bold]" in lines
        assert f"INFO:root:member {number} logs" in lines
    assert "no end of line" in lines
    assert 'result: "end"' in lines


def test_stderr_that_is_no_terminal_stays_apart(here: Here) -> None:
    here.write("chatty.py", CHATTY)
    with open(here.path / "err.txt", "w") as file:
        written = on_terminal(here, "run", "chatty.py", stderr=file.fileno())
    assert "logs" not in written
    assert sorted((here.path / "err.txt").read_text().splitlines()) == [f"INFO:root:member {n} logs" for n in range(3)]


def test_tables_on_a_terminal(flow: Here) -> None:
    flow("run", "flow.py", "--run-id", "a-name-that-is-rather-long-for-a-table")
    written = on_terminal(flow, "runs")
    assert "a-name-that-is-rather-long-for-a-table" in written
    assert "\x1b[32msucceeded" in written


def test_plain_lines_come_now_and_then(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write("chatty.py", CHATTY)
    monkeypatch.setattr(live, "LINE_SECONDS", 0.2)
    lines = here("run", "chatty.py").stdout.splitlines()
    progress = [line for line in lines if " done, " in line]
    assert progress
    assert re.fullmatch(r"\d of 4 done, \d running after \d\.\d\d s", progress[0])
    assert len(progress) == len(set(progress)) <= 4


def test_quiet_shows_no_progress(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write("chatty.py", CHATTY)
    monkeypatch.setattr(live, "LINE_SECONDS", 0.1)
    assert " done, " not in here("run", "chatty.py", "-q").stdout


def test_words() -> None:
    assert [ago(seconds * 1_000_000) for seconds in (0, 1, 59, 60, 7_200, 200_000)] == [
        "just now", "1 second ago", "59 seconds ago", "1 minute ago", "2 hours ago", "2 days ago"
    ]  # fmt: skip
    assert [lasted(seconds) for seconds in (0.314, 12.34, 184, 7_500)] == ["0.31 s", "12.3 s", "3 min 4 s", "2 h 5 min"]
