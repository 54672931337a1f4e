"""Timers: which sleep, wait or deadline is over next. Derived from the state, like the frontier."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from durable.core.durable_calls import find, walk
from durable.core.state import RunState
from durable.core.transitions import ENDED, PENDING

_FEW = 64

RUN = -1
"""Stands for the run itself where a node is named."""


class Timers:
    """A heap of ``(due, node, mark)``; a deadline has no mark.

    Args:
        state: the folded state.

    Attributes:
        heap: entries, of which some may not hold any more.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state
        self.heap: list[tuple[int, int, str]] = [
            (mark.due, node, path) for node, marks in state.marks.items() for path, mark in walk(marks) if mark.due
        ]
        self.heap += [(due, node, "") for node, due in state.deadlines.items()]
        if state.run_deadline:
            self.heap.append((state.run_deadline, RUN, ""))
        heapify(self.heap)
        self._enough = 2 * len(self.heap) + _FEW

    def began(self, node: int, path: str) -> None:
        """Take in a wait that has just begun."""
        mark = find(self._state.marks.get(node), path)
        if mark is not None and mark.due:
            self._push((mark.due, node, path))

    def started(self, node: int) -> None:
        """Take in the deadline of a task that has just started, and the waits that an earlier attempt began."""
        due = self._state.deadlines.get(node)
        if due is not None:
            self._push((due, node, ""))
        for path in self._state.open_waits(node) if node in self._state.marks else ():
            self.began(node, path)

    def over(self, now: int) -> Iterator[tuple[int, str]]:
        """Take out and yield what is over: a node with a mark, or with "" for its deadline."""
        last = None
        while self.heap and self.heap[0][0] <= now:
            entry = heappop(self.heap)
            if entry != last and self._holds(entry):  # one may be there for each attempt
                yield entry[1:]
            last = entry

    def next(self) -> int | None:
        """When the next one is over, microseconds since 1970; None when there is none."""
        while self.heap and not self._holds(self.heap[0]):
            heappop(self.heap)
        return self.heap[0][0] if self.heap else None

    def _push(self, entry: tuple[int, int, str]) -> None:
        """Add one; a task that begins over and over must not fill the heap with what holds no more."""
        heappush(self.heap, entry)
        if len(self.heap) > self._enough:
            self.heap = [one for one in self.heap if self._holds(one)]
            heapify(self.heap)
            self._enough = 2 * len(self.heap) + _FEW

    def _holds(self, entry: tuple[int, int, str]) -> bool:
        due, node, path = entry
        state = self._state
        if path:
            mark = find(state.marks.get(node), path)
            return mark is not None and mark.waits and mark.due == due and state.nodes[node] not in (*ENDED, PENDING)
        return state.run_deadline == due if node == RUN else state.deadlines.get(node) == due
