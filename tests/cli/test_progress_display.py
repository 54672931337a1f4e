"""Progress: a live display on a terminal, now and then a line elsewhere, nothing lost of what tasks print."""

from __future__ import annotations

import logging
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from durable.cli.formatting import ago, lasted
from tests.cli.place import Here, wait_for

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
LARGE = """
    import time
    from durable import parallel, task, workflow

    @task
    def member(n):
        time.sleep(3 if n == 0 else 0.1)
        if n == 3:
            raise ValueError("no 3")

    with workflow("large") as wf:
        members = parallel(*(member(task_id=f"m{n}", n=n) for n in range(60)), name="all")
        wf.add(members.with_execution(policy="best_effort", max_concurrent=3))
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


def test_plain_lines_come_now_and_then_on_stderr(here: Here) -> None:
    """What the command prints stays apart from them; the last one says how it ended."""
    here.write("chatty.py", CHATTY)
    result = here("run", "chatty.py", "--progress", "0.2")
    assert " done, " not in result.stdout
    progress = [line for line in result.stderr.splitlines() if " done, " in line]
    assert re.fullmatch(r"after \d\.\d\d s: \d of 4 done, \d running", progress[0])
    assert "4 of 4 done, 0 running, 1 failed" in progress[-1]


@pytest.mark.parametrize("words", [("-q", "--progress", "0.1"), ("--json", "--progress", "0.1"), ("--progress", "0")])
def test_nobody_is_told_who_does_not_want_to_know(here: Here, words: tuple[str, ...]) -> None:
    """Quiet, one JSON document and nothing else, or no progress."""
    here.write("chatty.py", CHATTY)
    assert " done, " not in here("run", "chatty.py", *words).output


def test_progress_that_is_shown_is_not_logged_as_well(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """With -v it would come twice; where nothing is shown, the log has it."""
    monkeypatch.setattr("durable.runs.progress.LOG_SECONDS", 0.1)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    here.write("large.py", LARGE)
    shown = here("run", "large.py", "-v", "--progress", "0.2").stderr
    assert " done, " in shown
    assert "durable.progress" not in shown
    logged = here("run", "large.py", "--new", "-v", "--json").stderr
    assert re.search(r"INFO durable.progress: run large-\S+: \d+ of 60 done", logged)


def test_a_large_run_shows_rate_time_left_and_what_is_slow(here: Here) -> None:
    """On a terminal, beside the bar."""
    here.write("large.py", LARGE)
    written = ESCAPE.sub("", on_terminal(here, "run", "large.py"))
    assert re.search(r"\d+ of 60 done, \d running, 1 failed, [\d.]+/s, about \d+ s left", written)
    assert "failed: m3: ValueError: no 3" in written
    assert "running: m0, m" in written


def test_an_interrupted_run_says_how_far_it_came(here: Here) -> None:
    """A signal ends it; its last line of progress is that of its end."""
    here.write("large.py", LARGE)
    with here.spawn("run", "large.py", "--progress", "0.3", "--grace", "0") as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read().splitlines()
    assert process.returncode == 130
    assert " of 60 done" in first
    assert rest[-1].startswith("interrupted; resume with")


def test_show_says_how_fast_a_running_run_goes(here: Here) -> None:
    """From another process, read from the store; for programs as data."""
    here.write("large.py", LARGE)
    with here.spawn("run", "large.py", "--run-id", "r", "-q") as process:
        wait_for(lambda: here.path.joinpath(".durable/runs.db").exists() and here.runs() and "running" in shown(here))
        now = wait_for(lambda: (found := here.json("show", "r")["progress"])["rate"] and found)
        text = here("show", "r").stdout
        process.communicate(timeout=50)
    assert now["status"] == "running"
    assert now["total"] == 60
    assert now["done"] + now["running"] + now["pending"] == 60
    assert now["slowest"][0]["id"] == "m0"
    assert now["groups"][0]["id"] == "all"
    assert re.search(r"^speed: +[\d.]+/s, about \d+ s left$", text, re.M)
    assert re.search(r"^running: +m0, ", text, re.M)
    assert "speed:" not in here("show", "r").stdout
    assert here.json("show", "r")["progress"]["done"] == 60


def shown(here: Here) -> str:
    """What show says of the run."""
    return here("show", "r").stdout


def test_figures_are_told_in_words() -> None:
    assert [ago(seconds * 1_000_000) for seconds in (0, 1, 59, 60, 7_200, 200_000)] == [
        "just now", "1 second ago", "59 seconds ago", "1 minute ago", "2 hours ago", "2 days ago"
    ]  # fmt: skip
    assert [lasted(seconds) for seconds in (0.314, 12.34, 184, 7_500)] == ["0.31 s", "12.3 s", "3 min 4 s", "2 h 5 min"]
