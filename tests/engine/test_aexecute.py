"""``aexecute``, ``astart`` and ``aresume``: runs beside and inside of each other in one event loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable import RetryPolicy, RunCancelled, Store, Task, TaskExecutionContext, TaskFailed, open_run, task, workflow
from tests.engine.coroutines import WAIT, hello, no_task_left, shout
from tests.engine.reading import fields

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_two_runs_at_once_in_one_loop(store: Store) -> None:
    """Neither waits for the other: each has a body that needs the other's."""
    events: dict[str, asyncio.Event] = {}

    @task
    async def meets(me: str, other: str) -> str:
        events[me].set()
        await asyncio.wait_for(events[other].wait(), WAIT)
        return me

    async def main() -> Any:
        events.update(a=asyncio.Event(), b=asyncio.Event())
        flows = []
        for me, other in (("a", "b"), ("b", "a")):
            with workflow(me, store=store) as wf:
                wf.add(meets(me=me, other=other))
            flows.append(wf)
        async with no_task_left():
            return await asyncio.gather(*(wf.aexecute() for wf in flows))

    assert asyncio.run(main()) == ["a", "b"]


def test_a_run_inside_of_a_body(store: Store) -> None:
    """On the same loop, from ``aexecute`` and from ``execute``."""
    with workflow("inner", store=store) as inner:
        hello >> shout

    @task
    async def outer() -> str:
        return f"outer {await inner.aexecute()}"

    with workflow("outer", store=store) as wf:
        wf.add(outer)
    assert wf.execute() == "outer HELLO"
    assert asyncio.run(wf.aexecute()) == "outer HELLO"


def test_an_inner_run_is_interrupted_when_its_body_is_given_up(real: Store) -> None:
    """Not cancelled for good: the body's next attempt goes on with it."""
    calls: list[str] = []

    @task
    async def quick() -> None:
        calls.append("quick")

    @task
    async def slow_at_first(context: TaskExecutionContext) -> str:
        calls.append("slow")
        if calls.count("slow") == 1:
            await asyncio.sleep(WAIT)
        return "inner"

    with workflow("inner", store=real) as inner:
        quick >> slow_at_first

    @task(timeout=0.3, retry=RetryPolicy(max_attempts=5, initial_interval=0.05))
    async def outer() -> str:
        return f"outer {await inner.aexecute(run_id='inner')}"

    with workflow("outer", store=real) as wf:
        wf.add(outer)
    assert asyncio.run(wf.aexecute(run_id="outer")) == "outer inner"
    assert calls == ["quick", "slow", "slow"]
    run = open_run("inner", store=real)
    assert fields(run, "RunInterrupted") == {"reason": "the task around it ended"}


def test_an_inner_run_that_its_body_cancels_itself_is_cancelled(store: Store) -> None:
    """A time limit of the body's own is a caller's cancellation like any other."""

    @task
    async def slow() -> None:
        await asyncio.sleep(WAIT)

    with workflow("inner", store=store) as inner:
        inner.add(slow)

    @task
    async def outer() -> str:
        try:
            async with asyncio.timeout(0.05):
                await inner.aexecute(run_id="inner")
        except TimeoutError:
            return open_run("inner", store=store).status
        return "?"

    with workflow("outer", store=store) as wf:
        wf.add(outer)
    assert asyncio.run(wf.aexecute()) == "cancelled"


def test_execute_inside_of_a_running_loop(store: Store) -> None:
    """It blocks the loop, as it must, and still runs coroutines: on a loop of its own."""
    with workflow("w", store=store) as wf:
        hello >> shout

    async def main() -> Any:
        return wf.execute()

    assert asyncio.run(main()) == "HELLO"


def test_the_handle_of_astart_and_aresume(store: Store) -> None:
    """A failed run does not raise until it is asked; ``aresume`` goes on with the newest one that can."""
    broken = [True]

    @task
    async def fails() -> str:
        if broken:
            raise OSError("down")
        return "up"

    with workflow("w", store=store) as wf:
        wf.add(fails)

    async def main() -> Any:
        run = await wf.astart(run_id="r", initial={"key": 1})
        assert run.status == "failed"
        with pytest.raises(TaskFailed) as caught:
            await wf.aexecute(run_id="r", initial={"key": 1})
        assert "down" in str(caught.value)
        broken.clear()
        assert await wf.aresume(actor="ann", reason="repaired") == "up"
        assert fields(run, "RunResumed") == {"actor": "ann", "reason": "repaired"}
        return await wf.aresume("r")

    assert asyncio.run(main()) == "up"


def test_a_cancelled_run_stays_cancelled(store: Store) -> None:
    """``aexecute`` and ``aresume`` say so, too."""
    with workflow("w", store=store) as wf:
        hello >> Task(lambda context: context.cancel_workflow("no"), "stop", inject_context=True)

    async def main() -> None:
        for go_on in (wf.aexecute, wf.aresume):
            with pytest.raises(RunCancelled, match="no"):
                await go_on(run_id="r")

    asyncio.run(main())
