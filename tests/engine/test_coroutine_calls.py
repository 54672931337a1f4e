"""Durable calls of coroutines: several at once, awaited steps and tracked loops, found again after a suspension."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from durable import RunSuspended, Store, Task, TaskExecutionContext, open_run, parallel, task, workflow
from tests.engine.coroutines import no_task_left

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.mark.parametrize("way", ["gather", "group"])
def test_several_durable_calls_at_once(store: Store, way: str) -> None:
    """Numbered as they are made; after a suspension the recorded ones are not made again."""
    calls: list[str] = []

    async def work(name: str) -> str:
        calls.append(name)
        await asyncio.sleep(0.01 if name == "a" else 0)
        return name

    @task
    async def body(context: TaskExecutionContext) -> Any:
        steps = [context.step(work, "a"), context.step(work, "b")]
        if way == "gather":
            done = await asyncio.gather(*steps)
            answers = await asyncio.gather(*(ask(context, n) for n in range(2)))
        else:
            async with asyncio.TaskGroup() as group:
                made = [group.create_task(step) for step in steps]
            done = [one.result() for one in made]
            async with asyncio.TaskGroup() as group:
                made = [group.create_task(ask(context, n)) for n in range(2)]
            answers = [one.result() for one in made]
        return done, [answer.value for answer in answers]

    def ask(context: TaskExecutionContext, n: int) -> Any:
        return context.request_feedback("?", feedback_type="text", request_id=f"q{n}", timeout=0)

    async def main() -> Any:
        with workflow("w", store=store) as wf:
            wf.add(body)
        async with no_task_left():
            with pytest.raises(RunSuspended) as caught:
                await wf.aexecute(run_id="r")
            assert caught.value.waiting == ["feedback q0", "feedback q1"]
            run = open_run("r", store=store)
            run.answer("q1", "second")
            with pytest.raises(RunSuspended):
                await wf.aexecute(run_id="r")
            run.answer("q0", "first")
            return await wf.aexecute(run_id="r")

    assert asyncio.run(main()) == (["a", "b"], ["first", "second"])
    assert sorted(calls) == ["a", "b"]


def test_steps_of_the_other_kind(store: Store) -> None:
    """A coroutine as a step of a plain body, and a plain function as a step of a coroutine, which does not block."""
    threads: list[int] = []

    async def coroutine(n: int) -> int:
        await asyncio.sleep(0)
        threads.append(threading.get_ident())
        return n

    def plain(n: int) -> int:
        threads.append(threading.get_ident())
        return n

    @task
    def sync_body(context: TaskExecutionContext) -> int:
        return context.step(coroutine, 1) + context.step(plain, 2)  # type: ignore[no-any-return]

    @task
    async def async_body(context: TaskExecutionContext) -> int:
        return (await context.step(coroutine, 3)) + (await context.step(plain, 4))  # type: ignore[no-any-return]

    with workflow("w", store=store) as wf:
        wf.add(parallel(sync_body, async_body, name="g"))
    assert wf.execute() == {"sync_body": 3, "async_body": 7}
    threads.clear()
    assert asyncio.run(wf.aexecute()) == {"sync_body": 3, "async_body": 7}
    assert threads.count(threading.get_ident()) == 2


def test_a_tracked_loop_in_a_coroutine(store: Store) -> None:
    """Goes on after the last item that was finished, with what its iterations wrote."""
    done: list[int] = []

    @task(max_retries=3)
    async def body(context: TaskExecutionContext) -> str:
        async for item in context.track(range(6)):
            if item == 3 and context.attempt == 1:
                raise ConnectionError
            done.append(await context.step(lambda n: n, item))
            context.get_channel().append("seen", item)
        return await context.step(lambda: "after the loop")  # type: ignore[no-any-return]

    with workflow("w", store=store) as wf:
        body >> Task(lambda seen: seen, "after")
    assert asyncio.run(wf.aexecute()) == list(range(6))
    assert done == list(range(6))


def test_a_tracked_loop_that_is_left_early(store: Store) -> None:
    """What comes after it is found again after a suspension, in a coroutine as in a plain body."""
    calls: list[str] = []

    def note(what: str) -> str:
        calls.append(what)
        return what

    @task
    async def coroutine(context: TaskExecutionContext) -> Any:
        async for item in context.track(range(5)):
            await context.step(note, f"item {item}")
            if item == 2:
                break
        await context.step(note, "after")
        answer = await context.request_feedback("?", feedback_type="text", timeout=0)
        return answer.value

    with workflow("w", store=store) as wf:
        wf.add(coroutine)
    with pytest.raises(RunSuspended):
        wf.execute(run_id="r")
    open_run("r", store=store).answer(value="done")
    assert asyncio.run(wf.aexecute(run_id="r")) == "done"
    assert calls == ["item 0", "item 1", "item 2", "after"]
