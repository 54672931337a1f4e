"""The Executor contract: where bodies run. It must not know runs, logs or policies."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol


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


class LoopExecutor(Executor, Protocol):
    """An executor for calls that are coroutines: ``submit`` runs ``call.coroutine()`` on its event loop.

    ``abandon`` cancels the coroutine.
    """

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine for a thread that is not the loop's, and return or raise its outcome."""
        ...
