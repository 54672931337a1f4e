"""Commands that only read: what they print, and that no user code is imported or unpickled."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from durable import open_store
from durable.cli import exit_codes
from durable.core.replay import dump
from durable.engine.load import load
from durable.store import Checkpoint
from tests.cli.place import FLOW, GROUP, Here

TRAPS = """
    from durable import task, workflow

    open("imported", "a").close()

    class Trap:
        def __setstate__(self, state):
            open("unpickled", "a").close()
            self.__dict__.update(state)

    @task
    def make():
        trap = Trap()
        trap.x = 1
        return trap

    @task
    def use(make):
        raise ValueError("no use")

    with workflow("traps") as wf:
        make >> use
"""


@pytest.mark.parametrize(
    "words", [["runs"], ["show"], ["show", "--task", "make"], ["log"], ["plan"], ["verify"]], ids=" ".join
)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_reading_neither_imports_nor_unpickles(here: Here, words: list[str], form: list[str]) -> None:
    here.write("traps.py", TRAPS)
    here.real("run", "traps.py", "--run-id", "x", exits=1)
    markers = [here.path / "imported", here.path / "unpickled"]
    for marker in markers:
        marker.unlink()
    name, *more = words
    out, _ = here.real(name, *(["x"] if name != "runs" else []), *more, *form)
    assert out
    assert [marker for marker in markers if marker.exists()] == []


@pytest.mark.parametrize("name", ["show", "log", "plan", "verify", "cancel", "resume"])
def test_no_store_is_made_by_looking(here: Here, name: str) -> None:
    said = here(name, "x", exits=exit_codes.ERROR).stderr
    assert "no store at .durable/runs.db yet: nothing has run here" in said
    assert os.listdir(here.path) == []


@pytest.mark.parametrize("name", ["runs", "verify", "resume"])
def test_without_a_store_there_is_nothing_to_list(here: Here, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nothing has run here" in here(name).stderr
    assert here.json(name) in ([], {"store": None, "runs": [], "damaged": 0, "exit_code": 0})
    assert "nothing has run there" in here(name, "--store", "other.db", exits=exit_codes.ERROR).stderr
    monkeypatch.setenv("DURABLE_STORE", "sqlite:///named.db")
    assert "no store at named.db" in here(name, exits=exit_codes.ERROR).stderr
    assert os.listdir(here.path) == []


def test_something_else_is_not_taken_for_a_store(here: Here) -> None:
    here.write("text.db", "this is no database, and it is long enough to be looked at\n" * 20)
    error = here.json("runs", "--store", "text.db", exits=exit_codes.ERROR)["error"]
    assert error["type"] in ("ForeignStore", "StoreCorrupt")


@pytest.mark.parametrize("name", ["show", "log", "plan", "verify", "cancel", "resume"])
def test_an_unknown_run_is_an_error(flow: Here, name: str) -> None:
    flow("run", "flow.py")
    assert "there is no run 'nope'" in flow(name, "nope", exits=exit_codes.ERROR).stderr


def test_runs_lists_runs(flow: Here) -> None:
    flow("run", "flow.py", "--run-id", "a")
    flow.interrupted("--run-id", "b")
    flow.write("fail", "")
    flow("run", "flow.py", "--run-id", "c", exits=1)
    heads, *rows = flow("runs").stdout.splitlines()
    assert heads.split()[:3] == ["run", "workflow", "status"]
    assert [row.split()[:3] for row in rows] == [
        ["c", "etl", "failed"],
        ["b", "etl", "interrupted"],
        ["a", "etl", "succeeded"],
    ]
    assert [run["run_id"] for run in flow.json("runs", "--status", "interrupted")] == ["b"]
    assert flow.json("runs", "--workflow", "other") == []
    assert set(flow.runs()[0]) == {
        "run_id", "workflow", "status", "driven", "created", "updated", "events", "file", "input",
        "pruned",
    }  # fmt: skip
    short = flow("runs", "--limit", "1")
    assert len(short.stdout.splitlines()) == 2
    assert short.stderr == "the newest 1 are shown; --limit 0 shows all\n"
    assert flow("runs", "--limit", "0").stderr == ""


def test_show_prints_a_run(here: Here) -> None:
    here.write("grouped.py", GROUP)
    here("run", "grouped.py", "--run-id", "x", "--input", "key=1", exits=1)
    shown = here("show", "x").stdout
    assert "run x of grouped: failed" in shown
    assert "KeyError: 'gone'" in shown
    assert "channel:   key" in shown
    assert "resume:    durable resume x" in shown
    document = here.json("show", "x")
    assert document["counts"] == {"total": 3, "pending": 1, "succeeded": 1, "failed": 1}
    assert document["channel"] == ["key"]
    group = document["groups"][0]
    assert (group["id"], group["verdict"], group["policy"], group["members"], group["succeeded"]) == (
        "both", "failed", "strict", 2, 1
    )  # fmt: skip
    assert {task["id"]: (task["status"], task["attempts"], task["preview"]) for task in document["tasks"]} == {
        "good": ("succeeded", 1, "1"), "bad": ("failed", 1, None), "after": ("pending", 0, None)
    }  # fmt: skip
    assert [line.split()[0] for line in here("show", "x", "--status", "failed").stdout.splitlines()] == [
        "id",
        "both",
        "bad",
    ]


def test_show_prints_one_task(here: Here) -> None:
    here.write("grouped.py", GROUP)
    here("run", "grouped.py", "--run-id", "x", exits=1)
    assert 'raise KeyError("gone")' in here("show", "x", "--task", "bad").stdout
    document = here.json("show", "x", "--task", "bad")
    assert document["attempts_made"][0]["event"] == "TaskFailed"
    assert here.json("show", "x", "--task", "both")["verdict"] == "failed"
    here("show", "x", "--task", "nope", exits=exit_codes.USAGE)


def test_long_tables_show_what_matters(here: Here) -> None:
    here.write("many.py", """
        from durable import parallel, task, workflow
        @task
        def one(n):
            if n == 290:
                raise ValueError(n)
            return n
        with workflow("many") as wf:
            wf.add(parallel(*(one(task_id=f"t{n}", n=n) for n in range(300)), name="all"))
    """)  # fmt: skip
    here("run", "many.py", "--run-id", "x", exits=1)
    result = here("show", "x", "--limit", "3")
    assert [line.split()[0] for line in result.stdout.splitlines()[-3:]] == ["all", "t0", "t290"]
    assert "3 of 301 are shown; --limit 0 shows all" in result.stderr
    assert len(here("show", "x", "--limit", "0").stdout.splitlines()) > 301
    assert len(here.json("show", "x")["tasks"]) == 300
    planned = here("plan", "x", "--limit", "2")
    assert [line.split()[0] for line in planned.stdout.splitlines()[-2:]] == ["all", "t290"]


def test_log_prints_events(flow: Here) -> None:
    flow("run", "flow.py", "--run-id", "x")
    lines = flow("log", "x").stdout.splitlines()
    assert lines[0].split()[0] == "1"
    assert any("TaskSucceeded" in line and line.endswith('=> {"rows":3}') for line in lines)
    events = flow.events("x")
    assert set(events[0]) == {"seq", "time", "type", "task", "attempt", "fields", "encoding", "preview"}
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["time"].endswith("+00:00")
    only = flow("log", "x", "--type", "TaskStarted", "--task", "load", "--json").stdout.splitlines()
    assert [json.loads(line)["task"] for line in only] == ["load"]
    assert len(flow("log", "x", "--after", str(len(events) - 1)).stdout.splitlines()) == 1
    assert len(flow("log", "x", "--follow").stdout.splitlines()) == len(events)
    assert "TaskFailed" in flow("log", "x", "--type", "TaskFail", exits=exit_codes.USAGE).stderr


def test_plan_prints_what_a_resume_would_do(flow: Here) -> None:
    flow.write("fail", "")
    flow("run", "flow.py", "--run-id", "x", exits=1)
    flow.write(
        "flow.py", FLOW.replace('ValueError("bad row")', 'ValueError("worse")').replace('"rows": 3', '"rows": 4')
    )
    lines = flow("plan", "x").stdout.splitlines()
    assert lines[0] == "run x of etl: failed"
    assert "  - extract: code changed" in lines
    assert any(line.startswith("reuse 1 (saves ") and line.endswith("run 1, blocked 1, orphaned 0") for line in lines)
    document = flow.json("plan", "x")
    assert document["resumes"] is True
    assert document["counts"] == {"reuse": 1, "run": 1, "blocked": 1, "orphaned": 0}
    assert [item["action"] for item in document["items"]] == ["reuse", "run", "blocked"]
    assert "not the wiring" in flow("plan", "x").stderr
    assert flow("plan", "x", "--file", "flow.py").stderr == ""


def test_plan_of_an_ended_run(flow: Here) -> None:
    flow("run", "flow.py", "--run-id", "x")
    assert "nothing to do: the run has ended" in flow("plan", "x", exits=exit_codes.NOTHING).stdout


def test_cancel_ends_a_run_for_good(flow: Here) -> None:
    flow.interrupted("--run-id", "x")
    assert flow("cancel", "x", "--reason", "wrong day").stdout == "run x was cancelled\n"
    assert flow.events("x")[-1]["fields"]["reason"] == "wrong day"
    again = flow.json("cancel", "x")
    assert again == {"run_id": "x", "status": "cancelled", "asked": False, "exit_code": 0}
    flow("run", "flow.py", "--run-id", "y")
    assert "has already ended: succeeded" in flow("cancel", "y", exits=exit_codes.NOTHING).stdout


def test_verify_reads_every_event(flow: Here) -> None:
    import sqlite3

    flow("run", "flow.py", "--run-id", "x")
    said = flow("verify").stdout
    assert f"store sqlite:///.durable/runs.db, SQLite {sqlite3.sqlite_version}" in said
    assert said.splitlines()[-1] == f"1 run, {len(flow.events('x'))} events: all intact"
    document = flow.json("verify", "x")
    assert document["runs"][0] == {
        "run_id": "x", "events": len(flow.events("x")), "payloads": 4, "problem": "", "seq": None
    }  # fmt: skip


def change(statement: str, *values: object) -> None:
    """Change the store behind durable's back."""
    import sqlite3

    with sqlite3.connect(Path(".durable") / "runs.db") as connection:
        assert connection.execute(statement, values).rowcount == 1
    connection.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE events SET payload = '4' WHERE seq = 5", "seq"),
        ("DELETE FROM events WHERE seq = 3", "seq"),
        ("UPDATE runs SET status = 'failed'", "listed as failed, but its log says succeeded"),
        ("UPDATE events SET encoding = 'other' WHERE seq = 3", "seq"),
    ],
)
def test_verify_names_what_is_damaged(flow: Here, statement: str, said: str) -> None:
    flow("run", "flow.py", "--run-id", "x")
    change(statement)
    shown = flow("verify", exits=exit_codes.FAILED).stdout
    assert "damaged: run x" in shown
    assert said in shown
    (finding,) = flow.json("verify", exits=exit_codes.FAILED)["runs"]
    assert finding["problem"]


def test_verify_holds_checkpoints_against_the_log(flow: Here) -> None:
    flow.interrupted("--run-id", "x")
    with open_store() as store:
        state = load(store, "x")
        digest = next(digest for _, digest in store.digests("x", state.seq - 1))
        lease = store.acquire("x", "test")
        store.save_checkpoint("x", Checkpoint(state.seq, digest, dump(state)), lease.token)
        assert flow("verify")
        state.steps += 1
        store.save_checkpoint("x", Checkpoint(state.seq, digest, dump(state), 1), lease.token)
        store.release(lease)
    assert "do not lead to the same as all events" in flow("verify", exits=exit_codes.FAILED).stdout
