"""``>>``, ``<<`` and ``|``: expressions are values, and only an open block takes them in."""

from __future__ import annotations

from typing import Any

import pytest

from durable import Chain, DefinitionError, ParallelGroup, Workflow, chain, parallel, task, workflow


@task
def a() -> None: ...


@task
def b() -> None: ...


@task
def c() -> None: ...


@task
def d() -> None: ...


def edges(made: Workflow) -> set[tuple[str, str]]:
    return {(before.task_id, after.task_id) for before, after in made.edges}


def linked(made: Workflow) -> set[str]:
    return {node.task_id for node in made.linked}


def test_a_chain_is_its_nodes_in_order() -> None:
    """Whichever way it is written."""
    for made in (a >> b >> c, c << (a >> b), chain(a, b, c), chain(a >> b, c), a >> (b >> c)):
        assert isinstance(made, Chain)
        assert [node.task_id for node in made.nodes] == ["a", "b", "c"]
    assert [node.task_id for node in (b << a).nodes] == ["a", "b"]


def test_bars_make_one_group() -> None:
    """``a | b | c`` is one group of three, not a nested one."""
    made = a | b | c
    assert isinstance(made, ParallelGroup)
    assert [line[-1].task_id for line in made.members] == ["a", "b", "c"]


def test_a_named_or_configured_group_is_one_member() -> None:
    """Only what ``|`` itself has just made grows."""
    for inner in (parallel(a, b, name="inner"), (a | b).with_execution(policy="best_effort")):
        made = inner | c
        assert [line[-1] for line in made.members] == [inner, c]


def test_a_chain_is_one_member() -> None:
    """``a >> b | c`` is a group of a chain and a task."""
    made = a >> b | c
    assert [[node.task_id for node in line] for line in made.members] == [["a", "b"], ["c"]]


def test_outside_of_a_block_nobody_takes_expressions_in() -> None:
    """They can be added later."""
    made = a >> b
    with workflow("w") as wf:
        pass
    assert not wf.linked
    wf.add(made)
    assert edges(wf) == {("a", "b")}


def test_a_group_between_tasks_is_one_node() -> None:
    """``a >> (b | c) >> d`` has two edges at its level; members are linked too."""
    with workflow("w") as wf:
        a >> (b | c) >> d
    assert edges(wf) == {("a", "b|c"), ("b|c", "d")}
    assert linked(wf) == {"a", "b", "c", "d", "b|c"}


def test_growing_leaves_no_smaller_group_behind() -> None:
    """Of ``a | b | c`` only the whole is in the workflow."""
    with workflow("w") as wf:
        a | b | c
    assert {name for name in linked(wf) if "|" in name} == {"a|b|c"}


def test_blocks_nest_and_the_inner_one_takes_in() -> None:
    """The outer one goes on after it."""
    with workflow("outer") as outer:
        a >> b
        with workflow("inner") as inner:
            c >> d
        b >> c
    assert (edges(outer), edges(inner)) == ({("a", "b"), ("b", "c")}, {("c", "d")})


def test_an_error_inside_a_block_closes_it() -> None:
    """Nothing is taken in afterwards."""
    with pytest.raises(ZeroDivisionError), workflow("w") as wf:
        raise ZeroDivisionError
    a >> b
    assert not wf.linked


@pytest.mark.parametrize("other", [5, None, "b", {"b": b}, b.fn, lambda: None])
def test_what_cannot_stand_in_a_graph_is_refused_with_a_hint(other: Any) -> None:
    """A forgotten ``@task`` is the usual reason."""
    for link in (lambda: a >> other, lambda: a | other, lambda: a << other, lambda: chain(a, other)):
        with pytest.raises(DefinitionError, match="cannot stand in a workflow") as caught:
            link()
        assert ("forget @task" in str(caught.value)) is callable(other)


def test_an_empty_chain_is_refused() -> None:
    """There is nothing to link."""
    with pytest.raises(DefinitionError, match="at least one"):
        chain()
