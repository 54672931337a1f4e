"""Maps that are scheduled while the run goes on: all their items are recorded with who schedules them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from durable import (
    DefinitionError,
    ParallelGroupError,
    Store,
    TaskExecutionContext,
    open_run,
    task,
    workflow,
)
from tests.engine.mapping import single_map
from tests.engine.reading import appends, count

RAN: Counter[Any] = Counter()


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


@task
def square(n: int) -> int:
    RAN[n] += 1
    return n * n


@pytest.mark.parametrize("kind", ["list", "generator", "keyed"])
def test_a_map_that_a_task_schedules(store: Store, kind: str) -> None:
    """All its items are recorded with the success of who schedules it."""

    @task
    def body(context: TaskExecutionContext) -> str:
        items: Any = list(range(100)) if kind == "list" else iter(range(100))
        context.next_task(square.map(items, str if kind == "keyed" else None, name="m"))
        return "scheduled"

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start()
    assert dict(run.results["body/m"]) == {str(n): n * n for n in range(100)}
    together = next(append for append in appends(store, run.run_id) if "TasksScheduled body" in append)
    assert together.count("MembersAdded body/m") == count(run, "MembersAdded")
    assert together.index("TaskSucceeded body") > together.index("MembersAdded body/m")


def test_a_scheduled_map_over_tasks_of_the_run(store: Store) -> None:
    """Over what is scheduled with it, and over what the run has."""

    @task
    def found() -> list[int]:
        return [1, 2, 3]

    @task
    def body(context: TaskExecutionContext) -> None:
        context.next_task(other >> square.map(other, name="m"))
        context.next_task(square.map(found, name="n"))

    @task
    def other() -> list[int]:
        return [4, 5]

    with workflow("w", store=store) as wf:
        found >> body
    run = wf.start()
    assert dict(run.results["body/m"]) == {"0": 16, "1": 25}
    assert dict(run.results["body/n"]) == {"0": 1, "1": 4, "2": 9}


def test_a_scheduled_map_over_nothing_of_the_run_is_refused(store: Store) -> None:
    """Where it is asked for."""

    @task
    def stranger() -> list[int]:
        return []

    @task
    def body(context: TaskExecutionContext) -> str:
        with pytest.raises(DefinitionError, match="'stranger', which the run does not have"):
            context.next_task(square.map(stranger))
        with pytest.raises(DefinitionError, match=r"positions 0 and 1 of .* have the same key '1'"):
            context.next_task(square.map([1, 1], key=str))
        return "refused"

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start()
    assert run.result() == "refused"
    assert count(run, "TasksScheduled") == count(run, "MembersAdded") == 0


def test_what_a_failed_attempt_scheduled_is_dropped(store: Store) -> None:
    """With its items."""

    @task(max_retries=1)
    def body(context: TaskExecutionContext) -> None:
        context.next_task(square.map(range(10 * context.attempt), name="m"))
        if context.attempt == 1:
            raise OSError

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start()
    assert len(run.results["body/m"]) == 20
    assert len(RAN) == 20


def test_maps_scheduled_by_a_tracked_loop_and_by_iterations(store: Store) -> None:
    """Each item's map is recorded with the item."""

    @task(max_cycles=3, max_retries=2)
    def body(context: TaskExecutionContext) -> None:
        for n in context.track([1, 2]):
            context.next_task(square.map([n, n + 10], name=f"m{n}"))
            if n == 1 and context.attempt == 1:
                raise OSError
        if context.iteration < 2:
            context.next_iteration()

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start()
    maps = {name: dict(values) for name, values in run.results.items() if "m" in name}
    assert maps == {
        f"{scheduler}/m{n}": {"0": n * n, "1": (n + 10) ** 2} for scheduler in ("body", "body[2]") for n in (1, 2)
    }


def test_a_policy_may_schedule_a_map(store: Store) -> None:
    """It runs after the verdict."""

    class Schedules:
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            context.next_task(square.map(list(range(30)), name="m"))

    run = single_map(square, range(5), store, policy=Schedules()).start()
    assert dict(run.results["square/m"]) == {str(n): n * n for n in range(30)}


def test_a_resumed_scheduled_map_runs_only_what_failed(store: Store) -> None:
    """Its items come from the log."""
    broken = [True]

    @task
    def fragile(n: int) -> int:
        RAN[n] += 1
        if n == 20 and broken:
            raise ValueError
        return n

    @task
    def body(context: TaskExecutionContext) -> None:
        RAN["body"] += 1
        context.next_task(fragile.map(iter(range(50)), name="m"))

    with workflow("w", store=store) as wf:
        wf.add(body)
        wf.define(fragile)
    run = wf.start(run_id="r")
    with pytest.raises(ParallelGroupError, match="body/m"):
        run.result()
    broken.clear()
    assert len(open_run("r", store=store).resume(wf).results["body/m"]) == 50
    assert {**dict.fromkeys(range(50), 1), 20: 2, "body": 1} == RAN
