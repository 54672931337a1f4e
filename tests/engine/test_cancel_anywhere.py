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
from durable.runs.start import start_run
from tests.engine.reading import count, fields, statuses, trail

WAIT = 20.0
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


@task
def last() -> str:
    return "finished"


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


# What a body may do to its run.


@pytest.fixture
def free() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def hanging(free: threading.Event) -> Any:
    """A task that hangs until the test is over, and a flag that it has begun."""
    begun = threading.Event()

    @task
    def hangs() -> None:
        begun.set()
        free.wait(WAIT)

    return hangs, begun


@pytest.mark.parametrize("how", ["returns", "raises", "retries", "times out", "waits"])
@pytest.mark.parametrize("policy", ["strict", "best_effort"])
def test_a_body_cancels_its_run_however_it_ends(free: threading.Event, how: str, policy: str) -> None:
    """No policy is asked, no other attempt follows, siblings are cancelled and the rest is skipped."""
    hangs, begun = hanging(free)

    @task(timeout=0.05 if how == "times out" else None, max_retries=3 if how == "retries" else 0)
    def cancels(context: TaskExecutionContext) -> str:
        assert begun.wait(WAIT)
        context.cancel_workflow("no use")
        if how in ("raises", "retries"):
            raise ValueError
        if how == "times out":
            free.wait(WAIT)
        if how == "waits":
            context.sleep(0.001)
        return "done"

    with open_store("memory://") as store, workflow("w", store=store) as wf:
        parallel(cancels, hangs, name="g").with_execution(policy=policy) >> last
        run = wf.start(run_id="r")
        with pytest.raises(RunCancelled, match="no use"):
            run.result()
        expected = {"raises": "failed", "times out": "timed_out", "retries": "cancelled"}.get(how, "succeeded")
        assert statuses(run) == {"cancels": expected, "hangs": "cancelled", "g": "cancelled", "last": "skipped"}
        assert fields(run, "RunCancelled") == {"actor": "task cancels", "reason": "no use"}
        assert count(run, "TaskStarted", "cancels") == 1
        with pytest.raises(RunCancelled):
            wf.resume("r")


def test_a_body_ends_its_run_with_success(free: threading.Event) -> None:
    """Inside of a group: siblings are cancelled, what has not started is skipped, the result is what it said."""
    hangs, begun = hanging(free)

    @task
    def ends(context: TaskExecutionContext) -> str:
        assert begun.wait(WAIT)
        context.terminate_workflow({"enough": True})
        return "own value"

    with open_store("memory://") as store, workflow("w", store=store) as wf:
        parallel(ends, hangs, name="g").with_execution(policy="best_effort") >> last
        run = wf.start()
        assert run.result() == {"enough": True}
        assert statuses(run) == {"ends": "succeeded", "hangs": "cancelled", "g": "cancelled", "last": "skipped"}
        assert fields(run, "RunSucceeded") == {"terminated": "ends"}
        assert run.results == {"ends": "own value"}


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("order", [("cancel", "terminate"), ("terminate", "cancel"), ("terminate", "terminate")])
def test_of_two_bodies_that_end_their_run_the_first_in_the_log_wins(store: Store, order: tuple[str, str]) -> None:
    """Although both have returned when the driver looks: the other one is recorded as cancelled."""

    @task
    def cancel(context: TaskExecutionContext) -> None:
        context.cancel_workflow("cancelled")

    @task
    def terminate(context: TaskExecutionContext) -> None:
        context.terminate_workflow(context.task_id)

    bodies = {"cancel": cancel, "terminate": terminate}
    with workflow("w", store=store) as wf:
        wf.add(parallel([bodies[kind](task_id=f"{n}") for n, kind in enumerate(order)], name="g"))
    run = wf.start()
    assert statuses(run) == {"0": "succeeded", "1": "cancelled", "g": "cancelled"}
    assert len(trail(run, *RUN_ENDS)) == 1
    if order[0] == "cancel":
        assert run.status == "cancelled"
    else:
        assert run.result() == "0"


def test_a_driven_run_is_ended_from_outside(free: threading.Event, tmp_path: Path) -> None:
    """With a result, soon, although a body hangs; the caller gets it, and so does whoever asks again."""
    hangs, begun = hanging(free)
    url = f"sqlite:///{tmp_path}/runs.db?synchronous=normal"
    said: list[bool] = []

    def end() -> None:
        assert begun.wait(WAIT)
        with open_run("r", store=url) as run:
            said.append(run.terminate("enough", reason="late", actor="ann"))

    with open_store(url) as store, workflow("w", store=store) as wf:
        parallel(hangs, first, name="g") >> last
        thread = threading.Thread(target=end)
        thread.start()
        assert wf.execute(run_id="r") == "enough"
        thread.join(WAIT)
        assert said == [True]
        assert not free.is_set()
        run = open_run("r", store=store)
        assert fields(run, "RunSucceeded") == {"terminated": "", "actor": "ann", "reason": "late"}
        assert statuses(run) == {"hangs": "cancelled", "first": "succeeded", "g": "cancelled", "last": "skipped"}
        assert wf.resume("r") == "enough"
        assert not run.cancel()
        assert not run.terminate("other")


@pytest.mark.parametrize("kind", ["cancel", "terminate"])
def test_an_end_that_comes_while_the_run_is_being_suspended_is_not_lost(store: Store, kind: str) -> None:
    """The driver does not look into the inbox any more and still has the lease: it looks once more after it."""
    said: list[bool] = []

    def while_suspending(state: Any, events: Any) -> None:
        if events[-1].type == "RunSuspended":
            said.append(getattr(open_run("r", store=store), kind)())

    with workflow("w", store=store) as wf:
        wf.add(asks(question=True))
    run = start_run(wf, run_id="r", store=store, observers=[while_suspending])
    assert said == [True]
    assert run.status == {"cancel": "cancelled", "terminate": "succeeded"}[kind]
    assert store.inbox("r") == []


def test_a_body_that_loses_its_race_still_cancels_the_run(store: Store) -> None:
    """It had asked before it was given up."""
    asked, freed = threading.Event(), threading.Event()

    @task
    def loses(context: TaskExecutionContext) -> None:
        context.cancel_workflow("enough")
        asked.set()
        freed.wait(WAIT)

    @task
    def wins() -> int:
        asked.wait(WAIT)
        return 1

    with workflow("w", store=store) as wf:
        wf.add(RaceGroup(loses, wins, name="r"))
    try:
        with pytest.raises(RunCancelled, match="enough"):
            wf.execute(run_id="lost")
    finally:
        freed.set()


@pytest.mark.parametrize("kind", ["cancel", "terminate"])
def test_a_body_on_the_driver_is_left_at_its_next_durable_call(tmp_path: Path, kind: str) -> None:
    """A long body of a plain chain does not run to its end once somebody has ended its run."""
    done: list[int] = []
    with open_store(f"sqlite:///{tmp_path}/runs.db") as store:

        @task
        def long(context: TaskExecutionContext) -> None:
            for item in context.track(range(2000)):
                done.append(item)
                if item == 3:
                    run = open_run("r", store)
                    (run.cancel if kind == "cancel" else run.terminate)()
                time.sleep(0.005)

        with workflow("w", store=store) as wf:
            wf.add(long)
        run = wf.start(run_id="r")
        assert run.status == ("cancelled" if kind == "cancel" else "succeeded")
        assert len(done) < 1000
        assert statuses(run)["long"] == "cancelled"
