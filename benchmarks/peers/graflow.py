"""Graflow, whose runs are kept in memory: nothing is recorded, so nothing survives a kill."""

from __future__ import annotations

from importlib.metadata import version
from itertools import pairwise
from time import perf_counter
from typing import Any

from graflow.coordination.coordinator import CoordinationBackend
from graflow.core.decorators import task
from graflow.core.task import ParallelGroup
from graflow.core.workflow import workflow

from benchmarks.protocol import Answer, Job, serve


def noop() -> None:
    """Do nothing."""


def link_chain(count: int) -> str:
    """Link tasks one after another; return where to start."""
    tasks: list[Any] = [task(f"t{number}")(noop) for number in range(count)]
    for before, after in pairwise(tasks):
        before >> after
    return "t0"


def link_group(count: int, window: int) -> str:
    """Make a group; return where to start."""
    tasks: list[Any] = [task(f"t{number}")(noop) for number in range(count)]
    group = ParallelGroup(tasks, name="group")
    group.with_execution(backend=CoordinationBackend.THREADING, backend_config={"thread_count": window})
    return "group"


def execute(job: Job, count: int, name: str) -> Answer:
    """Execute a workflow of so many tasks."""
    with workflow(name) as made:
        start = link_chain(count) if job.work == "chain" else link_group(count, job.window)
        began = perf_counter()
        made.execute(start, max_steps=count + 10)
        ended = perf_counter()
    return {"seconds": ended - began, "version": version("graflow")}


if __name__ == "__main__":
    serve(execute)
