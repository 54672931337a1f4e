"""The frontier of any run: kept current and derived anew alike, in order, and to an end that is explained."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from durable.core.decide import hungry
from durable.core.frontier import Frontier
from durable.core.graph import Definition, GroupSpec
from durable.core.transitions import INTERRUPTED, PENDING, RUNNING, SUSPENDED, WAITING
from tests.core.machine import BAD, Machine, all_ids, definitions, seeds, tasks


def offers(frontier: Frontier) -> dict[str, Any]:
    """What a frontier would have done now, whatever its queues look like."""
    nodes = frontier.state.nodes
    startable = {PENDING, INTERRUPTED, WAITING, SUSPENDED}
    queued = [node for lane in frontier.slots.queues.values() for node in lane] + list(frontier.slots.suspects)
    queued += [
        node for when, node in frontier.slots.delayed if frontier.state.due.get(node) == when and nodes[node] == WAITING
    ]
    return {
        "start": {node for node in queued if nodes[node] in startable},
        "open": {node for node in frontier.to_open if nodes[node] == PENDING},
        "skip": {node for node in frontier.to_skip if nodes[node] == PENDING},
        "judge": {node for node in frontier.to_judge if nodes[node] == RUNNING and not frontier.unsettled[node]},
        "live": set(frontier.slots.live),
        "asleep": set(frontier.asleep),
        "failed": {group: count for group, count in frontier.failed.items() if nodes[group] == RUNNING},
        "unsettled": {group: frontier.unsettled[group] for group in frontier.failed if nodes[group] == RUNNING},
        "expand": set(hungry(frontier)),
        "timer": frontier.timers.next(),
        "busy": {lane: count for lane, count in frontier.slots.busy.items() if count},
    }


@settings(max_examples=100, deadline=None)
@given(definitions(), seeds, st.integers(1, 3))
def test_kept_current_and_rebuilt_offer_the_same(definition: Definition, random: Random, limit: int) -> None:
    """At every step of every run, ``advance`` and a new Frontier lead to the same place, also after a resume.

    And what has an id keeps it.
    """
    machine = Machine(definition, default_limit=limit)
    frontier = machine.frontier
    assert frontier is not None
    for life in range(3):
        for _ in range(300):
            known = all_ids(machine.state)
            more = machine.step(random)
            assert all_ids(machine.state)[: len(known)] == known
            if not frontier.stale:
                fresh = Frontier(machine.state, default_limit=limit)
                assert offers(frontier) == offers(fresh)
                early = {group for group in frontier.to_judge if machine.state.nodes[group] == RUNNING}
                assert early <= set(fresh.to_judge)
            if not more:
                break
        if life == 2 or not machine.state.failures():
            break
        machine.resume()


@settings(max_examples=100, deadline=None)
@given(definitions(), seeds)
def test_every_run_comes_to_an_end_that_is_explained(definition: Definition, random: Random) -> None:
    """At the end nothing runs, and what has not ended depends on something that failed."""
    machine = Machine(definition)
    assert any(not machine.step(random) for _ in range(2_000))
    state, graph = machine.state, machine.state.graph
    left = [
        node for node, status in enumerate(state.nodes) if status in (PENDING, RUNNING, WAITING, INTERRUPTED, SUSPENDED)
    ]
    for node in left:
        reasons = [*graph.before[node], *([graph.parent[node]] if graph.parent[node] >= 0 else [])]
        assert any(
            state.nodes[reason] in BAD or reason in left or state.in_failed_group(reason) for reason in reasons
        ), graph.ids[node]
    assert not left or state.failures()


@settings(max_examples=60, deadline=None)
@given(definitions(), seeds)
def test_a_task_starts_only_after_what_it_follows(definition: Definition, random: Random) -> None:
    """When a task starts, all that it follows is settled, its group is open, and it never started after a success."""
    machine = Machine(definition)
    graph = machine.state.graph
    begun = 0
    while machine.step(random):
        new, begun = machine.log[begun:], len(machine.log)
        for event in new:
            if event.type != "TaskStarted":
                continue
            node = graph.index[event.task_id or ""]
            earlier = [other.type + (other.task_id or "") for other in machine.log[: event.seq - 1]]
            assert f"TaskSucceeded{event.task_id}" not in earlier
            if graph.parent[node] >= 0:
                assert f"GroupStarted{graph.ids[graph.parent[node]]}" in earlier
            for before in graph.before[node]:
                assert machine.state.nodes[before] not in (PENDING, WAITING, INTERRUPTED)


def test_a_skip_before_its_group_failed_stays_what_it_was() -> None:
    """What follows a member that was not taken may start, live and rebuilt, also when a group around fails later."""
    definition = Definition(
        "w",
        None,
        tasks("first", "member", "other", "after"),
        (GroupSpec("inner", (("member",),)), GroupSpec("outer", (("first", "inner"), ("other",)))),
        (("first", "inner"), ("member", "after"), ("first", "after")),
    )
    machine = Machine(definition)
    for kind, name, data in (
        ("GroupStarted", "outer", None),
        ("TaskStarted", "first", None),
        ("TaskSucceeded", "first", ["after"]),
        ("GroupSkipped", "inner", None),
        ("TaskSkipped", "member", None),
        ("GroupFailed", "outer", None),
        ("TaskSkipped", "other", None),
    ):
        machine.emit(kind, name, 1 if kind in ("TaskStarted", "TaskSucceeded") else 0, taken=data)
    assert machine.frontier is not None
    assert offers(machine.frontier) == offers(Frontier(machine.state))
    assert offers(machine.frontier)["start"] == {machine.state.index["after"]}
