"""Code that is recorded by value: closures and lambdas, which refer to what durable has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import durable
import durable.errors
from durable import (
    BestEffortGroupPolicy,
    GroupExecutionPolicy,
    MapValues,
    ParallelGroupError,
    RetryPolicy,
    TaskExecutionContext,
    TaskResult,
    current_context,
    parallel,
    task,
    workflow,
)
from durable.values import payloads

ABOUT = "Code by value, which only the Python that wrote it can read: closures as tasks, policies, results and values"
bodies: list[str] = []
mended = False


@task
def schedule(ctx: TaskExecutionContext, factor: int) -> int:
    bodies.append("schedule")

    @task(retry=RetryPolicy(max_attempts=2, initial_interval=1))
    def scaled(ctx: TaskExecutionContext, number: int) -> int:
        assert current_context() is ctx
        if isinstance(number, bool):
            raise ParallelGroupError("never", group_id="scaled")
        ctx.get_channel().atomic_add("scaled", number * factor)
        return number * factor

    class Lenient(GroupExecutionPolicy):
        def on_group_finished(self, group_id: str, tasks: Any, results: Mapping[str, TaskResult], context: Any) -> None:
            BestEffortGroupPolicy().on_group_finished(group_id, tasks, results, context)

    numbers = parallel([scaled(task_id=f"n{n}", number=n) for n in range(3)], name="numbers")
    ctx.next_task(numbers.with_execution(policy=Lenient(), max_concurrent=1) >> wait)
    ctx.next_task(scaled.map([4, 5], name="more"))
    return factor


@task
def wait(ctx: TaskExecutionContext, numbers: dict[str, int]) -> int:
    bodies.append("wait")
    return sum(numbers.values()) + ctx.wait_for_signal("go", timeout=None)


@task
def functions() -> dict[str, Any]:
    """Functions as values: a lambda, and a closure with classes of durable among its globals and annotations."""
    bodies.append("functions")
    limit = MapValues

    def closure(values: MapValues, policy: RetryPolicy | None = None) -> tuple[str, str, str]:
        return limit.__name__, RetryPolicy.__name__, payloads.encode((1, durable.FeedbackType.TEXT)).encoding

    class Local(durable.errors.DurableError):
        """A class that has no name anywhere, derived from one of durable's."""

    unnamed = task(id="unnamed", max_retries=1)(lambda number: number + 1)
    return {"lambda": lambda number: number + 1, "closure": closure, "error": Local("own", run_id="r"), "task": unnamed}


with workflow("closures") as closures:
    schedule >> functions


def suspended(store: Any) -> None:
    closures.start(run_id="suspended", store=store, initial={"factor": 10})


def done(store: Any) -> None:
    run = closures.start(run_id="done", store=store, initial={"factor": 2})
    run.signal("go", 100, id="g1")
    run.resume()


RUNS = {"suspended": suspended, "done": done}
SENDS: dict[str, list[tuple[object, ...]]] = {"suspended": [("signal", "go", 7)]}
