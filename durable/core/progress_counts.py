"""ProgressCounter: how far a run is, how fast it goes lately and what is slow, counted over the columns of its state.

Everything is counted at the moment when somebody asks, so that a drive does nothing for it. It reads no clock, and
of the log only the errors that it shows, through a function that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nlargest, nsmallest
from itertools import chain, compress

import msgspec

from durable.core.graph import Graph
from durable.core.progress import FailedTask, GroupProgress, Progress, RunningTask
from durable.core.rate import Pace
from durable.core.state import RunState
from durable.core.transitions import (
    CANCELLED,
    ENDED,
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

SLOWEST = 5
"""Running tasks that are named."""
LAST_FAILURES = 3
"""Failures that are shown with their error."""
GROUPS = 20
"""Groups that are shown."""

_FAILED = bytes(status in (FAILED, TIMED_OUT) for status in range(256))
_RAN = bytes(status in (SUCCEEDED, FAILED, TIMED_OUT) for status in range(256))
_BAD = (FAILED, TIMED_OUT, CANCELLED)
_AT_WORK = (RUNNING, WAITING, SUSPENDED)


def to_come(state: RunState, nodes: bytes, group: int | None = None) -> int | None:
    """How many tasks will be added that are known to come: members of a map, or of any map.

    Args:
        state: the run's.
        nodes: the statuses, as they are looked at.
        group: the map; None for all of them.

    Returns:
        The number; None when nobody knows it.
    """
    if state.status in ENDED:
        return 0
    maps = state.graph.expansions.by_group
    found = 0
    for one in list(maps) if group is None else [group] if group in maps else []:
        if one < len(nodes) and not maps[one].complete and nodes[one] not in ENDED:
            expected = maps[one].expected
            if not expected:
                return None
            found += max(expected - maps[one].count, 0)
    return found


class ProgressCounter:
    """Measures one run, as often as somebody asks; it keeps what makes the next time cheap.

    Args:
        describe: returns what failed by the number of the event that says so; None while that cannot be read.
    """

    def __init__(self, describe: Callable[[int], FailedTask | None]) -> None:
        self._describe = describe
        self._graph: Graph | None = None
        self._pace = Pace()
        self._paces: dict[int, Pace] = {}
        self._members: dict[int, _Members] = {}
        self._failed: dict[int, FailedTask] = {}
        self._failed_at = (0, 0)

    def read(self, state: RunState, now: int, status: str | None = None) -> Progress:
        """Return how far the run is.

        Args:
            state: the run's; it may be one that another thread, the driver, goes on changing.
            now: microseconds since 1970.
            status: the run's status, if others know better than the state whether somebody drives it.
        """
        status = status or state.status_name
        driven = status == STATUSES[RUNNING]
        now = max(now, state.time) if driven else state.time
        graph = state.graph
        if graph is not self._graph:
            self._graph, self._paces, self._members = graph, {}, {}
            self._failed_at = (0, 0)
        nodes = bytes(state.nodes)  # a copy: looking at the bytes themselves would keep the driver from adding to them
        groups = [group for group in list(graph.members) if group < len(nodes)]
        tasks = _counted(nodes, bytes(nodes[group] for group in groups), driven)
        come, shown = to_come(state, nodes), _chosen(nodes, groups)
        grows = come is None
        tasks.expect(come or 0)
        for kept in (self._paces, self._members):
            for group in kept.keys() - shown:
                del kept[group]
        rate = self._pace.rate(
            now, state.drive_began, tasks.finished, lambda: compress(state.ended, _mask(_RAN, nodes, groups))
        )
        return Progress(
            run_id=state.run_id,
            status=status,
            growing=grows,
            slowest=_slowest(state, nodes, now) if driven else (),
            failures=self._failures(state, nodes, groups, tasks.failed),
            groups=tuple(self._group(state, nodes, group, now, driven) for group in shown),
            rate=rate,
            left=tasks.left(rate) if driven and not grows else None,
            **tasks.fields(),
        )

    def _group(self, state: RunState, nodes: bytes, group: int, now: int, driven: bool) -> GroupProgress:
        graph, running = state.graph, nodes[group] == RUNNING
        members = self._members.setdefault(group, _Members())
        members.look(graph, group)
        found = _counted(members.statuses(nodes), b"", driven)
        rate, come = None, to_come(state, nodes, group)
        grows = come is None
        found.expect(come or 0)
        if running:
            began = max(state.drive_began, state.started[group])
            pace = self._paces.setdefault(group, Pace())
            rate = pace.rate(now, began, found.finished, lambda: members.ended(state, nodes))
        return GroupProgress(
            id=graph.ids[group],
            status=STATUSES[nodes[group]],
            growing=grows,
            rate=rate,
            left=found.left(rate) if running and driven and not grows else None,
            **found.fields(),
        )

    def _failures(self, state: RunState, nodes: bytes, groups: list[int], count: int) -> tuple[FailedTask, ...]:
        if (count, state.drive_began) != self._failed_at:  # else nothing has failed since
            known, self._failed = self._failed, {}
            for seq in nlargest(LAST_FAILURES, compress(state.outcome, _mask(_FAILED, nodes, groups))):
                found = known.get(seq) or (self._describe(seq) if seq else None)
                if found is not None:
                    self._failed[seq] = found
            if len(self._failed) == min(count, LAST_FAILURES):
                self._failed_at = count, state.drive_began
        return tuple(self._failed.values())


class _Tally(msgspec.Struct):
    """Statuses, counted."""

    by_status: list[int]
    total: int

    def expect(self, count: int) -> None:
        """Count tasks that are not there yet."""
        self.total += count
        self.by_status[PENDING] += count

    @property
    def done(self) -> int:
        by = self.by_status
        return by[SUCCEEDED] + self.failed + by[CANCELLED] + by[SKIPPED]

    @property
    def failed(self) -> int:
        return self.by_status[FAILED] + self.by_status[TIMED_OUT]

    @property
    def finished(self) -> int:
        """Those that ran to their end: what is skipped takes no time, and comes many at once."""
        return self.by_status[SUCCEEDED] + self.failed

    def left(self, rate: float | None) -> float | None:
        """Seconds until all are done at this rate."""
        return (self.total - self.done) / rate if rate else None

    def fields(self) -> dict[str, int]:
        by = self.by_status
        return {
            "total": self.total,
            "done": self.done,
            "succeeded": by[SUCCEEDED],
            "failed": self.failed,
            "cancelled": by[CANCELLED],
            "skipped": by[SKIPPED],
            "running": by[RUNNING],
            "waiting": by[WAITING] + by[SUSPENDED],
            "pending": by[PENDING] + by[INTERRUPTED],
        }


def _counted(nodes: bytes, without: bytes, driven: bool) -> _Tally:
    """Count statuses, some left out; what is recorded as running does not run when nobody drives it."""
    by = [nodes.count(status) - without.count(status) for status in range(len(STATUSES))]
    if not driven:
        by[INTERRUPTED] += by[RUNNING]
        by[RUNNING] = 0
    return _Tally(by, len(nodes) - len(without))


class _Members:
    """Where the members of one group are among the nodes; those that were added are looked at once."""

    def __init__(self) -> None:
        self._looked = 0
        self._ranges: list[range] = []
        self._lines: list[list[int]] = []

    def look(self, graph: Graph, group: int) -> None:
        """Take note of members that have come."""
        expansion = graph.expansions.by_group.get(group)
        if expansion is not None:
            come = expansion.batches[self._looked :]
            self._looked += len(come)
            for batch in come:
                self._add(batch.nodes)
        elif not self._looked:
            lines = list(graph.members[group])
            self._looked = len(lines)
            if sum(map(len, lines)) > len(lines):
                self._lines = lines
                return
            ends = list(chain.from_iterable(lines))
            together = range(ends[0], ends[0] + len(ends)) if ends else range(0)
            for found in [together] if ends == list(together) else [range(end, end + 1) for end in ends]:
                self._add(found)

    def statuses(self, nodes: bytes) -> bytes:
        """The status of each member."""
        if self._lines:
            return bytes(_status([nodes[node] for node in line]) for line in self._lines)
        return b"".join([nodes[found.start : found.stop] for found in self._ranges])

    def ended(self, state: RunState, nodes: bytes) -> Iterable[int]:
        """When each member ended that ran to its end."""
        found = [*self._ranges, *(range(line[-1], line[-1] + 1) for line in self._lines)]
        for few in found:
            ran = nodes[few.start : few.stop].translate(_RAN)
            yield from compress(state.ended[few.start : few.stop], ran)

    def _add(self, nodes: range) -> None:
        """Members that stand together, as those of nearly all large groups do, are one range."""
        if self._ranges and self._ranges[-1].stop == nodes.start:
            nodes = range(self._ranges.pop().start, nodes.stop)
        self._ranges.append(nodes)


def _status(line: list[int]) -> int:
    """The status of a member by those of the tasks that it consists of."""
    end = line[-1]
    if len(line) == 1 or end == SUCCEEDED:
        return end
    return next((status for status in line if status in _BAD), next((one for one in line if one in _AT_WORK), end))


def _mask(table: bytes, nodes: bytes, without: list[int]) -> bytearray:
    """Which nodes have a status that the table marks, some left out."""
    mask = bytearray(nodes.translate(table))
    for node in without:
        mask[node] = 0
    return mask


def _chosen(nodes: bytes, groups: list[int]) -> list[int]:
    """The groups that are shown."""
    begun = [group for group in groups if nodes[group] not in (PENDING, SKIPPED)]
    return nsmallest(GROUPS, begun, key=lambda group: (nodes[group] != RUNNING, group))


def _slowest(state: RunState, nodes: bytes, now: int) -> tuple[RunningTask, ...]:
    graph, started = state.graph, state.started
    running: list[tuple[int, int]] = []
    node = nodes.find(RUNNING)
    while node >= 0:
        if not graph.grouped[node]:
            running.append((started[node], node))
        node = nodes.find(RUNNING, node + 1)
    return tuple(
        RunningTask(graph.ids[node], state.attempts[node], max(now - since, 0) / 1e6)
        for since, node in nsmallest(SLOWEST, running)
    )
