"""An event loop for coroutine bodies: its own, on a thread, or the caller's.

Every body is a task of one ``asyncio.TaskGroup``, so that none outlives the drive. Bodies never raise into
the group: an attempt keeps what its body raised. It must not know what the calls do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from threading import Event, Thread
from typing import Any

Call = Callable[[], None]

_PATIENCE = 2.0
"""Seconds that bodies get to end after they were cancelled."""


class LoopExecutor:
    """Runs the coroutines of calls on an event loop.

    Args:
        loop: the loop; None makes one on a thread of its own.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._thread: Thread | None = None
        self._tasks: dict[Any, asyncio.Task[None]] = {}
        self._dropped: set[Any] = set()
        self._over = Event()
        if loop is None:
            loop = asyncio.new_event_loop()
            self._thread = Thread(target=self._serve, args=(loop,), name="durable-loop", daemon=True)
            self._thread.start()
        self._loop = loop
        self._closing = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._waiting: list[Any] = []
        loop.call_soon_threadsafe(self._begin)

    def submit(self, call: Any) -> None:
        """Run ``call.coroutine()`` on the loop."""
        self._loop.call_soon_threadsafe(self._spawn, call)

    def abandon(self, call: Any) -> None:
        """Cancel a call's coroutine."""
        self._loop.call_soon_threadsafe(self._cancel, call)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine and block until it is done; must not be called on the loop's thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """Cancel what still runs, and wait a little for it to end."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._end)
        self._over.wait(_PATIENCE)
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def _begin(self) -> None:
        self._keeper = self._loop.create_task(self._keep(), name="durable-bodies")

    async def _keep(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for call in self._waiting:
                    self._spawn(call)
                await self._closing.wait()
        finally:
            self._group = None
            self._over.set()

    def _spawn(self, call: Any) -> None:
        if self._group is None:
            self._waiting.append(call)
        elif call not in self._dropped:
            task = self._tasks[call] = self._group.create_task(call.coroutine())
            task.add_done_callback(lambda _: self._tasks.pop(call, None))

    def _cancel(self, call: Any) -> None:
        task = self._tasks.get(call)
        if task is not None:
            task.cancel()
        elif self._group is None:
            self._dropped.add(call)

    def _end(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        self._closing.set()
