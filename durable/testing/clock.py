"""A clock that tests move. It never sleeps and never polls; it must not know who waits for it."""

from __future__ import annotations

from math import ceil
from queue import Empty
from threading import Condition
from typing import Any

from durable.clock import Arrivals

START = 1_767_225_600_000_000
"""Where a fake clock begins: 2026-01-01T00:00:00Z in microseconds."""

_WAKE = object()
"""What ``advance`` puts into the queue of a ``take`` whose time is up; no caller ever gets it."""


class _Waiter:
    __slots__ = ("due", "queue", "woken")

    def __init__(self, queue: Arrivals, due: int) -> None:
        self.queue = queue
        self.due = due
        self.woken = False


class FakeClock:
    """A ``durable.clock.Clock`` whose time passes only when told, or when nothing else can happen.

    Args:
        start: the wall-clock time it begins at, microseconds since 1970.
    """

    def __init__(self, start: int = START) -> None:
        self._wall = start
        self._monotonic = 0
        self._changed = Condition()
        self._waiters: list[_Waiter] = []

    def now(self) -> int:
        """Return the wall-clock time: microseconds since 1970 in UTC."""
        return self._wall

    def monotonic(self) -> float:
        """Return the seconds that have passed since the clock was made."""
        return self._monotonic / 1_000_000

    def advance(self, seconds: float) -> None:
        """Let time pass, on both clocks, and wake every ``take`` whose time is up.

        Args:
            seconds: how much.

        Raises:
            ValueError: it is negative.
        """
        if seconds < 0:
            raise ValueError("time does not go back; use set_wall for a wall clock that was put back")
        with self._changed:
            self._pass(_us(seconds))

    def set_wall(self, now: int) -> None:
        """Let the wall clock jump, back or forth, as when somebody sets it; ``monotonic`` goes on.

        Args:
            now: microseconds since 1970.
        """
        with self._changed:
            self._wall = now

    def wait_for_waiters(self, count: int = 1, timeout: float = 10.0) -> None:
        """Block until so many timed ``take`` calls wait, so that a test can advance past them.

        Args:
            count: how many.
            timeout: real seconds after which the test has failed.

        Raises:
            TimeoutError: there were never so many.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._waiters) >= count, timeout):
                raise TimeoutError(f"{len(self._waiters)} of {count} waits after {timeout:g} real seconds")

    def take(self, queue: Arrivals, timeout: float | None, *, idle: bool = False) -> Any:
        """Return the queue's next item, or None once ``timeout`` seconds have passed on this clock.

        Args:
            queue: where items arrive; it has one consumer.
            timeout: seconds; None waits for an item.
            idle: nothing but time can pass: if the queue is empty, jump to the due time at once.
        """
        try:
            return _next(queue, block=timeout is None)
        except Empty:
            assert timeout is not None
        if timeout <= 0:
            return None
        if idle:
            self.advance(timeout)
            return None
        return self._wait(queue, timeout)

    def soon(self, queue: Arrivals, seconds: float) -> Any:
        """Return the queue's next item if it is there, else None; no time passes.

        Args:
            queue: where completions arrive.
            seconds: of no meaning here.
        """
        try:
            return _next(queue, block=False)
        except Empty:
            return None

    def _wait(self, queue: Arrivals, timeout: float) -> Any:
        with self._changed:
            waiter = _Waiter(queue, self._monotonic + _us(timeout))
            self._waiters.append(waiter)
            self._changed.notify_all()
        try:
            item = queue.get()
        finally:
            with self._changed:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        if item is _WAKE:
            return None
        if waiter.woken:
            _remove_wake(queue)
        return item

    def _pass(self, microseconds: int) -> None:
        self._wall += microseconds
        self._monotonic += microseconds
        for waiter in [one for one in self._waiters if one.due <= self._monotonic]:
            self._waiters.remove(waiter)
            waiter.woken = True
            waiter.queue.put(_WAKE)


def _us(seconds: float) -> int:
    """Round up, so that a wait is over once its time was advanced; but not for the noise of floats."""
    return ceil(round(seconds * 1_000_000, 3))


def _next(queue: Arrivals, block: bool) -> Any:
    while (item := queue.get(block=block)) is _WAKE:
        pass
    return item


def _remove_wake(queue: Arrivals) -> None:
    """Take our mark out of the queue when an item was faster, for consumers that read it directly."""
    others = []
    while (item := queue.get()) is not _WAKE:
        others.append(item)
    for item in others:
        queue.put(item)
