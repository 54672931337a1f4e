"""Tasks and groups as steps of class definitions: judged by their policy, callbacks before edges, in rounds."""

from __future__ import annotations

from typing import Any

import pytest

from durable import ParallelGroup, Store, parallel, task
from durable.definition.steps import BaseMachineStep
from durable.definition.workflow_definition import Edge
from tests.definition.notes import Count, Note, define, named, ran, run


@task
def price(total: int) -> int:
    return total + 1


@task
def pack(price: int) -> str:
    return f"{price} packed"


def test_tasks_and_groups_are_steps(store: Store) -> None:
    """A group is judged by its policy, and its edges are chosen with the verdict; parameters come by names."""

    class Fails(Breaks):
        name = "late"

    class Good(Note):
        name = "good"

    members: list[Any] = [Good, Fails()]
    checks = parallel(members).with_execution(policy="best_effort")
    edges = [
        Edge("price", "checks"),
        Edge("checks", "pack", lambda ctx: ctx.get("ran") == ["good"]),
        Edge("checks", "refuse", lambda ctx: ctx.get("ran") is None),
    ]
    steps = {"price": price, "checks": checks, "pack": pack, "refuse": Note}
    found = run(define(edges, steps=steps, terminal={"pack", "refuse"}), store, total=1)
    assert found.result() == "2 packed"
    assert found.load_state().node_status("refuse") == "skipped"
    assert checks.name is None, "the group itself is left as it was"


def test_a_group_without_a_taken_edge_fails_with_its_edges(store: Store) -> None:
    """As its verdict, so that a resume judges it again and runs no member twice."""
    group = parallel(named("x"), named("y"))
    definition = define([Edge("g", "b", lambda ctx: ctx.get("go"))], steps={"g": group})
    found = run(definition, store)
    with pytest.raises(Exception, match=r"the step 'g' took none of its edges: g -> b \(if ctx.get\('go'\)\)"):
        found.result()
    assert sorted(ran(found)) == ["x", "y"]


def test_a_callback_of_a_group_runs_before_its_edges_are_chosen(store: Store) -> None:
    """And what follows is skipped when its edge is not taken."""

    @task(inject_context=True)
    def tally(ctx: Any) -> None:
        ctx.set("tally", 2)

    group = ParallelGroup(named("x"), named("y"), callback=tally)
    edges = [Edge("g", "b", lambda ctx: ctx.get("tally") == 2), Edge("g", "c", lambda ctx: ctx.get("tally") is None)]
    found = run(define(edges, steps={"g": group}, terminal={"b", "c"}), store)
    assert ran(found)[2:] == ["tally", "b"]
    assert found.load_state().node_status("c") == "skipped"


def test_groups_stand_in_groups_and_in_rounds(store: Store) -> None:
    """With their callbacks, which get the values of the round that they belong to."""

    @task
    def tally(values: dict[str, Any]) -> int:
        return sum(value for value in values.values() if isinstance(value, int))

    inner = parallel(Count("p"), Count("q"), name="inner")
    group = ParallelGroup(Count("x"), Count("y"), inner, callback=tally)
    edges = [
        Edge("a", "g"),
        Edge("g", "a", lambda ctx: ctx.get("x") < 3),
        Edge("g", "b", lambda ctx: ctx.get("x") == 3),
    ]
    found = run(define(edges, steps={"g": group}), store)
    assert found.result() == "b"
    assert [value for name, value in found.results.items() if name.endswith("tally")] == [2, 4, 6]
    assert ran(found).count("q") == 3


class Breaks(BaseMachineStep):
    """Always fails."""

    def execute(self, context: Any) -> None:
        raise ValueError
