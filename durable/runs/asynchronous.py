"""Drives a run from inside a running event loop: the driver on a thread, coroutine bodies on the loop.

It must not block the loop, and it records the caller's cancellation as a cancelled run.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from threading import Thread, current_thread, main_thread
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from durable.context.current import current_context
from durable.engine.shutdown import StopSignals
from durable.executors.event_loop import LoopExecutor
from durable.engine.messages import CANCEL, make_message

if TYPE_CHECKING:
    from durable.engine.drive import Drive
    from durable.runs.start import Run

T = TypeVar("T")

_CANCELLED = "the caller was cancelled"


class Control:
    """What the caller's side and the driver's thread know of each other.

    Args:
        loop: the caller's event loop.

    Attributes:
        run: the handle on the run, once its drive is over.
        stopping: whether the drive was asked to stop.
        signal: the number of the signal that asked for it; None when it was none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.run: Run | None = None
        self.stopping = False
        self.signal: int | None = None
        self._loop = loop
        self._drive: Drive | None = None
        self._tell: list[Callable[[Drive], None]] = []

    def executor(self) -> LoopExecutor:
        """Make the executor that runs coroutines on the caller's loop."""
        return LoopExecutor(self._loop)

    def on_drive(self, drive: Drive) -> None:
        """Take the drive, which is about to begin; on the driver's thread."""
        drive.inlines = False  # a driver that is in a body could not be told anything
        self._drive = drive
        while self._tell:
            self._tell.pop(0)(drive)

    def stop(self, reason: str, grace: float | None = None) -> None:
        """Ask the drive for a graceful stop.

        Args:
            reason: recorded.
            grace: seconds that running bodies get; None for the drive's own.
        """
        self.stopping = True
        self._ask(lambda drive: drive.request_stop(reason, grace))

    def cancel(self) -> None:
        """Have the run cancelled."""

        def tell(drive: Drive) -> None:
            drive.tell(make_message(os.urandom(8).hex(), CANCEL, drive.clock.now(), reason=_CANCELLED))

        self._ask(tell)

    def cancel_what_rests(self) -> None:
        """Cancel the run if its drive ended before it could be told, and without an end of the run."""
        if self.run is not None and self.run.status in ("suspended", "interrupted"):
            self.run.cancel(_CANCELLED)

    def _ask(self, what: Callable[[Drive], None]) -> None:
        """Tell the drive now, or as soon as there is one. Asking twice, when it has just come, does no harm."""
        self._tell.append(what)
        if self._drive is not None:
            what(self._drive)


async def start_in_thread(begin: Callable[[Control], Run]) -> Run:
    """Drive a run on a thread of its own, and return the handle on it.

    Args:
        begin: begins or resumes the run and drives it; called on the thread, with the context variables of
            the caller.

    Raises:
        asyncio.CancelledError: the caller was cancelled; the run is recorded as cancelled.
        KeyboardInterrupt, SystemExit: a signal stopped the drive gracefully; the run can be resumed. Under
            ``asyncio.run`` SIGINT leads to CancelledError here and to KeyboardInterrupt there.
        Exception: whatever ``begin`` raises.
    """
    control = Control(asyncio.get_running_loop())
    try:
        return await _drive(begin, lambda run: run, control)
    except BaseException:
        if control.run is not None:
            control.run.close()
        raise


async def execute_in_thread(begin: Callable[[Control], Run]) -> Any:
    """Do the same, but return the run's result, or raise its failure, and close the handle."""
    control = Control(asyncio.get_running_loop())
    try:
        return await _drive(begin, lambda run: run.result(), control)
    finally:
        if control.run is not None:
            control.run.close()


async def _drive(begin: Callable[[Control], Run], look: Callable[[Run], T], control: Control) -> T:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def drive() -> None:
        settle: Callable[[], None]
        try:
            control.run = begin(control)
            settle = partial(done.set_result, look(control.run))
        except BaseException as error:
            settle = partial(done.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle)

    with _stops.around(control):
        thread = Thread(target=context.run, args=(drive,), name="durable-driver", daemon=True)
        thread.start()
        try:
            await asyncio.wait({done})
        except asyncio.CancelledError:
            await _wind_up(control, done)
            raise
        finally:
            thread.join()
    failure = done.exception()
    if control.signal is not None and current_context() is None:  # else the run around this one says it
        _stops.leave(control.signal)
    if failure is not None:
        raise failure
    return done.result()


async def _wind_up(control: Control, done: asyncio.Future[Any]) -> None:
    """End the run as its caller's cancellation asks, and wait for the drive to be over, whoever cancels again."""
    around = current_context()
    if around is not None and around.cancelled:
        # The caller is a body that its own run has given up. It may get another attempt, which then goes on here.
        control.stop("the task around it ended", grace=0.0)
    elif not control.stopping:
        control.cancel()
    while not done.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({done})
    done.exception()  # looked at: nobody is told of it any more
    if not control.stopping:
        control.cancel_what_rests()


class _Stops:
    """Lets SIGINT and SIGTERM stop the drives of the main thread's loop.

    The first drive takes the handlers, the last one puts them back.
    """

    def __init__(self) -> None:
        self._controls: dict[Control, None] = {}
        self._signals: StopSignals | None = None
        self._runners: Any = None
        self._told = False

    @contextlib.contextmanager
    def around(self, control: Control) -> Iterator[None]:
        """Let signals stop this drive too; does nothing off the main thread."""
        if current_thread() is not main_thread():
            yield
            return
        if self._signals is None:
            before = signal.getsignal(signal.SIGINT)
            self._runners, self._told = before if _is_runners(before) else None, False
            self._signals = StopSignals(self._stop_all, lambda: False, also=_is_runners)
            self._signals.__enter__()
        self._controls[control] = None
        if self._signals.received is not None:  # the others are stopping
            self._stop(control, self._signals.received)
        try:
            yield
        finally:
            del self._controls[control]
            if not self._controls:
                self._signals.__exit__()
                self._signals = None
                self._put_back_default()

    def _put_back_default(self) -> None:
        """Do what ``asyncio.run`` does when its main task is done, if that was while we had its handler."""
        main = self._runners.keywords.get("main_task") if self._runners is not None else None
        if main is not None and main.done() and signal.getsignal(signal.SIGINT) is self._runners:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def leave(self, number: int) -> NoReturn:
        """Raise in a caller what the signal that stopped its drive means."""
        if number != signal.SIGINT:
            raise SystemExit(128 + number)
        if self._runners is None:
            raise KeyboardInterrupt("the run was interrupted and can be resumed")
        if not self._told:
            # asyncio.run gets to know of it, once: it cancels its main task and raises KeyboardInterrupt itself.
            self._told = True
            self._runners(number, None)
        raise asyncio.CancelledError("the run was interrupted and can be resumed")

    def _stop_all(self, _name: str) -> None:
        for control in list(self._controls):
            if self._signals is not None and self._signals.received is not None:
                self._stop(control, self._signals.received)

    def _stop(self, control: Control, number: int) -> None:
        control.signal = number
        control.stop(signal.Signals(number).name)


_stops = _Stops()


def _is_runners(handler: object) -> bool:
    """Whether a handler is that of ``asyncio.run``, which would cancel the caller instead of stopping the drive."""
    return getattr(getattr(handler, "func", None), "__name__", "") == "_on_sigint"
