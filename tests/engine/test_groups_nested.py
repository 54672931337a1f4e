"""Groups and chains as members: each is one member with one outcome, whatever happens inside of it."""

from __future__ import annotations

import pytest

from durable import ParallelGroupError, Store, parallel, task, workflow
from tests.engine.members import a, b, breaks
from tests.engine.reading import count, statuses


def test_groups_nest_and_inner_verdicts_count_as_members(store: Store) -> None:
    """An inner group is one member: its verdict decides, not its failures."""
    with workflow("w", store=store) as wf:
        inner = parallel(a, breaks, name="inner").with_execution(policy="best_effort")
        parallel(inner, b, name="outer")
    assert wf.execute() == {"inner": {"a": 1}, "b": 2}


def test_a_chain_member_fails_when_any_of_its_tasks_fails(store: Store) -> None:
    """It is known by its last task, and the message names the one that failed."""

    @task
    def last() -> None:
        raise AssertionError("must not run")

    with workflow("w", store=store) as wf:
        parallel(breaks >> last, a, name="g")
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    assert caught.value.failed_tasks == [("last", "breaks: ValueError: broke")]
    assert statuses(run)["last"] == "skipped"
    result = run.task_results("g")["last"]
    assert (result.success, result.status, result.attempts) == (False, "failed", 1)


def test_a_member_that_feeds_a_task_outside_of_the_group_feeds_it_once(store: Store) -> None:
    """An edge past the verdict: the consumer starts when the member and everything else it follows are there."""

    @task
    def outside(a: int, b: int) -> int:
        return a + b

    with workflow("w", store=store) as wf:
        parallel(a, b, name="g")
        a >> outside
        b >> outside
    run = wf.start()
    assert run.results["outside"] == 3
    assert count(run, "TaskStarted", "outside") == 1


def test_a_task_behind_a_skipped_member_does_not_run_when_the_group_fails(store: Store, at_once: None) -> None:
    """It waits for a resume, like all that depends on a failure, although something else leads to it."""
    ran: list[str] = []

    @task
    def outside(a: int = 0) -> None:
        ran.append("outside")

    with workflow("w", store=store) as wf:
        parallel(breaks, a, name="g").with_execution(fail_fast=True, max_concurrent=1)
        a >> outside
        b >> outside
    run = wf.start()
    assert (statuses(run)["a"], statuses(run)["outside"]) == ("skipped", "pending")
    assert ran == []


class TestNestedInOneBatch:
    """Several groups become ripe at once, because completions arrive together."""

    @pytest.fixture(autouse=True)
    def _together(self, at_once: None) -> None: ...

    @pytest.mark.parametrize("inner_first", [True, False])
    def test_an_outer_early_failure_and_an_inner_end_do_not_collide(self, store: Store, inner_first: bool) -> None:
        """The outer group fails early and closes the inner one, which had just become ripe."""
        with workflow("w", store=store) as wf:
            inner = parallel(a, b, name="inner")
            members = [inner, breaks] if inner_first else [breaks, inner]
            parallel(*members, name="outer").with_execution(fail_fast=True)
        run = wf.start()
        with pytest.raises(ParallelGroupError) as caught:
            run.result()
        assert caught.value.group_id == "outer"
        assert statuses(run)["outer"] == "failed"
        assert statuses(run)["inner"] in ("succeeded", "cancelled")

    @pytest.mark.parametrize("inner_first", [True, False])
    def test_an_inner_failure_and_an_outer_early_failure_do_not_collide(self, store: Store, inner_first: bool) -> None:
        """Both fail in the same batch: the outer policy sees recorded results, and its message is its own."""
        with workflow("w", store=store) as wf:
            inner = parallel(a, breaks(task_id="breaks_too"), name="inner")
            members = [inner, breaks] if inner_first else [breaks, inner]
            parallel(*members, name="outer").with_execution(fail_fast=True)
        run = wf.start()
        with pytest.raises(ParallelGroupError, match="members did not succeed") as caught:
            run.result()
        assert caught.value.group_id == "outer"
        assert ("breaks", "ValueError: broke") in caught.value.failed_tasks
