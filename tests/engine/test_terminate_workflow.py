"""A body ends its run: ``terminate_workflow`` and ``cancel_workflow``, and the first in the log wins."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from durable import RaceGroup, RunCancelled, Store, TaskExecutionContext, open_store, parallel, task, workflow
from durable.core.transitions import RUN_ENDS
from tests.engine.hanging import WAIT, hanging, last
from tests.engine.reading import count, fields, statuses, trail
from tests.engine.scheduling import RAN, diamond, endpoint, work


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


def test_ending_the_run_from_a_task(store: Store) -> None:
    """The run succeeds with that result; what had not run is skipped, and what was staged is committed."""

    def body(context: TaskExecutionContext) -> None:
        context.set("k", 1)
        context.terminate_workflow({"early": True})

    wf = diamond(body)
    run = wf.start(run_id="r", store=store)
    assert run.result() == {"early": True}
    assert statuses(run) == {"first": "succeeded", "usual": "skipped", "last": "skipped"}
    assert "k" in run.load_state().channel
    assert wf.execute(run_id="r", store=store) == {"early": True}


def test_cancelling_the_run_from_a_task(store: Store) -> None:
    """However the attempt ends; nothing else starts, also after a resume."""
    for fails in (False, True):

        def body(context: TaskExecutionContext, fails: bool = fails) -> None:
            context.cancel_workflow(ValueError("no budget"))
            if fails:
                raise OSError

        run = diamond(body).start(run_id=f"r{fails}", store=store)
        assert run.status == "cancelled"
        assert statuses(run)["usual"] == "skipped"
        with pytest.raises(Exception, match="the run was cancelled: no budget"):
            run.result()


def test_a_member_that_ends_the_run_takes_its_group_and_what_it_scheduled_with_it(store: Store) -> None:
    """Members that run are cancelled, what has not started is skipped."""

    @task
    def ends(context: TaskExecutionContext) -> None:
        context.next_task(endpoint)
        context.terminate_workflow([1])

    @task
    def slow(context: TaskExecutionContext) -> None:
        context.sleep(5_000)

    with workflow("w", store=store) as wf:
        parallel(ends, slow, name="g") >> work(n=3)
    run = wf.start()
    assert run.result() == [1]
    assert statuses(run) == {
        "ends": "succeeded", "slow": "cancelled", "g": "cancelled", "work": "skipped", "ends/endpoint": "skipped",
    }  # fmt: skip


@pytest.fixture
def free() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


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
