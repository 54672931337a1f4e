"""What a resume would do with the members of a map, counted over columns: there may be a million of them.

It must not make an object for each member, nor ask for the name of one that is not shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import compress

import msgspec

from durable.core.expansion import Expansion
from durable.core.state import RunState
from durable.core.transitions import (
    CANCELLED,
    FAILED,
    INTERRUPTED,
    PENDING,
    RUNNING,
    SKIPPED,
    STATUSES,
    SUCCEEDED,
    SUSPENDED,
    TIMED_OUT,
    WAITING,
)

LISTED = 20
"""Members of a map that are planned one by one; the others are only counted."""

_LOST = (FAILED, TIMED_OUT, CANCELLED)
_UNFINISHED = (INTERRUPTED, RUNNING, WAITING, SUSPENDED)
ATTENTION = (*_UNFINISHED, *_LOST)
"""Statuses of members that are worth a line of their own."""


class MapPlan(msgspec.Struct, frozen=True):
    """What becomes of a map's members.

    Attributes:
        actions: how many members have each action.
        why: the same in words, with what is still to be read.
        seconds: compute time that the reused members save.
        listed: the nodes that are worth a line of their own, in the order of the items.
        settled: whether there is nothing left to run or to read.
    """

    actions: dict[str, int]
    why: str
    seconds: float
    listed: list[int]
    settled: bool


def plan_of_map(state: RunState, group: int, *, driven: bool, reopened: bool, woken: Collection[int]) -> MapPlan:
    """Count what a resume would do with the members of a map.

    Args:
        state: the folded run.
        group: the map.
        driven: whether somebody drives the run now.
        reopened: whether the run has failed, so that a resume runs again what failed.
        woken: suspended tasks that can go on.
    """
    expansion = state.graph.expansions.by_group[group]
    settled = state.nodes[group] == SUCCEEDED or state.settled(group)
    again = reopened and not settled
    counts = {status: _count(state, expansion, status) for status in range(len(STATUSES))}
    reused = {SUCCEEDED, *(() if again else (*_LOST, SKIPPED))}
    awake = sum(1 for node in woken if state.graph.parent[node] == group)
    actions = {"reuse": 0, "run": 0, "blocked": counts[SUSPENDED] - awake}
    for status, count in counts.items():
        actions["reuse" if status in reused else "run"] += 0 if status == SUSPENDED else count
    actions["run"] += awake
    said = list(_words(counts, awake, again, settled, driven))
    over = state.nodes[group] in (SUCCEEDED, SKIPPED) or settled
    if not expansion.complete and not over:
        said.append("more items to be read" if expansion.count else "its items to be read")
    return MapPlan(
        {action: count for action, count in actions.items() if count},
        ", ".join(said),
        sum(_seconds(state, expansion, reused)) * _share(state.graph.group(group).chunk),
        [] if settled else worth_listing(state, expansion),
        over or (expansion.complete and not actions["run"] and not actions["blocked"]),
    )


def _count(state: RunState, expansion: Expansion, status: int) -> int:
    count = state.nodes.count
    return sum(count(status, batch.begin, batch.begin + batch.count) for batch in expansion.batches)


def _words(counts: dict[int, int], awake: int, again: bool, settled: bool, driven: bool) -> Iterator[str]:
    said = {
        SUCCEEDED: "reused",
        RUNNING: "running now" if driven else "interrupted",
        INTERRUPTED: "interrupted",
        WAITING: "waiting for another attempt",
        SKIPPED: "not started" if again else "skipped",
        PENDING: "not started",
    }
    merged: dict[str, int] = {}
    for status, count in counts.items():
        lost = "and settled" if settled else "run again" if again else "and recorded"
        word = said.get(status) or f"{STATUSES[status].replace('_', ' ')} {lost}"
        if count and status != SUSPENDED:
            merged[word] = merged.get(word, 0) + count
    order = sorted(merged.items(), key=lambda pair: (pair[0] != "reused", pair[0] == "not started"))
    yield from (f"{count:,} {word}" for word, count in order)
    if counts[SUSPENDED]:
        ready = f", {awake:,} of which can continue" if awake else ""
        yield f"{counts[SUSPENDED]:,} suspended{ready}"


def _share(chunk: int) -> float:
    """How much of its time a member works, on average: those that are handed over together wait for each other."""
    return 2 / (chunk + 1)


def _seconds(state: RunState, expansion: Expansion, statuses: Collection[int]) -> Iterator[float]:
    """Yield how long the last attempts of the members of some statuses took together, batch by batch."""
    wanted = bytes(status in statuses for status in range(256))
    for batch in expansion.batches:
        begin, end = batch.begin, batch.begin + batch.count
        mask = state.nodes[begin:end].translate(wanted)
        times = zip(compress(state.started[begin:end], mask), compress(state.ended[begin:end], mask), strict=True)
        yield sum(ended - started for started, ended in times if 0 < started < ended) / 1e6


def worth_listing(state: RunState, expansion: Expansion, limit: int = LISTED) -> list[int]:
    """Return members that did not finish, then those that failed, up to a limit; in the order of the items.

    Args:
        state: the folded run.
        expansion: the map's members.
        limit: how many.
    """
    found: list[int] = []
    for statuses in (_UNFINISHED, _LOST):
        for node in state.having(*statuses):
            if len(found) >= limit:
                return sorted(found)
            if state.graph.parent[node] == expansion.group:
                found.append(node)
    return sorted(found)
