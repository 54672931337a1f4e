"""Stop: what SIGINT and SIGTERM do to a drive.

The first signal asks the drive to stop: nothing more is started, and running bodies get a grace
period. A second one, or the end of the grace period, breaks off a body that runs on the main thread.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

GRACE_SECONDS = 5.0
"""How long running bodies may go on after the first signal."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Aborted(BaseException):
    """Raised inside a body on the main thread when the grace period is over. Never leaves the drive."""


class Interruption(Exception):
    """The drive stopped gracefully. ``signal`` is the signal's number, or None."""

    def __init__(self, reason: str, signal: int | None) -> None:
        super().__init__(reason)
        self.signal = signal


class StopSignals:
    """A context manager that turns signals into a request to stop; does nothing off the main thread.

    Handlers that the program has set itself are left alone.

    Args:
        request: called with the signal's name at the first signal.
        may_break: whether a body is running on the main thread at this moment.
        grace: seconds between the first signal and breaking off.
        also: whether a handler may be replaced although it is not Python's own.
    """

    def __init__(
        self,
        request: Callable[[str], None],
        may_break: Callable[[], bool],
        grace: float = GRACE_SECONDS,
        also: Callable[[object], bool] = lambda _handler: False,
    ) -> None:
        self.received: int | None = None
        self._request = request
        self._may_break = may_break
        self._grace = grace
        self._also = also
        self._before: dict[int, Any] = {}
        self._over = False

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before in (signal.SIG_DFL, signal.default_int_handler) or self._also(before):
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        for number, before in self._before.items():
            signal.signal(number, before)

    def _break_off(self, number: int) -> None:
        time.sleep(self._grace)
        main = threading.main_thread().ident
        if not self._over and main is not None:
            signal.pthread_kill(main, number)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is None:
            self.received = number
            self._request(signal.Signals(number).name)
            # Not a threading.Thread: the main thread may be starting one just now, and hold a lock that this needs.
            _thread.start_new_thread(self._break_off, (number,))
        elif self._may_break():
            raise Aborted
