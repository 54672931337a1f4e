"""The store in memory: dictionaries behind a lock. It must not fold events or decode payloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from durable.clock import Clock
from durable.core.digest import START, chain
from durable.core.events import Event
from durable.core.sizes import Pruned, Sizes
from durable.core.transitions import RUN_ENDS, RUN_STATUS_AFTER
from durable.errors import StoreError
from durable.store import LEASE_SECONDS, Checkpoint, Lease, LeaseInfo, Message, RunInfo, Store, check_run_id, due_after
from durable_memory.database import Database, RunRecord
from durable_memory.errors import driven_run_not_pruned, event_not_found, open_run_not_pruned, wrong_append

_KEPT_CHECKPOINTS = 2


class MemoryStore(Store):
    """Logs in memory.

    Args:
        database: where they are.
        url: what people call it.
        clock: time for leases.
    """

    def __init__(self, database: Database, url: str, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self._database: Database | None = database
        with database.lock:
            database.leases.register(self)

    def append(
        self, run_id: str, events: Sequence[Event], expected_seq: int, token: int, *, consume: Sequence[str] = ()
    ) -> int:
        """Append events atomically; see ``Store.append``."""
        database = self._database or self._opened()
        with database.lock:
            database.leases.check_token(run_id, token)
            run = database.runs.get(run_id)
            _check_numbers(run_id, events, expected_seq, len(run.events) if run else 0)
            if run is None:
                run = database.runs[run_id] = RunRecord(run_id, events[0])
            before = run.digests[-1][1] if run.digests else START
            run.digests.append((events[-1].seq, chain(before, events)))
            run.events += events
            for event in events:
                kind = event.type
                if kind in RUN_STATUS_AFTER:
                    run.status, run.due = RUN_STATUS_AFTER[kind], due_after(event)
            for message_id in consume:
                run.inbox.pop(message_id, None)
        return expected_seq + len(events)

    def read(self, run_id: str, after: int = 0, until: int | None = None) -> Iterator[Event]:
        """Yield events; see ``Store.read``."""
        database = self._opened()
        database.refuse_pruned(run_id)
        run = database.runs.get(run_id)
        if run is not None:
            # A log only grows, so the slice is as good as a lock; after and until are positions in it.
            yield from run.events[max(after, 0) : None if until is None else max(until, 0)]

    def event(self, run_id: str, seq: int) -> Event:
        """Return one event; see ``Store.event``."""
        for event in self.read(run_id, seq - 1, seq):
            if seq > 0:
                return event
        raise event_not_found(run_id, seq)

    def digests(self, run_id: str, after: int = 0, until: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield the digests of appends; see ``Store.digests``."""
        database = self._opened()
        database.refuse_pruned(run_id)
        run = database.runs.get(run_id)
        if run is not None:
            yield from [one for one in list(run.digests) if one[0] > after and (until is None or one[0] <= until)]

    def run(self, run_id: str) -> RunInfo | None:
        """Return one run; see ``Store.run``."""
        database = self._opened()
        with database.lock:
            run = database.runs.get(run_id)
            return database.info(run, self.clock) if run is not None else None

    def runs(
        self, *, status: str | None = None, workflow: str | None = None, limit: int | None = None
    ) -> Iterator[RunInfo]:
        """Yield runs, newest first; see ``Store.runs``."""
        database = self._opened()
        with database.lock:
            every = [database.info(run, self.clock) for run in reversed(database.runs.values())]
        found = [
            info
            for info in every
            if (status is None or info.shown_status == status) and (workflow is None or info.workflow == workflow)
        ]
        yield from found if limit is None else found[: max(limit, 0)]

    def save_checkpoint(self, run_id: str, checkpoint: Checkpoint, token: int) -> None:
        """Keep a checkpoint, and of older ones the newest; see ``Store.save_checkpoint``."""
        database = self._opened()
        with database.lock:
            database.leases.check_token(run_id, token)
            database.refuse_pruned(run_id)
            run = database.existing(run_id)
            others = [one for one in run.checkpoints if one.seq != checkpoint.seq]
            newest = sorted([checkpoint, *others], key=lambda one: one.seq, reverse=True)
            run.checkpoints = newest[:_KEPT_CHECKPOINTS]

    def checkpoints(self, run_id: str) -> list[Checkpoint]:
        """Return the checkpoints, newest first; see ``Store.checkpoints``."""
        run = self._opened().runs.get(run_id)
        return list(run.checkpoints) if run is not None else []

    def drop_checkpoints(self, run_id: str) -> None:
        """Delete the checkpoints; see ``Store.drop_checkpoints``."""
        run = self._opened().runs.get(run_id)
        if run is not None:
            run.checkpoints = []

    def acquire(self, run_id: str, owner: str, seconds: float = LEASE_SECONDS) -> Lease:
        """Take the lease on a run; see ``Store.acquire``."""
        check_run_id(run_id)
        database = self._opened()
        with database.lock:
            database.refuse_pruned(run_id)
            return database.leases.acquire(run_id, owner, self, self.clock, seconds)

    def renew(self, lease: Lease, seconds: float = LEASE_SECONDS) -> None:
        """Extend a lease; see ``Store.renew``."""
        database = self._opened()
        with database.lock:
            database.leases.renew(lease, self.clock, seconds)

    def release(self, lease: Lease) -> None:
        """Release a lease; see ``Store.release``. Only the store object that acquired it can do so."""
        database = self._opened()
        with database.lock:
            database.leases.release(lease, self)

    def lease(self, run_id: str) -> LeaseInfo | None:
        """Return who holds the lease; see ``Store.lease``."""
        database = self._opened()
        with database.lock:
            return database.leases.info(run_id, self.clock)

    def send(self, run_id: str, message: Message) -> bool:
        """Put a message into the inbox; see ``Store.send``."""
        database = self._opened()
        with database.lock:
            database.refuse_pruned(run_id)
            run = database.existing(run_id)
            if message.id in run.sent:
                return False
            run.sent.add(message.id)
            run.inbox[message.id] = message
            return True

    def inbox(self, run_id: str) -> list[Message]:
        """Return the messages that no append has consumed, oldest first; see ``Store.inbox``."""
        database = self._opened()
        with database.lock:
            run = database.runs.get(run_id)
            return list(run.inbox.values()) if run is not None else []

    def sizes(self, run_id: str) -> Sizes:
        """Return what a run takes; see ``Store.sizes``."""
        database = self._opened()
        with database.lock:
            return database.existing(run_id).sizes()

    def prune(self, run_id: str, tasks: Mapping[str, int]) -> Pruned:
        """Delete what a run has recorded, and keep a summary; see ``Store.prune``."""
        database = self._opened()
        with database.lock:
            run, lease = database.existing(run_id), database.leases.info(run_id, self.clock)
            pruned = run.pruned
            if pruned is None:
                if lease is not None and lease.alive:
                    raise driven_run_not_pruned(run_id)
                if run.status not in RUN_ENDS.values():
                    raise open_run_not_pruned(run_id, run.status)
                last = run.events[-1]
                pruned = Pruned(self.clock.now(), last.time, last.seq, dict(tasks), run.sizes().own)
                run.delete_recorded(pruned)
                database.leases.revoke(run_id)
            return pruned

    def reclaim(self) -> int:
        """Do nothing: the interpreter reuses memory by itself."""
        self._opened()
        return 0

    def close(self) -> None:
        """Release the data; the store object's leases count as those of a process that is gone."""
        database, self._database = self._database, None
        if database is not None:
            with database.lock:
                database.leases.unregister(self)

    def _opened(self) -> Database:
        if self._database is None:
            raise StoreError(f"the store {self.url} was closed", hint="Reopen it")
        return self._database


def _check_numbers(run_id: str, events: Sequence[Event], expected_seq: int, last: int) -> None:
    """Raise ``VersionConflict`` unless the events follow the log's end, one after another."""
    if events and last == expected_seq:
        number = expected_seq
        for event in events:
            number += 1
            if event.seq != number:
                break
        else:
            return
    raise wrong_append(run_id, events, expected_seq, last)
