"""Run: the handle on a run, and the ways to start, find and list runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durable import (
    InvalidRunId,
    RunInterrupted,
    RunNotFound,
    Store,
    StoreNotFound,
    Workflow,
    list_runs,
    open_run,
    open_store,
    parallel,
    task,
    workflow,
)
from tests.conftest import Died


@task
def a() -> int:
    return 1


@task
def b(a: int) -> int:
    return a + 1


def simple(store: Any = None, name: str = "w") -> Workflow:
    with workflow(name, store=store) as wf:
        a >> b
    return wf


@pytest.mark.parametrize(
    "run_id",
    [
        "a/b", "/", "..", "a..b", "../../etc/passwd", ".", "a\\b", "nul\0", "line\n", "\x1b[2J", "\x7f", "\x85",
        "lone \ud800", "", " outer", "outer ", "x" * 201,
    ],
)  # fmt: skip
def test_a_run_id_that_is_not_safe_is_refused(store: Store, run_id: str) -> None:
    """Nothing is recorded under it; the store works."""
    with pytest.raises(InvalidRunId):
        simple(store).execute(run_id=run_id)
    assert list_runs(store=store) == []
    assert simple(store).execute(run_id="x" * 200) == 2


@pytest.mark.parametrize("run_id", [5, b"bytes", ["r"]])
def test_a_run_id_is_a_text(store: Store, run_id: Any) -> None:
    """Anything else is refused the same way."""
    with pytest.raises(InvalidRunId):
        simple(store).execute(run_id=run_id)


@pytest.mark.parametrize("name", ["plain", "with space", "a....b", "../..", "ünïcode", "…", "x" * 300, "a/b"])
def test_every_workflow_name_gives_a_run_id(store: Store, name: str) -> None:
    """Made of the name and the time, safe, and not twice the same."""
    wf = simple(store, name)
    ids = {wf.start().run_id for _ in range(3)}
    assert len(ids) == 3
    assert all("20260101-000000" in run_id for run_id in ids)


def test_unknown_runs_are_not_found(store: Store) -> None:
    """By any way to ask for one, whatever it is called."""
    for run_id in ("nobody", "../x", "a\0b"):
        with pytest.raises(RunNotFound):
            open_run(run_id, store=store)
        with pytest.raises(RunNotFound):
            simple(store).resume(run_id)
    with pytest.raises(RunNotFound, match="no run of 'w' can be resumed"):
        simple(store).resume()


def test_runs_are_listed_newest_first(store: Store) -> None:
    """By status and workflow, as many as wanted."""

    @task
    def breaks() -> None:
        raise ValueError

    for n in range(3):
        simple(store).start(run_id=f"good {n}")
    bad = Workflow("bad", store=store)
    bad.add(breaks)
    bad.start(run_id="bad 0")
    assert [run.run_id for run in list_runs(store=store)] == ["bad 0", "good 2", "good 1", "good 0"]
    assert [run.run_id for run in list_runs(status="failed", store=store)] == ["bad 0"]
    assert [run.run_id for run in list_runs(workflow="w", limit=2, store=store)] == ["good 2", "good 1"]
    assert list_runs(status="cancelled", store=store) == []


def test_a_handle_reads_a_run_that_it_did_not_start(sqlite_store: Store) -> None:
    """Result, results, events, members' results."""
    wf = Workflow("w", store=sqlite_store)
    wf.add(parallel(a, a(task_id="x"), name="g") >> b)
    wf.execute(run_id="r")
    with open_run("r", store=sqlite_store) as run:
        assert (run.status, run.result(), run.results) == ("succeeded", 2, {"a": 1, "x": 1, "b": 2})
        assert [event.seq for event in run.events(after=3)] == list(range(4, run.info.seq + 1))
        assert run.task_results("g")["x"].value == 1
        with pytest.raises(Exception, match="'b' is a task, not a group"):
            run.task_results("b")


def test_an_interrupted_run_says_so_and_how_to_go_on(process: Callable[..., Any]) -> None:
    """Nobody drives it although it has not ended."""
    with pytest.raises(Died):
        simple().start(run_id="r", store=process(appends=2))
    run = open_run("r", store=process())
    assert (run.status, run.results) == ("interrupted", {"a": 1})
    with pytest.raises(RunInterrupted, match=r"Resume with: .*\br\b"):
        run.result()


def test_a_plan_says_what_a_resume_would_do_and_changes_nothing(process: Callable[..., Any]) -> None:
    """With the live workflow, and from the recorded sources alone."""
    with pytest.raises(Died):
        simple().start(run_id="r", store=process(appends=2))
    store = process()
    seq = open_run("r", store=store).info.seq
    for plan in (simple(store).plan("r"), open_run("r", store=store).plan()):
        assert {item.id: item.action for item in plan.items} == {"a": "reuse", "b": "run"}
        assert plan.reported == plan.divergence == []
        assert plan.resumes
    assert open_run("r", store=store).info.seq == seq


def test_a_plan_knows_its_functions_through_decorators(store: Store) -> None:
    """A task whose function was wrapped is not reported as changed or gone."""
    import functools

    def logged(function: Any) -> Any:
        @functools.wraps(function)
        def around(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return around

    @task
    @logged
    def wrapped() -> int:
        return 1

    wf = Workflow("w", store=store)
    wf.add(wrapped)
    wf.start(run_id="r")
    assert open_run("r", store=store).plan().reported == []


def test_an_observer_sees_each_commit(store: Store) -> None:
    """On the driver, after the events are durable."""
    from durable.runs.start import start_run

    seen: list[int] = []

    def observer(state: Any, events: list[Any]) -> None:
        stored = store.run("r")
        assert stored is not None
        assert stored.seq == events[-1].seq == state.seq
        seen.extend(event.seq for event in events)

    run = start_run(simple(), run_id="r", store=store, observers=[observer])
    assert seen == list(range(1, run.info.seq + 1))


def test_the_store_is_the_one_named_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``store=``, else ``checkpoint_dir=``, else the workflow's, else DURABLE_STORE, else ``.durable/runs.db``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DURABLE_STORE", raising=False)
    wf = simple()
    wf.execute(run_id="default")
    monkeypatch.setenv("DURABLE_STORE", "sqlite:///environment.db")
    wf.execute(run_id="environment")
    simple("workflow.db").execute(run_id="workflow")
    wf.execute(run_id="folder", checkpoint_dir=tmp_path / "folder")
    wf.execute(run_id="named", store="sqlite:///named.db", checkpoint_dir="ignored")
    for run_id, place in {
        "default": ".durable/runs.db",
        "environment": "environment.db",
        "workflow": "workflow.db",
        "folder": "folder/runs.db",
        "named": "named.db",
    }.items():
        assert [run.run_id for run in list_runs(store=tmp_path / place)] == [run_id]


def test_the_resume_command_names_a_store_that_is_not_the_default(tmp_path: Path) -> None:
    """And is quoted for a shell."""
    with open_store(f"sqlite:///{tmp_path}/my runs.db") as store:
        run = simple(store).start(run_id="it's")
        command = run.resume_command()
    assert command.startswith("durable resume 'it'\"'\"'s' --store '")
    assert "my runs.db" in command


def test_an_unknown_store_is_not_found() -> None:
    """With those that are installed."""
    with pytest.raises(StoreNotFound, match=r"no store is installed for nosuch://.*memory, sqlite"):
        simple().execute(store="nosuch://place")


def test_the_same_on_sqlite_as_in_memory(store: Store, sqlite_store: Store) -> None:
    """One run, event by event, but for where it is kept."""
    logs = []
    for place in (store, sqlite_store):
        run = simple(place).start(run_id="r")
        logs.append([(event.seq, event.time, event.type, event.task_id, event.data) for event in run.events()])
    assert logs[0] == logs[1]
