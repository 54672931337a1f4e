"""Bodies in worker processes: results, errors and deaths come from there."""

from __future__ import annotations

import os
from typing import Any

from durable import CoordinationBackend, RetryPolicy, Store, parallel, task, workflow

ABOUT = "Worker processes: results and errors from there, a worker that dies, an executor of the program's own"
bodies: list[str] = []
mended = False


@task
def crunch(part: int) -> Any:
    if part == 2:
        raise OverflowError("too large")
    return {"part": part, "square": (part, part * part)}


@task(retry=RetryPolicy(max_attempts=2))
def dies() -> None:
    os._exit(3)


@task
def after(parts: dict[str, Any]) -> list[str]:
    bodies.append("after")
    return sorted(parts)


def pool() -> Any:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1)


with workflow("processes") as processes:
    parts = parallel([*(crunch(task_id=f"part{n}", part=n) for n in range(3)), dies], name="parts")
    parts.with_execution(backend=CoordinationBackend.PROCESS, policy="best_effort", max_concurrent=1) >> after

with workflow("pool") as pools:
    pools.add(parallel(crunch(task_id="one", part=1), name="pooled").with_execution(backend=pool, max_concurrent=1))


def run_processes(store: Store) -> None:
    processes.start(run_id="processes", store=store)


def run_pool(store: Store) -> None:
    pools.start(run_id="pool", store=store)


RUNS: dict[str, Any] = {"processes": run_processes, "pool": run_pool}
SENDS: dict[str, list[tuple[object, ...]]] = {}
