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
    """Runs each call in a worker thread at once: in one that is free, else in another one.

    Starting a thread costs as much as ten short bodies. Calls that are short are over before a second worker could
    have taken one, so there is no worker for each call in advance. A spare thread stands by instead: who takes a
    call, and leaves others that nobody waits for, wakes it. It gets the interpreter as soon as a body blocks, takes
    the next call, and wakes the next spare thread. So there are as many threads as bodies block at once.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._free: deque[None] = deque()
        """One entry for each worker that waits for a call; who has been woken is still among them for a moment."""
        self._alarm: SimpleQueue[None] = SimpleQueue()
        """Wakes the spare thread."""
        self._alarmed = False
        self._has_spare = False
        self._abandoned: set[Call] = set()
        self._chunks: dict[Call, _Chunk] = {}
        """The chunk of each call that was handed over in one and is not over."""
        self._threads: deque[None] = deque()
        """One entry for each thread that was started, by the driver or by another one."""

    def submit(self, call: Call) -> None:
        """Run the call in a free worker, or in another one."""
        self._calls.put(call)
        if not self._free:  # else one of these sees the call, or sees that it is left
            self._wake_spare()

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
        for _ in range(len(self._threads)):
            self._calls.put(None)
            self._alarm.put(None)

    def _wake_spare(self) -> None:
        """Make a worker of the spare thread, and make one first if there is none; two do no harm."""
        if not self._has_spare:
            self._has_spare = True
            self._threads.append(None)
            Thread(target=self._stand_by, name=f"durable-worker-{next(_numbers)}", daemon=True).start()
        if not self._alarmed:
            self._alarmed = True
            self._alarm.put(None)

    def _stand_by(self) -> None:
        self._alarm.get()
        self._alarmed = self._has_spare = False  # before it looks for calls: who adds one later wakes the next
        self._work()

    def _work(self) -> None:
        take, empty, free, abandoned = self._calls.get, self._calls.empty, self._free, self._abandoned
        while True:
            if empty():
                free.append(None)
                call = take()
                free.pop()
            else:
                call = take()
            if call is None:
                return
            if not free and not empty():
                self._wake_spare()  # this call may block
            call()
            if abandoned and call in abandoned:
                abandoned.discard(call)
                return


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
