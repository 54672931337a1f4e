"""A workflow that fails until a file is there, in the middle of everything, for the crash tests."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from durable import Task, TaskExecutionContext, parallel, task, workflow


@task
def begin(n: int = 1) -> int:
    return n + 1


@task
def end(begin: int = 0) -> tuple[int, str]:
    return begin, "ended"


def works(n: int = 0) -> dict[str, int]:
    time.sleep(0.001 * (n % 3))
    return {"n": n}


def double(n: int) -> int:
    time.sleep(0.001 * (n % 3))
    return 2 * n


async def adouble(n: int) -> int:
    await asyncio.sleep(0.001 * (n % 3))
    return 2 * n


def mended(folder: str) -> None:
    """Fail unless somebody has repaired it."""
    if not Path(folder, "repaired").exists():
        raise RuntimeError("still broken")


@task
def breaks_in_a_loop(context: TaskExecutionContext, folder: str) -> list[Any]:
    for item in context.track([1, 2, 3]):
        context.get_channel().append("items", context.step(double, item))
        context.next_task(breaks_later(task_id=f"later{item}", n=item))
        context.sleep(0.002)
        if item == 2:
            mended(folder)
    return [context.get("items")]


@task
def breaks_later(context: TaskExecutionContext, n: int, folder: str) -> int:
    found = int(context.step(double, n))
    if n == 2:
        mended(folder)
    return found


@task
def breaks_in_round_two(context: TaskExecutionContext, data: int = 0, folder: str = "") -> list[Any]:
    context.get_channel().append("rounds", [data, context.step(double, data)])
    if data == 1:
        mended(folder)
    if data < 2:
        context.next_iteration(data + 1)
    return [context.get("rounds")]


@task
async def breaks_after_steps(context: TaskExecutionContext, folder: str) -> list[int]:
    got = await asyncio.gather(*(context.step(adouble, n) for n in range(3)))
    mended(folder)
    return [*got, await context.step(double, 9)]


@task
def schedules_what_breaks(context: TaskExecutionContext) -> str:
    inner = parallel(*(breaks_later(n=n) for n in (1, 2)), name="inner")
    context.next_task(inner >> breaks_later(task_id="after", n=3))
    return "scheduled"


with workflow("mends") as mends:
    wholes = [breaks_in_a_loop, breaks_in_round_two, breaks_after_steps]
    begin >> parallel(*wholes, Task(works, "other")(n=1), name="group") >> end
    begin >> schedules_what_breaks
