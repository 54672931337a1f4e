"""Races: the first success in the log wins, alone, whatever runs at once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from durable import (
    CoordinationBackend,
    DefinitionError,
    FirstSuccessPolicy,
    ParallelGroupError,
    RaceGroup,
    Store,
    TaskExecutionContext,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.core.policies import make_policy
from tests.engine.racers import fails, one, two
from tests.engine.reading import fields, statuses, trail

WAIT = 20.0
BACKENDS = list(CoordinationBackend)


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
