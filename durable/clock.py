"""The Clock contract and the system's clock: the only places where durable reads the time or waits."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import Any, Protocol

_SLICE = 0.25
"""Seconds of one wait: a signal that comes just before a wait begins is not handled before it is over."""


class Clock(Protocol):
    """What the engine and the stores need of time. Tests bring their own (``durable.testing.FakeClock``)."""

    def now(self) -> int:
        """Return the wall-clock time: microseconds since 1970 in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back, for timeouts."""
        ...

    def take(self, queue: SimpleQueue[Any], timeout: float | None, *, idle: bool = False) -> Any:
        """Return the queue's next item, or None once ``timeout`` seconds have passed.

        Args:
            queue: where completions arrive; items are never None.
            timeout: seconds to wait; None waits for an item however long it takes.
            idle: no body is running, so nothing but time can pass; a fake clock may jump.
        """
        ...

    def soon(self, queue: SimpleQueue[Any], seconds: float) -> Any:
        """Return the queue's next item if one comes within so short a time that nobody notices, else None.

        A fake clock does not wait at all.
        """
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> int:
        """Return microseconds since 1970 in UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        return time.monotonic()

    def take(self, queue: SimpleQueue[Any], timeout: float | None, *, idle: bool = False) -> Any:
        """Return the queue's next item, or None once ``timeout`` seconds have passed."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _SLICE if end is None else min(end - time.monotonic(), _SLICE)
            try:
                return queue.get(timeout=max(left, 0.0))
            except Empty:
                if end is not None and time.monotonic() >= end:
                    return None

    def soon(self, queue: SimpleQueue[Any], seconds: float) -> Any:
        """Return the queue's next item if one comes within ``seconds``, else None."""
        try:
            return queue.get(timeout=seconds)
        except Empty:
            return None
