"""Runs that were cut off: the first events of a finished run, in a store of their own, as a crash would leave them."""

from __future__ import annotations

from collections.abc import Iterator

from durable import Run, Store, open_store
from durable.testing import FakeClock

_WITH_WHAT_FOLLOWS = ("RunCreated", "ChannelWritten", "MetadataWritten", "TasksScheduled")
"""Events that are committed together with the one behind them."""


def boundaries(run: Run) -> list[int]:
    """The sequence numbers after which the log of a run may have ended, its end left out."""
    events = list(run.events())
    inputs = [event.task_id is None and event.type == "ChannelWritten" for event in events]
    found = [seq for seq, event in enumerate(events[:-1], 1) if event.type not in _WITH_WHAT_FOLLOWS]
    found += [seq for seq, event in enumerate(events[:-1], 1) if event.type == "RunCreated" and not inputs[seq]]
    return sorted(found)


def cut(run: Run, seq: int) -> Store:
    """Return a new store that holds the run's first ``seq`` events and no drive; its clock stands at the last one."""
    events = [event for event in run.events() if event.seq <= seq]
    store = open_store("memory://", clock=FakeClock(events[-1].time))
    lease = store.acquire(run.run_id, "drive-that-died")
    store.append(run.run_id, events, 0, lease.token)
    store.release(lease)
    return store


def cuts(run: Run) -> Iterator[tuple[int, Store]]:
    """Yield every place at which a run may have been cut off, with a store that holds what was there."""
    for seq in boundaries(run):
        with cut(run, seq) as store:
            yield seq, store


def done(run: Run, seq: int) -> set[str]:
    """Ids of what had succeeded at a place in a run."""
    return {event.task_id or "" for event in run.events() if event.seq <= seq and event.type == "TaskSucceeded"}
