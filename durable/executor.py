"""The Executor contract: where bodies run. It must not know runs, logs or policies."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol


class Executor(Protocol):
    """Runs calls somewhere else than on the driver. A call never raises: it posts its own completion.

    What a call is depends on the executor: threads take a callable, an event loop takes what has a
    ``coroutine()``, and executors of other processes take a ``RemoteCall``. All methods are called by the
    driver, from one thread.
    """

    def submit(self, call: Any) -> None:
        """Run the call at once. The engine submits no more than its groups' limits allow."""
        ...

    def submit_chunk(self, calls: Sequence[Any]) -> None:
        """Hand several calls over together, to run one after another in one place; each posts when it is done.

        A call of a chunk that is abandoned does not keep the later ones from running, as far as the executor
        can stop it or go round it.
        """
        ...

    def abandon(self, call: Any) -> None:
        """Give up a call (it was timed out or cancelled), and the worker that is blocked in it.

        The call may still return; what it then posts is discarded. Of a chunk, a call that was not reached
        yet is left out.
        """
        ...

    def close(self) -> None:
        """Take no more calls; leave blocked workers behind."""
        ...


class LoopExecutor(Executor, Protocol):
    """An executor for calls that are coroutines: ``submit`` runs ``call.coroutine()`` on its event loop.

    ``abandon`` cancels the coroutine. A chunk is no more than its calls, which run at the same time.
    """

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine for a thread that is not the loop's, and return or raise its outcome."""
        ...


class RemoteCall(Protocol):
    """A call whose body runs in another process. It crosses as bytes, so that no executor pickles it in its own way.

    The executor calls ``pack`` once, on any thread of the driver's process; takes the bytes to another process;
    calls there the function that it was made with, which returns the answer's bytes and never raises; and calls
    ``answer`` or ``fail`` once, on any thread, unless the call was abandoned.
    """

    def pack(self) -> bytes:
        """Return the call as bytes. What it raises goes to ``fail``."""
        ...

    def answer(self, data: bytes) -> None:
        """Take what the body led to, value or exception, and post it."""
        ...

    def fail(self, error: BaseException) -> None:
        """Take what happened instead of an answer, and post it.

        ``WorkerDied`` says that the process ended while the body may have been running; anything else, that the
        body did not run.
        """
        ...
