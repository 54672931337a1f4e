"""Worker threads fed by one queue.

Threads are daemons: a body that never returns does not keep the process alive. It must not know what
the calls do.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from queue import SimpleQueue
from threading import Thread

_numbers = count(1)


class ThreadExecutor:
    """Runs each call in a worker thread; grows to as many workers as calls are in flight."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._workers = 0
        self._in_flight = 0
        self._abandoned: set[Callable[[], None]] = set()

    def submit(self, call: Callable[[], None]) -> None:
        """Run the call in an idle worker, or in a new one."""
        self._in_flight += 1
        if self._in_flight > self._workers:
            self._workers += 1
            Thread(target=self._work, name=f"durable-worker-{next(_numbers)}", daemon=True).start()
        self._calls.put(call)

    def finished(self) -> None:
        """Take note that a call's completion was taken: its worker is free again."""
        self._in_flight -= 1

    def abandon(self, call: Callable[[], None]) -> None:
        """Give up the worker that is blocked in this call; it ends by itself when the call returns."""
        self._abandoned.add(call)
        self._workers -= 1
        self._in_flight -= 1

    def close(self) -> None:
        """Let idle workers end; blocked ones end when their call returns."""
        for _ in range(self._workers):
            self._calls.put(None)

    def _work(self) -> None:
        take, abandoned = self._calls.get, self._abandoned
        while (call := take()) is not None:
            call()
            if call in abandoned:
                abandoned.discard(call)
                return
