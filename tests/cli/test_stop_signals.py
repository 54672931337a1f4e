"""Real processes and real signals: what is left behind can be gone on with."""

from __future__ import annotations

import getpass
import signal
import sqlite3

import pytest

from durable.cli import exit_codes
from tests.cli.place import Here, Process, wait_for

WAITING = """
    import os, time
    from durable import parallel, task, workflow

    def wait(name):
        open(f"{name}.started", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        return name

    @task
    def before():
        with open("bodies.txt", "a") as file:
            file.write("before\\n")
        return 1

    @task
    def one(before):
        return wait("one")

    @task
    def two(before):
        return wait("two")

    with workflow("direct") as direct:
        before >> one

    with workflow("threading") as threading:
        before >> parallel(one, two, name="both").with_execution(backend="threading")
"""


@pytest.fixture
def waiting(here: Here) -> Here:
    """The folder with flow.py, whose tasks wait for the file "go"."""
    here.write("flow.py", WAITING)
    return here


def started(here: Here, kind: str) -> Process:
    """Start a run and wait until its bodies run."""
    process = here.spawn("run", f"flow.py:{kind}", "--run-id", "x", "--grace", "0.2")
    names = ["one"] if kind == "direct" else ["one", "two"]
    wait_for(lambda: process.poll() is not None or all((here.path / f"{name}.started").exists() for name in names))
    assert process.poll() is None, process.communicate()
    return process


def bodies(here: Here) -> str:
    return (here.path / "bodies.txt").read_text()


@pytest.mark.parametrize("kind", ["direct", "threading"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_recorded_and_the_run_goes_on_later(waiting: Here, kind: str, number: int) -> None:
    with started(waiting, kind) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert err.splitlines()[-1] == "interrupted; resume with: durable resume x"
    events = waiting.events("x")
    interrupted = [event for event in events if event["type"] == "TaskInterrupted"]
    assert [event["fields"]["counted"] for event in interrupted] == [False] * (1 if kind == "direct" else 2)
    assert events[-1]["type"] == "RunInterrupted"
    assert events[-1]["fields"] == {"reason": signal.Signals(number).name}

    (waiting.path / "go").touch()
    again, _ = waiting.real("resume", "x")
    assert again.startswith("resuming run x, interrupted ")
    assert waiting.runs()[0]["status"] == "succeeded"
    assert bodies(waiting) == "before\n"


def test_json_says_how_to_go_on(waiting: Here) -> None:
    import json

    with waiting.spawn("run", "flow.py:direct", "--run-id", "x", "--grace", "0.1", "--json") as process:
        wait_for((waiting.path / "one.started").exists)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    document = json.loads(out)
    error = document.pop("error")
    expected = {"run_id": "x", "status": "interrupted", "resume": "durable resume x", "exit_code": exit_codes.SIGTERM}
    assert document == expected
    assert (error["type"], error["message"]) == ("RunInterrupted", "the run was interrupted by SIGTERM")


@pytest.mark.parametrize("kind", ["direct", "threading"])
def test_a_killed_run_goes_on_by_itself(waiting: Here, kind: str) -> None:
    with started(waiting, kind) as process:
        process.kill()
    assert waiting.runs()[0]["status"] == "interrupted"
    (waiting.path / "go").touch()
    out, _ = waiting.real("run", f"flow.py:{kind}")
    assert out.splitlines()[0].startswith("continuing run x, interrupted ")
    assert "with 1 task done; --new starts another" in out
    assert waiting.runs()[0]["status"] == "succeeded"
    assert bodies(waiting) == "before\n"


def test_a_signal_while_the_file_is_imported(here: Here) -> None:
    here.write("flow.py", "import time\nopen('importing', 'w').close()\ntime.sleep(30)\n")
    with here.spawn("run", "flow.py") as process:
        wait_for((here.path / "importing").exists)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == exit_codes.SIGINT
    assert "interrupted before the run continued" in err
    assert "Traceback" not in err


def test_a_signal_ends_resuming_all(waiting: Here) -> None:
    for name in ("x", "y"):
        with waiting.spawn("run", "flow.py:direct", "--run-id", name) as process:
            wait_for((waiting.path / "one.started").exists)
            process.kill()
        (waiting.path / "one.started").unlink()
    with waiting.spawn("resume", "--grace", "0.1") as process:
        wait_for((waiting.path / "one.started").exists)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == exit_codes.SIGTERM
    assert "resuming run x" in out
    assert "resuming run y" not in out


def test_log_follows_a_live_run_to_its_end(waiting: Here) -> None:
    with started(waiting, "direct") as run, waiting.spawn("log", "x", "--follow") as log:
        assert log.stdout is not None
        first = [log.stdout.readline() for _ in range(3)]
        assert "RunCreated" in first[0]
        (waiting.path / "go").touch()
        rest, _ = log.communicate(timeout=20)
        run.communicate(timeout=20)
    assert log.returncode == 0
    assert "RunSucceeded" in rest.splitlines()[-1]


def test_ctrl_c_ends_following(waiting: Here) -> None:
    with started(waiting, "direct") as run:
        run.kill()
    with waiting.spawn("log", "x", "--follow") as log:
        assert log.stderr is not None
        assert "waiting for somebody to resume it" in log.stderr.readline()
        log.send_signal(signal.SIGINT)
        _, err = log.communicate(timeout=20)
    assert (log.returncode, err) == (exit_codes.SIGINT, "")


def test_a_driven_run_is_left_alone(waiting: Here) -> None:
    with started(waiting, "threading") as process:
        assert "process" in waiting("show", "x").stdout
        assert waiting("plan", "x", exits=exit_codes.DRIVEN)
        assert "is driven by another process and is left alone" in waiting("resume").stderr
        waiting("resume", "x", exits=exit_codes.DRIVEN)
        assert "its driver was told" in waiting("cancel", "x", "--reason", "enough").stdout
        _, err = process.communicate(timeout=30)
    assert process.returncode == exit_codes.FAILED
    assert f"cancelled by {getpass.getuser()}: enough" in err
    assert waiting.runs()[0]["status"] == "cancelled"


def test_a_damaged_run_while_another_is_fine(waiting: Here) -> None:
    (waiting.path / "go").touch()
    waiting.real("run", "flow.py:direct", "--run-id", "x")
    waiting.real("run", "flow.py:direct", "--run-id", "y")
    connection = sqlite3.connect(waiting.path / ".durable" / "runs.db")
    connection.execute(
        "UPDATE events SET payload = '\"other\"' WHERE seq = 5 AND run = (SELECT run FROM runs WHERE run_id = 'x')"
    )
    connection.commit()
    connection.close()
    out, _ = waiting.real("verify", exits=exit_codes.FAILED)
    assert "damaged: run x at seq" in out
    assert "2 runs, " in out
