"""Time-outs of attempts: on time although the thread is blocked, waits not counted, nothing recorded later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durable import AttemptEnded, RetryPolicy, Store, TaskExecutionContext, TaskFailed, TaskTimedOut, task, workflow
from durable.testing import FakeClock
from tests.conftest import Died
from tests.engine.reading import count, fields, statuses, trail
from tests.engine.single import single

HOUR = 3600
WAIT = 20.0


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Set at the end of the test, so that blocked bodies return."""
    event = threading.Event()
    yield event
    event.set()


def test_a_blocked_body_is_recorded_as_timed_out_on_time(
    store: Store, clock: FakeClock, released: threading.Event
) -> None:
    """The run fails while the thread still hangs."""

    @task(timeout=5)
    def hangs() -> None:
        clock.advance(5)
        assert released.wait(WAIT)

    with workflow("w", store=store) as wf:
        wf.add(hangs)
    run = wf.start()
    assert not released.is_set()
    assert statuses(run) == {"hangs": "timed_out"}
    with pytest.raises(TaskFailed, match="took longer than its timeout of 5 s") as caught:
        run.result()
    assert isinstance(caught.value.__cause__, TaskTimedOut)
    event = next(event for event in run.events() if event.type == "TaskTimedOut")
    started = next(event for event in run.events() if event.type == "TaskStarted")
    assert event.time - started.time == 5_000_000


def test_a_late_result_is_discarded_and_the_late_context_refuses_everything(
    store: Store, clock: FakeClock, released: threading.Event
) -> None:
    """Every call that reads or writes the run raises AttemptEnded, which ``except Exception`` does not catch."""
    refused: list[str] = []
    done = threading.Event()

    @task(timeout=5)
    def hangs(context: TaskExecutionContext) -> str:
        channel, metadata = context.get_channel(), context.metadata
        clock.advance(5)
        assert released.wait(WAIT)
        calls: dict[str, Callable[[], Any]] = {
            "get_channel": context.get_channel,
            "get": lambda: context.get("k"),
            "set": lambda: context.set("k", 1),
            "get_result": lambda: context.get_result("hangs"),
            "metadata": lambda: context.metadata,
            "channel.set": lambda: channel.set("k", 1),
            "channel.append": lambda: channel.append("k", 1),
            "channel.atomic_add": lambda: channel.atomic_add("k"),
            "channel.delete": lambda: channel.delete("k"),
            "channel.keys": channel.keys,
            "channel.exists": lambda: channel.exists("k"),
            "metadata.set": lambda: metadata.__setitem__("k", 1),
            "metadata.list": lambda: list(metadata),
        }
        for name, call in calls.items():
            try:
                call()
            except Exception:
                pass
            except AttemptEnded:
                refused.append(name)
        assert context.cancelled
        done.set()
        return "late"

    with workflow("w", store=store) as wf:
        wf.add(hangs)
    run = wf.start()
    seq = run.info.seq
    released.set()
    assert done.wait(WAIT)
    assert len(refused) == 13
    assert (run.info.seq, run.status) == (seq, "failed")


def test_a_timed_out_attempt_can_be_retried(store: Store, clock: FakeClock, released: threading.Event) -> None:
    """The second attempt runs in another thread while the first one still hangs."""

    @task(timeout=5, retry=RetryPolicy(max_attempts=2, initial_interval=1))
    def hangs(context: TaskExecutionContext) -> int:
        if context.attempt == 1:
            clock.advance(5)
            assert released.wait(WAIT)
        return context.attempt

    with workflow("w", store=store) as wf:
        wf.add(hangs)
    run = wf.start()
    assert run.result() == 2
    assert fields(run, "TaskRetryScheduled")["cause"] == "timed_out"
    assert trail(run, "Task") == [
        "TaskStarted hangs",
        "TaskRetryScheduled hangs",
        "TaskStarted hangs",
        "TaskSucceeded hangs",
    ]


def test_late_results_that_arrive_while_the_run_goes_on_are_discarded(
    store: Store, clock: FakeClock, released: threading.Event
) -> None:
    """Neither the task that timed out nor its next attempt gets them."""
    first_gone, posted = threading.Event(), threading.Event()

    @task(timeout=5, retry=RetryPolicy(max_attempts=2, initial_interval=0))
    def hangs(context: TaskExecutionContext) -> str:
        if context.attempt == 1:
            clock.advance(5)
            assert released.wait(WAIT)
            first_gone.set()
            return "late"
        released.set()
        assert first_gone.wait(WAIT)
        return "second"

    @task
    def settles(hangs: str) -> str:
        posted.wait(0.05)  # gives the late completion time to arrive; none is needed for the test to be right
        return hangs

    @task
    def last(settles: str) -> str:
        return settles

    with workflow("w", store=store) as wf:
        hangs >> settles >> last
    run = wf.start()
    assert run.result() == "second"
    assert count(run, "TaskSucceeded", "hangs") == 1


def test_a_body_within_its_time_is_left_alone(store: Store, clock: FakeClock) -> None:
    """Less than the limit is no time-out."""

    @task(timeout=5)
    def quick() -> str:
        clock.advance(4.9)
        return "done"

    with workflow("w", store=store) as wf:
        wf.add(quick)
    assert wf.execute() == "done"


def test_a_groups_time_counts_over_crashes_but_not_between_drives(
    process: Callable[..., Any], clock: FakeClock
) -> None:
    """Three seconds before the crash and three after exceed five; the night between does not count."""

    @task
    def works(context: TaskExecutionContext) -> str:
        clock.advance(3)
        return "done"

    @task
    def last() -> str:
        return "last"

    with workflow("w") as wf:
        group = works(task_id="one") | works(task_id="two") | last
        group.with_execution(policy="best_effort", timeout=5, backend="direct")
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=2))
    clock.advance(8 * 3600)
    run = wf.start(run_id="r", store=process())
    found = statuses(run)
    assert found["one"] == "succeeded"
    assert found["last"] == "timed_out"
    assert count(run, "RunContinued") == 1


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
