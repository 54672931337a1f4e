"""Cancelling at any moment: a run ends as cancelled or finished, never as both, and that never changes."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from durable import (
    CoordinationBackend,
    RaceGroup,
    RetryPolicy,
    RunCancelled,
    RunNotFound,
    RunSuspended,
    Store,
    TaskExecutionContext,
    Workflow,
    open_run,
    open_store,
    parallel,
    task,
    workflow,
)
from durable.cli.log_check import check
from durable.core.transitions import RUN_ENDS
from durable.engine.load import load
from tests.engine.hanging import WAIT, last
from tests.engine.reading import statuses

INSTANTS = 100
"""For each of the two ways to cancel."""
RESULT = {"grows/first": 1, "last": "finished"}


@task
def first() -> int:
    return 1


@task
def round_trip(context: TaskExecutionContext, n: int = 0) -> int:
    if n < 3:
        context.next_iteration(n + 1)
    return n


@task(retry=RetryPolicy(max_attempts=3, initial_interval=0.002, jitter=0))
def flaky(context: TaskExecutionContext) -> int:
    if context.attempt == 1:
        raise ConnectionError
    return context.step(lambda: 5)  # type: ignore[no-any-return]


@task
async def nap(n: int) -> int:
    await asyncio.sleep(0.002 * n)
    return n


@task
async def ticks(context: TaskExecutionContext) -> list[int]:
    found = []
    async for item in context.track(range(3)):
        await context.sleep(0.001)
        found.append(item)
    return found


@task
def grows(context: TaskExecutionContext) -> None:
    context.next_task(parallel([nap(task_id=f"late{n}", n=n) for n in range(3)], name="late", callback=first))


@task
def asks(context: TaskExecutionContext, question: bool = False) -> Any:
    if question:
        return context.request_feedback("go on?", timeout=0).approved
    context.sleep(0.002)
    return True


def everything(store: Store | str, question: bool) -> Workflow:
    """Chains, groups, a race, loops, waits, back-offs, tasks that are scheduled; perhaps suspended in the end."""
    with workflow("everything", store=store) as wf:
        napping = parallel([nap(task_id=f"nap{n}", n=n) for n in range(4)], name="naps")
        mixed = parallel(flaky, round_trip, ticks, first(task_id="one") >> first(task_id="two"), name="mixed")
        race = RaceGroup(nap(task_id="slow", n=20), nap(task_id="fast", n=1), flaky(task_id="other"), name="race")
        asking = asks(question=question)
        first >> napping.with_execution(CoordinationBackend.ASYNCIO) >> mixed >> race >> grows >> asking >> last
    return wf


def assert_ended(store: Store, wf: Workflow, run_id: str, question: bool) -> str:
    """The run has one end, or waits for its answer; a resume and another cancel change nothing; the log is whole."""
    run = open_run(run_id, store=store)
    status = run.status
    assert status in (["succeeded", "cancelled", "suspended"] if question else ["succeeded", "cancelled"])
    ends = [event.type for event in run.events() if event.type in RUN_ENDS]
    assert len(ends) == (status != "suspended")
    state = load(store, run_id, use_checkpoints=False)
    assert state.status_name == status
    assert not check(store, run_id).problem
    if status == "suspended":
        return status
    open_still = {"running", "waiting", "interrupted", "suspended", "pending"}
    assert not open_still & set(statuses(run).values())
    seq = run.info.seq
    if status == "cancelled":
        with pytest.raises(RunCancelled):
            wf.resume(run_id, store=store)
    else:
        assert wf.resume(run_id, store=store) == RESULT
    assert not run.cancel()
    assert (run.status, run.info.seq) == (status, seq)
    return status


def cancel_later(store: Store, run_id: str, seconds: float, said: list[bool]) -> None:
    """Cancel a run once it exists and some time has passed."""
    time.sleep(seconds)
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        try:
            said.append(open_run(run_id, store=store).cancel(reason="at random"))
            return
        except RunNotFound:
            time.sleep(0.0005)


def longest(store: Store) -> float:
    """Seconds that the workflow takes here and now, and a little more."""
    begun = time.monotonic()
    for number in range(3):
        everything(store, question=False).start(run_id=f"timed{number}")
    return (time.monotonic() - begun) / 3 * 1.3


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A SQLite store; drives look into the inbox often."""
    monkeypatch.setattr("durable.engine.heartbeat.POLL_SECONDS", 0.005)
    with open_store(f"sqlite:///{tmp_path}/runs.db?synchronous=normal") as opened:
        yield opened


def test_cancelled_by_another_thread_at_random_instants(disk: Store, tmp_path: Path) -> None:
    """Through another connection, as another process would: before, while and after anything."""
    instants, found, most = random.Random(7), Counter[str](), longest(disk)
    with open_store(f"sqlite:///{tmp_path}/runs.db?synchronous=normal") as other:
        for number in range(INSTANTS):
            question = number % 4 == 0
            wf, run_id, said = everything(disk, question), f"r{number}", list[bool]()
            when = instants.uniform(0, most)
            thread = threading.Thread(target=cancel_later, args=(other, run_id, when, said))
            thread.start()
            wf.start(run_id=run_id)
            thread.join(WAIT)
            status = assert_ended(disk, wf, run_id, question)
            assert status != "suspended"  # whoever was told that it is cancelled can rely on it
            assert (status == "cancelled") <= said[0]
            found[status] += 1
    assert found["cancelled"] > INSTANTS / 4
    assert found["succeeded"]


def test_cancelled_with_its_caller_at_random_instants(disk: Store) -> None:
    """The caller of ``aexecute`` is cancelled: it gets CancelledError, or what the run came to just before."""
    instants, found, most = random.Random(8), Counter[str](), longest(disk)

    async def one(number: int) -> None:
        question = number % 4 == 0
        wf, run_id = everything(disk, question), f"r{number}"
        caller = asyncio.create_task(wf.aexecute(run_id=run_id))
        await asyncio.sleep(instants.uniform(0, most))
        cancelled = caller.cancel()
        try:
            assert await caller == RESULT
        except RunSuspended:
            assert question
            assert not cancelled
        except asyncio.CancelledError:
            assert cancelled
            if disk.run(run_id) is None:  # it had not begun
                return
        assert asyncio.all_tasks() == {asyncio.current_task()}
        status = await asyncio.to_thread(assert_ended, disk, wf, run_id, question)
        assert cancelled <= (status != "suspended")
        found[status] += 1

    async def main() -> None:
        for number in range(INSTANTS):
            await one(number)

    asyncio.run(main())
    assert found["cancelled"] > INSTANTS / 4
    assert found["succeeded"]
