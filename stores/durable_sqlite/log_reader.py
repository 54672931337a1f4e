"""Reading logs. The columns of ``events`` are the fields of ``Event``, so rows become events without a line of
Python each. It must not know what events mean."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import starmap

from durable.core.events import Event
from durable_sqlite import sql
from durable_sqlite.base import StoreBase, refuse_pruned
from durable_sqlite.errors import event_not_found

_FIRST_CHUNK_ROWS = 64
_CHUNK_ROWS = 1024
_CHUNK_BYTES = 1 << 20


class LogReader(StoreBase):
    """The part of the store that reads events."""

    def read(self, run_id: str, after: int = 0, until: int | None = None) -> Iterator[Event]:
        """Yield events; see ``Store.read``. The consumer may be as slow as it likes: no transaction stays open."""
        limit = _FIRST_CHUNK_ROWS
        end = sql.MAX_INTEGER if until is None else until
        while rows := self._database.read(sql.SELECT_EVENTS, (run_id, after, end, limit), run_id):
            after = rows[-1][0]
            yield from starmap(Event, rows)
            if len(rows) < limit:
                return
            # Large payloads: few rows at a time, so that memory stays small.
            size = sum(len(row[7]) for row in rows if row[7] is not None)
            limit = min(limit * 4, _CHUNK_ROWS) if size < _CHUNK_BYTES else max(limit // 4, 1)
        refuse_pruned(self._database, run_id)

    def event(self, run_id: str, seq: int) -> Event:
        """Return one event; see ``Store.event``."""
        for row in self._database.read(sql.SELECT_EVENTS, (run_id, seq - 1, seq, 1), run_id):
            return Event(*row)
        refuse_pruned(self._database, run_id)
        raise event_not_found(run_id, seq)

    def digests(self, run_id: str, after: int = 0, until: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield the digests of appends; see ``Store.digests``."""
        end = sql.MAX_INTEGER if until is None else until
        while rows := self._database.read(sql.SELECT_DIGESTS, (run_id, after, end, _CHUNK_ROWS), run_id):
            after = rows[-1][0]
            yield from rows
            if len(rows) < _CHUNK_ROWS:
                return
        refuse_pruned(self._database, run_id)
