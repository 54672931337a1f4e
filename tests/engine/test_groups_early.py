"""Early decisions and time-outs of groups: what runs is given up in the same append, and late results are discarded."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from durable import AttemptEnded, ParallelGroupError, Store, TaskExecutionContext, parallel, task, workflow
from durable.testing import FakeClock
from tests.engine.members import a, b
from tests.engine.reading import appends, fields, statuses

WAIT = 20.0
"""Real seconds after which a test has failed."""


class Held:
    """A member that runs until it is told to go on, and then tries to use its context."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.release = threading.Event()
        self.gone = threading.Event()
        self.raised: BaseException | None = None

        @task
        def held(context: TaskExecutionContext) -> str:
            self.running.set()
            try:
                assert self.release.wait(WAIT)
                context.set("late", 1)
            except BaseException as error:
                self.raised = error
                raise
            finally:
                self.gone.set()
            return "late"

        self.task = held

    def let_go(self) -> None:
        self.release.set()
        assert self.gone.wait(WAIT)


@pytest.fixture
def held() -> Any:
    member = Held()
    yield member
    member.let_go()


def test_an_early_failure_closes_the_group_in_the_same_append(store: Store, held: Held) -> None:
    """Running members are cancelled, unstarted ones skipped, late results discarded, context calls refused."""

    @task
    def fails() -> None:
        assert held.running.wait(WAIT)
        raise ValueError("early")

    with workflow("w", store=store) as wf:
        group = parallel(held.task, fails, a, name="g")
        group.with_execution(fail_fast=True, max_concurrent=2)
    run = wf.start(run_id="r")
    with pytest.raises(ParallelGroupError):
        run.result()
    assert statuses(run) == {"held": "cancelled", "fails": "failed", "a": "skipped", "g": "failed"}
    closing = next(append for append in appends(store, "r") if "GroupFailed g" in append)
    assert {"TaskCancelled held", "TaskSkipped a"} <= set(closing)
    seq = run.info.seq
    held.let_go()
    assert isinstance(held.raised, AttemptEnded)
    assert run.info.seq == seq


def test_an_early_success_closes_the_group_too(store: Store, held: Held) -> None:
    """``decide_early`` does not wait for what cannot change the verdict; what follows starts at once."""

    @task
    def first() -> str:
        assert held.running.wait(WAIT)
        return "first"

    @task
    def report(g: dict[str, str]) -> dict[str, str]:
        held.let_go()
        return g

    @task
    def last(report: dict[str, str]) -> dict[str, str]:
        return report

    with workflow("w", store=store) as wf:
        group = parallel(held.task, first, name="g")
        group.with_execution(policy={"type": "at_least_n", "min_success": 1}, decide_early=True) >> report >> last
    run = wf.start()
    assert run.result() == {"first": "first"}
    assert statuses(run)["held"] == "cancelled"
    assert isinstance(held.raised, AttemptEnded)


def test_without_decide_early_every_member_ends(store: Store) -> None:
    """A verdict that is certain early still waits."""
    with workflow("w", store=store) as wf:
        parallel(a, b, name="g").with_execution(policy={"type": "at_least_n", "min_success": 1})
    assert wf.execute() == {"a": 1, "b": 2}


@pytest.mark.parametrize(("policy", "verdict"), [("best_effort", "succeeded"), ("strict", "failed")])
def test_a_group_time_out_times_out_the_unfinished_and_then_the_policy_judges(
    store: Store, clock: FakeClock, held: Held, policy: str, verdict: str
) -> None:
    """Finished members keep their results; running and unstarted ones are timed out; late results are discarded."""

    @task
    def ticks() -> int:
        assert held.running.wait(WAIT)
        clock.advance(10)
        return 1

    with workflow("w", store=store) as wf:
        group = parallel(held.task, ticks, a, name="g")
        group.with_execution(policy=policy, timeout=5, max_concurrent=2)
    run = wf.start()
    found = statuses(run)
    assert (found["held"], found["g"]) == ("timed_out", verdict)
    assert found["a"] == "timed_out"
    assert "longer than its timeout of 5 s" in fields(run, "TaskTimedOut", "held")["error"]
    held.let_go()
    assert isinstance(held.raised, AttemptEnded)
