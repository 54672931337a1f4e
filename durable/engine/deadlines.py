"""Deadlines: which running attempts and groups run out of time next, on the monotonic clock."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class Deadlines:
    """A heap of what runs out of time.

    An entry is ``(when, node, number)``: a task's attempt, or the time at which a group's round started.

    Attributes:
        heap: the entries, of which some may not count any more; always the same list.
    """

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, int]] = []

    def add(self, when: float, node: int, number: int) -> None:
        """Add one, in seconds on the monotonic clock."""
        heappush(self.heap, (when, node, number))

    def next(self, counts: Callable[[int, int], bool]) -> float | None:
        """Return the earliest one's time; None when there is none.

        Args:
            counts: whether ``(node, number)`` still runs; entries of what has ended are dropped.
        """
        while self.heap and not counts(*self.heap[0][1:]):
            heappop(self.heap)
        return self.heap[0][0] if self.heap else None

    def due(self, now: float) -> list[tuple[int, int]]:
        """Remove and return those whose time has come, as ``(node, number)``."""
        found = []
        while self.heap and self.heap[0][0] <= now:
            found.append(heappop(self.heap)[1:])
        return found
