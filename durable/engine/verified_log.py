"""VerifiedLog: what a checkpoint stands for is not verified when a run is loaded, so it is when somebody reads it.

Each append that holds what is asked for is checked against its digest, once, and by the digest before it. It must
not decode anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from durable.core.digest import START, verified
from durable.core.events import Event
from durable.errors import LogCorrupt
from durable.store import Store

_REACH = 16
"""Events on both sides of a wanted one, in which the ends of its append are looked for first."""


class VerifiedLog:
    """Reads a run's events, verified. Safe to use from several threads.

    Args:
        store: where they are.
        run_id: the run.
        until: the last event that nobody has verified yet, 0 for none: those after it were when they were folded, or
            were made here.
    """

    def __init__(self, store: Store, run_id: str, until: int) -> None:
        self._store = store
        self._run_id = run_id
        self._until = until
        self._done = bytearray(until + 1)

    def event(self, seq: int) -> Event:
        """Return one event. Raises ``LogCorrupt`` if it, or one of its append, was changed."""
        if seq <= self._until and not self._done[seq]:
            for event in self.read(seq, seq):
                return event
        return self._store.event(self._run_id, seq)

    def read(self, begin: int, end: int) -> Iterator[Event]:
        """Yield the events from ``begin`` to ``end``; like ``event``."""
        last = min(end, self._until)
        if begin <= last and 0 in self._done[begin : last + 1]:
            yield from self._proven(begin, last)
            begin = last + 1
        if begin <= end:
            yield from self._store.read(self._run_id, begin - 1, end)

    def _proven(self, begin: int, end: int) -> Iterator[Event]:
        store, run_id, done = self._store, self._run_id, self._done
        (before, digest), after = self._append_of(begin)
        if after < end:
            after = self._append_of(end)[1]
        appends = store.digests(run_id, before, after)
        for event in verified(run_id, store.read(run_id, before, after), appends, digest):
            done[event.seq] = 1
            if begin <= event.seq <= end:
                yield event

    def _append_of(self, seq: int) -> tuple[tuple[int, bytes], int]:
        """Return the end of the append before the one that holds an event, with its digest, and that one's end."""
        reach = _REACH
        while True:
            ends = list(self._store.digests(self._run_id, max(seq - 1 - reach, 0), seq - 1 + reach))
            before = [end for end in ends if end[0] < seq]
            after = [end for end, _ in ends if end >= seq]
            if after and (before or seq - 1 <= reach):
                return before[-1] if before else (0, START), after[0]
            if reach > max(self._until, seq):
                raise LogCorrupt(
                    "no append ends here or later: its digest is missing",
                    run_id=self._run_id,
                    seq=seq,
                    hint="See durable verify, and restore what is missing from a backup",
                )
            reach *= 8
