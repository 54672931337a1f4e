"""Races that are killed or stopped: a recorded winner stays the winner, and losers do not start again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from durable import RaceGroup, RunSuspended, Store, TaskExecutionContext, Workflow, open_run, parallel, task, workflow
from tests.conftest import Died, MortalStore
from tests.engine.racers import fails, one, two
from tests.engine.reading import statuses, trail


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
