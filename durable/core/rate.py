"""Pace: how fast something gets done lately, from looks at how much is done. It reads no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nlargest

WINDOW = 60_000_000
"""Microseconds that count as lately; longer where less than ``ENOUGH`` was done in them."""
ENOUGH = 10
"""How much has to be done before the time that it took says something."""
_APART = 500_000


class Pace:
    """How fast one thing gets done: a run or a group.

    Only time within one drive counts: each drive begins anew, with what is recorded of it. So does a run in which
    something was reopened.
    """

    def __init__(self) -> None:
        self._began = -1
        self._looks: list[tuple[int, int]] = []

    def rate(self, now: int, began: int, done: int, ends: Callable[[], Iterable[int]]) -> float | None:
        """Return how much gets done a second, lately; None before anything is.

        Args:
            now: the moment of this look, microseconds since 1970.
            began: when the drive, or what is measured, began.
            done: how much is done.
            ends: returns when what was done since then was done, in any order; asked for only when a pace begins.
        """
        looks = self._looks
        if began != self._began or done < looks[-1][1]:
            self._began = began
            looks[:] = [_first(now, began, done, ends())]
        elif done != looks[-1][1] and now - looks[-1][0] >= _APART:
            looks.append((now, done))
        while len(looks) > 1 and looks[1][0] <= now - WINDOW and done - looks[1][1] >= ENOUGH:
            del looks[0]
        since, before = looks[0]
        return (done - before) / (now - since) * 1e6 if done > before and now > since else None


def _first(now: int, began: int, done: int, ends: Iterable[int]) -> tuple[int, int]:
    """The look that somebody would have taken who had been there before."""
    times, lately = [time for time in ends if time >= began], now - WINDOW
    recent = sum(time > lately for time in times)
    if began >= lately or len(times) <= ENOUGH:
        return began, done - len(times)
    return (lately, done - recent) if recent >= ENOUGH else (nlargest(ENOUGH + 1, times)[-1], done - ENOUGH)
