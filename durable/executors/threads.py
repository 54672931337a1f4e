"""Worker threads fed by one queue.

Threads are daemons: a body that never returns does not keep the process alive. It must not know what
the calls do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from queue import SimpleQueue
from threading import Lock, Thread

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
        self._chunks: dict[Call, _Chunk] = {}
        """The chunk of each call that was handed over in one and is not over."""
        self._workers = 0

    def submit(self, call: Call) -> None:
        """Run the call in a free worker, or in a new one."""
        self._calls.put(call)
        try:
            self._free.pop()
        except IndexError:
            self._workers += 1
            Thread(target=self._work, name=f"durable-worker-{next(_numbers)}", daemon=True).start()

    def submit_chunk(self, calls: Sequence[Call]) -> None:
        """Run the calls one after another in one worker."""
        chunk = _Chunk(calls, self._chunks)
        for call in calls:
            self._chunks[call] = chunk
        self.submit(chunk)

    def abandon(self, call: Call) -> None:
        """Give up the worker that is blocked in this call; it ends by itself when the call returns."""
        chunk = self._chunks.pop(call, None) if self._chunks else None
        if chunk is None:
            self._abandoned.add(call)
            return
        behind = chunk.without(call)
        if behind:
            self.submit_chunk(behind)

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


class _Chunk:
    """Calls that a worker runs one after another.

    Args:
        calls: the calls.
        chunks: where the executor finds the chunk of a call.
    """

    def __init__(self, calls: Sequence[Call], chunks: dict[Call, _Chunk]) -> None:
        self._rest = deque(calls)
        self._chunks = chunks
        self._lock = Lock()
        self._current: Call | None = None

    def __call__(self) -> None:
        while (call := self._next()) is not None:
            call()
            self._chunks.pop(call, None)

    def without(self, call: Call) -> list[Call]:
        """Leave a call out; when it runs already, take out and return what comes after it, for another worker."""
        with self._lock:
            if self._current is not call:
                if call in self._rest:
                    self._rest.remove(call)
                return []
            behind = list(self._rest)
            self._rest.clear()
            return behind

    def _next(self) -> Call | None:
        with self._lock:
            self._current = self._rest.popleft() if self._rest else None
            return self._current
