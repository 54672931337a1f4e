"""Sleeps, signals and deadlines: what a run waits for is recorded, and time goes on while nothing runs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from durable import (
    DeadlineExceeded,
    DefinitionError,
    RetryPolicy,
    Run,
    RunSuspended,
    SignalTimedOut,
    Store,
    TaskExecutionContext,
    TaskFailed,
    TaskTimedOut,
    Workflow,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.testing import FakeClock
from tests.conftest import Died
from tests.engine.cutting import cuts
from tests.engine.reading import count, fields, statuses, trail

Process = Callable[..., Any]
HOUR = 3600
WAIT = 20.0


def single(body: Any, store: Any = None, **settings: Any) -> Workflow:
    """A workflow of one task."""
    with workflow("w", store=store) as wf:
        wf.add(task(**settings)(body))
    return wf


def seconds(clock: FakeClock) -> float:
    return clock.monotonic()


# Sleeps.


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


# Signals.


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


def test_a_suspended_run_is_continued_from_sqlite(sqlite_store: Store, clock: FakeClock) -> None:
    """Due times, signals in the inbox and waits are in the file."""

    def body(ctx: TaskExecutionContext) -> Any:
        ctx.sleep(HOUR)
        return ctx.wait_for_signal("go", timeout=HOUR)

    wf = single(body, sqlite_store)
    run = wf.start(run_id="r")
    assert (run.status, run.info.due) == ("suspended", clock.now() + HOUR * 1_000_000)
    clock.advance(HOUR)
    due = clock.now() + HOUR * 1_000_000
    assert wf.start(run_id="r").info.due == due
    run.signal("go", b"x")
    assert wf.execute(run_id="r") == b"x"


# Deadlines.


def test_a_tasks_deadline_counts_over_its_attempts(store: Store, clock: FakeClock) -> None:
    """Also the time between them: when it is over, the task has timed out and is not tried again."""

    def body() -> None:
        raise OSError

    run = single(body, store, retry=RetryPolicy(max_attempts=99, initial_interval=60, jitter=0), deadline=100).start()
    with pytest.raises(TaskFailed, match="not done 100 s after its first start") as caught:
        run.result()
    assert isinstance(caught.value.__cause__, DeadlineExceeded)
    assert seconds(clock) == 100
    assert count(run, "TaskTimedOut") == 1
    assert statuses(run) == {"body": "timed_out"}


def test_a_tasks_deadline_counts_while_the_run_is_suspended(store: Store, clock: FakeClock) -> None:
    """The suspended run is due at the deadline; a resume gives the task a fresh one."""
    wf = waiter(store, deadline=HOUR)
    due = clock.now() + HOUR * 1_000_000
    run = wf.start(run_id="r")
    assert run.info.due == due
    clock.advance(2 * HOUR)
    with pytest.raises(TaskFailed, match="DeadlineExceeded"):
        wf.execute(run_id="r")
    run.signal("go", 1)
    assert wf.resume("r") == 1


def test_a_deadline_ends_a_body_that_hangs(store: Store, clock: FakeClock) -> None:
    """The run goes on without it, and late writes are refused."""
    released = threading.Event()

    @task(deadline=5)
    def hangs() -> None:
        clock.advance(5)
        assert released.wait(WAIT)

    with workflow("w", store=store) as wf:
        parallel(hangs, task(id="other")(lambda: 1), name="g").with_execution(policy="best_effort")
    run = wf.start()
    released.set()
    assert run.result() == {"other": 1}
    assert statuses(run)["hangs"] == "timed_out"


def test_each_iteration_of_a_loop_has_a_deadline_of_its_own(store: Store, clock: FakeClock) -> None:
    """Three iterations of 40 seconds fit under a deadline of 50."""

    def body(ctx: TaskExecutionContext, n: int = 1) -> int:
        ctx.sleep(40)
        if n < 3:
            ctx.next_iteration(n + 1)
        return n

    run = single(body, store, deadline=50).start()
    assert run.result() == 3
    assert seconds(clock) == 120


def test_a_runs_deadline_fails_it_and_a_resume_gives_it_a_fresh_one(store: Store, clock: FakeClock) -> None:
    """Counted by the wall clock from the creation, also while the run is suspended."""
    patient = [True]

    @task
    def first() -> int:
        return 1

    @task
    def second(ctx: TaskExecutionContext, first: int) -> int:
        if patient:
            ctx.wait_for_signal("never")
        return first + 1

    with workflow("w", store=store) as wf:
        first >> second
    with pytest.raises(RunSuspended):
        wf.execute(run_id="r", deadline=HOUR)
    clock.advance(HOUR)
    with pytest.raises(DeadlineExceeded, match="not done by its deadline"):
        wf.execute(run_id="r", deadline=HOUR)
    run = open_run("r", store=store)
    assert run.status == "failed"
    clock.advance(HOUR)
    due = clock.now() + HOUR * 1_000_000
    with pytest.raises(RunSuspended):
        wf.resume("r")
    assert run.info.due == due
    run.signal("never")
    assert wf.resume("r") == 2
    assert count(run, "TaskStarted", "first") == 1


def test_a_runs_deadline_ends_what_runs(store: Store, clock: FakeClock) -> None:
    """A body that hangs is given up; the run fails on time."""
    released = threading.Event()

    @task
    def hangs() -> None:
        clock.advance(60)
        assert released.wait(WAIT)

    with workflow("w", store=store) as wf:
        parallel(hangs, task(id="other")(lambda: 1), name="g")
    run = wf.start(deadline=50)
    released.set()
    with pytest.raises(DeadlineExceeded):
        run.result()
    assert statuses(run)["hangs"] == "timed_out"


# Time-outs.


def test_a_timeout_does_not_count_the_time_in_which_the_task_was_suspended(store: Store, clock: FakeClock) -> None:
    """Ten seconds of work, counted over its parts, whatever the waits between them take."""

    def body(ctx: TaskExecutionContext) -> str:
        clock.advance(3)
        ctx.sleep(HOUR)
        ctx.sleep(HOUR)
        return "done"

    wf = single(body, store, timeout=10)
    for _ in range(2):
        assert wf.start(run_id="r").status == "suspended"
        clock.advance(HOUR)
    assert wf.execute(run_id="r") == "done"


def test_a_timeout_counts_what_the_parts_between_waits_took_together(store: Store, clock: FakeClock) -> None:
    """Four parts of three seconds are more than ten."""
    released = threading.Event()

    def body(ctx: TaskExecutionContext) -> None:
        clock.advance(3)
        for _ in range(3):
            ctx.sleep(HOUR)
        assert released.wait(WAIT)

    wf = single(body, store, timeout=10)
    for _ in range(3):
        assert wf.start(run_id="r").status == "suspended"
        clock.advance(HOUR)
    run = wf.start(run_id="r")
    released.set()
    with pytest.raises(TaskFailed, match="timeout of 10 s") as caught:
        run.result()
    assert isinstance(caught.value.__cause__, TaskTimedOut)


def test_killed_while_its_run_is_suspended_and_resumed(process: Process, clock: FakeClock) -> None:
    """At every append of two waits and a sleep, the next process goes on to the same result."""

    def body(ctx: TaskExecutionContext) -> list[Any]:
        found = [ctx.wait_for_signal("a")]
        ctx.sleep(HOUR)
        return [*found, ctx.wait_for_signal("b")]

    wf = single(body)
    sent: set[str] = set()
    for number in range(60):
        store = process(appends=number % 3)
        try:
            run: Run = wf.start(run_id="r", store=store)
        except Died:
            continue
        if run.status != "suspended":
            break
        for name in "ab":
            run.signal(name, name, id=name)
            sent.add(name)
        clock.advance(HOUR)
        store.close()
    assert run.result() == ["a", "b"]
    assert count(run, "TimerFired") == 1
