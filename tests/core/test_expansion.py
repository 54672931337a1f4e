"""Members of maps: ids, names, positions and nodes follow from the batches that they were recorded in."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from durable.core.expansion import Expansion
from durable.core.graph import Definition, Graph, GroupSpec
from durable.core.specs import Fragment, MapSpec, TaskSpec
from durable.core.transitions import PENDING, SUCCEEDED
from durable.errors import LogCorrupt
from tests.core.machine import Machine, facts, replayed, seeds, tasks


def spec(name: str, keyed: bool = False, **task: Any) -> GroupSpec:
    return GroupSpec(name, (), map=MapSpec(TaskSpec("of", **task), "n", "", keyed))


def two_maps() -> Graph:
    return Graph(Definition("w", None, tasks("a", "z"), (spec("m"), spec("k", True)), (("a", "m"), ("m", "k"))))


def grown() -> Graph:
    """Two maps whose members came in turn, and a task that was scheduled in between."""
    graph = two_maps()
    m, k = graph.index["m"], graph.index["k"]
    graph.expand(m, 3, 10, None, "", complete=False)
    graph.expand(k, 2, 11, "x\na/b", "", complete=False)
    graph.grow("a", Fragment(("s",), tasks("a/s")))
    graph.expand(m, 2, 13, None, "", complete=True)
    graph.expand(k, 1, 14, "0", "", complete=False)
    return graph


def test_ids_of_members_follow_from_key_or_position() -> None:
    """They follow from the map's id, and the key or position."""
    graph = grown()
    ids = [graph.ids[node] for node in range(graph.size)]
    assert ids == ["a", "z", "m", "k", "m/0", "m/1", "m/2", "k/x", "k/a/b", "a/s", "m/3", "m/4", "k/0"]
    assert [graph.index[name] for name in ids] == list(range(13))
    assert [graph.name(node) for node in range(4, 13)] == ["0", "1", "2", "x", "a/b", "s", "3", "4", "0"]
    assert list(graph.written()) == [0, 1, 2, 3, 9]
    assert list(graph.task_nodes()) == [0, 1, 9]


OTHERS = ["m/5", "m/-1", "m/00", "m/03", "m/", "m/x", "m/1/2", "m/\u0663", "m/\u00b2", "m/" + "9" * 400]
OTHERS += ["k/b", "k/", "k/x/", "k/1", "a/0", "/0"]


@pytest.mark.parametrize("name", OTHERS, ids=ascii)
def test_other_names_are_no_members(name: str) -> None:
    """Also those that look like one."""
    graph = grown()
    assert name not in graph.index
    assert graph.index.get(name, -1) == -1
    with pytest.raises(KeyError):
        graph.index[name]


def test_members_are_nodes_like_others() -> None:
    """Their group, lane, line and end; they follow nothing and nothing follows them."""
    graph = grown()
    assert [graph.parent[node] for node in (4, 8, 10, 12)] == [2, 3, 2, 3]
    assert [graph.pool[node] for node in (4, 8, 10, 12)] == [2, 3, 2, 3]
    assert [graph.end_of[node] for node in range(4, 9)] == list(range(4, 9))
    assert [list(line) for line in graph.members[2]] == [[4], [5], [6], [10], [11]]
    assert list(graph.members[2]) == [graph.members[2][place] for place in range(5)]
    assert graph.members[2][-1] == [11]
    assert graph.members[2][1:3] == [[5], [6]]
    with pytest.raises(IndexError):
        graph.members[2][5]
    assert list(graph.subtree(3)) == [7, 8, 12]
    assert graph.before[7] == graph.after[7] == []
    assert graph.task(8).id == "of"
    assert graph.is_upstream(0, 5)
    assert not graph.is_upstream(1, 5)
    assert graph.is_upstream(2, 12)
    assert graph.member_ids(3) == ["x", "a/b", "0"]


def test_a_short_id_may_be_a_members_name() -> None:
    """Where only one map has it, and no task."""
    graph = grown()
    assert graph.find("x") == 7
    assert graph.find("a/b") == 8
    assert graph.find("0") is None
    assert graph.find("4") == 11
    assert graph.find("x", members=False) is None


def test_members_have_the_deadline_of_their_task() -> None:
    """As the task says."""
    graph = Graph(Definition("w", None, (), (spec("m", deadline=2.0),)))
    graph.expand(0, 2, 5, None, "", complete=True)
    assert graph.deadlines == {1: 2.0, 2: 2.0}


def test_order_leaves_members_out() -> None:
    """A plan has the map, not a million members."""
    graph = grown()
    assert sorted(graph.ordered()) == [0, 1, 2, 3, 9]
    order = graph.topological()
    assert order.index(0) < order.index(2) < order.index(3)
    assert len(order) == len(list(graph.written()))


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_positions_nodes_and_names_lead_to_each_other(random: Random) -> None:
    """In any order of batches of several maps, with other nodes between them."""
    graph = Graph(Definition("w", None, tasks("a"), (spec("m"), spec("k", True), spec("l"))))
    expected: dict[str, list[str]] = {"m": [], "k": [], "l": []}
    for seq in range(random.randrange(1, 12)):
        name = random.choice(("m", "k", "l", "a"))
        if name == "a":
            graph.grow("a", Fragment((f"s{seq}",), tasks(f"a/s{seq}")))
            continue
        count = random.randrange(4)
        begin = len(expected[name])
        keys = [f"k{random.randrange(9)}/{place}" for place in range(begin, begin + count)]
        joined = "\n".join(keys) if name == "k" and count else None
        graph.expand(graph.index[name], count, seq, joined, "", complete=False)
        expected[name] += keys if name == "k" else map(str, range(begin, begin + count))
        if random.random() < 0.5:
            assert all(graph.find(f"k/{key}") is not None for key in expected["k"])  # makes the table, or uses it
    for name, keys in expected.items():
        one = graph.expansions.by_group[graph.index[name]]
        assert one.count == len(keys)
        nodes = list(one.nodes)
        assert [one.short_of(node) for node in nodes] == keys
        assert [one.node_at(place) for place in range(len(keys))] == nodes
        assert [one.find(key) for key in keys] == nodes
        assert [graph.index[f"{name}/{key}"] for key in keys] == nodes
        assert [graph.expansion_of(node) for node in nodes] == [one] * len(nodes)
        assert all(batch.nodes == range(batch.begin, batch.begin + batch.count) for batch in one.batches)


def test_a_table_of_keys_is_made_only_when_it_is_needed() -> None:
    """Both ways it finds the same."""
    for early in (False, True):
        one = Expansion(0, "k", True)
        graph = Graph(Definition("w", None, (), (spec("k", True),)))
        one = graph.expansions.by_group[0]
        for begin in range(0, 300, 3):
            if early:
                assert one.find("none") is None
            graph.expand(0, 3, begin, "\n".join(f"k{n}" for n in range(begin, begin + 3)), "", complete=False)
        assert [one.place_named(f"k{n}") for n in range(300)] == list(range(300))


# The fold.


def machine() -> Machine:
    return Machine(Definition("w", None, tasks("a"), (spec("m"), spec("k", True))))


def test_members_are_folded() -> None:
    """Columns grow with them; nothing has happened to a new one."""
    made = machine()
    made.emit("GroupStarted", "m")
    made.emit("MembersAdded", "m", count=2)
    made.run("m/0")
    made.emit("MembersAdded", "m", count=1, last=True)
    assert [made.state.nodes[made.state.index[f"m/{n}"]] for n in range(3)] == [SUCCEEDED, PENDING, PENDING]
    assert made.state.graph.expansions.by_group[1].complete
    assert made.state.grown == [3, 6]
    assert facts(replayed(made.log, made)) == facts(made.state)


@pytest.mark.parametrize(
    ("name", "fields"),
    [("a", {"count": 1}), ("nobody", {"count": 1}), ("k", {"count": 1}), ("m/0", {"count": 1})],
    ids=["a task", "nothing", "keys are missing", "a member"],
)
def test_members_of_what_can_have_none_are_refused(name: str, fields: dict[str, Any]) -> None:
    """The log is damaged, and says where."""
    made = machine()
    made.emit("MembersAdded", "m", count=1)
    with pytest.raises(LogCorrupt, match=r"no map, or is complete.*seq 3"):
        made.emit("MembersAdded", name, **fields)


def test_members_after_the_last_ones_are_refused() -> None:
    """A map that is complete has no more."""
    made = machine()
    made.emit("MembersAdded", "m", count=1, last=True)
    with pytest.raises(LogCorrupt, match="is complete"):
        made.emit("MembersAdded", "m", count=1)


def test_a_map_that_was_cut_short_may_have_more_once_it_is_opened_again() -> None:
    """But not when it is only judged again."""
    made = machine()
    for name in "mk":
        made.emit("GroupStarted", name)
        made.emit("MembersAdded", name, count=0, last=True, cut=True)
        made.emit("GroupFailed", name)
    made.emit("RunFailed")
    made.emit("RunResumed")
    made.emit("GroupReopened", "m")
    made.emit("GroupReopened", "k", policy="best_effort")
    found = [made.state.graph.expansions.by_group[made.state.index[name]] for name in "mk"]
    assert [(one.complete, one.cut) for one in found] == [(False, False), (True, True)]


def changed(*groups: GroupSpec) -> Machine:
    """A machine with members of two maps, one of which has ended, and then another definition."""
    made = machine()
    for name in "mk":
        made.emit("GroupStarted", name)
    made.emit("MembersAdded", "m", count=2)
    made.emit("MembersAdded", "k", count=2, keys=["x", "y"], last=True)
    made.emit("MembersAdded", "m", count=1)
    made.run("m/1", "k/y")
    made.change(Definition("w", None, tasks("new", "a", "newer"), groups))
    return made


def test_another_definition_carries_members_over() -> None:
    """To other numbers, with all that happened to them."""
    made = changed(spec("k", True), spec("m"))
    state = made.state
    assert {name: state.node_status(name) for name in ("m/0", "m/1", "m/2", "k/x", "k/y")} == {
        "m/0": "pending", "m/1": "succeeded", "m/2": "pending", "k/x": "pending", "k/y": "succeeded",
    }  # fmt: skip
    assert [one.complete for one in state.graph.expansions.by_group.values()] == [True, False]
    assert state.attempts[state.index["k/y"]] == 1
    assert facts(replayed(made.log, made)) == facts(state)


def test_another_definition_without_a_map_or_with_another_kind_of_it() -> None:
    """Its members are gone; those of the other map stay."""
    for groups in ((spec("m"),), (spec("m"), spec("k")), (spec("m"), GroupSpec("k", (("newer",),)))):
        made = changed(*groups)
        assert made.state.node_status("m/1") == "succeeded"
        assert "k/y" not in made.state.index
        assert len(made.state.grown) == 2
        assert facts(replayed(made.log, made)) == facts(made.state)
