"""Members of groups that go round: one result each, judged after the last iteration, cancelled between two."""

from __future__ import annotations

from typing import Any

import pytest

from durable import ParallelGroupError, Store, StrictGroupPolicy, TaskExecutionContext, parallel, task, workflow
from tests.engine.climbing import RAN
from tests.engine.reading import statuses, trail


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


@pytest.mark.parametrize("backend", ["direct", "threading"])
def test_a_member_of_a_group_may_go_round(store: Store, backend: str) -> None:
    """The group is judged after the last iteration of each, and sees one result of each."""

    @task
    def member(context: TaskExecutionContext, limit: int, n: int = 1) -> int:
        RAN[context.task_id] += 1
        if n < limit:
            context.next_iteration(n + 1)
        return n

    with workflow("w", store=store) as wf:
        members = [member(task_id=f"m{limit}", limit=limit) for limit in (1, 3, 5)]
        parallel(members, name="g").with_execution(backend=backend) >> task(id="end")(lambda g: g)
    run = wf.start()
    assert run.result() == {"m1": 1, "m3": 3, "m5": 5}
    assert sum(RAN.values()) == 9
    assert trail(run, "Group", "TaskSucceeded")[-2:] == ["GroupSucceeded g", "TaskSucceeded end"]


def test_a_member_that_goes_round_is_cancelled_with_its_group(store: Store) -> None:
    """It has begun: it is cancelled and not skipped, also between two iterations."""

    @task
    def endless(context: TaskExecutionContext) -> None:
        context.next_iteration()

    @task
    def fails(context: TaskExecutionContext) -> None:
        if context.iteration < 20:
            context.next_iteration()
            return
        raise OSError

    with workflow("w", store=store) as wf:
        parallel(endless, fails, name="g").with_execution(backend="direct", fail_fast=True)
    run = wf.start()
    assert statuses(run) == {"endless": "cancelled", "fails": "failed", "g": "failed"}


def test_a_policy_cannot_give_a_member_other_arguments(store: Store) -> None:
    """Another attempt has the member's own; silently it would have gone on with the old ones."""

    class Tries(StrictGroupPolicy):
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            context.next_task(tasks[0](v=5))

    @task
    def member(v: int = 0) -> int:
        return v

    with workflow("w", store=store) as wf:
        wf.add(parallel(member, name="g").with_execution(policy=Tries()))
    with pytest.raises(ParallelGroupError, match="has the arguments that the member was given"):
        wf.execute()
