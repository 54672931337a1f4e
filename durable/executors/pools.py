"""Executors that somebody else has made: any ``concurrent.futures.Executor``, from a factory.

One is made when it is first needed, tried out with a call that does nothing, and made anew once it is broken.
Whoever has a call in a pool that breaks cannot know whether its body had begun. It must not know what the
calls do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import suppress
from threading import Lock
from typing import Any

from durable.errors import DefinitionError, WorkerDied, WorkerUnavailable
from durable.executors.transport import Packed, PendingCalls, RemoteExecutor

RunCalls = Callable[[Sequence[bytes], int], list[bytes]]

_TRIES = 3
"""Pools in a row that may turn out to be shut down before a call gets into one."""


class PoolExecutor(RemoteExecutor):
    """Runs remote calls in the executor that a factory makes.

    Args:
        factory: makes the executor; called again after it broke. What it makes is shut down at the end.
        run: called there with the bytes of calls and this process's id; returns the answers' bytes.
    """

    def __init__(self, factory: Callable[[], Executor], run: RunCalls) -> None:
        self._pool = _Pool(factory, run)
        super().__init__(lambda: _PoolThread(self._pool))

    def close(self) -> None:
        """Shut the executor down without waiting for what still runs in it."""
        self._pool.close()
        super().close()


class _Pool:
    """The executor as it is now; shared by the transports."""

    def __init__(self, factory: Callable[[], Executor], run: RunCalls) -> None:
        self._factory = factory
        self._run = run
        self._lock = Lock()
        self._pool: Executor | None = None
        self._closed = False

    def submit(self, packed: Sequence[bytes]) -> tuple[Executor, Future[list[bytes]]]:
        """Hand calls over.

        Raises:
            WorkerUnavailable: the factory makes executors that take no calls.
            DefinitionError: what the factory makes is none, or would fork.
        """
        said: BaseException | None = None
        for _ in range(_TRIES):
            pool = self._living()
            try:
                return pool, pool.submit(self._run, packed, os.getpid())
            except (BrokenExecutor, RuntimeError) as error:  # the latter: it has been shut down
                self.discard(pool)
                said = error
        raise WorkerUnavailable(f"the executor accepts no calls: {said}") from said

    def discard(self, pool: Executor) -> None:
        """Drop a broken pool; the next call gets another one."""
        with self._lock:
            if self._pool is pool:
                self._pool = None
        with suppress(Exception):
            pool.shutdown(wait=False)

    def close(self) -> None:
        """Shut it down. Without the lock: whoever has that may wait for a first worker that never comes."""
        self._closed = True
        pool = self._pool
        if pool is not None:
            pool.shutdown(wait=False)

    def _living(self) -> Executor:
        with self._lock:
            if self._pool is None:
                pool = self._factory()
                _check(pool)
                try:
                    pool.submit(self._run, (), os.getpid()).result()
                except BrokenExecutor as error:
                    raise WorkerUnavailable(
                        f"the executor's workers die before they accept a call: {error}",
                        hint='A script that is run needs the guard if __name__ == "__main__": see docs/executors.md',
                    ) from error
                self._pool = pool
                if self._closed:
                    pool.shutdown(wait=False)
            return self._pool


class _PoolThread:
    """Waits for one hand-over at a time."""

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool
        self._future: Future[list[bytes]] | None = None
        self._pending: PendingCalls | None = None

    def deliver(self, packed: list[Packed], pending: PendingCalls) -> list[Packed]:
        """See ``Transport.deliver``. The answers of a hand-over come together."""
        pool, self._future = self._pool.submit([data for _, data in packed])
        for call, _ in packed:
            if not pending.begins(call, self) and len(packed) == 1:
                self.stop()
        try:
            answers = self._future.result()
        except CancelledError:  # it had not begun: given up, or the pool was shut down by somebody else
            return packed
        except BrokenExecutor as error:
            self._pool.discard(pool)
            for call, _ in packed:
                pending.fail(call, WorkerDied(f"a process of its executor died ({type(error).__name__})"))
            return []
        for (call, _), data in zip(packed, answers, strict=True):
            pending.answer(call, data)
        return []

    def stop(self) -> None:
        """Cancel what has not begun; what has is left behind."""
        if self._future is not None:
            self._future.cancel()

    def close(self) -> None:
        """Nothing: the pool is shared."""


def _check(pool: Any) -> None:
    if not callable(getattr(pool, "submit", None)) or not callable(getattr(pool, "shutdown", None)):
        raise DefinitionError(
            f"backend= is a function that makes a concurrent.futures.Executor, and it made {pool!r}",
            hint="For example: backend=lambda: ProcessPoolExecutor(4, mp_context=get_context('spawn'))",
        )
    context = getattr(pool, "_mp_context", None)
    if context is not None and context.get_start_method() == "fork":
        raise DefinitionError(
            "the executor would fork this process, with its threads, locks and database connections",
            hint="Make it with mp_context=multiprocessing.get_context('spawn')",
        )
