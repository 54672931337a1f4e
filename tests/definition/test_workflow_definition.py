"""Class definitions: what runs after what, which edges are taken, and what happens when none is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable import RetryPolicy, Store, TaskFailed, parallel, workflow
from durable.definition.steps import BaseMachineStep
from durable.definition.workflow_definition import Edge
from tests.definition.notes import define, named, ran, run


def test_a_fork_runs_all_branches_and_the_join_runs_once(store: Store) -> None:
    """The join starts after the last branch."""
    found = run(define([Edge("a", "b"), Edge("a", "c"), Edge("b", "d"), Edge("c", "d")]), store)
    assert found.result() == "d"
    assert sorted(ran(found)) == ["a", "b", "c", "d"]
    assert ran(found)[-1] == "d"


def test_async_branches_of_a_fork_run_at_the_same_time(store: Store) -> None:
    """Each waits for the other to have begun."""
    met = asyncio.Barrier(2)

    class Meet(BaseMachineStep):
        async def execute(self, context: Any) -> None:
            async with asyncio.timeout(20):
                await met.wait()

    edges = [Edge("a", "b"), Edge("a", "c"), Edge("b", "d"), Edge("c", "d")]
    assert run(define(edges, steps={"b": Meet, "c": Meet}), store).status == "succeeded"


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(True, False, ["a", "b", "d"]), (False, True, ["a", "c", "d"]), (True, True, ["a", "b", "c", "d"])],
)
def test_edges_are_taken_whose_condition_holds(store: Store, left: bool, right: bool, expected: list[str]) -> None:
    """One or both; the join runs once, after the branches that were taken only."""
    edges = [
        Edge("a", "b", lambda ctx: ctx.get("left")),
        Edge("a", "c", lambda ctx: ctx.get("right")),
        Edge("b", "d"),
        Edge("c", "d"),
    ]
    found = run(define(edges), store, left=left, right=right)
    assert found.result() == "d"
    assert ran(found) == expected


def test_no_edge_taken_fails_the_step_and_says_which_edges_there_were(store: Store) -> None:
    """What the step wrote is not committed: its success and its successors are one thing."""
    edges = [Edge("a", "b", lambda ctx: ctx.get("total") > 100), Edge("a", "c", has_coupon)]
    found = run(define(edges, terminal={"b", "c"}), store, total=5)
    message = r"NoEdgeTaken: the step 'a' took none of its edges: a -> b \(if ctx.get\('total'\) > 100\), "
    with pytest.raises(TaskFailed, match=message + r"a -> c \(if has_coupon\)"):
        found.result()
    assert "ran" not in found.load_state().channel


def has_coupon(ctx: Any) -> bool:
    """Whether there is one."""
    return bool(ctx.get("coupon"))


def test_a_terminal_step_without_taken_edges_is_an_end(store: Store) -> None:
    """It may have edges all the same."""
    edges = [Edge("a", "b"), Edge("b", "c", lambda ctx: ctx.get("more"))]
    assert ran(run(define(edges, terminal={"b", "c"}), store, more=False)) == ["a", "b"]
    assert ran(run(define(edges, terminal={"b", "c"}), store, more=True)) == ["a", "b", "c"]


def test_a_condition_that_raises_fails_the_step_and_names_the_edge(store: Store) -> None:
    """With the error that it raised; a resume evaluates it again."""
    found = run(define([Edge("a", "b", lambda ctx: ctx.get("total") > 100)]), store, total="x")
    with pytest.raises(TaskFailed, match="task 'a' failed: TypeError") as caught:
        found.result()
    assert "raised by the condition of the edge a -> b" in str(caught.value.__cause__.__notes__)  # type: ignore[union-attr]


def test_a_condition_sees_what_its_step_wrote(store: Store) -> None:
    """Before that is committed."""

    class Count(BaseMachineStep):
        async def execute(self, context: Any) -> None:
            context.set("total", context.get("total") + 1)

    found = run(define([Edge("a", "b", lambda ctx: ctx.get("total") == 2)], steps={"a": Count}), store, total=1)
    assert found.status == "succeeded"


def test_the_chosen_edges_are_recorded_with_the_success(store: Store) -> None:
    """A resume does not ask the conditions again."""
    asked: list[int] = []
    broken = [True]

    class Fixed(BaseMachineStep):
        def execute(self, context: Any) -> None:
            if broken:
                raise ValueError

    def choose(ctx: Any) -> bool:
        asked.append(1)
        return len(asked) == 1

    edges = [Edge("a", "b", choose), Edge("a", "c", lambda ctx: len(asked) > 1)]
    found = run(define(edges, steps={"b": Fixed}, terminal={"b", "c"}), store)
    assert found.status == "failed"
    broken.clear()
    assert found.resume().status == "succeeded"
    assert ran(found) == ["a", "b", "b"]
    assert len(asked) == 1


def test_what_the_body_says_comes_before_the_edges(store: Store) -> None:
    """Ending the run, or another iteration, needs no edge."""

    class Ends(BaseMachineStep):
        def execute(self, context: Any) -> None:
            if context.iteration < 3:
                context.next_iteration()
            else:
                context.terminate_workflow("enough")

    found = run(define([Edge("a", "b", lambda ctx: False)], steps={"a": Ends}), store)
    assert found.result() == "enough"
    assert ran(found) == ["a", "a", "a"]


def test_settings_of_a_step_are_those_of_its_task(store: Store) -> None:
    """Retries and time limits."""

    class Flaky(BaseMachineStep):
        retry = RetryPolicy(max_attempts=2)
        timeout_seconds = 30.0

        def execute(self, context: Any) -> int:
            if context.attempt == 1:
                raise ValueError
            return int(context.attempt)

    found = run(define([Edge("a", "b")], steps={"b": Flaky}), store)
    assert found.result() == 2
    assert found.load_state().graph.task(1).timeout == 30.0


def test_steps_work_in_blocks_too(store: Store) -> None:
    """As classes and as instances; the same instance is the same task."""
    first = named("first")
    with workflow("w", store=store) as wf:
        first >> parallel(named("x"), named("y"), name="g")
        first >> named("z")
    found = wf.start()
    assert sorted(ran(found)) == ["first", "x", "y", "z"]
