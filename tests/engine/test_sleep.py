"""``context.sleep``: recorded, so that it ends at the same moment whatever happens to process, attempt or clock."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from durable import (
    DefinitionError,
    RetryPolicy,
    RunSuspended,
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
from tests.engine.reading import count, fields, statuses, trail
from tests.engine.single import single

HOUR = 3600
WAIT = 20.0


def seconds(clock: FakeClock) -> float:
    return clock.monotonic()


def test_a_short_sleep_is_slept_in_place(store: Store, clock: FakeClock) -> None:
    """The body is called once; the timer is recorded all the same."""
    at: list[float] = []

    def body(ctx: TaskExecutionContext) -> None:
        at.append(seconds(clock))
        ctx.sleep(30)
        at.append(seconds(clock))

    run = single(body, store).start()
    assert at == [0, 30]
    assert trail(run, "T") == ["TaskStarted body", "TimerStarted body", "TimerFired body", "TaskSucceeded body"]


def sleeper(ran: list[float], clock: FakeClock, length: float = 2 * HOUR, **settings: Any) -> Workflow:
    def body(ctx: TaskExecutionContext) -> str:
        ran.append(seconds(clock))
        ctx.sleep(length)
        return "awake"

    return single(body, **settings)


def test_a_long_sleep_suspends_the_run_which_says_what_it_waits_for_and_until_when(
    store: Store, clock: FakeClock
) -> None:
    """No process is needed: ``execute`` raises RunSuspended, and so does every call before the time has come."""
    ran: list[float] = []
    wf = sleeper(ran, clock, store=store)
    with pytest.raises(RunSuspended, match="waits for sleep") as caught:
        wf.execute(run_id="r")
    assert caught.value.waiting == ["sleep"]
    run = open_run("r", store=store)
    assert run.status == "suspended"
    assert run.info.due == clock.now() + 2 * HOUR * 1_000_000
    assert statuses(run) == {"body": "suspended"}
    clock.advance(HOUR)
    length = run.info.seq
    for call in (lambda: wf.execute(run_id="r"), lambda: wf.resume("r")):
        with pytest.raises(RunSuspended):
            call()
    assert (run.info.seq, ran) == (length, [0])


def test_a_timer_that_was_due_while_nothing_ran_fires_at_once_and_once(store: Store, clock: FakeClock) -> None:
    """However late the run is resumed; no time passes for it."""
    ran: list[float] = []
    wf = sleeper(ran, clock, store=store)
    wf.start(run_id="r")
    clock.advance(5 * HOUR)
    run = wf.start(run_id="r")
    assert run.result() == "awake"
    assert ran == [0, 5 * HOUR]
    assert (count(run, "TimerStarted"), count(run, "TimerFired")) == (1, 1)


def test_shortly_before_its_time_a_resume_stays_for_it(store: Store, clock: FakeClock) -> None:
    """Less than a minute is waited for in place."""
    ran: list[float] = []
    wf = sleeper(ran, clock, store=store)
    wf.start(run_id="r")
    clock.advance(2 * HOUR - 30)
    assert wf.execute(run_id="r") == "awake"
    assert ran == [0, 2 * HOUR]


@pytest.mark.parametrize("length", [30, 2 * HOUR])
def test_a_sleeper_cut_off_anywhere_sleeps_on_until_the_same_moment(
    store: Store, clock: FakeClock, length: float
) -> None:
    """The timer is not restarted by a crash, wherever that was."""
    ran: list[float] = []
    wf = sleeper(ran, clock, length, store=store)
    run = wf.start(run_id="r")
    if run.status == "suspended":
        clock.advance(length)
        run = wf.start(run_id="r")
    due = fields(run, "TimerStarted")["due"]
    for seq, part in cuts(run):
        began = seq >= next(event.seq for event in run.events() if event.type == "TimerStarted")
        again = wf.start(run_id="r", store=part)
        while again.status == "suspended":
            part.clock.advance(length / 3)  # type: ignore[attr-defined]
            again = wf.start(run_id="r", store=part)
        assert again.result() == "awake"
        ended = next(event.time for event in again.events() if event.type == "TaskSucceeded")
        assert ended >= fields(again, "TimerStarted")["due"]
        assert count(again, "TimerStarted") == count(again, "TimerFired") == 1
        assert not began or fields(again, "TimerStarted")["due"] == due


@pytest.mark.parametrize("jump", [-10 * HOUR, 3 * HOUR])
def test_a_wall_clock_that_was_set_moves_a_long_sleep_with_it(store: Store, clock: FakeClock, jump: int) -> None:
    """It is over when the wall clock says so: never before, and at the first look after."""
    ran: list[float] = []
    wf = sleeper(ran, clock, store=store)
    run = wf.start(run_id="r")
    due = run.info.due
    assert due is not None
    clock.set_wall(clock.now() + jump * 1_000_000)
    if jump < 0:
        assert wf.start(run_id="r").status == "suspended"
        clock.advance(12 * HOUR - 1)
    assert wf.execute(run_id="r") == "awake"
    assert clock.now() >= due


@pytest.mark.parametrize("jump", [-10 * HOUR, 10 * HOUR])
def test_a_wall_clock_that_is_set_during_a_short_sleep(store: Store, clock: FakeClock, jump: int) -> None:
    """Back: the body is not held for hours, the run is suspended instead. Forth: it is noticed within a minute."""
    started = threading.Event()

    @task
    def sleeps(ctx: TaskExecutionContext) -> str:
        started.set()
        ctx.sleep(50)
        return "awake"

    @task
    def sets() -> None:
        assert started.wait(WAIT)
        clock.set_wall(clock.now() + jump * 1_000_000)

    with workflow("w", store=store) as wf:
        parallel(sleeps, sets, name="g") >> task(id="end")(lambda g: g["sleeps"])
    run = wf.start(run_id="r")
    if jump < 0 and run.status == "suspended":
        due = run.info.due
        assert due is not None
        assert due > clock.now()
        clock.advance(11 * HOUR)
        run = wf.start(run_id="r")
    assert run.result() == "awake"
    fired = next(event for event in run.events() if event.type == "TimerFired")
    assert fired.time >= fields(run, "TimerStarted")["due"]
    assert seconds(clock) <= (120 if jump > 0 else 12 * HOUR)


def test_another_attempt_sleeps_only_what_is_left(store: Store, clock: FakeClock) -> None:
    """The timer belongs to the task, not to the attempt that began it."""

    def body(ctx: TaskExecutionContext) -> float:
        ctx.sleep(50)
        return seconds(clock)

    run = single(body, store, retry=RetryPolicy(max_attempts=2, initial_interval=1, jitter=0), timeout=30).start()
    assert run.result() == 50
    assert (count(run, "TimerStarted"), count(run, "TaskStarted")) == (1, 2)


def test_two_sleeps_at_once_each_end_once(store: Store, clock: FakeClock) -> None:
    """A coroutine may wait for several things; each is recorded as over once, and it goes on once."""
    ran: list[int] = []

    async def body(ctx: TaskExecutionContext) -> None:
        ran.append(1)
        await asyncio.gather(*(ctx.sleep(2 * HOUR) for _ in range(3)))

    wf = single(body, store)
    assert wf.start(run_id="r").status == "suspended"
    clock.advance(2 * HOUR)
    run = wf.start(run_id="r")
    assert run.status == "succeeded"
    assert (count(run, "TimerStarted"), count(run, "TimerFired"), len(ran)) == (3, 3, 2)


def test_a_sleep_that_is_due_when_its_failed_task_is_resumed_is_over(store: Store, clock: FakeClock) -> None:
    """The task was out of time meanwhile; reopened, its timer must not be forgotten."""
    ran: list[float] = []
    wf = sleeper(ran, clock, store=store, deadline=HOUR)
    wf.start(run_id="r")
    clock.advance(HOUR)
    with pytest.raises(TaskFailed, match="DeadlineExceeded"):
        wf.execute(run_id="r")
    clock.advance(HOUR)
    assert wf.resume("r") == "awake"


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "1", True, None])
def test_a_sleep_is_a_number_of_seconds(store: Store, value: Any) -> None:
    """Anything else is refused where it is asked for."""

    def body(ctx: TaskExecutionContext) -> str:
        with pytest.raises(DefinitionError, match="number of seconds"):
            ctx.sleep(value)
        return "refused"

    assert single(body, store).execute() == "refused"
