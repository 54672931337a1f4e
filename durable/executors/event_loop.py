"""An event loop for coroutine bodies: its own, on a thread, or the caller's.

Every body is a task that is cancelled, at the latest, when the executor is closed. Bodies never raise into
the loop: an attempt keeps what its body raised. It must not know what the calls do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Event, Thread
from typing import Any

from durable.errors import RunInterrupted

Call = Callable[[], None]

_PATIENCE = 2.0
"""Seconds that bodies get to end after they were cancelled."""


class LoopExecutor:
    """Runs the coroutines of calls on an event loop.

    A body that does not end when it is cancelled is left behind, like one that blocks a thread: the loop
    that the executor made goes on, on its daemon thread, until the body has ended.

    Args:
        loop: the loop; None makes one on a thread of its own.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._tasks: dict[Any, asyncio.Task[None]] = {}
        self._closing = False
        self._over = Event()
        self._thread: Thread | None = None
        self._loop = loop if loop is not None else asyncio.new_event_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        if loop is None:
            self._thread = Thread(target=self._serve, name="durable-loop", daemon=True)
            self._thread.start()

    def submit(self, call: Any) -> None:
        """Run ``call.coroutine()`` on the loop, with the context variables of this thread."""
        self._loop.call_soon_threadsafe(self._spawn, call)

    def submit_chunk(self, calls: Sequence[Any]) -> None:
        """Run the coroutines of several calls; they wait for each other no more than others do."""
        for call in calls:
            self.submit(call)

    def abandon(self, call: Any) -> None:
        """Cancel a call's coroutine."""
        with suppress(RuntimeError):  # the loop is closed, and the coroutine with it
            self._loop.call_soon_threadsafe(self._cancel, call)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine and block until it is done; must not be called on the loop's thread."""
        awaited = _Awaited(coroutine)
        try:
            self.submit(awaited)
        except RuntimeError:
            awaited.never()
        return awaited.outcome.result()

    def close(self) -> None:
        """Cancel what still runs, and wait a little for it to end."""
        try:
            self._loop.call_soon_threadsafe(self._end)
        except RuntimeError:
            return  # the loop is closed
        self._over.wait(_PATIENCE)
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _serve(self) -> None:
        # A runner also cancels what bodies have started and left behind, and closes its generators and threads.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_ended())

    async def _until_ended(self) -> None:
        await self._ended

    def _spawn(self, call: Any) -> None:
        if self._closing:
            if isinstance(call, _Awaited):
                call.never()
            return
        task = self._tasks[call] = self._loop.create_task(call.coroutine())
        task.add_done_callback(lambda _: self._done(call))

    def _done(self, call: Any) -> None:
        del self._tasks[call]
        if isinstance(call, _Awaited):
            call.never()
        self._end_if_empty()

    def _cancel(self, call: Any) -> None:
        task = self._tasks.get(call)
        if task is not None:
            task.cancel()

    def _end(self) -> None:
        self._closing = True
        for task in list(self._tasks.values()):
            if not task.cancelling():  # a second one would break off what the first one made it clean up
                task.cancel()
        self._end_if_empty()

    def _end_if_empty(self) -> None:
        if self._closing and not self._tasks and not self._ended.done():
            self._ended.set_result(None)
            self._over.set()


class _Awaited:
    """A coroutine that a thread waits for."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self.outcome: Future[Any] = Future()

    async def coroutine(self) -> None:
        """Run it, and give its outcome to the thread."""
        try:
            value = await self._coroutine
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                self.never()
            else:
                self.outcome.set_exception(error)
        else:
            self.outcome.set_result(value)

    def never(self) -> None:
        """Let the thread go on, unless the outcome is there: the loop does not run the coroutine any more."""
        if not self.outcome.done():
            self._coroutine.close()
            self.outcome.set_exception(RunInterrupted("the event loop has ended"))
