"""Where bodies run: coroutines on an event loop, plain functions beside it, and nothing blocks it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from durable import CoordinationBackend, Store, parallel, task, workflow
from tests.engine.coroutines import WAIT, hello, no_task_left, shout

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_coroutines_run_in_execute_on_one_loop(store: Store) -> None:
    """In order with other tasks; all on the thread of one event loop, which is not the caller's."""
    where: list[tuple[int, int]] = []

    @task
    async def member(n: int) -> int:
        where.append((threading.get_ident(), id(asyncio.get_running_loop())))
        return n

    with workflow("w", store=store) as wf:
        hello >> shout >> parallel([member(task_id=f"m{n}", n=n) for n in range(5)], name="g")
    assert wf.execute() == {f"m{n}": n for n in range(5)}
    assert len(set(where)) == 1
    assert where[0][0] != threading.get_ident()


def test_coroutines_run_in_aexecute_on_the_callers_loop(store: Store) -> None:
    """On the caller's thread, with its context variables; what a body sets is not seen outside."""
    variable = contextvars.ContextVar("variable", default="default")
    seen: list[tuple[int, Any, str]] = []

    @task
    async def member(n: int) -> None:
        seen.append((threading.get_ident(), asyncio.get_running_loop(), variable.get()))
        variable.set(f"set by {n}")

    async def main() -> None:
        variable.set("the caller's")
        with workflow("w", store=store) as wf:
            wf.add(parallel([member(task_id=f"m{n}", n=n) for n in range(3)]))
        async with no_task_left():
            await wf.aexecute()
        assert seen == [(threading.get_ident(), asyncio.get_running_loop(), "the caller's")] * 3
        assert variable.get() == "the caller's"

    asyncio.run(main())


def test_plain_functions_of_aexecute_run_beside_the_loop(store: Store) -> None:
    """None on the caller's thread, in a group of any backend of this process or in none."""
    where: list[int] = []
    backends = [backend for backend in CoordinationBackend if backend is not CoordinationBackend.PROCESS]

    @task
    def body(n: int) -> int:
        where.append(threading.get_ident())
        return n

    async def main() -> Any:
        with workflow("w", store=store) as wf:
            groups = [
                parallel(body(task_id=f"m{backend.value}", n=1), hello(task_id=f"h{backend.value}")).with_execution(
                    backend
                )
                for backend in backends
            ]
            body(task_id="alone", n=1) >> groups[0] >> groups[1] >> groups[2]
        return await wf.aexecute()

    assert asyncio.run(main()) == {"masyncio": 1, "hasyncio": "hello"}
    assert len(where) == 4
    assert threading.get_ident() not in where


def test_the_loop_goes_on_while_threads_work(store: Store) -> None:
    """A ticker of the caller ticks while a group of plain functions blocks its threads."""
    ticks = [0]
    enough = threading.Event()

    @task
    def blocks() -> None:
        assert enough.wait(WAIT)

    async def tick() -> None:
        while True:
            ticks[0] += 1
            if ticks[0] == 50:
                enough.set()
            await asyncio.sleep(0)

    async def main() -> None:
        with workflow("w", store=store) as wf:
            blocks(task_id="first") >> parallel([blocks(task_id=f"m{n}") for n in range(3)])
        ticker = asyncio.create_task(tick())
        await wf.aexecute()
        ticker.cancel()

    asyncio.run(main())
    assert ticks[0] >= 50
