"""Cancelling the caller of ``aexecute`` cancels its run: never failed, never tried again, nothing left in the loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from durable import RunInterrupted, Store, TaskExecutionContext, open_run, parallel, task, workflow
from tests.engine.coroutines import ASYNCIO, WAIT, hello, no_task_left
from tests.engine.reading import fields, statuses, trail

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.mark.parametrize("kind", ["coroutine", "thread", "alone"])
def test_a_cancelled_caller_means_a_cancelled_run(store: Store, kind: str) -> None:
    """Never failed and never tried again; CancelledError goes on; nothing is left in the loop."""
    begun, free, seen = threading.Event(), threading.Event(), []

    @task(max_retries=5)
    async def coroutine() -> None:
        try:
            begun.set()
            await asyncio.sleep(WAIT)
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    @task(max_retries=5)
    def thread() -> None:
        begun.set()
        free.wait(WAIT)

    async def main() -> None:
        with workflow("w", store=store) as wf:
            body = coroutine if kind == "coroutine" else thread
            (body if kind == "alone" else parallel(body, name="g")) >> hello
        async with no_task_left():
            caller = asyncio.create_task(wf.aexecute(run_id="r"))
            while not begun.is_set():
                await asyncio.sleep(0.001)
            caller.cancel("enough")
            with pytest.raises(asyncio.CancelledError):
                await caller

    asyncio.run(main())
    run = open_run("r", store=store)
    assert not free.is_set()
    free.set()
    assert (run.status, statuses(run)["hello"]) == ("cancelled", "skipped")
    assert fields(run, "RunCancelled") == {"reason": "the caller was cancelled"}
    assert trail(run, "TaskFailed", "TaskRetry", "RunFailed") == []
    assert seen == (["cleaned up"] if kind == "coroutine" else [])


def test_a_caller_that_is_cancelled_again_and_again_still_waits_for_its_drive(store: Store) -> None:
    """So that no driver is left behind and the run has its end."""
    free, begun = threading.Event(), threading.Event()

    @task
    async def stubborn() -> None:
        begun.set()
        while not free.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                continue

    async def main() -> None:
        with workflow("w", store=store) as wf:
            wf.add(stubborn)
        caller = asyncio.create_task(wf.aexecute(run_id="r"))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        for _ in range(20):
            caller.cancel()
            await asyncio.sleep(0.002)
        assert not caller.done()
        free.set()
        with pytest.raises(asyncio.CancelledError):
            await caller

    asyncio.run(main())
    assert open_run("r", store=store).status == "cancelled"


@pytest.mark.parametrize("after", [0.0, 0.001])
def test_a_time_limit_around_aexecute(store: Store, after: float) -> None:
    """``asyncio.timeout`` cancels the run, also when it strikes before the run has begun."""

    @task
    async def slow() -> None:
        await asyncio.sleep(WAIT)

    async def main() -> None:
        with workflow("w", store=store) as wf:
            wf.add(slow)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(after):
                await wf.aexecute(run_id="r")

    asyncio.run(main())
    assert open_run("r", store=store).status == "cancelled"


def test_a_suspended_run_is_cancelled_with_its_caller(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the cancellation comes when the run was just suspended, and its drive does not listen any more."""
    from durable.runs import asynchronous

    @task
    async def asks(context: TaskExecutionContext) -> None:
        await context.request_feedback("?", timeout=0)

    async def main() -> None:
        with workflow("w", store=store) as wf:
            wf.add(asks)
        caller = asyncio.create_task(wf.aexecute(run_id="r"))
        suspended, go_on = threading.Event(), threading.Event()

        class Late(asynchronous.Control):
            def on_drive(self, drive: Any) -> None:
                super().on_drive(drive)
                drive.journal.observers.append(lambda state, events: hold(events))

        def hold(events: list[Any]) -> None:
            if events[-1].type == "RunSuspended":
                suspended.set()
                go_on.wait(WAIT)

        monkeypatch.setattr(asynchronous, "Control", Late)
        while not suspended.is_set():
            await asyncio.sleep(0.001)
        caller.cancel()
        await asyncio.sleep(0.01)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await caller

    asyncio.run(main())
    assert open_run("r", store=store).status == "cancelled"


def test_a_loop_that_is_shut_down_cancels_its_runs(store: Store) -> None:
    """``asyncio.run`` cancels callers and bodies in any order: no body counts as failed, and none is tried again."""
    begun: list[int] = []

    @task(max_retries=5)
    async def member(n: int) -> None:
        begun.append(n)
        await asyncio.sleep(WAIT)

    async def main() -> None:
        with workflow("w", store=store) as wf:
            wf.add(parallel([member(task_id=f"m{n}", n=n) for n in range(10)], name="g").with_execution(ASYNCIO))
        callers.append(asyncio.create_task(wf.aexecute(run_id="r")))
        while len(begun) < 10:
            await asyncio.sleep(0.001)

    callers: list[Any] = []
    asyncio.run(main())
    run = open_run("r", store=store)
    assert run.status == "cancelled"
    assert trail(run, "TaskFailed", "TaskRetry", "RunFailed") == []
    assert len(begun) == 10


def test_a_body_that_is_cancelled_from_outside_stops_the_run(store: Store) -> None:
    """Its event loop does not want it any more: the run is interrupted, uncounted, and goes on later."""
    bodies: list[Any] = []

    @task
    async def slow(context: TaskExecutionContext) -> int:
        if context.attempt == 1:
            bodies.append(asyncio.current_task())
            await asyncio.sleep(WAIT)
        return context.attempt

    async def main() -> Any:
        with workflow("w", store=store) as wf:
            wf.add(slow)
        caller = asyncio.create_task(wf.aexecute(run_id="r"))
        while not bodies:
            await asyncio.sleep(0.001)
        bodies[0].cancel()
        with pytest.raises(RunInterrupted):
            await caller
        assert fields(open_run("r", store=store), "TaskInterrupted") == {"counted": False}
        return await wf.aexecute(run_id="r")

    assert asyncio.run(main()) == 2
