"""Deadlines of tasks and runs: they count over attempts and suspensions; a resume gives a fresh one."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from durable import (
    DeadlineExceeded,
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
from tests.engine.reading import count, statuses
from tests.engine.single import single

HOUR = 3600
WAIT = 20.0


def seconds(clock: FakeClock) -> float:
    return clock.monotonic()


def waiter(store: Any = None, timeout: float | None = None, **settings: Any) -> Workflow:
    def body(ctx: TaskExecutionContext) -> Any:
        return ctx.wait_for_signal("go", timeout=timeout)

    return single(body, store, **settings)


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
