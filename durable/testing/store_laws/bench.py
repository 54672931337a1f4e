"""What the laws share: a store under test, runs to put in it, and checks that name what is wrong.

It must not know any store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from durable.clock import Clock
from durable.core.digest import verified
from durable.core.events import Event, encode_fields
from durable.store import Lease, Store
from durable.testing.clock import FakeClock

Factory = Callable[[Clock], Store]
Reopen = Callable[[Store, Clock], Store]


class Bench:
    """A fresh store with a clock that the law moves.

    Attributes:
        clock: the store's clock.
        store: the store under test, empty at first.
    """

    def __init__(self, factory: Factory, reopen: Reopen | None) -> None:
        self.clock = FakeClock()
        self.store = factory(self.clock)
        self._reopen = reopen
        self._opened = [self.store]

    def another(self) -> Store:
        """Return a second store object over the same data; only for laws that need one."""
        assert self._reopen is not None
        self._opened.append(self._reopen(self.store, self.clock))
        return self._opened[-1]

    def close(self) -> None:
        """Close everything that was opened."""
        for store in self._opened:
            store.close()

    def new_run(self, run_id: str = "run", workflow: str = "flow") -> Lease:
        """Create a run with one event and return the lease on it."""
        lease = self.store.acquire(run_id, "drive")
        same(self.store.append(run_id, [self.created(workflow)], 0, lease.token), 1, "the new seq of a first append")
        return lease

    def created(self, workflow: str = "flow") -> Event:
        """Return the first event of a log."""
        fields = {"format": 1, "workflow": workflow, "file": "flow.py", "input": "abc"}
        return Event(1, self.clock.now(), "RunCreated", data=encode_fields(fields))

    def events(self, after: int, count: int) -> list[Event]:
        """Return so many events that follow ``after``."""
        return [
            Event(seq, self.clock.now(), "TaskStarted", f"t{seq}", 1) for seq in range(after + 1, after + count + 1)
        ]


def log_of(store: Store, run_id: str = "run") -> list[Event]:
    """Return a run's log after its digests were verified."""
    return list(verified(run_id, store.read(run_id), store.digests(run_id)))


def same(found: object, expected: object, what: str) -> None:
    """Raise an AssertionError that says what is not as it should be."""
    if found != expected:
        raise AssertionError(f"{what}: expected {_short(expected)}, found {_short(found)}")


@contextmanager
def refused(kind: type[Exception], what: str) -> Iterator[None]:
    """Expect an error of that kind, not of another."""
    try:
        yield
    except kind:
        return
    except Exception as error:
        raise AssertionError(f"{what}: expected {kind.__name__}, got {type(error).__name__}: {error}") from error
    raise AssertionError(f"{what}: expected {kind.__name__}, and nothing was raised")


def seqs(events: Sequence[Event]) -> list[int]:
    """Return the events' numbers."""
    return [event.seq for event in events]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}..."
