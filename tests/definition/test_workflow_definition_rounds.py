"""Rounds of class definitions: edges that go back, loops in loops, and a killed run that goes on in its round."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from durable import Store, TaskFailed, parallel
from durable.definition.steps import BaseMachineStep
from durable.definition.workflow_definition import Edge
from durable.runs.start import start_run
from tests.definition.notes import Count, define, named, ran, rework, run


@pytest.mark.parametrize("rounds", [1, 2, 30])
def test_an_edge_that_goes_back_begins_another_round(store: Store, rounds: int) -> None:
    """What follows the loop runs once, after the last round."""
    found = run(rework(rounds), store)
    assert found.result() == 1
    assert ran(found) == ["draft", "review", *["edit", "review"] * (rounds - 1), "publish"]


def test_rounds_record_no_code(store: Store) -> None:
    """It is found in the live definition; a step may hold what cannot be stored. Code that is gone says so."""

    class Holds(Count):
        def __init__(self) -> None:
            self.lock = threading.Lock()

    edges = [Edge("a", "a", lambda ctx: ctx.get("a") < 3), Edge("a", "b", lambda ctx: ctx.get("a") == 3)]
    found = run(define(edges, steps={"a": Holds(), "b": Breaks}), store)
    assert ran(found) == ["a", "a", "a", "b"]
    other = define([Edge("a", "c")], steps={"a": Count})
    with pytest.raises(TaskFailed, match="the step 'b' is not in the workflow 'flow' any more"):
        found.resume(other.workflow, accept_changes=True).result()


class Breaks(BaseMachineStep):
    """Always fails."""

    def execute(self, context: Any) -> None:
        raise ValueError


def test_a_step_may_go_back_to_itself(store: Store) -> None:
    """Until its edge onward is taken."""
    edges = [Edge("a", "a", lambda ctx: ctx.get("a") < 4), Edge("a", "b", lambda ctx: ctx.get("a") == 4)]
    assert ran(run(define(edges, steps={"a": Count}), store)) == ["a"] * 4 + ["b"]


def test_loops_stand_in_loops(store: Store) -> None:
    """An outer round begins all inner ones anew; branches inside of a round join in it; groups run in rounds."""
    edges = [
        Edge("a", "b"),
        Edge("b", "c"),
        Edge("b", "g"),
        Edge("c", "d"),
        Edge("g", "d"),
        Edge("d", "b", lambda ctx: ctx.get("d") in (1, 3)),
        Edge("d", "a", lambda ctx: ctx.get("d") == 2),
        Edge("d", "e", lambda ctx: ctx.get("d") == 4),
        Edge("a", "stop", lambda ctx: ctx.get("a") > 9),
        Edge("d", "stop", lambda ctx: False),
    ]
    group = parallel(named("x"), named("y"))
    steps = {"a": Count, "d": Count, "g": group}
    found = run(define(edges, steps=steps, terminal={"e", "stop"}), store)
    assert found.result() == "e"
    names = ran(found)
    assert [names.count(name) for name in "abcdexy"] == [2, 4, 4, 4, 1, 4, 4]
    assert [name for name in names if name in "ad"] == ["a", "d", "d", "a", "d", "d"]


def test_a_group_goes_back_and_stands_in_rounds(store: Store) -> None:
    """Its verdict begins the round; its policy and its edges are those of the first."""
    group = parallel(named("x"), named("y")).with_execution(policy={"type": "at_least_n", "min_success": 1})
    edges = [
        Edge("a", "g"),
        Edge("g", "a", lambda ctx: ctx.get("a") < 3),
        Edge("g", "b", lambda ctx: ctx.get("a") == 3),
    ]
    found = run(define(edges, steps={"a": Count, "g": group}), store)
    assert ran(found)[-1] == "b"
    assert ran(found).count("x") == 3
    assert found.load_state().graph.group(found.load_state().index["g/g/g"]).policy["min_success"] == 1


def test_a_round_is_refused_while_another_branch_leads_into_it(store: Store) -> None:
    """The join would run for the branch and again for the round."""
    edges = [
        Edge("a", "b"),
        Edge("a", "c"),
        Edge("b", "b", lambda ctx: ctx.get("b") < 3),
        Edge("b", "d", lambda ctx: ctx.get("b") == 3),
        Edge("c", "d"),
    ]
    found = run(define(edges, steps={"b": Count}), store)
    with pytest.raises(TaskFailed, match=r"b -> b \(if .*\) goes back while 'c' leads to 'd' too"):
        found.result()


def test_two_ways_back_at_once_are_refused(store: Store) -> None:
    """There is one next round."""
    edges = [Edge("a", "b"), Edge("b", "a"), Edge("b", "b"), Edge("b", "c", lambda ctx: False)]
    with pytest.raises(TaskFailed, match="goes back in two ways at once: b -> a, b -> b"):
        run(define(edges), store).result()


def test_a_killed_run_goes_on_in_its_round(process: Callable[..., Any]) -> None:
    """Killed before each commit: steps that succeeded do not run again, and the rounds are the same."""
    whole = run(rework(3), process())
    commits = len(list(whole.events()))
    for appends in range(1, commits):
        mortal, run_id = process(appends), f"r{appends}"
        died: list[type[BaseException]] = []
        thread = threading.Thread(target=_begin, args=(mortal, run_id, died))
        thread.start()
        thread.join()
        survivor = process()
        found = start_run(rework(3).workflow, run_id=run_id, store=survivor)
        assert found.result() == 1
        succeeded = [event.task_id for event in found.events() if event.type == "TaskSucceeded"]
        assert succeeded == [event.task_id for event in whole.events() if event.type == "TaskSucceeded"]
        if not died:
            break
    assert appends > 5


def _begin(store: Store, run_id: str, died: list[type[BaseException]]) -> None:
    try:
        start_run(rework(3).workflow, run_id=run_id, store=store)
    except BaseException as error:
        died.append(type(error))
