"""Coroutines: two hundred slow requests at once, fifty at a time, in a program that has an event loop of its own."""

from __future__ import annotations

import asyncio
import time

from durable import CoordinationBackend, RetryPolicy, TaskExecutionContext, parallel, task, workflow

REQUESTS = 200


@task(timeout=5, retry=RetryPolicy(max_attempts=3, initial_interval=0.05))
async def fetch(n: int, context: TaskExecutionContext) -> int:
    await asyncio.sleep(0.05)  # stands for a request
    if n % 50 == 0 and context.attempt == 1:
        raise ConnectionError("no answer")
    return n


@task
def total(answers: dict[str, int]) -> int:
    return sum(answers.values())


with workflow("async_fetch") as wf:
    answers = parallel([fetch(task_id=f"fetch{n}", n=n) for n in range(REQUESTS)], name="answers")
    answers.with_execution(backend=CoordinationBackend.ASYNCIO, max_concurrent=50) >> total


async def main() -> None:
    """The run does not block the loop: the program continues its own work beside it."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticker = asyncio.create_task(tick())
    begun = time.monotonic()
    result = await wf.aexecute()
    ticker.cancel()
    print(f"{result} after {time.monotonic() - begun:.2f} s, and {ticks} ticks meanwhile")
    assert result == sum(range(REQUESTS))
    assert ticks > 5


if __name__ == "__main__":
    asyncio.run(main())
