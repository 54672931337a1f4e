"""Values and results of members: read when they are asked for, also while the map grows."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from durable import Store, TaskExecutionContext, open_run, task, workflow
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.mapping import BROKEN, RAN, alone, square, squares


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


def test_values_are_read_when_they_are_asked_for(store: Store) -> None:
    """A consumer may look at one value, ask for a name that is not there, compare, and return the whole."""

    @task
    def looks(square: Any) -> Any:
        assert square["7"] == 49
        assert "7" in square
        assert "40" not in square
        assert "07" not in square
        assert 7 not in square
        assert square.get("40", "none") == "none"
        assert len(square) == 40
        with pytest.raises(KeyError):
            square["x"]
        assert square == squares(*range(40))
        assert square != squares(*range(39))
        assert "35 more" in repr(square)
        return square

    with workflow("w", store=store) as wf:
        square.map(range(40)) >> looks
    found = wf.execute()
    assert type(found) is dict
    assert found == squares(*range(40))


def test_results_of_members_are_made_when_they_are_asked_for(store: Store) -> None:
    """By short id, made when they are asked for; and those of all one after another."""

    @task
    def odd(n: int) -> int:
        if n % 2:
            raise ValueError(f"{n} is odd")
        return n

    with workflow("w", store=store) as wf:
        odd.map(range(100)).with_execution(policy="best_effort")
    run = wf.start()
    results = run.task_results("odd")
    assert len(results) == 100
    assert [result.success for _, result in results.iter()] == 50 * [True, False]
    assert results["98"].value == 98
    assert "99 is odd" in results["99"].error_message
    assert (len(results.failed), results.failed[1], results.failed[-1]) == (50, "3", "99")
    assert list(results.succeeded[:3]) == ["0", "2", "4"]
    with pytest.raises(KeyError):
        results["100"]
    assert run.results["odd"] == {str(n): n for n in range(0, 100, 2)}


def test_a_store_of_ones_own_stays_open_as_long_as_values_may_be_read(tmp_path: Any) -> None:
    """Also when nobody holds on to the run."""
    wf = alone(range(30), f"sqlite:///{tmp_path}/runs.db")
    assert dict(wf.execute()) == squares(*range(30))
    run_id = wf.start().run_id
    found = [open_run(run_id, wf.store).results["square"], open_run(run_id, wf.store).result()]
    member = open_run(run_id, wf.store).task_results("square")["7"]
    gc.collect()
    assert [dict(values) for values in found] == 2 * [squares(*range(30))]
    assert member.value == 49


def test_progress_and_plan_of_a_run_with_a_map(store: Store) -> None:
    """Both can be asked for."""
    run = alone(range(100), store).start()
    progress = run.progress()
    assert progress.done == progress.total == 100
    run.plan()


def test_a_run_can_be_read_while_its_map_grows(store: Store) -> None:
    """By the bodies' results as they come, from another thread."""
    seen: list[int] = []

    @task
    def reads(context: TaskExecutionContext, n: int) -> int:
        if n % 97 == 0:
            run = open_run(context.run_id, store=store)
            results = run.task_results("reads")
            seen.append(len(results))
            assert all(result.success for _, result in results.iter() if result.status == "succeeded")
            run.progress()
            run.plan()
            assert facts(load(store, context.run_id)) is not None
        return n

    with workflow("w", store=store) as wf:
        reads.map(n for n in range(500))
    run = wf.start()
    assert len(run.result()) == 500
    assert seen[0] < 500
