"""Workflows whose bodies make durable calls, for the crash tests: what was recorded is not done again.

Their results show what they got, in the order in which they got it.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from durable import RetryPolicy, TaskExecutionContext, parallel, task, workflow

PATIENT = RetryPolicy(max_attempts=9, initial_interval=0.001, backoff_factor=1.0)


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


class Flaky:
    """A step that works at its third call in a process at the latest."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, n: int) -> int:
        self.calls += 1
        if self.calls < 3:
            raise ConnectionError("try again")
        return n


# Steps.


@task
def makes_steps(context: TaskExecutionContext) -> list[int]:
    got = [context.step(double, n) for n in range(3)]
    got.append(context.step(Flaky(), 9, retry=PATIENT))
    context.get_channel().append("got", got)
    got.append(context.step(adouble, 10))
    return got


async def adouble(n: int) -> int:
    await asyncio.sleep(0.001 * (n % 3))
    return 2 * n


with workflow("steps") as steps:
    begin >> makes_steps >> parallel(makes_steps(task_id="s1"), makes_steps(task_id="s2"), name="group") >> end


@task(retry=PATIENT)
def steps_and_retries(context: TaskExecutionContext) -> list[int]:
    got = [context.step(double, 1)]
    context.get_channel().append("got", got)  # what a failed attempt wrote is dropped
    if context.attempt < 3:
        raise ConnectionError("try again")
    return [*got, context.step(double, 2)]


with workflow("steps_retried") as steps_retried:
    begin >> steps_and_retries >> end


@task
async def steps_in_a_coroutine(context: TaskExecutionContext) -> list[int]:
    first = await asyncio.gather(*(context.step(adouble, n) for n in range(4)))
    return [*first, await context.step(double, 5), await context.step(adouble, 6)]


with workflow("async_steps") as async_steps:
    begin >> steps_in_a_coroutine >> end


# Checkpoints.


@task
def saves(context: TaskExecutionContext) -> list[int]:
    done = context.checkpoint_state or []
    while len(done) < 4:
        done.append(len(done) * 10)
        time.sleep(0.001)
        context.checkpoint(done)
    return done


with workflow("checkpoints") as checkpoints:
    begin >> saves >> end


# Tracked loops.


@task
def tracks(context: TaskExecutionContext) -> list[Any]:
    channel = context.get_channel()
    for item in context.track([10, 20, 30, 40]):
        channel.append("items", item)
        channel.atomic_add("sum", item)
        context.metadata[f"item{item}"] = item
        time.sleep(0.001)
    return [channel.get("items"), channel.get("sum")]


with workflow("track_plain") as track_plain:
    begin >> tracks >> end


@task
def aside(context: TaskExecutionContext, of: str) -> str:
    return f"{of}:{context.task_id}"


@task
def tracks_nested(context: TaskExecutionContext) -> list[Any]:
    channel, seen = context.get_channel(), []
    for letter in context.track(["a", "b", "c"], key=str.upper):
        seen.append(context.step(str.upper, letter))
        for number in context.track(range(2)):
            channel.append("pairs", f"{letter}{number}")
            context.step(double, number)
        context.next_task(aside(of=letter))
        channel.append("letters", letter)
    return [channel.get("pairs"), channel.get("letters")]


with workflow("track_nested") as track_nested:
    begin >> tracks_nested >> end


@task
async def tracks_in_a_coroutine(context: TaskExecutionContext) -> Any:
    async for item in context.track([1, 2, 3]):
        context.get_channel().append("items", await context.step(adouble, item))
    return context.get("items")


with workflow("track_async") as track_async:
    begin >> tracks_in_a_coroutine >> end
