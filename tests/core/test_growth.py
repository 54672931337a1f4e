"""Graphs that grow: ids, short ids, edges and who scheduled what."""

from __future__ import annotations

import pytest

from durable.core.decide import decide
from durable.core.graph import Definition, Graph, GroupSpec, TaskSpec
from durable.core.specs import Fragment
from durable.errors import DefinitionError, LogCorrupt
from tests.core.machine import Machine, tasks


def made(scheduler: str, *names: str, **more: object) -> Fragment:
    """A fragment of tasks, with the ids that they get."""
    ids = tuple(f"{scheduler}/{name}" for name in names)
    return Fragment(names, tuple(TaskSpec(name) for name in ids), **more)  # type: ignore[arg-type]


def static() -> Graph:
    return Graph(Definition("w", None, tasks("a", "b", "c"), (GroupSpec("g", (("c",),)),), (("a", "b"),)))


def test_nodes_are_added_behind_what_is_there() -> None:
    """Numbers and ids of what was there do not change."""
    graph = static()
    before = list(graph.index)
    assert graph.grow("a", made("a", "x", "y")) == 2
    assert list(graph.index) == [*before, "a/x", "a/y"]
    assert graph.static == 4
    assert graph.scheduled == {0: [4, 5]}
    assert [graph.name(node) for node in range(6)] == ["a", "b", "c", "g", "x", "y"]


def test_a_short_id_is_found_where_only_one_node_has_it_or_a_sibling_does() -> None:
    """Ids of the definition come before short ids; what was scheduled together comes before both."""
    graph = static()
    graph.grow("a", made("a", "x", "b"))
    assert graph.find("x") == graph.index["a/x"]
    assert graph.find("b") == graph.index["b"]
    assert graph.find("b", graph.index["a/x"]) == graph.index["a/b"]
    graph.grow("b", made("b", "x"))
    assert graph.find("x") is None
    assert graph.find("x", graph.index["a/b"]) == graph.index["a/x"]
    with pytest.raises(DefinitionError) as caught:
        graph.number("x")
    assert "a/x" in str(caught.value)
    assert "b/x" in str(caught.value)


def test_what_was_scheduled_follows_its_scheduler_and_what_that_follows() -> None:
    """For the parameters of what is scheduled, also by a member and in a scheduled group."""
    graph = static()
    group = Fragment(("x", "end", "h"), tasks("b/x", "b/end"), (GroupSpec("b/h", (("b/x",),)),), (("b/h", "b/end"),))
    graph.grow("b", group)
    asked = (("a", "b/x"), ("b", "b/end"), ("b/x", "b/end"), ("b/h", "b/end"), ("b/end", "b/x"), ("c", "b/x"))
    upstream = {
        (source, target): graph.is_upstream(graph.index[source], graph.index[target]) for source, target in asked
    }
    assert [pair for pair, found in upstream.items() if not found] == [("b/end", "b/x"), ("c", "b/x")]


def test_a_jump_adds_an_edge_once() -> None:
    """One that the definition has already is not added again."""
    graph = static()
    graph.grow("a", Fragment(jumps=("b", "g")))
    assert graph.after[0] == [1, 3]
    assert graph.needs[1] == graph.needs[3] == 1
    assert (graph.jumped, graph.jumps) == ([3], {("a", "g")})


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        (Fragment(("b",), tasks("b")), "uses an id twice: b"),
        (Fragment(("x", "y"), tasks("a/x", "a/y"), (), (("a/x", "a/y"), ("a/y", "a/x"))), "cycle"),
        (Fragment(("x", "h"), tasks("a/x"), (GroupSpec("a/h", (("a/x",), ("a/x",))),)), "stands twice"),
        (Fragment(("x",), tasks("a/x"), (), (("a/x", "nowhere"),)), "no task or group 'nowhere'"),
    ],
)
def test_what_cannot_be_a_graph_is_refused(fragment: Fragment, said: str) -> None:
    """By name, as in a definition."""
    with pytest.raises(DefinitionError, match=said):
        static().grow("a", fragment)


def test_growing_costs_what_is_added() -> None:
    """A chain of 20,000 fragments: the last ones are as cheap as the first ones."""
    import time

    graph = Graph(Definition("w", None, tasks("t")))
    scheduler, took = "t", []
    for number in range(20_000):
        begun = time.perf_counter()
        name = f"t{number}"
        groups = (GroupSpec(f"g{number}", ((name,),)),)
        graph.grow(scheduler, Fragment((name, f"g{number}"), tasks(name), groups))
        took.append(time.perf_counter() - begun)
        scheduler = name
    assert sum(took[-2_000:]) < 10 * sum(took[:2_000])


def test_tasks_scheduled_by_nobody_are_refused() -> None:
    """The log is damaged."""
    machine = Machine(Definition("w", None, tasks("a")))
    machine.fragments[machine.state.seq + 1] = made("b", "x")
    with pytest.raises(LogCorrupt, match="scheduled by a task that nothing defined"):
        machine.emit("TasksScheduled", "b", 1)


def test_columns_grow_with_the_graph() -> None:
    """What was added has had nothing happen to it, and can be started."""
    machine = Machine(Definition("w", None, tasks("a")))
    machine.start("a")
    machine.grow("a", made("a", "x", "y", edges=(("a/x", "a/y"),)))
    machine.end("TaskSucceeded", "a")
    assert [machine.status(name) for name in ("a/x", "a/y")] == ["pending", "pending"]
    machine.run("a/x", "a/y")
    assert machine.frontier is not None
    assert decide(machine.frontier, machine.now).over


def test_a_definition_without_the_scheduler_drops_what_it_scheduled() -> None:
    """What had begun is kept as an orphan."""
    machine = Machine(Definition("w", None, tasks("a", "b")))
    machine.start("a")
    machine.grow("a", made("a", "x", "y"))
    machine.end("TaskSucceeded", "a")
    machine.run("a/x")
    machine.change(Definition("w", None, tasks("b")))
    assert list(machine.state.graph.index) == ["b"]
    assert set(machine.state.orphans) == {"a", "a/x"}
    assert machine.state.grown == []


def test_a_jump_to_a_task_that_the_definition_lost_is_left_out() -> None:
    """The rest of what was scheduled stays."""
    machine = Machine(Definition("w", None, tasks("a", "b", "c")))
    machine.start("a")
    machine.grow("a", made("a", "x", jumps=("b", "c")))
    machine.emit("TaskSucceeded", "a", 1, taken=["b", "c"])
    machine.change(Definition("w", None, tasks("a", "c")))
    graph = machine.state.graph
    assert list(graph.index) == ["a", "c", "a/x"]
    assert graph.jumps == {("a", "c")}
    assert machine.state.taken == {0: frozenset({1})}
