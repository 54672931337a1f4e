"""Limits of maps: how many members run at once and start in a second, chunks, time-outs and deadlines."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from durable import CoordinationBackend, RetryPolicy, Store, TaskExecutionContext, task
from durable.testing import FakeClock
from tests.engine.mapping import BROKEN, RAN, single_map, square
from tests.engine.reading import appends, count, trail


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


@pytest.mark.parametrize("backend", [CoordinationBackend.THREADING, CoordinationBackend.ASYNCIO])
def test_no_more_run_at_once_than_may(store: Store, backend: CoordinationBackend) -> None:
    """Also across windows."""
    lock, live, most = threading.Lock(), [0], [0]

    @task
    def counted(n: int) -> int:
        with lock:
            live[0] += 1
            most[0] = max(most[0], live[0])
        time.sleep(0.0005)
        with lock:
            live[0] -= 1
        return n

    run = single_map(counted, range(150), store, backend=backend, max_concurrent=3).start()
    assert len(run.result()) == 150
    assert most == [3]


def starts(run: Any) -> list[float]:
    """When attempts were started, seconds since the first of them."""
    times = [event.time / 1e6 for event in run.events() if event.type == "TaskStarted"]
    return [time - times[0] for time in times]


@pytest.mark.parametrize("chunk", [None, 7])
def test_no_more_start_in_a_second_than_may(store: Store, clock: FakeClock, chunk: int | None) -> None:
    """Whatever is free, and also when members are handed over in chunks."""
    run = single_map(square, range(100), store, rate_limit=10, max_concurrent=50, chunk_size=chunk).start()
    found = starts(run)
    assert len(found) == 100
    for place, time_ in enumerate(found):
        assert sum(time_ <= other < time_ + 1 for other in found[place:]) <= 11
    assert found[-1] <= 9.95


def test_retries_count_as_starts(store: Store, clock: FakeClock) -> None:
    """Attempts are what may start."""

    @task(retry=RetryPolicy(max_attempts=3, initial_interval=0.001))
    def flaky(context: TaskExecutionContext, n: int) -> int:
        if context.attempt < 3:
            raise OSError
        return n

    found = starts(single_map(flaky, range(10), store, rate_limit=10).start())
    assert len(found) == 30
    assert found[-1] >= 2.85


def test_a_policy_that_retries_members_does_not_get_around_the_rate(store: Store, clock: FakeClock) -> None:
    """What is opened again starts at the same pace."""

    class Retries:
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            for name, result in results.iter():
                if result.attempts < 5:
                    context.next_task(name)
                    return

    found = starts(single_map(square, range(4), store, rate_limit=2, policy=Retries()).start())
    assert len(found) == 20
    assert found[-1] >= 19 * 0.5 - 0.06


@pytest.mark.parametrize("size", [1, 6, 7, 8, 100])
def test_chunks_are_recorded_one_by_one(store: Store, size: int) -> None:
    """Members that are handed over together still have their own results."""
    run = single_map(square, range(size), store, chunk_size=7, max_concurrent=2).start()
    assert run.result() == {str(n): n * n for n in range(size)}
    assert count(run, "TaskSucceeded") == count(run, "TaskStarted") == size
    together = [
        sum(line.startswith("TaskStarted") for line in append)
        for append in appends(store, run.run_id)
        if any(line.startswith("TaskStarted") for line in append)
    ]
    assert all(found % 7 == 0 for found in together[:-1])


def test_a_failure_in_a_chunk_is_that_of_one_member(store: Store) -> None:
    """The others of the chunk succeed."""

    @task(max_retries=1)
    def odd(n: int) -> int:
        RAN[n] += 1
        if n == 3:
            raise ValueError("no")
        return n

    run = single_map(odd, range(10), store, chunk_size=5, policy="best_effort").start()
    assert list(run.result()) == [str(n) for n in range(10) if n != 3]
    assert {**dict.fromkeys(range(10), 1), 3: 2} == RAN


def test_a_member_that_takes_too_long(store: Store, clock: FakeClock) -> None:
    """Its attempt times out, and is followed by another one."""
    held = threading.Event()

    @task(timeout=5, max_retries=1)
    def hangs(context: TaskExecutionContext, n: int) -> int:
        if n == 2 and context.attempt == 1:
            threading.Thread(target=passes).start()
            held.wait(10)
        return n

    def passes() -> None:
        clock.wait_for_waiters()
        clock.advance(6)

    run = single_map(hangs, range(4), store, max_concurrent=1).start()
    held.set()
    assert run.result() == {str(n): n for n in range(4)}
    assert trail(run, "TaskRetryScheduled") == ["TaskRetryScheduled hangs/2"]


def test_a_member_whose_deadline_passes(store: Store, clock: FakeClock) -> None:
    """The time from its first start counts, waits included."""

    @task(deadline=20)
    def sleeps(context: TaskExecutionContext, n: int) -> int:
        if n == 1:
            context.sleep(50)
        return n

    wf = single_map(sleeps, range(3), store, policy="best_effort")
    run = wf.start(run_id="r")
    assert run.result() == {"0": 0, "2": 2}
    assert trail(run, "TaskTimedOut") == ["TaskTimedOut sleeps/1"]
