"""Worker threads fed by one queue.

Threads are daemons: a body that never returns does not keep the process alive. It must not know what
the calls do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue
from threading import Thread

_numbers = count(1)

Call = Callable[[], None]


class ThreadExecutor:
    """Runs each call in a worker thread at once: in one that is free, else in a new one.

    A call that is short is over before the next one is submitted, so that a group of short bodies
    makes do with few threads, however many of its members may run at once.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._free: deque[None] = deque()
        """One entry for each worker that has no call and for which none is on its way."""
        self._abandoned: set[Call] = set()
        self._workers = 0

    def submit(self, call: Call) -> None:
        """Run the call in a free worker, or in a new one."""
        self._calls.put(call)
        try:
            self._free.pop()
        except IndexError:
            self._workers += 1
            Thread(target=self._work, name=f"durable-worker-{next(_numbers)}", daemon=True).start()

    def abandon(self, call: Call) -> None:
        """Give up the worker that is blocked in this call; it ends by itself when the call returns."""
        self._abandoned.add(call)

    def close(self) -> None:
        """Let idle workers end; blocked ones end when their call returns."""
        for _ in range(self._workers):
            self._calls.put(None)

    def _work(self) -> None:
        take, abandoned, free = self._calls.get, self._abandoned, self._free
        while (call := take()) is not None:
            call()
            if call in abandoned:
                abandoned.discard(call)
                return
            free.append(None)
