"""Runs to make forks of: which bodies have run, which fail, and short words for what the tests look at."""

from __future__ import annotations

from collections import Counter
from typing import Any

from durable import Run, Store, TaskExecutionContext, task, workflow
from durable.runs.workflow import Workflow

bodies: Counter[str] = Counter()
broken: set[str] = set()


@task
def work(context: TaskExecutionContext) -> str:
    bodies[context.task_id] += 1
    context.get_channel().append("done", context.task_id)
    if context.task_id in broken:
        raise ValueError(f"{context.task_id} is broken")
    return context.task_id


def chain(store: Store, *names: str) -> Workflow:
    with workflow("chain", store=store) as wf:
        before = None
        for name in names:
            each = work(task_id=name)
            if before is not None:
                before >> each
            before = each
        if len(names) == 1:
            wf.add(each)
    return wf


def resumed(wf: Workflow, store: Store, name: str) -> Run:
    return Run(store, name).resume(wf)


def log(store: Store, name: str) -> list[Any]:
    return [*store.read(name), *store.digests(name)]


def seq_of(run: Run, type: str, task_id: str | None = None) -> int:
    return next(event.seq for event in run.events() if event.type == type and event.task_id == task_id)


def asking(store: Store) -> tuple[Workflow, Run]:
    @task
    def asks(context: TaskExecutionContext) -> Any:
        bodies["asks"] += 1
        return context.request_feedback("go on?", feedback_type="text", request_id="q").value

    with workflow("asking", store=store) as wf:
        asks >> work(task_id="last")
    return wf, wf.start(run_id="old")
