"""The graph: what is refused before anything runs, and what is upstream of what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from durable.core.graph import INTERRUPTION_LIMIT, Definition, Graph, GroupSpec, TaskSpec
from durable.errors import DefinitionError
from tests.core.machine import definitions, tasks


def graph(*ids: str, groups: tuple[GroupSpec, ...] = (), edges: tuple[tuple[str, str], ...] = ()) -> Graph:
    return Graph(Definition("w", None, tasks(*ids), groups, edges))


def group(name: str, *lines: tuple[str, ...], **settings: Any) -> GroupSpec:
    return GroupSpec(name, lines, **settings)


@pytest.mark.parametrize(
    ("edges", "path"),
    [
        ((("a", "a"),), "a >> a"),
        ((("a", "b"), ("b", "a")), "a >> b >> a|b >> a >> b"),
        ((("a", "b"), ("b", "c"), ("c", "b")), "b >> c >> b|c >> b >> c"),
    ],
)
def test_a_cycle_is_refused_and_named(edges: tuple[tuple[str, str], ...], path: str) -> None:
    """The message shows the tasks that follow each other in a circle."""
    with pytest.raises(DefinitionError, match=f"cycle: ({path})"):
        graph("a", "b", "c", edges=edges)


def test_a_cycle_through_a_group_is_refused() -> None:
    """A member that waits for what follows its own group."""
    with pytest.raises(DefinitionError, match="cycle"):
        graph("a", "b", "after", groups=(group("g", ("a",), ("b",)),), edges=(("g", "after"), ("after", "a")))


def test_a_member_that_follows_its_own_group_is_refused() -> None:
    """The group waits for the member, the member for the group's verdict."""
    with pytest.raises(DefinitionError, match="cycle"):
        graph("a", "b", groups=(group("g", ("a",), ("b",)),), edges=(("g", "a"),))


def test_an_id_used_twice_is_refused_and_named() -> None:
    """Also when a group has the id of a task."""
    with pytest.raises(DefinitionError, match="uses an id twice: a"):
        graph("a", "a")
    with pytest.raises(DefinitionError, match="uses an id twice: b"):
        graph("a", "b", groups=(group("b", ("a",)),))


def test_an_unknown_id_is_refused_with_what_there_is() -> None:
    """In edges, members and look-ups."""
    with pytest.raises(DefinitionError, match=r"no task or group 'x'.*It has: a, b"):
        graph("a", "b", edges=(("a", "x"),))
    with pytest.raises(DefinitionError, match="no task or group 'x'"):
        graph("a", groups=(group("g", ("x",)),))
    with pytest.raises(DefinitionError, match="no task or group 'x'"):
        graph("a").number("x")


def test_a_task_in_two_groups_is_refused() -> None:
    """A member belongs to one group, once."""
    with pytest.raises(DefinitionError, match="'a' stands twice in groups"):
        graph("a", groups=(group("g", ("a",)), group("h", ("a",))))
    with pytest.raises(DefinitionError, match="'a' stands twice in groups"):
        graph("a", groups=(group("g", ("a",), ("a",)),))
    with pytest.raises(DefinitionError, match="'g' stands twice"):
        graph("a", groups=(group("g", ("g",)),))


def test_edges_named_twice_count_once() -> None:
    """A join must not wait for the same edge twice."""
    assert graph("a", "b", edges=(("a", "b"), ("a", "b"))).needs.tolist() == [0, 1]


def test_a_group_member_is_known_by_its_last_node() -> None:
    """The end of a chain gives the member its id."""
    made = graph("a", "b", "c", groups=(group("g", ("a", "b"), ("c",)),), edges=(("a", "b"),))
    assert made.member_ids(made.index["g"]) == ["b", "c"]


def test_upstream_reaches_through_groups_and_out_of_them() -> None:
    """A consumer sees the members of groups before it; a member sees what its group follows."""
    made = graph(
        "first", "a", "b", "c", "last", "aside",
        groups=(group("inner", ("a", "b")), group("outer", ("inner",), ("c",))),
        edges=(("first", "outer"), ("a", "b"), ("outer", "last")),
    )  # fmt: skip

    def upstream(source: str, target: str) -> bool:
        return made.is_upstream(made.index[source], made.index[target])

    for name in ("first", "a", "b", "c", "inner", "outer"):
        assert upstream(name, "last"), name
    assert upstream("first", "b")
    assert upstream("a", "b")
    for source, target in (("aside", "last"), ("c", "b"), ("last", "a"), ("b", "a")):
        assert not upstream(source, target), (source, target)


def test_definition_order_puts_a_group_before_its_first_member() -> None:
    """Outer groups stand before inner ones."""
    made = graph("x", "a", "b", groups=(group("inner", ("a",)), group("outer", ("inner",), ("b",))))
    assert [made.ids[node] for node in made.ordered()] == ["x", "outer", "inner", "a", "b"]


def test_the_interruption_limit_is_the_declared_one_else_25() -> None:
    """An explicit ``max_attempts`` also limits interruptions."""
    made = Graph(Definition("w", None, (TaskSpec("a"), TaskSpec("b", max_attempts=3))))
    assert (made.attempt_limit(0), made.attempt_limit(1)) == (INTERRUPTION_LIMIT, 3) == (25, 3)


def test_edges_out_of_a_group_are_noticed() -> None:
    """A group leaks when something follows a member past the verdict."""
    groups = (group("g", ("a",), ("b",)),)
    assert graph("a", "b", "c", groups=groups, edges=(("a", "c"),)).leaks(3)
    assert not graph("a", "b", "c", groups=groups, edges=(("g", "c"),)).leaks(3)


@settings(max_examples=100, deadline=None)
@given(definitions())
def test_graphs_without_cycles_are_accepted_and_know_every_node_once(definition: Definition) -> None:
    """Random nested graphs: each node in definition order once, each need has a source."""
    made = Graph(definition)
    assert sorted(made.ordered()) == list(range(made.size))
    for node in range(made.size):
        opening = sum(line[0] == node for lines in made.members.values() for line in lines)
        assert made.needs[node] == len(made.before[node]) + opening
