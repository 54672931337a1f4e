"""Drives a run from inside a running event loop: the driver on a thread, coroutine bodies on the loop.

It must not block the loop, and it records the caller's cancellation as a cancelled run.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import secrets
import signal
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from durable.engine.stop import StopSignals
from durable.executors.loop import LoopExecutor
from durable.messages import CANCEL, make_message

if TYPE_CHECKING:
    from durable.engine.drive import Drive

T = TypeVar("T")


class Control:
    """What the caller's side and the driver's thread know of each other.

    Args:
        loop: the caller's event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._drive: Drive | None = None
        self._stop: str | None = None
        self._cancelled = False

    def executor(self) -> LoopExecutor:
        """Make the executor that runs coroutines on the caller's loop."""
        return LoopExecutor(self._loop)

    def on_drive(self, drive: Drive) -> None:
        """Take the drive, which is about to begin."""
        self._drive = drive
        if self._cancelled:
            self.cancel()
        if self._stop is not None:
            drive.request_stop(self._stop)

    def stop(self, reason: str) -> None:
        """Ask the drive for a graceful stop."""
        self._stop = reason
        if self._drive is not None:
            self._drive.request_stop(reason)

    def cancel(self) -> None:
        """Have the run cancelled."""
        self._cancelled = True
        if self._drive is not None:
            now = self._drive.clock.now()
            reason = "the caller was cancelled"
            self._drive.tell(make_message(secrets.token_hex(8), CANCEL, now, reason=reason))


async def drive_in_thread(begin: Callable[[Control], T]) -> T:
    """Drive a run on a thread of its own, and return what that returns.

    Args:
        begin: begins or resumes the run and drives it; called on the thread, with the context variables of
            the caller.

    Raises:
        asyncio.CancelledError: the caller was cancelled; the run is recorded as cancelled.
        KeyboardInterrupt, SystemExit: a signal stopped the drive gracefully; the run can be resumed.
        Exception: whatever ``begin`` raises.
    """
    loop = asyncio.get_running_loop()
    control = Control(loop)
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def drive() -> None:
        settle: Callable[[], None]
        try:
            settle = partial(done.set_result, begin(control))
        except BaseException as error:
            settle = partial(done.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle)

    with StopSignals(control.stop, lambda: False, also=_is_runners) as signals:
        Thread(target=context.run, args=(drive,), name="durable-driver", daemon=True).start()
        try:
            value = await asyncio.shield(done)
        except asyncio.CancelledError:
            control.cancel()
            await asyncio.wait({done})
            raise
    if signals.received == signal.SIGINT:
        raise KeyboardInterrupt("the run was interrupted and can be resumed")
    if signals.received is not None:
        raise SystemExit(128 + signals.received)
    return value


def _is_runners(handler: object) -> bool:
    """Whether a handler is that of ``asyncio.run``, which would cancel the caller instead of stopping the drive."""
    return getattr(getattr(handler, "func", None), "__name__", "") == "_on_sigint"
