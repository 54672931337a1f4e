"""Forks that cannot be: points and tasks that are not there, and copies that were not completed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from durable import DefinitionError, InvalidRunId, RunConflict, RunNotFound, Store, open_run
from durable.runs.forks import fork_run, split_ref
from durable.testing import FakeClock
from tests.conftest import Died, MortalStore
from tests.engine.reading import fields, statuses
from tests.runs.forkable import bodies, broken, chain, resumed


@pytest.fixture(autouse=True)
def fresh() -> None:
    bodies.clear()
    broken.clear()


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_long_past_is_copied_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """It folds to the same as one that was copied at once."""
    wf = chain(store, *"abcdef")
    broken.add("f")
    wf.start(run_id="old")
    broken.clear()
    whole = fork_run(store, "old", from_tasks=["d"])
    monkeypatch.setattr("durable.runs.forks.BATCH_EVENTS", size)
    parts = fork_run(store, "old", from_tasks=["d"])
    assert len(list(store.digests(parts))) > len(list(store.digests(whole))) == 1
    assert statuses(open_run(parts, store)) == statuses(open_run(whole, store))
    assert resumed(wf, store, parts).result() == "f"
    assert bodies == {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 2}


def test_a_copy_that_was_not_completed_is_no_run_to_go_on_with(
    process: Callable[..., MortalStore], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies while it copies leaves a run that waits for the rest, and does nothing."""
    wf = chain(process(), *"abcdef")
    wf.execute(run_id="old")
    monkeypatch.setattr("durable.runs.forks.BATCH_EVENTS", 5)
    with pytest.raises(Died):
        fork_run(process(appends=2), "old", new_run_id="new")
    store = process()
    half = open_run("new", store)
    assert (half.status, half.info.ready(clock.now())) == ("suspended", False)
    assert half.resume(wf).status == "suspended"
    assert fields(half, "RunSuspended") == {"waiting": ["the rest of the copy of run old"]}
    assert sum(bodies.values()) == 6
    with pytest.raises(RunConflict):
        fork_run(store, "old", new_run_id="new")
    assert half.cancel()


def test_what_cannot_be_forked_is_said(store: Store) -> None:
    """The errors name what there is."""
    wf = chain(store, "a", "b")
    run = wf.start(run_id="old")
    with pytest.raises(RunNotFound, match="no run 'none'"):
        fork_run(store, "none")
    for seq in (0, -1, 99, True):
        with pytest.raises(RunNotFound, match="numbered 1 to 8"):
            fork_run(store, "old", seq)
    with pytest.raises(RunNotFound, match="it ends at seq 2"):
        fork_run(store, "old", 1)
    with pytest.raises(DefinitionError, match="It has: a, b"):
        fork_run(store, "old", from_tasks=["c"])
    with pytest.raises(RunConflict, match="a run of that id exists"):
        fork_run(store, "old", new_run_id="old")
    with pytest.raises(InvalidRunId):
        fork_run(store, "old", new_run_id="a/b")
    assert [info.run_id for info in store.runs()] == [run.run_id]


def test_a_run_whose_id_looks_like_a_point_is_found(store: Store) -> None:
    """The whole text comes first."""
    wf = chain(store, "a")
    wf.start(run_id="x")
    wf.start(run_id="x@3")
    assert [(info.run_id, seq) for info, seq in (split_ref(store, "x@2"), split_ref(store, "x@3"))] == [
        ("x", 2),
        ("x@3", None),
    ]
    assert split_ref(store, "x@3@1")[0].run_id == "x@3"
    for ref in ("y", "y@1", "x@", "x@-1", "@1", "x@" + "9" * 5000, "x@\u0663"):
        with pytest.raises(RunNotFound):
            split_ref(store, ref)
