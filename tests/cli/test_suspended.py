"""Suspended runs at the command line: they hold nothing, say what they wait for, and go on when it has come."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from durable import list_runs, open_run, open_store
from durable.cli import exit_codes
from durable.definition.loading import load_workflow
from durable.testing import FakeClock
from tests.cli.place import Here, wait_for

ASKS = """
    from durable import TaskExecutionContext, task, workflow

    @task
    def ask(ctx: TaskExecutionContext):
        with open("bodies.txt", "a") as file:
            file.write("ask ")
        return ctx.request_feedback("Publish?", request_id="publish").approved

    @task
    def paid(ctx: TaskExecutionContext, ask: bool):
        return ctx.wait_for_signal("paid")

    with workflow("asks") as wf:
        ask >> paid
"""

SLEEPS = """
    from durable import TaskExecutionContext, task, workflow

    @task
    def night(ctx: TaskExecutionContext):
        ctx.sleep(36_000)
        return "rested"

    with workflow("sleeps") as wf:
        wf.add(night)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Suspend runs at once; nobody answers in these tests while a body is held."""
    monkeypatch.setattr("durable.context.durable_calls.LIVE_WAIT", 0.0)


@pytest.fixture
def asks(here: Here) -> Here:
    here.write("asks.py", ASKS)
    return here


def test_a_run_that_suspends_says_what_it_waits_for_and_how_to_go_on(asks: Here) -> None:
    """Each wait with the command that brings it."""
    result = asks("run", "asks.py", "--run-id", "x", exits=exit_codes.SUSPENDED)
    assert "run x is suspended after" in result.stderr
    assert (
        "  ask waits for an answer to publish, approval: Publish? -> durable answer x publish\n"
        "then resume with: durable resume x\n"
    ) in result.stderr
    asks("answer", "x", "--approve")
    result = asks("resume", "x", exits=exit_codes.SUSPENDED)
    assert "  paid waits for signal paid -> durable signal x paid\n" in result.stderr
    asks("signal", "x", "paid", "--value", "12")
    assert "result: 12" in asks("resume", "x").stdout


def test_a_run_that_cannot_go_on_is_not_driven(asks: Here) -> None:
    """It says so, with a code of its own; nothing is recorded."""
    asks("run", "asks.py", "--run-id", "x", exits=exit_codes.SUSPENDED)
    before = asks.types("x")
    for words in (("resume", "x"), ("run", "asks.py", "--run-id", "x"), ("run", "asks.py")):
        said = asks(*words, exits=exit_codes.SUSPENDED).stderr
        assert "run x is suspended; nothing was done" in said
        assert "durable answer x publish" in said
        assert ("--new starts another run" in said) is (words == ("run", "asks.py"))
    assert asks("resume", "x", "--quiet", exits=exit_codes.SUSPENDED).output == ""
    assert asks.types("x") == before
    assert (asks.path / "bodies.txt").read_text() == "ask "
    asks("run", "asks.py", "--new", exits=exit_codes.SUSPENDED)
    assert len(asks.runs()) == 2


def test_the_same_command_goes_on_once_it_can(asks: Here) -> None:
    """As with a run that was interrupted."""
    asks("run", "asks.py", exits=exit_codes.SUSPENDED)
    run_id = asks.runs()[0]["run_id"]
    asks("answer", run_id, "--approve")
    said = asks("run", "asks.py", exits=exit_codes.SUSPENDED)
    assert f"continuing run {run_id}, suspended just now with 0 tasks done; --new starts another" in said.stdout
    assert len(asks.runs()) == 1


def test_what_is_waited_for_as_json(here: Here) -> None:
    """Kind, name, when it is over by itself, and the command that brings it, if there is one."""
    here.write("sleeps.py", SLEEPS)
    document = here.json("run", "sleeps.py", "--run-id", "x", exits=exit_codes.SUSPENDED)
    (wait,) = document["waiting"]
    due = datetime.fromisoformat(wait.pop("due"))
    assert 35_900 < (due - datetime.now(UTC)).total_seconds() < 36_001
    assert wait == {"task_id": "night", "kind": "sleep", "name": "", "command": None}
    assert (document["status"], document["resume"]) == ("suspended", "durable resume x")
    assert "night waits for its sleep until " in here("resume", "x", exits=exit_codes.SUSPENDED).stderr


def test_the_commands_name_the_store_where_it_is_needed(asks: Here) -> None:
    """They can be copied as they are."""
    said = asks("run", "asks.py", "--run-id", "x", "--store", "my.db", exits=exit_codes.SUSPENDED).stderr
    assert "durable answer x publish --store " in said
    command = next(line for line in said.splitlines() if "durable answer" in line).split("-> durable ")[1]
    asks(*command.split(), "--approve")
    asks("resume", "x", "--store", "my.db", exits=exit_codes.SUSPENDED)


def test_a_hundred_suspended_runs_hold_nothing_and_one_resume_goes_on_with_those_that_can(here: Here) -> None:
    """No thread, no process and no lease waits with them; exactly the runs that were signalled go on."""
    file = here.write("sleeps.py", SLEEPS.replace("ctx.sleep(36_000)", 'ctx.wait_for_signal("go")'))
    threads = threading.active_count()
    with open_store("sqlite:///.durable/runs.db?synchronous=normal", clock=FakeClock()) as store:
        wf = load_workflow(str(file), "sleeps")
        for number in range(100):
            assert wf.start(run_id=f"r{number:02}", store=store).status == "suspended"
        assert threading.active_count() == threads
        assert not any(info.driven or store.lease(info.run_id) for info in store.runs())
        told = [f"r{number:02}" for number in range(100) if number % 5 < 2]
        for name in told:
            open_run(name, store).signal("go")
    result = here("resume")
    assert [line.split()[2].rstrip(",") for line in result.stdout.splitlines() if "resuming" in line] == told
    assert "60 suspended runs left alone" in result.stderr
    statuses = {info.run_id: info.status for info in list_runs()}
    assert sorted(name for name, status in statuses.items() if status == "succeeded") == told
    assert sum(status == "suspended" for status in statuses.values()) == 60
    again = here("resume")
    assert again.stdout == ""
    assert "60 suspended runs left alone" in again.stderr


def test_one_that_is_suspended_again_is_no_problem(asks: Here) -> None:
    """A crontab that resumes everything is content; the document says it."""
    asks("run", "asks.py", "--run-id", "x", exits=exit_codes.SUSPENDED)
    asks("answer", "x", "--approve")
    (document,) = asks.json("resume", exits=exit_codes.OK)
    assert (document["status"], document["exit_code"]) == ("suspended", exit_codes.SUSPENDED)


def test_runs_whose_time_has_come_and_interrupted_ones_are_gone_on_with_in_their_order(here: Here) -> None:
    """The oldest first, whatever stopped them."""
    file = here.write("sleeps.py", SLEEPS)
    clock = FakeClock(0)
    with open_store(".durable/runs.db", clock=clock) as store:
        wf = load_workflow(str(file), "sleeps")
        for name in ("a", "b", "c"):
            clock.advance(1)
            wf.start(run_id=name, store=store)
    here("fork", "b", "--id", "d")
    result = here("resume")
    assert [line.split()[2:4] for line in result.stdout.splitlines() if "resuming" in line] == [
        ["a,", "suspended"],
        ["d,", "interrupted"],  # as old as b: it shares its past
        ["b,", "suspended"],
        ["c,", "suspended"],
    ]
    assert {info.status for info in list_runs()} == {"succeeded"}


def test_wait_stays_until_the_end(asks: Here) -> None:
    """The process is there all the time, and takes what comes."""
    with asks.spawn("run", "asks.py", "--run-id", "x", "--wait") as process:
        wait_for(lambda: (asks.path / "bodies.txt").exists() and asks.json("waiting", "x"))
        asks("answer", "x", "publish", "--approve")
        wait_for(lambda: any(item["kind"] == "signal" for item in asks.json("waiting", "x")))
        asks("signal", "x", "paid", "--value", "5")
        out, err = process.communicate(timeout=50)
    assert process.returncode == 0, err
    assert "result: 5" in out
    assert "RunSuspended" not in asks.types("x")


def test_resume_can_wait_too(asks: Here) -> None:
    """Also for a run that could not go on otherwise."""
    asks("run", "asks.py", "--run-id", "x", exits=exit_codes.SUSPENDED)
    with asks.spawn("resume", "x", "--wait") as process:
        wait_for(lambda: "RunContinued" in asks.types("x"))
        asks("answer", "x", "publish", "--reject")
        asks("signal", "x", "paid")
        assert process.wait(50) == 0
    assert asks.types("x").count("RunSuspended") == 1
