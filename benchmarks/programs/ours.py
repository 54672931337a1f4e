"""durable, as a user runs it: a workflow of no-op tasks, executed in a SQLite store.

The measured seconds are those of ``Workflow.execute``: compiling the workflow, taking the lease,
creating the run, every task, the end of the run, and reading its result. Memory is what the process
had until then, before the harness reads the log.

Options: ``count_appends``: also count the store's appends; each is one transaction.
"""

from __future__ import annotations

from itertools import count as numbers
from time import perf_counter
from typing import Any

from benchmarks.protocol import Answer, Job, peak_bytes, serve
from durable import Store, Workflow, __version__, chain, open_store, parallel, task, workflow


@task
def noop() -> None:
    """Do nothing."""


@task
def member(_number: int) -> None:
    """Count the call, so that a map that lost members is found out."""
    next(calls[0])


calls = [numbers()]


def build(job: Job, count: int) -> Workflow:
    """Return a workflow of so many tasks."""
    with workflow(job.work) as made:
        if job.work == "map":
            member.map(range(count), name="group").with_execution(max_concurrent=job.window)
            return made
        tasks = [noop(task_id=f"t{number}") for number in range(count)]
        if job.work == "chain":
            chain(*tasks)
        else:
            parallel(*tasks, name="group").with_execution(max_concurrent=job.window)
    return made


def execute(job: Job, count: int, name: str) -> Answer:
    """Run a workflow of so many tasks in a fresh store."""
    made = build(job, count)
    opening = perf_counter()
    store = open_store(f"sqlite:///{job.database(name)}?synchronous={job.synchronous}")
    appends = count_appends(store) if job.options.get("count_appends") else []
    calls[0] = numbers()
    began = perf_counter()
    made.execute(run_id=name, store=store)
    ended = perf_counter()
    peak = peak_bytes()
    assert job.work != "map" or next(calls[0]) == count, calls
    store.close()
    closed = perf_counter()
    return {
        "seconds": ended - began,
        "whole": closed - opening,
        "drive": drive_seconds(job, name),
        "appends": len(appends),
        "peak": peak,
        "version": __version__,
    }


def drive_seconds(job: Job, name: str) -> float:
    """Return the seconds from the run's first event to its last, by the log itself."""
    store = open_store(job.database(name))
    first = last = None
    for event in store.read(name):
        first, last = event.time if first is None else first, event.time
    store.close()
    return ((last or 0) - (first or 0)) / 1e6


def count_appends(store: Store) -> list[int]:
    """Return a list that grows by one number of events with each append."""
    sizes: list[int] = []
    append = store.append

    def counted(run_id: str, events: Any, *rest: Any, **named: Any) -> int:
        sizes.append(len(events))
        return append(run_id, events, *rest, **named)

    store.append = counted  # type: ignore[method-assign]
    return sizes


if __name__ == "__main__":
    serve(execute)
