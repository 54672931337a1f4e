"""Races: the first success in the log wins, alone; the others are cancelled and what they still do is discarded."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durable import (
    CoordinationBackend,
    DefinitionError,
    FirstSuccessPolicy,
    ParallelGroupError,
    RaceGroup,
    RetryPolicy,
    RunSuspended,
    Store,
    TaskExecutionContext,
    Workflow,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.core.policies import make_policy
from tests.conftest import Died, MortalStore
from tests.engine.reading import count, fields, statuses, trail

WAIT = 20.0
BACKENDS = list(CoordinationBackend)


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@task
def one() -> int:
    return 1


@task
def two() -> int:
    return 2


@task
def fails() -> None:
    raise ValueError("no")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [2, 3, 20])
def test_exactly_one_of_many_that_succeed_at_once_wins(store: Store, backend: CoordinationBackend, size: int) -> None:
    """However close they are; it is the first success in the log, and the run's value is its value alone."""

    @task
    def quick(n: int) -> int:
        return n

    for _ in range(5):
        with workflow("w", store=store) as wf:
            wf.add(RaceGroup([quick(task_id=f"m{n}", n=n) for n in range(size)], name="r").with_execution(backend))
        run = wf.start()
        winners = [event.task_id for event in run.events() if event.type == "TaskSucceeded"]
        assert len(winners) == 1
        assert run.result() == {winners[0]: int(winners[0][1:])}
        found = statuses(run)
        assert {found[f"m{n}"] for n in range(size)} - {"succeeded"} <= {"cancelled", "skipped"}


@pytest.mark.usefixtures("at_once")
def test_completions_that_arrive_together_do_not_make_two_winners(store: Store) -> None:
    """All members are done before the driver looks: the first that it takes wins, the others are cancelled."""
    with workflow("w", store=store) as wf:
        wf.add(RaceGroup([one(task_id=f"m{n}") for n in range(3)], name="r"))
    run = wf.start()
    assert run.result() == {"m0": 1}
    assert statuses(run) == {"m0": "succeeded", "m1": "cancelled", "m2": "cancelled", "r": "succeeded"}
    assert fields(run, "TaskCancelled", "m1") == {"reason": "the group was decided"}


def test_coroutines_that_end_in_one_turn_of_the_loop_do_not_make_two_winners(store: Store) -> None:
    """They post their completions one right after the other; one event sets them all free."""

    async def drive() -> list[str]:
        free, held = asyncio.Event(), []

        @task
        async def member(n: int) -> int:
            held.append(n)
            if len(held) == 5:
                free.set()
            await free.wait()
            return n

        with workflow("w", store=store) as wf:
            wf.add(RaceGroup([member(task_id=f"m{n}", n=n) for n in range(5)], name="r"))
        run = await wf.astart()
        return trail(run, "TaskSucceeded")

    for _ in range(20):
        assert len(asyncio.run(drive())) == 1


def test_all_members_start_at_once(store: Store) -> None:
    """More than a group runs by default: each waits for all the others before it returns."""
    size = 40
    barrier = threading.Barrier(size)

    @task
    def member(n: int) -> int:
        barrier.wait(WAIT)
        return n

    with workflow("w", store=store) as wf:
        wf.add(RaceGroup([member(task_id=f"m{n}", n=n) for n in range(size)], name="r"))
    assert len(wf.execute()) == 1


def test_max_concurrent_makes_it_one_after_the_other(store: Store) -> None:
    """With one at a time the next member starts only when those before it have failed; the rest is skipped."""
    with workflow("w", store=store) as wf:
        wf.add(RaceGroup(fails, one, two, name="r").with_execution(max_concurrent=1))
    run = wf.start()
    assert run.result() == {"one": 1}
    assert statuses(run) == {"fails": "failed", "one": "succeeded", "two": "skipped", "r": "succeeded"}


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


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_race_that_nobody_wins_fails(store: Store, backend: CoordinationBackend) -> None:
    """With all the errors; what follows it does not run; a resume races again and may find a winner."""
    broken = [True]

    @task
    def repaired() -> str:
        if broken:
            raise OSError("down")
        return "up"

    with workflow("w", store=store) as wf:
        RaceGroup(fails, repaired, name="r").with_execution(backend) >> one
    with pytest.raises(ParallelGroupError, match="none of its 2 members succeeded") as caught:
        wf.execute(run_id="x")
    assert dict(caught.value.failed_tasks) == {"fails": "ValueError: no", "repaired": "OSError: down"}
    assert {type(error) for error in caught.value.__cause__.exceptions} == {ValueError, OSError}  # type: ignore[union-attr]
    assert statuses(open_run("x", store=store))["one"] == "pending"
    broken.clear()
    assert wf.resume("x") == 1
    assert open_run("x", store=store).task_results("r")["repaired"].success


def test_members_may_be_chains_and_groups(store: Store) -> None:
    """A chain wins when its last task has succeeded; the rest of the others is cancelled or skipped."""

    @task
    def never() -> None:
        threading.Event().wait(0.2)

    @task
    def after_never() -> None: ...

    with workflow("w", store=store) as wf:
        wf.add(RaceGroup(never >> after_never, one >> two, parallel(fails, name="inner"), name="r"))
    run = wf.start()
    assert run.result() == {"two": 2}
    found = statuses(run)
    assert found["after_never"] == "skipped"
    assert found["never"] == "cancelled"

    with workflow("w2", store=store) as wf:
        wf.add(RaceGroup(parallel(one, two, name="both"), fails, name="r"))
    assert wf.execute() == {"both": {"one": 1, "two": 2}}


def test_groups_that_can_be_judged_together_do_not_both_win(process: Callable[..., MortalStore]) -> None:
    """The members of both run out of time at one moment: the first verdict decides, also when killed at any append."""

    @task(deadline=5)
    def waits(context: TaskExecutionContext) -> None:
        context.request_feedback("never answered", timeout=0)

    for appends in range(20):
        with workflow("w") as wf:
            groups = [parallel(waits(task_id=f"h{n}"), name=f"g{n}") for n in range(2)]
            wf.add(RaceGroup(*(group.with_execution(policy="best_effort") for group in groups), name="r"))
        died = dies(wf, process(appends=appends), f"x{appends}")
        run = wf.start(run_id=f"x{appends}", store=process())
        first, *others = trail(run, "GroupSucceeded")
        assert others == ["GroupSucceeded r"], first
        assert sorted(statuses(run)[name] for name in ("g0", "g1")) == ["cancelled", "succeeded"]
        if not died:
            return
    raise AssertionError("it never got to its end")


@pytest.mark.usefixtures("at_once")
def test_a_race_killed_at_every_append_has_one_winner_and_losers_do_not_start_again(
    process: Callable[..., MortalStore],
) -> None:
    """Once a success is in the log it stays the winner, and nothing is started any more."""
    for appends in range(20):
        with workflow("w") as wf:
            RaceGroup(fails, one, two, name="r") >> one(task_id="after")
        died = dies(wf, process(appends=appends), f"x{appends}")
        store = process()
        before = list(store.read(f"x{appends}", 0))
        run = wf.start(run_id=f"x{appends}", store=store)
        assert run.task_results("r")["one"].success
        assert trail(run, "TaskSucceeded") == ["TaskSucceeded one", "TaskSucceeded after"]
        if any(event.type == "TaskSucceeded" for event in before):
            again = [event.task_id for event in run.events(len(before)) if event.type == "TaskStarted"]
            assert again in ([], ["after"])
        if not died:
            return
    raise AssertionError("it never got to its end")


def dies(wf: Workflow, store: MortalStore, run_id: str) -> bool:
    """Start a run in a process that may die; whether it did."""
    try:
        wf.start(run_id=run_id, store=store)
    except Died:
        return True
    return False


def test_a_race_can_be_scheduled_by_a_body(store: Store) -> None:
    """With its callback, which gets the winner's value."""

    @task
    def merge(won: dict[str, int]) -> dict[str, int]:
        return won

    @task
    def begin(context: TaskExecutionContext) -> None:
        context.next_task(RaceGroup(fails, one, name="r", callback=merge))

    with workflow("w", store=store) as wf:
        wf.add(begin)
    run = wf.start()
    assert run.result() == {"one": 1}
    assert len(trail(run, "TaskSucceeded")) == 3


@pytest.mark.parametrize(
    "way",
    [
        {"policy": "strict"},
        {"policy": FirstSuccessPolicy()},
        {"handler": "best_effort"},
        {"decide_early": False},
        {"fail_fast": True},
    ],
)
def test_a_race_cannot_be_judged_in_another_way(way: dict[str, Any]) -> None:
    """What is refused is named, and nothing has changed."""
    race = RaceGroup(one, two, name="r")
    with pytest.raises(DefinitionError, match=f"the race 'r' takes no {next(iter(way))}="):
        race.with_execution(max_concurrent=1, **way)
    assert race.limit == 2


def test_a_race_is_a_group_that_is_judged_by_a_policy_of_that_name() -> None:
    """So a log says ``first_success``, and any group may use the policy."""
    assert RaceGroup(one).policy.describe() == "first_success"
    assert isinstance(make_policy("first_success"), FirstSuccessPolicy)
    race = RaceGroup(one, two)
    assert race.with_execution("direct", max_concurrent=2, timeout=3) is race
    assert (race.backend, race.limit, race.timeout) == (CoordinationBackend.DIRECT, 2, 3)


def test_without_early_decisions_the_policy_waits_for_all(store: Store) -> None:
    """A plain group with that policy needs one success, and keeps all of them."""
    with workflow("w", store=store) as wf:
        wf.add(parallel(one, fails, two, name="g").with_execution(policy="first_success"))
    assert wf.execute() == {"one": 1, "two": 2}


def test_a_race_that_is_stopped_goes_on(store: Store) -> None:
    """A member that waits for a signal does not end the race for the others; the run is suspended with it."""

    @task
    def asks(context: TaskExecutionContext) -> Any:
        return context.request_feedback("who?", feedback_type="text", timeout=0).value

    with workflow("w", store=store) as wf:
        wf.add(RaceGroup(asks, fails, name="r"))
    with pytest.raises(RunSuspended):
        wf.execute(run_id="x")
    assert statuses(open_run("x", store=store))["fails"] == "failed"
    open_run("x", store=store).answer(value="me")
    assert wf.resume("x") == {"asks": "me"}
