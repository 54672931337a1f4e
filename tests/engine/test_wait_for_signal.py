"""``context.wait_for_signal``: each signal is taken once, in order, whether it comes before or after the wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from typing import Any

import pytest

from durable import (
    RunSuspended,
    SignalTimedOut,
    Store,
    TaskExecutionContext,
    TaskFailed,
    Workflow,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.testing import FakeClock
from tests.engine.cutting import cuts
from tests.engine.reading import count, fields, statuses
from tests.engine.single import single

HOUR = 3600
WAIT = 20.0


def seconds(clock: FakeClock) -> float:
    return clock.monotonic()


def waiter(store: Any = None, timeout: float | None = None, **settings: Any) -> Workflow:
    def body(ctx: TaskExecutionContext) -> Any:
        return ctx.wait_for_signal("go", timeout=timeout)

    return single(body, store, **settings)


def test_a_run_that_waits_for_a_signal_is_suspended_until_it_comes(store: Store) -> None:
    """It is delivered by the next resume, with what it carries and who sent it."""
    wf = waiter(store)
    with pytest.raises(RunSuspended, match="waits for signal go"):
        wf.execute(run_id="r")
    run = open_run("r", store=store)
    assert run.info.due is None
    assert run.signal("go", {"n": 1}, actor="ann", reason="ready")
    run = wf.start(run_id="r")
    assert run.result() == {"n": 1}
    received = fields(run, "SignalReceived")
    assert (received["name"], received["actor"], received["reason"]) == ("go", "ann", "ready")


def test_a_signal_that_came_first_is_kept_for_the_wait(store: Store) -> None:
    """Sent while another task waited for something else."""

    @task
    def first(ctx: TaskExecutionContext) -> Any:
        return ctx.wait_for_signal("one")

    @task
    def second(ctx: TaskExecutionContext, first: Any) -> Any:
        return [first, ctx.wait_for_signal("two")]

    with workflow("w", store=store) as wf:
        first >> second
    run = wf.start(run_id="r")
    run.signal("two", 2)
    assert wf.start(run_id="r").status == "suspended"
    run.signal("one", 1)
    assert wf.execute(run_id="r") == [1, 2]


def test_two_signals_with_one_id_count_once(store: Store) -> None:
    """Also when the second one comes after the first was taken."""

    def body(ctx: TaskExecutionContext) -> list[Any]:
        return [ctx.wait_for_signal("go"), ctx.wait_for_signal("go")]

    wf = single(body, store)
    run = wf.start(run_id="r")
    assert run.signal("go", 1, id="order-7")
    assert not run.signal("go", 1, id="order-7")
    assert wf.start(run_id="r").status == "suspended"
    assert not run.signal("go", 1, id="order-7")
    assert wf.start(run_id="r").status == "suspended"
    assert run.signal("go", 2, id="order-8")
    assert wf.execute(run_id="r") == [1, 2]
    assert count(open_run("r", store=store), "SignalReceived") == 2


def test_waits_of_one_name_get_the_signals_in_order(store: Store) -> None:
    """The oldest wait the oldest signal; each signal once."""

    @task
    def waits(ctx: TaskExecutionContext) -> Any:
        return ctx.wait_for_signal("go")

    with workflow("w", store=store) as wf:
        group = parallel(waits(task_id="a"), waits(task_id="b"), name="g").with_execution(max_concurrent=1)
        group >> task(id="end")(lambda g: g)
    run = wf.start(run_id="r")
    order = [event.task_id for event in run.events() if event.type == "SignalAwaited"]
    for value in order:
        run.signal("go", value)
    assert wf.execute(run_id="r") == {"a": "a", "b": "b"}


def test_a_coroutine_that_waits_for_two_signals_goes_on_once_when_both_come_together(store: Store) -> None:
    """It is woken by both and started by one."""
    ran: list[int] = []

    async def body(ctx: TaskExecutionContext) -> list[Any]:
        ran.append(1)
        return list(await asyncio.gather(ctx.wait_for_signal("a"), ctx.wait_for_signal("b")))

    wf = single(body, store)
    run = wf.start(run_id="r")
    run.signal("a", 1)
    run.signal("b", 2)
    assert wf.execute(run_id="r") == [1, 2]
    assert len(ran) == 2


def test_a_signal_that_does_not_come_in_time_is_recorded_once_and_replayed(store: Store, clock: FakeClock) -> None:
    """The body that catches the time-out sees the same in every later attempt, also if the signal comes then."""
    seen: list[str] = []

    def body(ctx: TaskExecutionContext) -> Any:
        try:
            seen.append(ctx.wait_for_signal("go", timeout=HOUR))
        except SignalTimedOut:
            seen.append("late")
        if ctx.attempt < 4:
            raise OSError
        return ctx.wait_for_signal("go")

    wf = single(body, store, max_retries=5)
    due = clock.now() + HOUR * 1_000_000
    run = wf.start(run_id="r")
    assert (run.status, run.info.due) == ("suspended", due)
    clock.advance(2 * HOUR)
    run = wf.start(run_id="r")
    assert run.status == "suspended"
    run.signal("go", "now")
    run = wf.start(run_id="r")
    assert run.result() == "now"
    assert seen == ["late"] * 4
    assert (count(run, "WaitExpired"), count(run, "SignalAwaited")) == (1, 2)


def test_a_time_out_that_nobody_catches_fails_the_task(store: Store, clock: FakeClock) -> None:
    """With the signal's name and the seconds."""
    wf = waiter(store, timeout=3)
    with pytest.raises(TaskFailed, match="no signal 'go' came within 3 s"):
        wf.execute()
    assert seconds(clock) == 3


def test_a_signal_is_delivered_to_a_body_that_waits(store: Store) -> None:
    """While the run is driven: the body is not unwound, it gets the value where it stands."""
    ran: Counter[str] = Counter()
    got = threading.Event()

    @task
    def waits(ctx: TaskExecutionContext) -> Any:
        ran["waits"] += 1
        value = ctx.wait_for_signal("go")
        got.set()
        return value

    @task
    def sends(ctx: TaskExecutionContext) -> None:
        open_run(ctx.run_id, store=store).signal("go", 7)
        assert got.wait(WAIT)

    with workflow("w", store=store) as wf:
        parallel(waits, sends, name="g")
    run = wf.start()
    assert run.result() == {"waits": 7, "sends": None}
    assert (ran["waits"], count(run, "TaskSuspended")) == (1, 0)


def test_a_signal_that_comes_while_the_body_is_unwound_is_not_lost(store: Store) -> None:
    """The body had waited long enough and cleans up; the signal is recorded just then."""
    ran: list[int] = []

    @task
    def waits(ctx: TaskExecutionContext) -> Any:
        ran.append(1)
        try:
            return ctx.wait_for_signal("go")
        finally:
            if len(ran) == 1:
                run = open_run(ctx.run_id, store=store)
                run.signal("go", 7)
                end = time.monotonic() + WAIT
                while not count(run, "SignalReceived") and time.monotonic() < end:
                    time.sleep(0.01)

    with workflow("w", store=store) as wf:
        parallel(waits, task(id="other")(lambda: None), name="g")
    run = wf.start()
    assert statuses(run)["waits"] == "succeeded"
    assert len(ran) == 2


def test_signals_of_a_run_cut_off_anywhere_are_taken_once(store: Store, clock: FakeClock) -> None:
    """What was recorded stays; what was not is still in the inbox of a real store, and is sent again here."""

    def body(ctx: TaskExecutionContext) -> list[Any]:
        return [ctx.wait_for_signal("go"), ctx.wait_for_signal("go")]

    wf = single(body, store)
    run = wf.start(run_id="r")
    run.signal("go", 1)
    run.signal("go", 2)
    run = wf.start(run_id="r")
    assert run.result() == [1, 2]
    for seq, part in cuts(run):
        there = sum(event.type == "SignalReceived" for event in run.events() if event.seq <= seq)
        again = open_run("r", store=part)
        for value in (1, 2)[there:]:
            again.signal("go", value)
        assert wf.execute(run_id="r", store=part) == [1, 2], seq
