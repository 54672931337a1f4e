"""The store in memory: dictionaries behind a lock. It must not fold events or decode payloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import RLock

from durable.clock import Clock
from durable.core.digest import START, chain
from durable.core.events import Event
from durable.core.sizes import Pruned, Sizes, pruned_error
from durable.core.transitions import RUN_ENDS, RUN_STATUS_AFTER
from durable.errors import RunAlreadyDriven, RunNotEnded, RunNotFound, StoreError, VersionConflict
from durable.store import LEASE_SECONDS, Checkpoint, Lease, LeaseInfo, Message, RunInfo, Store, check_run_id, due_after
from durable_memory.leases import LeaseTable

_KEPT_CHECKPOINTS = 2
_EVENT_BYTES = 32  # of an event, beside its texts


class _Run:
    """What is kept of one run."""

    def __init__(self, created: Event) -> None:
        fields = created.fields
        self.workflow: str = fields.get("workflow", "")
        self.file: str | None = fields.get("file")
        self.input: str | None = fields.get("input")
        self.status = ""
        self.due: int | None = None
        self.events: list[Event] = []
        self.digests: list[tuple[int, bytes]] = []
        self.checkpoints: list[Checkpoint] = []
        self.inbox: dict[str, Message] = {}
        self.sent: set[str] = set()
        self.created = created.time
        self.pruned: Pruned | None = None


class Shelf:
    """The runs and leases that store objects of one name share."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.runs: dict[str, _Run] = {}
        self.leases = LeaseTable()


class MemoryStore(Store):
    """Logs in memory.

    Args:
        shelf: where they are.
        url: what people call it.
        clock: time for leases.
    """

    def __init__(self, shelf: Shelf, url: str, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self._shelf: Shelf | None = shelf
        with shelf.lock:
            shelf.leases.join(self)

    def append(
        self, run_id: str, events: Sequence[Event], expected_seq: int, token: int, *, consume: Sequence[str] = ()
    ) -> int:
        """Append events atomically; see ``Store.append``."""
        shelf = self._shelf or self._open()
        with shelf.lock:
            shelf.leases.check(run_id, token)
            run = shelf.runs.get(run_id)
            _check_numbers(run_id, events, expected_seq, len(run.events) if run else 0)
            if run is None:
                run = shelf.runs[run_id] = _new_run(run_id, events[0])
            before = run.digests[-1][1] if run.digests else START
            run.digests.append((events[-1].seq, chain(before, events)))
            run.events += events
            for event in events:
                kind = event.type
                if kind in RUN_STATUS_AFTER:
                    run.status, run.due = RUN_STATUS_AFTER[kind], due_after(event)
            for name in consume:
                run.inbox.pop(name, None)
        return expected_seq + len(events)

    def read(self, run_id: str, after: int = 0, until: int | None = None) -> Iterator[Event]:
        """Yield events; see ``Store.read``."""
        run = _unpruned(self._open(), run_id)
        if run is not None:
            # A log only grows, so the slice is as good as a lock; after and until are positions in it.
            yield from run.events[max(after, 0) : None if until is None else max(until, 0)]

    def event(self, run_id: str, seq: int) -> Event:
        """Return one event; see ``Store.event``."""
        for event in self.read(run_id, seq - 1, seq):
            if seq > 0:
                return event
        raise RunNotFound("there is no such event", run_id=run_id, seq=seq, hint="See durable runs, durable log RUN")

    def digests(self, run_id: str, after: int = 0, until: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield the digests of appends; see ``Store.digests``."""
        run = _unpruned(self._open(), run_id)
        if run is not None:
            yield from [one for one in list(run.digests) if one[0] > after and (until is None or one[0] <= until)]

    def run(self, run_id: str) -> RunInfo | None:
        """Return one run; see ``Store.run``."""
        shelf = self._open()
        with shelf.lock:
            return self._info(shelf, run_id) if run_id in shelf.runs else None

    def runs(
        self, *, status: str | None = None, workflow: str | None = None, limit: int | None = None
    ) -> Iterator[RunInfo]:
        """Yield runs, newest first; see ``Store.runs``."""
        shelf = self._open()
        with shelf.lock:
            every = [self._info(shelf, run_id) for run_id in reversed(shelf.runs)]
        found = [
            info
            for info in every
            if (status is None or info.shown_status == status) and (workflow is None or info.workflow == workflow)
        ]
        yield from found if limit is None else found[: max(limit, 0)]

    def save_checkpoint(self, run_id: str, checkpoint: Checkpoint, token: int) -> None:
        """Keep a checkpoint, and of older ones the newest; see ``Store.save_checkpoint``."""
        shelf = self._open()
        with shelf.lock:
            shelf.leases.check(run_id, token)
            run = _known(shelf, run_id)
            others = [one for one in run.checkpoints if one.seq != checkpoint.seq]
            newest = sorted([checkpoint, *others], key=lambda one: one.seq, reverse=True)
            run.checkpoints = newest[:_KEPT_CHECKPOINTS]

    def checkpoints(self, run_id: str) -> list[Checkpoint]:
        """Return the checkpoints, newest first; see ``Store.checkpoints``."""
        run = self._open().runs.get(run_id)
        return list(run.checkpoints) if run is not None else []

    def drop_checkpoints(self, run_id: str) -> None:
        """Delete the checkpoints; see ``Store.drop_checkpoints``."""
        run = self._open().runs.get(run_id)
        if run is not None:
            run.checkpoints = []

    def acquire(self, run_id: str, owner: str, seconds: float = LEASE_SECONDS) -> Lease:
        """Take the lease on a run; see ``Store.acquire``."""
        check_run_id(run_id)
        shelf = self._open()
        with shelf.lock:
            _unpruned(shelf, run_id)
            return shelf.leases.acquire(run_id, owner, self, self.clock, seconds)

    def renew(self, lease: Lease, seconds: float = LEASE_SECONDS) -> None:
        """Extend a lease; see ``Store.renew``."""
        shelf = self._open()
        with shelf.lock:
            shelf.leases.renew(lease, self.clock, seconds)

    def release(self, lease: Lease) -> None:
        """Give a lease back; see ``Store.release``."""
        shelf = self._open()
        with shelf.lock:
            shelf.leases.release(lease, self)

    def lease(self, run_id: str) -> LeaseInfo | None:
        """Return who holds the lease; see ``Store.lease``."""
        shelf = self._open()
        with shelf.lock:
            return shelf.leases.info(run_id, self.clock)

    def send(self, run_id: str, message: Message) -> bool:
        """Put a message into the inbox; see ``Store.send``."""
        shelf = self._open()
        with shelf.lock:
            run = _known(shelf, run_id)
            if message.id in run.sent:
                return False
            run.sent.add(message.id)
            run.inbox[message.id] = message
            return True

    def inbox(self, run_id: str) -> list[Message]:
        """Return the messages that wait, oldest first; see ``Store.inbox``."""
        shelf = self._open()
        with shelf.lock:
            run = shelf.runs.get(run_id)
            return list(run.inbox.values()) if run is not None else []

    def sizes(self, run_id: str) -> Sizes:
        """Return what a run takes, as if nothing were shared; see ``Store.sizes``."""
        shelf = self._open()
        with shelf.lock:
            run = _there(shelf, run_id)
            log, payloads = 0, dict[str, int]()
            for event in run.events:
                log += _EVENT_BYTES + len(event.type) + len(event.task_id or "") + len(event.data or "")
                if event.payload:
                    payloads[event.type] = payloads.get(event.type, 0) + len(event.payload)
            checkpoints = sum(len(one.state) for one in run.checkpoints)
            messages = sum(len(one.id) + len(one.data) for one in run.inbox.values())
            return Sizes(len(run.events), log, payloads, 0, checkpoints, messages)

    def prune(self, run_id: str, tasks: Mapping[str, int]) -> Pruned:
        """Delete what a run has recorded, and keep a summary; see ``Store.prune``."""
        shelf = self._open()
        with shelf.lock:
            run, lease = _there(shelf, run_id), shelf.leases.info(run_id, self.clock)
            if run.pruned is None:
                if lease is not None and lease.alive:
                    raise RunAlreadyDriven("somebody drives this run; it is not pruned", run_id=run_id)
                if run.status not in RUN_ENDS.values():
                    raise RunNotEnded(
                        f"the run is {run.status}; only runs that have ended are pruned",
                        run_id=run_id,
                        hint="Resume it, or cancel it first",
                    )
                last, freed = run.events[-1], self.sizes(run_id).own
                run.pruned = Pruned(self.clock.now(), last.time, last.seq, dict(tasks), freed)
                run.events, run.digests, run.checkpoints, run.inbox = [], [], [], {}
                shelf.leases.revoke(run_id)
            return run.pruned

    def reclaim(self) -> int:
        """Do nothing: memory is given back as it is."""
        self._open()
        return 0

    def close(self) -> None:
        """Let go of the data; its leases count as those of a process that is gone."""
        shelf, self._shelf = self._shelf, None
        if shelf is not None:
            with shelf.lock:
                shelf.leases.leave(self)

    def _open(self) -> Shelf:
        if self._shelf is None:
            raise StoreError(f"the store {self.url} was closed", hint="Open it again")
        return self._shelf

    def _info(self, shelf: Shelf, run_id: str) -> RunInfo:
        run = shelf.runs[run_id]
        lease = shelf.leases.info(run_id, self.clock)
        pruned = run.pruned
        updated, seq = (run.events[-1].time, run.events[-1].seq) if pruned is None else (pruned.ended, pruned.events)
        return RunInfo(
            run_id,
            run.workflow,
            run.status,
            run.created,
            updated,
            seq,
            driven=lease is not None and lease.alive,
            file=run.file,
            input=run.input,
            due=run.due,
            messages=bool(run.inbox),
            pruned=pruned,
        )


def _unpruned(shelf: Shelf, run_id: str) -> _Run | None:
    """Return the run, if there is one. Raises ``RunPruned`` when it was pruned."""
    run = shelf.runs.get(run_id)
    if run is not None and run.pruned is not None:
        raise pruned_error(run_id, run.status, run.pruned)
    return run


def _there(shelf: Shelf, run_id: str) -> _Run:
    run = shelf.runs.get(run_id)
    if run is None:
        raise RunNotFound("there is no such run", run_id=run_id, hint="See durable runs")
    return run


def _known(shelf: Shelf, run_id: str) -> _Run:
    _unpruned(shelf, run_id)
    return _there(shelf, run_id)


def _new_run(run_id: str, first: Event) -> _Run:
    if first.type != "RunCreated":
        raise VersionConflict(
            f"the run does not exist, and its log cannot begin with {first.type}",
            run_id=run_id,
            seq=first.seq,
            hint="A log begins with RunCreated: was the run deleted meanwhile?",
        )
    return _Run(first)


def _check_numbers(run_id: str, events: Sequence[Event], expected: int, last: int) -> None:
    if not events:
        raise StoreError("there is nothing to append", run_id=run_id, hint="This is a fault: report it")
    if last == expected:
        number = expected
        for event in events:
            number += 1
            if event.seq != number:
                break
        else:
            return
    raise VersionConflict(
        f"{len(events)} events numbered {events[0].seq} to {events[-1].seq} were to follow seq {expected},"
        f" and the log ends at seq {last}; nothing was recorded",
        run_id=run_id,
        seq=last,
        hint="Load the run again and decide anew",
    )
