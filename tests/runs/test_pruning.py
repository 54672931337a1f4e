"""``durable.prune``: which runs are chosen, what stays of them, and that no run is ever begun anew because of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from durable import (
    CheckpointManager,
    DefinitionError,
    RunNotEnded,
    RunNotFound,
    RunPruned,
    Store,
    Workflow,
    open_run,
    open_store,
    prune,
    task,
    workflow,
)
from durable.errors import TaskFailed
from durable.testing import FakeClock

DAY = 86_400
BODIES: list[str] = []


@task
def one() -> int:
    BODIES.append("one")
    return 1


@task
def two(one: int, fail: bool = False) -> int:
    if fail:
        raise ValueError("as asked")
    return one + 1


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    url = f"memory://{tmp_path}" if request.param == "memory" else f"sqlite:///{tmp_path}/runs.db?synchronous=normal"
    with open_store(url, clock=clock) as opened:
        yield opened


def _workflow(name: str = "nightly") -> Workflow:
    with workflow(name) as wf:
        one >> two
    return wf


def _run(store: Store, run_id: str, name: str = "nightly", **initial: Any) -> None:
    with suppress(TaskFailed):
        _workflow(name).execute(run_id=run_id, store=store, initial=initial)


def _four(store: Store, clock: FakeClock) -> None:
    """Runs that ended 3, 2, 1 and 0 days ago: three of nightly, the second of which has failed, and one of weekly."""
    for run_id, name, initial in (("n1", "nightly", {}), ("n2", "nightly", {"fail": True}), ("w1", "weekly", {})):
        _run(store, run_id, name, **initial)
        clock.advance(DAY)
    _run(store, "n3")


def _chosen(store: Store, **choice: Any) -> list[str]:
    return [run.run_id for run in prune(store=store, dry_run=True, **choice).runs]


def test_runs_are_chosen_by_age_status_workflow_and_number(store: Store, clock: FakeClock) -> None:
    """Choices are combined; the newest that are kept are counted for each workflow, among those of the status."""
    _four(store, clock)
    assert _chosen(store, older_than=1.5 * DAY) == ["n2", "n1"]
    assert _chosen(store, older_than=timedelta(days=2.5)) == ["n1"]
    assert _chosen(store, older_than=30 * DAY) == []
    assert _chosen(store, status="failed") == ["n2"]
    assert _chosen(store, workflow="weekly") == ["w1"]
    assert _chosen(store, keep_last=1) == ["n2", "n1"]
    assert _chosen(store, keep_last=2) == ["n1"]
    assert _chosen(store, keep_last=1, status="succeeded") == ["n1"]
    assert _chosen(store, keep_last=1, older_than=2.5 * DAY) == ["n1"]
    assert _chosen(store, keep_last=0) == ["n3", "w1", "n2", "n1"]
    assert [info.pruned for info in store.runs()] == [None] * 4, "a dry run changes nothing"


@pytest.mark.parametrize(
    ("run_ids", "choice"),
    [
        ((), {}),
        (("n1",), {"keep_last": 1}),
        ((), {"status": "suspended"}),
        ((), {"older_than": -1}),
        ((), {"keep_last": True}),
        ((), {"older_than": float("nan")}),
    ],
)
def test_unclear_choices_are_refused(store: Store, run_ids: tuple[str, ...], choice: dict[str, Any]) -> None:
    """Nothing is pruned because somebody forgot to say what."""
    _run(store, "n1")
    with pytest.raises(DefinitionError):
        prune(*run_ids, store=store, **choice)
    assert store.run("n1").pruned is None  # type: ignore[union-attr]


def test_a_summary_stays(store: Store, clock: FakeClock) -> None:
    """What is known of a pruned run: its names, status, times, number of events and tasks, and what was freed."""
    _four(store, clock)
    would = prune("n2", store=store, dry_run=True).runs[0]
    done = prune("n2", store=store)
    (run,) = done.runs
    assert (run.run_id, run.workflow, run.status) == ("n2", "nightly", "failed")
    assert run.tasks == {"succeeded": 1, "failed": 1}
    assert (run.created, run.ended, run.events, run.freed) == (would.created, would.ended, would.events, would.freed)
    assert would.pruned is None
    assert run.pruned == clock.now()
    assert done.freed == run.freed > 100
    info = store.run("n2")
    assert info is not None
    assert info.pruned is not None
    assert (info.status, info.seq, info.pruned.tasks) == ("failed", run.events, run.tasks)
    assert [one.run_id for one in store.runs()] == ["n3", "w1", "n2", "n1"]
    assert _chosen(store, keep_last=0) == ["n3", "w1", "n1"], "it is not chosen again"


def test_runs_that_have_not_ended_are_left_alone(store: Store, clock: FakeClock) -> None:
    """Interrupted, suspended and driven runs are never chosen, and refused when they are named."""

    @task(inject_context=True)
    def waits(ctx: Any) -> Any:
        return ctx.wait_for_signal("go")

    @task(inject_context=True)
    def prunes_itself(ctx: Any) -> str:
        with pytest.raises(Exception, match="drives this run"):
            prune("driven", store=store)
        return "done"

    with workflow("waiting") as waiting:
        waiting.add(waits)
    waiting.start(run_id="suspended", store=store)
    with workflow("driven") as driven:
        driven.add(prunes_itself)
    assert driven.execute(run_id="driven", store=store) == "done"
    clock.advance(100 * DAY)
    assert _chosen(store, older_than=DAY) == ["driven"]
    with pytest.raises(RunNotEnded, match="the run is suspended"):
        prune("suspended", store=store)
    with pytest.raises(RunNotFound):
        prune("unknown", store=store)
    open_run("suspended", store).cancel()
    assert [run.status for run in prune("suspended", store=store).runs] == ["cancelled"]


def test_a_pruned_run_is_never_run_again(store: Store, clock: FakeClock) -> None:
    """Whatever one does with it says when it was pruned, and no body starts."""
    _four(store, clock)
    prune(keep_last=0, store=store)
    BODIES.clear()
    wf = _workflow()
    uses = {
        "execute": lambda: wf.execute(run_id="n1", store=store),
        "start": lambda: wf.start(run_id="n1", store=store),
        "resume a success": lambda: wf.resume("n1", store=store),
        "resume a failure": lambda: wf.resume("n2", store=store),
        "run.resume": lambda: open_run("n2", store).resume(wf),
        "judge again": lambda: wf.resume("n2", store=store, policy="best_effort"),
        "result": lambda: open_run("n1", store).result(),
        "results": lambda: open_run("n1", store).results,
        "events": lambda: list(open_run("n1", store).events()),
        "plan": lambda: open_run("n1", store).plan(),
        "fork": lambda: open_run("n1", store).fork(),
        "fork from": lambda: open_run("n1", store).fork(from_task="two"),
        "signal": lambda: open_run("n1", store).signal("x"),
    }
    for name, use in uses.items():
        with pytest.raises(RunPruned, match=r"was pruned on 20\d\d-\d\d-\d\d") as raised:
            use()
        assert raised.value.run_id in ("n1", "n2"), name
    assert BODIES == []
    assert open_run("n2", store).status == "failed"
    assert open_run("n1", store).cancel() is False
    with pytest.raises(RunNotFound):
        wf.resume(store=store)
    manager = CheckpointManager(store=store)
    assert manager.list() == []
    with pytest.raises(RunNotFound):
        manager.resume_from_latest(wf)
    assert wf.execute(run_id="n4", store=store) == 2


def test_a_damaged_run_can_be_pruned(tmp_path: Path) -> None:
    """What became of its tasks is not known then, and its space is freed all the same."""
    import sqlite3

    path = tmp_path / "runs.db"
    with open_store(path) as store:
        _run(store, "n1")
    database = sqlite3.connect(path)
    database.execute("UPDATE events SET task_id = 'three' WHERE task_id = 'two'")
    database.commit()
    database.close()
    (run,) = prune("n1", store=path).runs
    assert run.tasks == {}
    with open_store(path) as store:
        assert store.run("n1").pruned is not None  # type: ignore[union-attr]
