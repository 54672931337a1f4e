"""The executor for coroutines: on the caller's loop or its own, cancelled once, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from durable.errors import RunInterrupted
from durable.executors.event_loop import LoopExecutor

WAIT = 20.0


class Call:
    """A call whose coroutine is given."""

    def __init__(self, body: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self.body = body
        self.over = threading.Event()
        self.raised: BaseException | None = None

    async def coroutine(self) -> None:
        try:
            await self.body()
        except BaseException as error:
            self.raised = error
        self.over.set()


def loops() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "durable-loop"]


def test_calls_run_at_once_on_one_thread_which_ends_with_the_executor() -> None:
    """Each waits for all the others."""
    gathered: list[int | None] = []

    async def body() -> None:
        gathered.append(threading.get_ident())
        while len(gathered) < 50:
            await asyncio.sleep(0)

    executor = LoopExecutor()
    calls = [Call(body) for _ in range(50)]
    for call in calls:
        executor.submit(call)
    assert all(call.over.wait(WAIT) for call in calls)
    executor.close()
    assert len(set(gathered)) == 1
    assert threading.get_ident() not in gathered
    assert loops() == []


def test_a_call_runs_with_the_context_variables_of_whoever_submits_it() -> None:
    """And what it sets stays its own."""
    variable = contextvars.ContextVar("variable", default=0)
    seen: list[int] = []

    async def body() -> None:
        seen.append(variable.get())
        variable.set(-1)

    executor = LoopExecutor()
    for value in (1, 2):
        variable.set(value)
        call = Call(body)
        executor.submit(call)
        assert call.over.wait(WAIT)
    executor.close()
    assert seen == [1, 2]
    assert variable.get() == 2


def test_abandon_cancels_and_close_does_not_cancel_a_second_time() -> None:
    """So that what a body does in its ``finally`` is not broken off."""
    seen: list[str] = []
    begun = threading.Event()

    async def body() -> None:
        try:
            begun.set()
            await asyncio.sleep(WAIT)
        finally:
            await asyncio.sleep(0.05)
            seen.append("cleaned up")

    executor = LoopExecutor()
    call = Call(body)
    executor.submit(call)
    assert begun.wait(WAIT)
    executor.abandon(call)
    executor.close()
    assert isinstance(call.raised, asyncio.CancelledError)
    assert seen == ["cleaned up"]


def test_a_call_that_is_abandoned_before_it_began_does_not_run() -> None:
    """Nor does one that is submitted after the end; neither leaves a coroutine that was never awaited."""

    async def body() -> None:
        raise AssertionError("it ran")

    executor = LoopExecutor()
    gate = threading.Event()

    async def block() -> None:
        gate.wait(WAIT)

    executor.submit(Call(block))
    call = Call(body)
    executor.submit(call)
    executor.abandon(call)
    gate.set()
    executor.close()
    assert call.raised is None
    assert not call.over.is_set()


def test_a_body_that_does_not_end_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing waits only so long; the loop's thread ends by itself after the body."""
    monkeypatch.setattr("durable.executors.event_loop._PATIENCE", 0.05)
    free, begun = threading.Event(), threading.Event()

    async def body() -> None:
        begun.set()
        while not free.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    executor = LoopExecutor()
    call = Call(body)
    executor.submit(call)
    assert begun.wait(WAIT)
    executor.close()
    assert loops() == ["durable-loop"]
    free.set()
    assert call.over.wait(WAIT)
    until = time.monotonic() + WAIT
    while loops() and time.monotonic() < until:
        time.sleep(0.001)
    assert loops() == []


def test_what_a_body_started_and_left_is_cancelled_with_the_loop() -> None:
    """Tasks and asynchronous generators; nothing is destroyed while it is pending."""
    seen: list[str] = []

    async def background() -> None:
        try:
            await asyncio.sleep(WAIT)
        finally:
            seen.append("task")

    async def generator() -> Any:
        try:
            yield 1
        finally:
            seen.append("generator")

    kept: list[Any] = []

    async def body() -> None:
        kept.append(asyncio.create_task(background()))
        kept.append(generator())
        await anext(kept[1])
        await asyncio.sleep(0)

    executor = LoopExecutor()
    call = Call(body)
    executor.submit(call)
    assert call.over.wait(WAIT)
    executor.close()
    assert sorted(seen) == ["generator", "task"]


def test_a_thread_may_wait_for_a_coroutine() -> None:
    """It gets the value or the error; a coroutine that the end of the loop cuts off is not waited for."""

    async def value() -> int:
        await asyncio.sleep(0)
        return 5

    async def error() -> None:
        raise KeyError("k")

    async def hangs() -> None:
        await asyncio.sleep(WAIT)

    executor = LoopExecutor()
    assert executor.run(value()) == 5
    with pytest.raises(KeyError):
        executor.run(error())
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            executor.run(hangs())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.02)
    executor.close()
    thread.join(WAIT)
    assert [type(error) for error in raised] == [RunInterrupted]
    with pytest.raises(RunInterrupted):
        executor.run(hangs())


def test_on_the_callers_loop_only_the_calls_are_cancelled() -> None:
    """The caller's own tasks go on, no task of the executor stays, and the loop is not stopped."""

    async def main() -> None:
        own = asyncio.create_task(asyncio.sleep(WAIT))
        executor = LoopExecutor(asyncio.get_running_loop())
        where: list[int] = []

        async def body() -> None:
            where.append(threading.get_ident())
            await asyncio.sleep(WAIT)

        call = Call(body)
        executor.submit(call)
        while not where:
            await asyncio.sleep(0.001)
        assert where == [threading.get_ident()]
        await asyncio.to_thread(executor.close)
        assert isinstance(call.raised, asyncio.CancelledError)
        assert asyncio.all_tasks() == {asyncio.current_task(), own}
        own.cancel()

    asyncio.run(main())
