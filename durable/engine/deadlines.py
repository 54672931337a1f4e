"""Deadlines: which running attempts and groups run out of time next, on the monotonic clock."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class Deadlines:
    """A heap of what runs out of time.

    An entry is ``(when, node, attempt)``; groups have attempt 0.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, when: float, node: int, attempt: int = 0) -> None:
        """Add one, in seconds on the monotonic clock."""
        heappush(self._heap, (when, node, attempt))

    def next(self, counts: Callable[[int, int], bool]) -> float | None:
        """Return the earliest one's time; None when there is none.

        Args:
            counts: whether ``(node, attempt)`` still runs; entries of what has ended are dropped.
        """
        while self._heap and not counts(*self._heap[0][1:]):
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[tuple[int, int]]:
        """Remove and return those whose time has come, as ``(node, attempt)``."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            _, node, attempt = heappop(self._heap)
            found.append((node, attempt))
        return found
