"""Decide: from the frontier to what must be done next, as data.

It decides and never does: no clock, no I/O, no policy code.
"""

from __future__ import annotations

from durable.core.decision import Decision
from durable.core.derive_frontier import derive
from durable.core.frontier import Frontier
from durable.core.transitions import PENDING, RUNNING

AHEAD = 256
"""A map is given more members while fewer than so many of those that it has wait to be started."""


def decide(frontier: Frontier, now: int) -> Decision:
    """Return what to do now. What it names to start, open, skip or judge must be done.

    Args:
        now: microseconds since 1970.
    """
    if frontier.stale:
        derive(frontier)
    if frontier.timers.heap:
        fire = list(frontier.timers.over(now))
        if fire:
            return Decision(fire=fire)
    if frontier.to_judge:
        nodes, groups, frontier.to_judge = frontier.state.nodes, frontier.to_judge, {}
        judge = [(group, frontier.unsettled[group] > 0) for group in groups if nodes[group] == RUNNING]
        if judge:
            return Decision(judge=judge)
    if frontier.to_open or frontier.to_skip:
        nodes = frontier.state.nodes
        opened = [node for node in frontier.to_open if nodes[node] == PENDING]
        skipped = [inner for node in frontier.to_skip if nodes[node] == PENDING for inner in frontier.whole(node)]
        frontier.to_open, frontier.to_skip = [], []
        if opened or skipped:
            return Decision(open=opened, skip=skipped)
    return _starts(frontier, now)


def _starts(frontier: Frontier, now: int) -> Decision:
    slots = frontier.slots
    allowed = None if frontier.max_steps is None else frontier.max_steps - frontier.state.steps
    start = slots.starts(now, allowed)
    wake = slots.wake() if slots.timed else None
    if frontier.timers.heap:
        wake = _earliest(wake, frontier.timers.next())
    expand = hungry(frontier) if frontier.failed else []
    if start or slots.live or expand:
        return Decision(start=start, expand=expand, wake=wake)
    if slots.queues or slots.suspects:
        paced = wake is not None and (allowed is None or allowed > 0)
        return Decision(wake=wake, out_of_steps=not paced)
    if slots.delayed:
        return Decision(wake=wake)
    return Decision(wake=wake, over=not frontier.asleep, suspended=bool(frontier.asleep))


def hungry(frontier: Frontier) -> list[int]:
    """Maps whose members have almost all been started, and that may have more."""
    expansions, nodes, queues = frontier.graph.expansions.by_group, frontier.state.nodes, frontier.slots.queues
    return [
        group
        for group in frontier.failed
        if nodes[group] == RUNNING and not expansions[group].complete and len(queues.get(group, ())) < AHEAD
    ]


def _earliest(one: int | None, other: int | None) -> int | None:
    return one if other is None else other if one is None else min(one, other)
