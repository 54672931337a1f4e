"""A task that goes round until it is at 5, and one that follows it, for the tests of iterations."""

from __future__ import annotations

from collections import Counter
from typing import Any

from durable import TaskExecutionContext, Workflow, task, workflow

RAN: Counter[str] = Counter()


@task
def climb(context: TaskExecutionContext, n: int = 1) -> int:
    """Goes round until 5, and keeps a list and a sum on the way."""
    RAN[context.task_id] += 1
    context.get_channel().append("seen", n)
    context.get_channel().atomic_add("sum", n)
    if n < 5:
        context.next_iteration(n + 1)
    return n


@task
def after(context: TaskExecutionContext, climb: int) -> list[Any]:
    RAN[context.task_id] += 1
    return [climb, context.get("seen"), context.get("sum")]


def climbing(store: Any = None) -> Workflow:
    with workflow("w", store=store) as wf:
        climb >> after
    return wf
