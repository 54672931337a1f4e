"""Our own worker processes: one for each transport, started anew and never forked.

A process that dies takes only the call with it that it was running, and one whose call is given up is killed
and replaced. It must not know what the calls do.
"""

from __future__ import annotations

from durable.errors import WorkerDied, WorkerUnavailable
from durable.executors.transport import Packed, PendingCalls, RemoteExecutor
from durable.executors.worker_process import Worker

_TRIES = 5
"""Workers in a row that may be killed before they take a call."""

_PATIENCE = 2.0
"""Seconds that ``close`` waits for each transport to see its worker end."""


class ProcessExecutor(RemoteExecutor):
    """Runs each remote call in a worker process at once: in one that is free, else in a new one.

    Args:
        entry: ``module:function`` that is called in the worker with a call's bytes and returns the answer's.
    """

    def __init__(self, entry: str) -> None:
        super().__init__(lambda: _Owner(entry))

    def close(self) -> None:
        """End the workers."""
        super().close()
        for thread in self.threads:
            thread.join(_PATIENCE)


class _Owner:
    """The transport that owns a worker process, or will."""

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self._worker: Worker | None = None
        self._stopped = False
        self._lost = 0  # workers in a row that took no call
        self._how = ""  # how the last one ended

    def deliver(self, packed: list[Packed], pending: PendingCalls) -> list[Packed]:
        """See ``Transport.deliver``. Of calls without an answer, only the first has begun: answers come in order."""
        self._stopped = False
        if not pending.begins(packed[0][0], self):
            return packed
        worker = self._living()
        if worker is None:
            return packed
        if not worker.send([data for _, data in packed]):
            self._bury(worker)
            return packed
        for place, (call, _) in enumerate(packed):
            if not pending.begins(call, self):
                self.stop()  # it may run by now
            data = worker.receive()
            if data is None:
                self._bury(worker)
                self._lost = 0
                pending.fail(call, WorkerDied(f"the process that ran it {self._how}", counted=not self._stopped))
                return packed[place + 1 :]
            self._lost = 0
            pending.answer(call, data)
        return []

    def stop(self) -> None:
        """Kill the worker; the transport notices."""
        self._stopped = True
        worker = self._worker
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()

    def _living(self) -> Worker | None:
        """The worker, started when there is none; None when that was stopped.

        Raises:
            WorkerUnavailable: it ends by itself, or is killed again and again, before it takes a call.
        """
        while True:
            worker = self._worker
            if worker is not None and worker.lives():
                return worker
            if worker is not None:
                self._bury(worker)
            if self._stopped:
                return None
            if self._lost >= _TRIES:
                self._lost = 0  # the next call has its own tries
                raise _unavailable(self._how)
            worker = self._worker = Worker(self._entry)
            if not worker.is_ready() and not self._stopped:
                self._bury(worker)
                if not worker.was_killed:
                    raise _unavailable(self._how)

    def _bury(self, worker: Worker) -> None:
        """Drop a dead worker."""
        self._worker = None
        self._lost += 1
        self._how = worker.end()


def _unavailable(how: str) -> WorkerUnavailable:
    return WorkerUnavailable(
        f"no worker process can be started: it {how} before it accepted a call",
        hint="What it wrote to stderr says why",
    )
