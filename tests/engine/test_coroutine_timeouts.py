"""Time-outs of coroutines: the body is cancelled and cleans up, and what it does afterwards is discarded."""

from __future__ import annotations

import asyncio

import pytest

from durable import RetryPolicy, Store, TaskExecutionContext, parallel, task, workflow
from tests.engine.coroutines import WAIT, hello
from tests.engine.reading import fields, statuses, trail

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_a_timed_out_coroutine_is_cancelled_and_tried_again(real: Store) -> None:
    """Its ``finally`` runs to its end; the attempt is recorded as timed out; the next one succeeds."""
    seen: list[str] = []

    @task(timeout=0.05, retry=RetryPolicy(max_attempts=2, initial_interval=0.0))
    async def slow(context: TaskExecutionContext) -> int:
        if context.attempt == 2:
            return 2
        try:
            await asyncio.sleep(WAIT)
        finally:
            await asyncio.sleep(0.02)
            seen.append("cleaned up")
        return 1

    with workflow("w", store=real) as wf:
        wf.add(slow)
    run = wf.start()
    assert run.result() == 2
    assert seen == ["cleaned up"]
    assert fields(run, "TaskRetryScheduled")["cause"] == "timed_out"
    assert trail(run, "TaskFailed", "TaskCancelled") == []


def test_a_coroutine_that_times_out_for_good_fails_the_run(real: Store) -> None:
    """As TaskTimedOut; the loop and its thread are gone."""

    @task(timeout=0.02)
    async def slow() -> None:
        await asyncio.sleep(WAIT)

    with workflow("w", store=real) as wf:
        wf.add(slow)
    run = wf.start()
    assert statuses(run) == {"slow": "timed_out"}


def test_a_body_that_swallows_its_cancellation_records_nothing(real: Store) -> None:
    """The run goes on without it, and what it returns is discarded."""
    seen: list[str] = []

    @task(timeout=0.02)
    async def stubborn() -> str:
        try:
            await asyncio.sleep(WAIT)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            seen.append("went on")
        return "late"

    with workflow("w", store=real) as wf:
        wf.add(parallel(stubborn, hello, name="g").with_execution(policy="best_effort"))
    run = wf.start()
    assert run.result() == {"hello": "hello"}
    assert statuses(run)["stubborn"] == "timed_out"
    assert seen == ["went on"]


def test_a_body_may_cancel_what_it_started_itself(store: Store) -> None:
    """Its own time limits and cancelled children are its own affair; one that it lets out is a failure."""

    @task
    async def limits() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(WAIT)
        except TimeoutError:
            return "timed out by itself"
        return "?"

    @task
    async def lets_out() -> None:
        child = asyncio.create_task(asyncio.sleep(WAIT))
        child.cancel()
        await child

    with workflow("w", store=store) as wf:
        wf.add(parallel(limits, lets_out, name="g").with_execution(policy="best_effort"))
    run = wf.start()
    assert run.result() == {"limits": "timed out by itself"}
    assert statuses(run)["lets_out"] == "failed"
