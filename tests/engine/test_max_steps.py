"""``max_steps``: how many attempts a run may start. It never stops silently."""

from __future__ import annotations

from typing import Any

import pytest

from durable import (
    DefinitionError,
    StepLimitExceeded,
    Store,
    TaskExecutionContext,
    TaskFailed,
    parallel,
    task,
    workflow,
)
from tests.engine.reading import count, fields, statuses


@task
def step(context: TaskExecutionContext) -> str:
    return context.task_id


def test_the_limit_names_itself_and_running_members_end(store: Store) -> None:
    """Members that were started end and are recorded; the others did not start."""
    with workflow("w", store=store) as wf:
        parallel([step(task_id=f"s{n}") for n in range(5)], name="g").with_execution(max_concurrent=2)
    run = wf.start(run_id="r", max_steps=3)
    with pytest.raises(StepLimitExceeded, match="started 3 attempts"):
        run.result()
    assert sorted(statuses(run).values()) == ["pending", "pending", "running", "succeeded", "succeeded", "succeeded"]
    assert fields(run, "RunFailed")["error"].startswith("durable.errors.StepLimitExceeded")
    with pytest.raises(StepLimitExceeded, match="started 3 attempts"):
        wf.execute(run_id="r")


def test_exactly_as_many_steps_as_needed_are_enough(store: Store) -> None:
    """The limit is not off by one."""
    with workflow("w", store=store) as wf:
        step(task_id="a") >> step(task_id="b")
    assert wf.execute(max_steps=2) == "b"


def test_retries_count_as_steps(store: Store) -> None:
    """A loop of retries cannot run past it."""

    @task(max_retries=100)
    def fails() -> None:
        raise ValueError

    with workflow("w", store=store) as wf:
        wf.add(fails)
    run = wf.start(max_steps=4)
    assert count(run, "TaskStarted") == 4
    with pytest.raises((StepLimitExceeded, TaskFailed)):
        run.result()


@pytest.mark.parametrize("max_steps", [0, -1, 1.5, "3", True])
def test_what_is_no_number_of_steps_is_refused(store: Store, max_steps: Any) -> None:
    """Before anything is recorded."""
    with workflow("w", store=store) as wf:
        wf.add(step)
    with pytest.raises(DefinitionError, match="max_steps"):
        wf.execute(run_id="r", max_steps=max_steps)
    assert store.run("r") is None
