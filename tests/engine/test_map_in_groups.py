"""Maps as members: of groups, of chains, with callbacks, and a map in a map."""

from __future__ import annotations

from typing import Any

import pytest

from durable import ParallelGroupError, Store, TaskExecutionContext, parallel, task, workflow
from tests.engine.mapping import BROKEN, RAN, square, squares, total
from tests.engine.reading import statuses, trail


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


def test_a_map_inside_a_group(store: Store) -> None:
    """It is a member like any group."""

    @task
    def other() -> str:
        return "other"

    @task
    def both(outer: Any) -> Any:
        return [dict(outer["square"]), outer["other"]]

    with workflow("w", store=store) as wf:
        parallel(square.map(range(20)), other, name="outer") >> both
    run = wf.start()
    assert run.result() == [squares(*range(20)), "other"]
    assert statuses(run)["outer"] == "succeeded"


def test_a_map_inside_a_group_that_fails(store: Store) -> None:
    """Its failure is that of the member, and a resume runs only what failed."""
    broken = [True]

    @task
    def fragile(n: int) -> int:
        RAN[n] += 1
        if broken and n == 3:
            raise ValueError("no")
        return n

    with workflow("w", store=store) as wf:
        parallel(fragile.map(range(20)), square(n=100), name="outer")
    with pytest.raises(ParallelGroupError, match="outer"):
        wf.execute(run_id="r")
    broken.clear()
    assert wf.resume("r")["square"] == 10000
    assert {**dict.fromkeys(range(20), 1), 3: 2, 100: 1} == RAN


def test_a_chain_of_a_map_as_a_member(store: Store) -> None:
    """The end of the line gives the member its name."""
    with workflow("w", store=store) as wf:
        parallel(square.map(range(5)) >> total, square(task_id="other", n=3), name="outer")
    assert wf.execute() == {"total": 30, "other": 9}


def test_a_callback_of_a_map_runs_before_what_follows_it(store: Store) -> None:
    """The callback runs once, before what follows the map, with all values."""

    @task
    def adds(values: Any) -> int:
        return sum(values.values())

    @task
    def last(adds: int, square: Any) -> list[int]:
        return [adds, len(square)]

    with workflow("w", store=store) as wf:
        square.map(range(30), callback=adds) >> last
    run = wf.start()
    assert run.result() == [sum(n * n for n in range(30)), 30]
    assert trail(run, "GroupSucceeded", "TaskStarted")[-3:] == [
        "GroupSucceeded square",
        "TaskStarted adds",
        "TaskStarted last",
    ]


def test_a_map_in_a_map_is_refused_or_scheduled(store: Store) -> None:
    """Members are tasks; a member may schedule a map of its own."""

    @task
    def outer(context: TaskExecutionContext, n: int) -> int:
        context.next_task(square.map(range(n), name="inner"))
        return n

    with workflow("w", store=store) as wf:
        outer.map([2, 3])
    run = wf.start()
    assert dict(run.task_results("outer/0/inner"))["1"].value == 1
    assert dict(run.results["outer/1/inner"]) == squares(0, 1, 2)
