"""The frontier from nothing but the folded state: what ``Frontier.advance`` reaches event by event."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from durable.core.expansion import Expansion
from durable.core.slots import STARTABLE, Slots
from durable.core.timers import Timers
from durable.core.transitions import CANCELLED, FAILED, PENDING, RUNNING, SKIPPED, SUCCEEDED, SUSPENDED, TIMED_OUT

if TYPE_CHECKING:
    from durable.core.frontier import Frontier

_WITHOUT = frozenset({FAILED, TIMED_OUT, CANCELLED, SKIPPED})


def derive(frontier: Frontier) -> None:
    """Derive everything anew from the statuses."""
    state, graph = frontier.state, frontier.state.graph
    count = graph.size
    frontier.graph = graph
    frontier.timers = Timers(state)
    sleeps = SUSPENDED in state.nodes
    frontier.asleep = {node for node, status in enumerate(state.nodes) if status == SUSPENDED} if sleeps else set()
    frontier.waiting = graph.needs[:]
    frontier.taken = array("i", bytes(4 * count))
    frontier.blocked = bytearray(count)
    frontier.member_done = bytearray(count)
    frontier.unsettled = {group: len(lines) for group, lines in graph.members.items()}
    frontier.failed = dict.fromkeys(graph.expansions.by_group, 0)
    for group, expansion in graph.expansions.by_group.items():
        frontier.unsettled[group] += not expansion.complete
    before, frontier.slots = frontier.slots, Slots(state, *frontier.limits)
    frontier.slots.keep_pace(before)
    frontier.to_judge = {}
    frontier.to_open = []
    frontier.to_skip = []
    frontier.stale = False
    for node in graph.written():
        _place(frontier, node, state.nodes[node])
    for expansion in graph.expansions.by_group.values():
        _place_members(frontier, expansion)
    for node in graph.written():
        if not frontier.waiting[node]:
            frontier.offer(node)
    for expansion in graph.expansions.by_group.values():
        if state.nodes[expansion.group] == RUNNING:
            offer_members(frontier, expansion)
    # An outer group before those in it: of a race, one that has its winner must not get a second one.
    ripe = [group for group in frontier.unsettled if state.nodes[group] == RUNNING and frontier.ripe(group)]
    frontier.to_judge = dict.fromkeys(sorted(ripe, key=graph.depth))
    if before.alone in frontier.slots.live:
        frontier.slots.alone = before.alone


def _place(frontier: Frontier, node: int, status: int) -> None:
    """Count one node's outcome in, offering nothing yet."""
    if status == SUCCEEDED:
        frontier.resolve(node, taken=True, offer=False)
    elif status in _WITHOUT:
        frontier.ended_without(node, offer=False)
    elif status == RUNNING and not frontier.graph.grouped[node]:
        frontier.slots.went_live(node)
    if frontier.graph.grouped[node] and status not in (PENDING, SKIPPED) and node not in frontier.failed:
        for line in frontier.graph.members[node]:
            frontier.waiting[line[0]] -= 1
            frontier.taken[line[0]] += 1


def _place_members(frontier: Frontier, expansion: Expansion) -> None:
    """Count the outcomes of a map's members in; those that have not ended stand apart, as there may be few."""
    nodes, group = frontier.state.nodes, expansion.group
    for batch in expansion.batches:
        statuses = bytes(nodes[batch.begin : batch.begin + batch.count])
        if statuses.count(SUCCEEDED) == batch.count and not frontier.state.taken:
            frontier.member_done[batch.begin : batch.begin + batch.count] = b"\x01" * batch.count
            frontier.unsettled[group] -= batch.count
            continue
        for node, status in enumerate(statuses, batch.begin):
            _place(frontier, node, status)


def offer_members(frontier: Frontier, expansion: Expansion) -> None:
    """Offer the members that have not begun, or have to begin again."""
    nodes = frontier.state.nodes
    for batch in expansion.batches:
        statuses = bytes(nodes[batch.begin : batch.begin + batch.count])
        if statuses.count(SUCCEEDED) < batch.count:
            for node, status in enumerate(statuses, batch.begin):
                if status in STARTABLE:
                    frontier.offer(node)
