"""Coroutine bodies, and runs inside of a running event loop: nothing blocks it and nothing is left in it."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from durable import (
    CoordinationBackend,
    ParallelGroup,
    ParallelGroupError,
    RetryPolicy,
    RunCancelled,
    RunInterrupted,
    RunSuspended,
    Store,
    Task,
    TaskExecutionContext,
    TaskFailed,
    open_run,
    open_store,
    parallel,
    task,
    workflow,
)
from tests.engine.reading import count, fields, statuses, trail

WAIT = 20.0
ASYNCIO = CoordinationBackend.ASYNCIO


@pytest.fixture
def real() -> Iterator[Store]:
    """A store in memory on the machine's clock: event loops do not know ours."""
    with open_store("memory://") as opened:
        yield opened


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No thread of ours outlives its run, and handlers of signals are put back."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    others = set(threading.enumerate())
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    until = time.monotonic() + WAIT
    while left := [thread.name for thread in set(threading.enumerate()) - others if thread.name[:7] == "durable"]:
        assert time.monotonic() < until, left
        time.sleep(0.001)


@asynccontextmanager
async def no_task_left() -> AsyncIterator[None]:
    """The block leaves no task in the loop."""
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() == before


@task
async def hello() -> str:
    await asyncio.sleep(0)
    return "hello"


@task
def shout(hello: str) -> str:
    return hello.upper()


# Where bodies run.


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


# Groups.


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
def test_max_concurrent_is_a_semaphore(store: Store, limit: int) -> None:
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


def test_results_come_in_definition_order(store: Store) -> None:
    """Whatever finishes first."""

    @task
    async def member(n: int) -> int:
        await asyncio.sleep(0.002 * (5 - n))
        return n

    with workflow("w", store=store) as wf:
        wf.add(parallel([member(task_id=f"m{n}", n=n) for n in range(5)], name="g").with_execution(ASYNCIO))
    assert list(wf.execute()) == [f"m{n}" for n in range(5)]


def test_failures_come_together(store: Store) -> None:
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


# Time-outs and cancellation.


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


# Several runs in one loop.


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


# Durable calls inside of coroutines.


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


# Signals.

SIGNALLED = textwrap.dedent("""
    import asyncio, os, signal, sys
    from durable import parallel, task, workflow

    @task
    async def first() -> str:
        return "first"

    @task
    async def waits(n: int, seconds: float) -> int:
        if not os.path.exists("go"):
            open(f"begun{n}", "w").close()
            await asyncio.sleep(seconds)
        return n

    def flow(name):
        seconds = 0.5 if name == "a" else 1.0  # a has stopped, and asyncio.run cancels, while b is still stopping
        with workflow(name, store="runs.db") as wf:
            first >> parallel([waits(task_id=f"w{n}", n=n, seconds=seconds) for n in range(2)], name="g")
        return wf

    async def main():
        async with asyncio.TaskGroup() as group:
            for name in sys.argv[1:]:
                group.create_task(flow(name).aexecute(run_id=name))

    asyncio.run(main())
""")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("names", [["a"], ["a", "b"]])
def test_a_signal_under_asyncio_run_interrupts_every_run(
    tmp_path: Path, number: int, code: int, names: list[str]
) -> None:
    """Gracefully: what ends in time is recorded; none is cancelled, KeyboardInterrupt leaves, all can be resumed."""
    (tmp_path / "script.py").write_text(SIGNALLED)
    command = [sys.executable, "-W", "error", "script.py", *names]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + WAIT
    while not (tmp_path / "begun1").exists() or not (tmp_path / "begun0").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(number)
    _, said = process.communicate(timeout=WAIT)
    assert process.returncode == code, said
    assert ("KeyboardInterrupt" in said) == (number == signal.SIGINT)
    for word in ("was destroyed", "never awaited", *(["never retrieved"] if number == signal.SIGINT else [])):
        assert word not in said  # a SystemExit leaves a task group in asyncio's own, noisy way
    with open_store(f"sqlite:///{tmp_path}/runs.db") as store:
        for name in names:
            run = open_run(name, store=store)
            assert run.status == "interrupted"
            assert fields(run, "RunInterrupted") == {"reason": signal.Signals(number).name}
            assert count(run, "TaskSucceeded", "first") == 1
            assert trail(run, "TaskFailed", "TaskCancelled", "RunCancelled") == []
    (tmp_path / "go").touch()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT)
    assert again.returncode == 0, again.stderr
    with open_store(f"sqlite:///{tmp_path}/runs.db") as store:
        assert all(open_run(name, store=store).result() == {"w0": 0, "w1": 1} for name in names)


def test_a_cancelled_run_stays_cancelled(store: Store) -> None:
    """``aexecute`` and ``aresume`` say so, too."""
    with workflow("w", store=store) as wf:
        hello >> Task(lambda context: context.cancel_workflow("no"), "stop", inject_context=True)

    async def main() -> None:
        for go_on in (wf.aexecute, wf.aresume):
            with pytest.raises(RunCancelled, match="no"):
                await go_on(run_id="r")

    asyncio.run(main())


def test_a_chord_of_coroutines(store: Store) -> None:
    """Members, callback and group work as in threads."""

    @task
    async def merge(results: dict[str, str]) -> list[str]:
        return list(results)

    with workflow("w", store=store) as wf:
        wf.add(ParallelGroup(hello, hello(task_id="again"), callback=merge).with_execution(ASYNCIO))
    assert asyncio.run(wf.aexecute()) == ["hello", "again"]
