"""Groups of coroutines: all at once, limits, order, failures and chords as in groups of threads."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from durable import (
    ParallelGroup,
    ParallelGroupError,
    RetryPolicy,
    RunSuspended,
    Store,
    TaskExecutionContext,
    open_run,
    open_store,
    parallel,
    task,
    workflow,
)
from tests.engine.coroutines import ASYNCIO, hello
from tests.engine.reading import statuses

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.mark.parametrize("backend", [ASYNCIO, "asyncio"])
def test_a_thousand_sleeping_members_take_about_as_long_as_one(backend: Any) -> None:
    """All sleep at once: every one waits until all have begun."""
    begun: list[int] = []

    @task
    async def member(n: int) -> int:
        begun.append(n)
        while len(begun) < 1000:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        return n

    with open_store("memory://") as store, workflow("w", store=store) as wf:
        wf.add(parallel([member(task_id=f"m{n}", n=n) for n in range(1000)], name="g").with_execution(backend))
        before = time.monotonic()
        found = wf.execute()
    assert list(found.items()) == [(f"m{n}", n) for n in range(1000)]
    assert time.monotonic() - before < 20


@pytest.mark.parametrize("limit", [1, 3])
def test_max_concurrent_limits_coroutines_like_a_semaphore(store: Store, limit: int) -> None:
    """Never more than so many at once, once so many, and all run."""
    now, most = [0], [0]

    @task
    async def member() -> None:
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0.001)
        now[0] -= 1

    with workflow("w", store=store) as wf:
        group = parallel([member(task_id=f"m{n}") for n in range(20)], name="g")
        wf.add(group.with_execution(ASYNCIO, max_concurrent=limit))
    assert len(wf.execute()) == 20
    assert most == [limit]


def test_a_back_off_does_not_hold_a_place(real: Store) -> None:
    """With one place, the others run while the first member waits for its second attempt."""
    order: list[str] = []

    @task(retry=RetryPolicy(max_attempts=2, initial_interval=0.2, jitter=0))
    async def flaky(context: TaskExecutionContext) -> None:
        order.append(f"flaky {context.attempt}")
        if context.attempt == 1:
            raise ConnectionError

    @task
    async def other() -> None:
        order.append("other")

    with workflow("w", store=real) as wf:
        group = parallel(flaky, *(other(task_id=f"o{n}") for n in range(3)), name="g")
        wf.add(group.with_execution(ASYNCIO, max_concurrent=1))
    wf.execute()
    assert order == ["flaky 1", "other", "other", "other", "flaky 2"]


def test_results_of_coroutines_come_in_definition_order(store: Store) -> None:
    """Whatever finishes first."""

    @task
    async def member(n: int) -> int:
        await asyncio.sleep(0.002 * (5 - n))
        return n

    with workflow("w", store=store) as wf:
        wf.add(parallel([member(task_id=f"m{n}", n=n) for n in range(5)], name="g").with_execution(ASYNCIO))
    assert list(wf.execute()) == [f"m{n}" for n in range(5)]


def test_failures_of_coroutines_come_together(store: Store) -> None:
    """All of them, in definition order, as the group of exceptions that caused the error; none hides another."""

    @task
    async def fails(n: int) -> None:
        await asyncio.sleep(0.002 * (3 - n))
        raise ValueError(n)

    async def main() -> None:
        with workflow("w", store=store) as wf:
            wf.add(parallel([fails(task_id=f"f{n}", n=n) for n in range(3)], hello, name="g").with_execution(ASYNCIO))
        await wf.aexecute()

    with pytest.raises(ParallelGroupError) as caught:
        asyncio.run(main())
    cause = caught.value.__cause__
    assert isinstance(cause, ExceptionGroup)
    assert [error.args for error in cause.exceptions] == [(0,), (1,), (2,)]
    assert [name for name, _ in caught.value.failed_tasks] == ["f0", "f1", "f2"]
    assert caught.value.successful_tasks == ["hello"]


def test_a_suspended_member_does_not_cancel_its_siblings(store: Store) -> None:
    """They run to their ends; then the run is suspended, and the answer is all that is missing."""

    @task
    async def asks(context: TaskExecutionContext) -> Any:
        return (await context.request_feedback("who?", feedback_type="text", timeout=0)).value

    @task
    async def slow() -> str:
        await asyncio.sleep(0.05)
        return "done"

    async def main() -> Any:
        with workflow("w", store=store) as wf:
            wf.add(parallel(asks, slow, name="g").with_execution(ASYNCIO))
        with pytest.raises(RunSuspended):
            await wf.aexecute(run_id="r")
        run = open_run("r", store=store)
        assert statuses(run) == {"asks": "suspended", "slow": "succeeded", "g": "running"}
        run.answer(value="me")
        return await wf.aresume("r")

    assert asyncio.run(main()) == {"asks": "me", "slow": "done"}


def test_a_chord_of_coroutines(store: Store) -> None:
    """Members, callback and group work as in threads."""

    @task
    async def merge(results: dict[str, str]) -> list[str]:
        return list(results)

    with workflow("w", store=store) as wf:
        wf.add(ParallelGroup(hello, hello(task_id="again"), callback=merge).with_execution(ASYNCIO))
    assert asyncio.run(wf.aexecute()) == ["hello", "again"]
