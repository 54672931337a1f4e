"""Retries: how often, when, and that due times outlive the process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from durable import RetryPolicy, Store, TaskExecutionContext, TaskFailed, parallel, task, workflow
from durable.testing import FakeClock
from tests.conftest import Died
from tests.engine.reading import count, fields, trail


def test_a_task_is_tried_again_after_its_back_off(store: Store, clock: FakeClock) -> None:
    """The waits are those of the policy; each due time is recorded; attempts count on."""
    began: list[float] = []

    @task(retry=RetryPolicy(max_attempts=4, initial_interval=1, backoff_factor=3))
    def fails(context: TaskExecutionContext) -> int:
        began.append(clock.monotonic())
        if context.attempt < 4:
            raise OSError(f"no {context.attempt}")
        return context.attempt

    with workflow("w", store=store) as wf:
        wf.add(fails)
    run = wf.start()
    assert run.result() == 4
    assert began == [0, 1, 4, 13]
    assert count(run, "TaskRetryScheduled") == 3
    last = fields(run, "TaskRetryScheduled")
    assert (last["error"], last["cause"]) == ("OSError: no 3", "failed")
    scheduled = [event for event in run.events() if event.type == "TaskRetryScheduled"]
    assert [event.fields["due"] - event.time for event in scheduled] == [1_000_000, 3_000_000, 9_000_000]


def test_when_the_attempts_are_used_up_the_last_error_is_the_runs(store: Store) -> None:
    """With the live exception as its cause."""

    @task(max_retries=2)
    def fails(context: TaskExecutionContext) -> None:
        raise ValueError(context.attempt)

    with workflow("w", store=store) as wf:
        wf.add(fails)
    with pytest.raises(TaskFailed, match="ValueError: 3") as caught:
        wf.execute()
    assert isinstance(caught.value.__cause__, ValueError)


def test_errors_that_the_policy_does_not_name_are_not_tried_again(store: Store) -> None:
    """``retry_on`` and ``give_up_on``."""

    @task(retry=RetryPolicy(retry_on=OSError, give_up_on=FileNotFoundError))
    def fails() -> None:
        raise FileNotFoundError

    with workflow("w", store=store) as wf:
        wf.add(fails)
    assert count(wf.start(), "TaskStarted") == 1


def test_what_an_attempt_wrote_before_it_failed_is_dropped(store: Store) -> None:
    """Channel writes and metadata belong to the attempt that succeeds."""

    @task(max_retries=1)
    def writes(context: TaskExecutionContext) -> list[Any]:
        channel = context.get_channel()
        channel.append("log", context.attempt)
        context.metadata["attempt"] = context.attempt
        if context.attempt == 1:
            raise OSError
        return [channel.get("log"), dict(context.metadata)]

    with workflow("w", store=store) as wf:
        wf.add(writes)
    run = wf.start()
    assert run.result() == [[2], {"attempt": 2}]
    assert count(run, "ChannelWritten") == 1


def test_a_due_time_survives_the_process(process: Callable[..., Any], clock: FakeClock) -> None:
    """Killed while waiting: the next process waits for the rest, and the attempt has the next number."""
    began: list[tuple[int, float]] = []

    @task(retry=RetryPolicy(max_attempts=3, initial_interval=100, max_interval=500))
    def fails(context: TaskExecutionContext) -> int:
        began.append((context.attempt, clock.monotonic()))
        if context.attempt < 3:
            raise OSError
        return context.attempt

    with workflow("w") as wf:
        wf.add(fails)
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=2))
    assert began[0] == (1, 0)
    at = clock.monotonic()
    assert at <= 100
    run = wf.start(run_id="r", store=process())
    assert run.result() == 3
    assert began == [(1, 0), (2, 100), (3, 300)]


def test_waiting_for_a_retry_holds_nobody_up(store: Store) -> None:
    """Siblings run meanwhile; the group is judged when the last attempt has ended."""

    @task(max_retries=1)
    def flaky(context: TaskExecutionContext) -> int:
        if context.attempt == 1:
            raise OSError
        return 1

    @task
    def other() -> int:
        return 2

    with workflow("w", store=store) as wf:
        parallel(flaky, other, name="g")
    run = wf.start()
    assert run.result() == {"flaky": 1, "other": 2}
    order = trail(run)
    assert order.index("TaskSucceeded other") < order.index("TaskSucceeded flaky") < order.index("GroupSucceeded g")


def test_a_retry_is_not_held_up_by_a_task_that_runs_on_the_driver(store: Store, clock: FakeClock) -> None:
    """The driver wakes for a back-off that ends while another branch of the run computes."""
    failed, second_try = threading.Event(), threading.Event()

    @task(max_retries=1)
    def flaky(context: TaskExecutionContext) -> None:
        if context.attempt == 1:
            failed.set()
            raise OSError
        second_try.set()

    @task
    def other() -> None: ...

    @task
    def before() -> None:
        assert failed.wait(10)

    @task
    def between() -> None: ...

    @task
    def long() -> bool:
        clock.advance(60)
        return second_try.wait(2)

    with workflow("w", store=store) as wf:
        parallel(flaky, other, name="g")
        before >> between >> long
    assert wf.start().results["long"] is True
