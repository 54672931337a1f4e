"""The Executor contract: where bodies run. It must not know runs, logs or policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Executor(Protocol):
    """Runs calls somewhere else than on the driver. A call never raises: it posts its own completion.

    All methods are called by the driver, from one thread.
    """

    def submit(self, call: Callable[[], None]) -> None:
        """Run the call at once. The engine submits no more than its groups' limits allow."""
        ...

    def abandon(self, call: Callable[[], None]) -> None:
        """Give up the worker that is blocked in this call (it was timed out or cancelled).

        The call may still return; what it then posts is discarded.
        """
        ...

    def close(self) -> None:
        """Take no more calls; leave blocked workers behind."""
        ...
