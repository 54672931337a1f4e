"""``max_cycles`` and ``max_steps`` limit iterations by name: a loop without end does not go on silently."""

from __future__ import annotations

from typing import Any

import pytest

from durable import (
    CycleLimitExceeded,
    DefinitionError,
    StepLimitExceeded,
    Store,
    TaskExecutionContext,
    TaskFailed,
    task,
    workflow,
)
from tests.engine.climbing import RAN
from tests.engine.reading import count


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


@pytest.mark.parametrize("swallows", [False, True])
def test_max_cycles_limits_iterations_also_when_the_body_swallows_the_error(store: Store, swallows: bool) -> None:
    """CycleLimitExceeded, not retried; the iteration that asked for too much does not count as done."""

    @task(max_cycles=3, max_retries=5)
    def body(context: TaskExecutionContext) -> str:
        RAN[context.task_id] += 1
        context.get_channel().append("log", context.iteration)
        try:
            context.next_iteration()
        except CycleLimitExceeded:
            if not swallows:
                raise
        return "done"

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start()
    with pytest.raises(TaskFailed, match="has made 3 iterations, as many as its max_cycles allows") as caught:
        run.result()
    assert isinstance(caught.value.__cause__, CycleLimitExceeded)
    assert RAN == {"body": 1, "body[2]": 1, "body[3]": 1}
    assert run.view().read_channel("log", run.load_state().channel["log"]) == [1, 2]


@pytest.mark.parametrize("cycles", [0, -1, 1.5, True, "3"])
def test_max_cycles_is_a_number_of_iterations(cycles: Any) -> None:
    """Refused where the task is defined."""
    with pytest.raises(DefinitionError, match="max_cycles"):
        task(max_cycles=cycles)(lambda: None)


def test_exactly_max_cycles_iterations_are_allowed(store: Store) -> None:
    """The limit is not off by one."""

    @task(max_cycles=3)
    def body(context: TaskExecutionContext) -> int:
        if context.iteration < 3:
            context.next_iteration()
        return context.iteration

    with workflow("w", store=store) as wf:
        wf.add(body)
    assert wf.execute() == 3


def test_iterations_count_as_steps(store: Store) -> None:
    """A loop without end comes to one that names itself."""

    @task
    def body(context: TaskExecutionContext) -> None:
        context.next_iteration()

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start(max_steps=7)
    with pytest.raises(StepLimitExceeded, match="started 7 attempts"):
        run.result()
    assert count(run, "TaskIterated") == 7
