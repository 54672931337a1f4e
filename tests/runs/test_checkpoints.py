"""CheckpointManager: lists the points from which runs can go on, and goes on from them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from durable import RunConflict, RunNotFound, Store, StoreError, TaskExecutionContext, open_run, task, workflow
from durable.runs.checkpoints import CheckpointManager, CheckpointRef
from durable.runs.workflow import Workflow
from durable.testing import FakeClock

bodies: Counter[str] = Counter()
broken: list[str] = []


@pytest.fixture(autouse=True)
def fresh() -> None:
    bodies.clear()
    broken.clear()


@task
def first(context: TaskExecutionContext) -> str:
    bodies["first"] += 1
    context.checkpoint({"half": "done"})
    return "first"


@task
def second(first: str) -> str:
    bodies["second"] += 1
    if broken:
        raise ValueError(broken[0])
    return f"{first} second"


def two(store: Any, name: str = "two") -> Workflow:
    with workflow(name, store=store) as wf:
        first >> second
    return wf


def test_each_run_is_listed_with_its_end_and_its_stored_checkpoints(store: Store, clock: FakeClock) -> None:
    """The newest first, whichever run they belong to."""
    wf = two(store)
    wf.start(run_id="a")
    clock.advance(5)
    wf.start(run_id="b")
    with CheckpointManager(store=store) as manager:
        every, of_a = manager.list(), manager.list("a")
        with pytest.raises(RunNotFound, match="no run 'c'"):
            manager.list("c")
    assert [ref.run_id for ref in every] == ["b", "b", "a", "a"]
    end, stored = of_a
    assert end == CheckpointRef(f"a@{end.seq}", "a", open_run("a", store).info.seq, end.time, "two", "succeeded")
    assert (stored.run_id, stored.status) == ("a", "running")
    assert 0 < stored.seq < end.seq
    assert end.when.year == 2026


def test_the_end_is_gone_on_with_in_place(store: Store) -> None:
    """By the run's id, by its last sequence number, and by a ref from the list."""
    wf = two(store)
    for number in range(3):
        broken.append("closed")
        wf.start(run_id=f"r{number}")
        broken.clear()
        with CheckpointManager(store=store) as manager:
            info = open_run(f"r{number}", store).info
            ref = [info.run_id, f"{info.run_id}@{info.seq}", manager.list(info.run_id)[0]][number]
            run = manager.resume_from_checkpoint(ref, wf, actor="ann", reason="open")
        assert (run.run_id, run.result()) == (info.run_id, "first second")
    assert bodies == {"first": 3, "second": 6}
    assert len(list(store.runs())) == 3


def test_an_earlier_point_is_gone_on_with_in_a_fork(store: Store) -> None:
    """The run itself stays as it is."""
    wf = two(store)
    wf.start(run_id="a")
    before = list(store.digests("a"))
    with CheckpointManager(store=store) as manager:
        run = manager.resume_from_checkpoint(manager.list("a")[-1], wf, run_id="b", actor="ann")
        assert (run.run_id, run.result()) == ("b", "first second")
        with pytest.raises(RunConflict):
            manager.resume_from_checkpoint(manager.list("a")[-1], wf, run_id="b")
    assert bodies == {"first": 2, "second": 2}
    assert list(store.digests("a")) == before
    forked = next(event for event in run.events() if event.type == "RunForked")
    assert forked.fields["actor"] == "ann"


def test_the_newest_run_that_can_go_on_is_found(store: Store, clock: FakeClock) -> None:
    """Not one that has ended, nor one that waits for what has not come, nor one of another workflow."""

    @task
    def waits(context: TaskExecutionContext) -> Any:
        return context.wait_for_signal("go")

    with workflow("waiting", store=store) as waiting:
        waiting.add(waits)
    wf = two(store)
    broken.append("closed")
    wf.start(run_id="failed")
    broken.clear()
    waiting.start(run_id="asleep")
    wf.start(run_id="done")
    with CheckpointManager(store=store) as manager:
        assert manager.resume_from_latest(wf).run_id == "failed"
        for workflow_of in (None, wf, waiting):
            with pytest.raises(RunNotFound, match="can be resumed"):
                manager.resume_from_latest(workflow_of)
        open_run("asleep", store).signal("go", 5)
        run = manager.resume_from_latest(waiting)
        assert (run.run_id, run.result()) == ("asleep", 5)


def test_a_folder_is_a_store(tmp_path: Path) -> None:
    """The same one that checkpoint_dir= of a workflow means; it is closed with the manager."""
    wf = two(None)
    wf.execute(run_id="a", checkpoint_dir=tmp_path)
    with CheckpointManager(tmp_path) as manager:
        assert {ref.run_id for ref in manager.list()} == {"a"}
        store = manager.store
    with pytest.raises(StoreError):
        store.run("a")


def test_a_store_that_was_given_stays_open(store: Store) -> None:
    """Who opened it closes it."""
    with CheckpointManager("unused", store=store):
        pass
    assert store.run("a") is None


@pytest.mark.parametrize("ref", ["none", "none@3", "a@", "a@x", "@3", "", "a@999", "a@0", "a@1"])
def test_refs_to_nothing_are_refused(store: Store, ref: str) -> None:
    """With what there is."""
    two(store).start(run_id="a")
    with CheckpointManager(store=store) as manager, pytest.raises(RunNotFound):
        manager.resume_from_checkpoint(ref)
