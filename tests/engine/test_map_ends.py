"""Maps that end before their items do: cancelled, stopped, out of time, closed by a group around them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from durable import (
    ParallelGroupError,
    RaceGroup,
    RunCancelled,
    StepLimitExceeded,
    Store,
    TaskExecutionContext,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.testing import FakeClock
from tests.engine.mapping import BROKEN, RAN, SUM, mapped, middle, numbers, square


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


def test_cancelled_during_a_map(store: Store) -> None:
    """Nothing more is read or run."""
    read = []

    @task
    def cancels(context: TaskExecutionContext, n: int) -> int:
        if n == 50:
            context.cancel_workflow("enough")
        return n

    def source() -> Iterator[int]:
        for n in range(100_000):
            read.append(n)
            yield n

    with workflow("w", store=store) as wf:
        cancels.map(source)
    with pytest.raises(RunCancelled, match="enough"):
        wf.execute(run_id="r")
    assert len(read) < 5_000
    state = open_run("r", store=store).load_state()
    assert not state.having(0, 1)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals reach the main thread")
@pytest.mark.parametrize("keyed", [False, True])
def test_stopped_during_a_map(store: Store, keyed: bool) -> None:
    """What has begun is recorded, nothing more is read; the same command goes on."""
    read, stops = [0], [True]

    def source() -> Iterator[int]:
        for n in range(20_000):
            read[0] = n
            yield n

    @task
    def stopped(n: int) -> int:
        RAN[n] += 1
        if n == 40 and stops:
            stops.clear()
            os.kill(os.getpid(), signal.SIGINT)
        return n

    with workflow("w", store=store) as wf:
        stopped.map(source, str if keyed else None).with_execution(chunk_size=50)
    with pytest.raises(KeyboardInterrupt):
        wf.execute(run_id="r")
    assert read[0] < 19_999
    assert open_run("r", store=store).status == "interrupted"
    assert len(wf.execute(run_id="r")) == 20_000
    assert set(RAN.values()) == {1}


def test_terminated_from_outside_during_a_map(store: Store) -> None:
    """The run succeeds with the given result while its source is being read."""
    begun, go = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        yield from range(16)  # a whole window
        go.wait(10)
        yield from range(16, 20)

    @task
    def begins(n: int) -> int:
        begun.set()
        return n

    def end() -> None:
        begun.wait(10)
        open_run("r", store=store).terminate({"enough": True})

    other = threading.Thread(target=end)
    other.start()
    with workflow("w", store=store) as wf:
        begins.map(source)
    run = wf.start(run_id="r")
    go.set()
    other.join()
    assert run.result() == {"enough": True}


def test_max_steps_of_a_run_with_a_map(store: Store) -> None:
    """Attempts of members count; a resume has steps anew, and runs what is missing."""
    wf = mapped(lambda: numbers(100), store)
    run = wf.start(run_id="r", max_steps=60)
    with pytest.raises(StepLimitExceeded):
        run.result()
    assert sum(RAN.values()) == 60
    assert wf.resume("r") == SUM
    assert set(RAN.values()) == {1}


class Slow:
    """A source that gives a whole window, and no more before the map's time is over; then a test lets it go on."""

    def __init__(self, clock: FakeClock) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        self._clock = clock
        self._other = threading.Thread(target=self._passes)
        self._other.start()

    def __call__(self) -> Iterator[int]:
        yield from range(16)
        self.asked.set()
        self.go.wait(10)
        yield from range(16, 100)

    def _passes(self) -> None:
        self.asked.wait(10)
        while len(RAN) < 16:
            time.sleep(0.001)
        self._clock.wait_for_waiters()
        self._clock.advance(20)

    def end(self) -> None:
        self.go.set()
        self._other.join()


@pytest.mark.parametrize("keyed", [False, True])
def test_a_map_whose_time_is_over_before_its_items_are_read_fails(store: Store, clock: FakeClock, keyed: bool) -> None:
    """Although all members that it has have succeeded; a resume reads the rest."""
    source = Slow(clock)
    wf = mapped(source, store, str if keyed else None, timeout=10)
    run = wf.start(run_id="r")
    source.end()
    with pytest.raises(ParallelGroupError, match="over before its items were read to the end; 16 have members"):
        run.result()
    assert wf.resume("r") == SUM
    assert set(RAN.values()) == {1}


@pytest.mark.parametrize(
    ("policy", "passes"),
    [
        ("best_effort", True),
        ({"type": "at_least_n", "min_success": 10}, True),
        ({"type": "at_least_n", "min_success": 17}, False),
        ({"type": "max_failures", "max_failures": 50}, False),
        ({"type": "min_success_rate", "min_rate": 0.1}, False),
    ],
)
def test_policies_that_pass_with_what_was_read_in_time(
    store: Store, clock: FakeClock, policy: Any, passes: bool
) -> None:
    """Those to which more items would make no difference."""
    source = Slow(clock)
    run = mapped(source, store, policy=policy, timeout=10).start(run_id="r")
    source.end()
    assert run.status == ("succeeded" if passes else "failed")
    assert not passes or run.result() == sum(n * n for n in range(16))


def test_a_time_out_of_the_group_around_a_map_closes_that_too(store: Store, clock: FakeClock) -> None:
    """It starts no more members; a resume goes on with it."""
    source = Slow(clock)

    with workflow("w", store=store) as wf:
        parallel(square.map(source), middle, name="outer").with_execution(timeout=10)
    assert wf.start(run_id="r").status == "failed"
    source.end()
    assert len(RAN) == 17
    assert wf.resume("r") == {"square": {str(n): n * n for n in range(100)}, "middle": None}
    assert set(RAN.values()) == {1}


def test_a_group_that_fails_at_once_closes_a_map_in_it(store: Store) -> None:
    """The rest of the source is not read; a resume reads it."""
    broken, read = [True], [0]

    def source() -> Iterator[int]:
        for n in range(20_000):
            read[0] = n
            yield n

    @task
    def fails() -> None:
        while not RAN:
            time.sleep(0.001)
        if broken:
            raise ValueError("no")

    with workflow("w", store=store) as wf:
        parallel(square.map(source).with_execution(chunk_size=20), fails, name="outer").with_execution(fail_fast=True)
    assert wf.start(run_id="r").status == "failed"
    assert read[0] < 10_000
    broken.clear()
    assert len(wf.resume("r")["square"]) == 20_000
    done = Counter(e.task_id for e in open_run("r", store=store).events() if e.type == "TaskSucceeded")
    assert set(done.values()) == {1}


def test_a_map_in_a_race(store: Store) -> None:
    """It may win, with its values, or be closed by who was faster."""

    @task
    def waits(context: TaskExecutionContext) -> str:
        while not context.cancelled:
            time.sleep(0.001)
        return "late"

    with workflow("w", store=store) as wf:
        RaceGroup(square.map(range(100)), waits, name="race")
    assert wf.execute() == {"square": {str(n): n * n for n in range(100)}}

    @task
    def wins() -> str:
        return "first"

    def endless() -> Iterator[int]:
        n = 0
        while True:
            yield (n := n + 1)

    with workflow("w", store=store) as wf:
        RaceGroup(square.map(endless), wins, name="race")
    assert wf.execute() == {"wins": "first"}
