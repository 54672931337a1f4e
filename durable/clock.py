"""The Clock contract and the system's clock: the only places where durable reads the time or waits."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from queue import Empty
from threading import Lock
from typing import Any, Protocol

_SLICE = 0.25
"""Seconds of one wait: a signal that comes just before a wait begins is not handled before it is over."""


class Arrivals:
    """A queue with one consumer, who may wait for an item for a limited time.

    Anybody may put: any thread, a signal handler, a finalizer, also while this thread takes an item.

    Not ``queue.SimpleQueue``: before Python 3.13 its ``get`` with a timeout can wait for ever. It works out how much
    time is left once it has the lock, or once a signal was handled, and takes less than none for no limit. A process
    that is put aside at that moment for longer than the timeout, or a handler that takes longer, is enough.
    """

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._nothing_new = Lock()
        """Held while nothing was put since the consumer last had it; it may look once too often, never too rarely."""
        self._nothing_new.acquire()

    def put(self, item: Any) -> None:
        """Add an item, and wake the consumer."""
        self._items.append(item)
        if self._nothing_new.locked():
            with suppress(RuntimeError):  # another one has just woken it
                self._nothing_new.release()

    def empty(self) -> bool:
        """Whether no item is there."""
        return not self._items

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the next item out, and wait for one if there is none.

        Args:
            block: whether to wait at all.
            timeout: seconds to wait; None for as long as it takes.

        Raises:
            queue.Empty: none has come.
        """
        items = self._items
        end = time.monotonic() + timeout if timeout is not None and not items else 0.0
        while not items:
            left = -1.0 if timeout is None else max(end - time.monotonic(), 0.0)
            if not block or not (self._nothing_new.acquire(timeout=left) or items):
                raise Empty
        return items.popleft()


class Clock(Protocol):
    """What the engine and the stores need of time. Tests bring their own (``durable.testing.FakeClock``)."""

    def now(self) -> int:
        """Return the wall-clock time: microseconds since 1970 in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back, for timeouts."""
        ...

    def take(self, queue: Arrivals, timeout: float | None, *, idle: bool = False) -> Any:
        """Return the queue's next item, or None once ``timeout`` seconds have passed.

        Args:
            queue: where completions arrive; items are never None.
            timeout: seconds to wait; None waits for an item however long it takes.
            idle: no body is running, so nothing but time can pass; a fake clock may jump.
        """
        ...

    def soon(self, queue: Arrivals, seconds: float) -> Any:
        """Return the queue's next item if one comes within so short a time that nobody notices, else None.

        A fake clock does not wait at all.

        Args:
            queue: where completions arrive.
            seconds: how long a real clock waits at most.
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

    def take(self, queue: Arrivals, timeout: float | None, *, idle: bool = False) -> Any:
        """Return the queue's next item, or None once ``timeout`` seconds have passed.

        Args:
            queue: where completions arrive.
            idle: of no meaning here; fake clocks jump.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _SLICE if end is None else min(end - time.monotonic(), _SLICE)
            try:
                return queue.get(timeout=max(left, 0.0))
            except Empty:
                if end is not None and time.monotonic() >= end:
                    return None

    def soon(self, queue: Arrivals, seconds: float) -> Any:
        """Return the queue's next item if one comes within ``seconds``, else None.

        Args:
            queue: where completions arrive.
        """
        try:
            return queue.get(timeout=seconds)
        except Empty:
            return None
