"""Members that lose a race are told, cancelled and not waited for; what they still do is discarded."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from durable import CoordinationBackend, RaceGroup, RetryPolicy, Store, TaskExecutionContext, task, workflow
from tests.engine.racers import fails, one
from tests.engine.reading import count, statuses

WAIT = 20.0


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_losing_thread_is_told_and_its_late_result_is_discarded(store: Store, released: threading.Event) -> None:
    """``ctx.cancelled`` becomes true, what follows the race does not wait, and nothing of the loser is recorded."""
    told, ended = threading.Event(), threading.Event()

    @task
    def slow(context: TaskExecutionContext) -> str:
        until = time.monotonic() + WAIT
        while not context.cancelled and time.monotonic() < until:
            time.sleep(0.001)
        if context.cancelled:
            told.set()
        assert released.wait(WAIT)
        ended.set()
        return "late"

    @task
    def after(r: dict[str, int]) -> dict[str, int]:
        assert told.wait(WAIT)
        assert not ended.is_set()
        return r

    with workflow("w", store=store) as wf:
        RaceGroup(slow, one, name="r") >> after
    run = wf.start()
    assert run.result() == {"one": 1}
    released.set()
    assert ended.wait(WAIT)
    assert statuses(run)["slow"] == "cancelled"
    assert count(run, "TaskSucceeded", "slow") == 0


@pytest.mark.parametrize("backend", [CoordinationBackend.THREADING, CoordinationBackend.ASYNCIO])
def test_a_losing_coroutine_is_cancelled(store: Store, backend: CoordinationBackend) -> None:
    """It does not run on: its ``finally`` has run when the run is over."""
    seen: list[str] = []

    @task
    async def slow() -> None:
        try:
            await asyncio.sleep(WAIT)
            seen.append("ran on")
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    @task
    async def fast() -> str:
        await asyncio.sleep(0.01)
        return "first"

    with workflow("w", store=store) as wf:
        wf.add(RaceGroup(slow, fast, name="r").with_execution(backend))
    begun = time.monotonic()
    assert wf.execute() == {"fast": "first"}
    assert time.monotonic() - begun < WAIT / 2
    assert seen == ["cleaned up"]


def test_failures_do_not_end_a_race_and_a_back_off_is_cut_short(store: Store) -> None:
    """A member that waits for its next attempt when another one wins is cancelled."""

    @task(retry=RetryPolicy(max_attempts=5, initial_interval=1000))
    def flaky() -> None:
        raise ConnectionError

    gone = threading.Event()

    @task
    def wins(context: TaskExecutionContext) -> str:
        until = time.monotonic() + WAIT
        while context.view.state.node_status("flaky") != "waiting" and time.monotonic() < until:
            time.sleep(0.001)
        gone.set()
        return "won"

    with workflow("w", store=store) as wf:
        wf.add(RaceGroup(fails, flaky, wins, name="r"))
    run = wf.start()
    assert run.result() == {"wins": "won"}
    assert statuses(run) == {"fails": "failed", "flaky": "cancelled", "wins": "succeeded", "r": "succeeded"}
