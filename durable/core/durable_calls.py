"""Marks: what a body has recorded of its durable calls, so that its next attempt finds it again.

Calls are numbered in the order in which the body makes them. Inside an iteration of a tracked loop they
are numbered anew, and dropped when the loop moves on: ``2`` is the body's third call, ``2/0`` the first
one in the present iteration of the loop that is the third call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

STEP, LOOP, TIMER, SIGNAL, FEEDBACK = "step", "loop", "sleep", "signal", "feedback"
"""Kinds of durable calls."""


class Mark(msgspec.Struct):
    """One durable call.

    Attributes:
        kind: what it is.
        name: the step's function, the signal, the request's id, the loop's key function.
        seq: the event with its value (step), its question (feedback), its last move (loop) or its begin.
        due: when the wait is over by itself, microseconds since 1970; 0 for never.
        ended: the event that ended the wait; 0 while it is open.
        position: items that the loop has finished.
        inner: calls in the loop's present iteration.
    """

    kind: str
    name: str
    seq: int
    due: int = 0
    ended: int = 0
    position: int = 0
    inner: dict[str, Mark] = {}

    @property
    def waits(self) -> bool:
        """Whether this is a wait that has not ended."""
        return not self.ended and self.kind in (TIMER, SIGNAL, FEEDBACK)


Marks: TypeAlias = dict[str, Mark]


def find(marks: Marks | None, path: str) -> Mark | None:
    """Return the mark at a path such as ``2/0``; None when there is none."""
    mark: Mark | None = None
    for part in path.split("/"):
        mark = marks.get(part) if marks is not None else None
        if mark is None:
            return None
        marks = mark.inner
    return mark


def put(marks: Marks, path: str, mark: Mark) -> None:
    """Set the mark at a path; loops around it that have not moved yet are made."""
    *around, last = path.split("/")
    for part in around:
        loop = marks.get(part)
        if loop is None:
            loop = marks[part] = Mark(LOOP, "", 0)
        marks = loop.inner
    marks[last] = mark


def walk(marks: Marks, prefix: str = "") -> Iterator[tuple[str, Mark]]:
    """Yield every mark with its path."""
    for key, mark in marks.items():
        yield prefix + key, mark
        if mark.inner:
            yield from walk(mark.inner, f"{prefix}{key}/")


def copied(marks: Marks) -> Marks:
    """Return a copy that others may keep while the original changes."""
    return {
        key: Mark(mark.kind, mark.name, mark.seq, mark.due, mark.ended, mark.position, copied(mark.inner))
        for key, mark in marks.items()
    }
