"""Appending to logs and reading them: the hot path. It must not know what events mean.

The columns of ``events`` are those of ``Event``, so rows become events without a line of Python each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain as joined
from itertools import starmap
from typing import Any

from msgspec.structs import astuple

from durable.core.digest import START, chain
from durable.core.events import Event
from durable.core.transitions import RUN_STATUS_AFTER
from durable.errors import LogCorrupt, RunNotFound, StoreError, VersionConflict
from durable.store import check_run_id, due_after
from durable_sqlite import blobs, sql
from durable_sqlite.blobs import LARGE
from durable_sqlite.connection import Head
from durable_sqlite.dictionaries import LONGEST, SHORTEST
from durable_sqlite.part import Part, lease_lost, refuse_pruned

Kept = tuple[str, int | None]
"""What the run's row keeps of its last run event: the status, and when a suspended run is due."""

Row = tuple[Any, ...]

_AT = 8  # where the payload stands in a row
_END = 2**63 - 1
_CHUNK_ROWS = 1024
_CHUNK_BYTES = 1 << 20


class Log(Part):
    """The part of the store that keeps events."""

    def append(
        self, run_id: str, events: Sequence[Event], expected_seq: int, token: int, *, consume: Sequence[str] = ()
    ) -> int:
        """Append events atomically and durably; see ``Store.append``."""
        link = self._link
        head = link.heads.get(run_id)
        if (
            head is not None
            and len(events) <= sql.MOST_IF_LEASED
            and not consume
            and head[0] == token
            and head[2] == expected_seq
        ):
            after = self._append_few(run_id, events, head)
            if after is not None:
                link.heads[run_id] = after
                return after[2]
        with link.writing as connection:
            run, last, before, kept = _head(connection, run_id, token)
            if last != expected_seq or not events or events[0].seq != last + 1:
                raise _conflict(run_id, events, expected_seq, last)
            if not run:
                run = _create(connection, run_id, events[0])
            rows, digest, moved, longest = _rows(run, run_id, events, before)
            if longest >= SHORTEST and self._are_kept_apart(events, longest):
                connection.executemany(sql.INSERT_STORED_EVENT, self._kept(rows, events, connection))
            else:
                _insert(connection, rows)
            if moved is not None:
                status, due = RUN_STATUS_AFTER[moved.type], due_after(moved)
                if (status, due) != kept:
                    connection.execute(sql.UPDATE_RUN_STATUS, (status, due, run))
            last += len(events)
            if consume:
                connection.executemany(sql.CONSUME_MESSAGE, [(last, run, name) for name in consume])
        link.heads[run_id] = (token, run, last, digest)
        return last

    def _append_few(self, run_id: str, events: Sequence[Event], head: Head) -> Head | None:
        """Append by one statement; None when nothing was appended, so that the long way has to say why."""
        token, run, last, before = head
        if not events or events[0].seq != last + 1:
            return None
        rows, digest, moved, longest = _rows(run, run_id, events, before)
        if moved is not None or longest > LARGE:
            return None
        statements = sql.INSERT_EVENTS_IF_LEASED
        if longest >= SHORTEST and self._are_kept_apart(events, longest):
            rows, statements = self._kept(rows, events, None), sql.INSERT_STORED_EVENTS_IF_LEASED
        values = (*joined.from_iterable(rows), run_id, token)
        try:
            if not self._link.write_once(statements[len(rows) - 1], values):
                return None
        except sqlite3.IntegrityError:
            return None
        return token, run, last + len(rows), digest

    def _are_kept_apart(self, events: Sequence[Event], longest: int) -> bool:
        """Return whether any payload goes to ``blobs``, or a dictionary may compress it."""
        dictionaries = self._dictionaries
        if dictionaries.present is None:
            dictionaries.watch(events)
            return longest > LARGE
        return True

    def _kept(self, rows: list[Row], events: Sequence[Event], connection: sqlite3.Connection | None) -> list[Row]:
        """Return the rows with their last two columns: large payloads go to ``blobs``, small ones are compressed."""
        kept: list[Row] = []
        shrink = self._dictionaries.shrink
        for row, event in zip(rows, events, strict=True):
            payload = event.payload
            size = 0 if payload is None else len(payload)
            blob = number = smaller = None
            if payload is not None and SHORTEST <= size <= LONGEST:
                number, smaller = shrink(payload)
            elif size > LARGE and connection is not None:
                blob = blobs.keep(connection, row[0], row[_AT])
            if blob is None and number is None:
                kept.append((*row, None, None))
            else:
                kept.append((*row[:_AT], smaller, row[-1], blob, number))
        return kept

    def read(self, run_id: str, after: int = 0, until: int | None = None) -> Iterator[Event]:
        """Yield events; see ``Store.read``. The consumer may be as slow as it likes: nothing is held."""
        limit = 64
        end = _END if until is None else until
        while rows := self._link.read(sql.SELECT_EVENTS, (run_id, after, end, limit), run_id):
            after = rows[-1][0]
            yield from starmap(Event, rows)
            if len(rows) < limit:
                return
            # Large payloads: few rows at a time, so that memory stays small.
            size = sum(len(row[7]) for row in rows if row[7] is not None)
            limit = min(limit * 4, _CHUNK_ROWS) if size < _CHUNK_BYTES else max(limit // 4, 1)
        refuse_pruned(self._link, run_id)

    def event(self, run_id: str, seq: int) -> Event:
        """Return one event; see ``Store.event``."""
        for row in self._link.read(sql.SELECT_EVENTS, (run_id, seq - 1, seq, 1), run_id):
            return Event(*row)
        refuse_pruned(self._link, run_id)
        raise RunNotFound("there is no such event", run_id=run_id, seq=seq, hint="See durable runs, durable log RUN")

    def digests(self, run_id: str, after: int = 0, until: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield the digests of appends; see ``Store.digests``."""
        end = _END if until is None else until
        while rows := self._link.read(sql.SELECT_DIGESTS, (run_id, after, end, _CHUNK_ROWS), run_id):
            after = rows[-1][0]
            yield from rows
            if len(rows) < _CHUNK_ROWS:
                return
        refuse_pruned(self._link, run_id)


def _insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    rest = len(rows) % sql.ROWS_TOGETHER
    for begin in range(0, len(rows) - rest, sql.ROWS_TOGETHER):
        connection.execute(sql.INSERT_EVENTS, tuple(joined.from_iterable(rows[begin : begin + sql.ROWS_TOGETHER])))
    if rest:
        connection.executemany(sql.INSERT_EVENT, rows[len(rows) - rest :])


def _head(connection: sqlite3.Connection, run_id: str, token: int) -> tuple[int, int, bytes, Kept]:
    """Read the run's key, its log's end and what is kept of it, if the token is that of the present lease."""
    row = connection.execute(sql.SELECT_LOG_END, (run_id, token)).fetchone()
    if row is None:
        raise lease_lost(run_id, token)
    run, last, before, status, due = row
    if run is None:
        return 0, 0, START, ("", None)
    if before is None:
        raise _without_end(run_id, last)
    return run, last, before, (status, due)


def _rows(run: int, run_id: str, events: Sequence[Event], before: bytes) -> tuple[list[Row], bytes, Event | None, int]:
    """Return the events' rows, their digest, the last that moves the run's status, and the longest payload's size."""
    rows: list[Row] = []
    longest = 0
    seq = events[0].seq
    last = seq + len(events) - 1
    moved = None
    digest = chain(before, events)
    for event in events:
        if event.seq != seq:
            raise _conflict(run_id, events, events[0].seq - 1, events[0].seq - 1)
        if event.type in RUN_STATUS_AFTER:
            moved = event
        if event.payload is not None and len(event.payload) > longest:
            longest = len(event.payload)
        mark = digest if seq == last else None
        if event.encoding == "json":
            *columns, payload = astuple(event)
            rows.append((run, *columns, _text(payload), mark))
        else:
            rows.append((run, *astuple(event), mark))  # the columns are the event's fields
        seq += 1
    return rows, digest, moved, longest


def _text(payload: bytes | None) -> str | bytes | None:
    """Return a JSON payload as text, which people can read and SQL can query."""
    try:
        return payload.decode() if payload is not None else None
    except UnicodeDecodeError:
        return payload


def _create(connection: sqlite3.Connection, run_id: str, first: Event) -> int:
    if first.type != "RunCreated":
        raise VersionConflict(
            f"the run does not exist, and its log cannot begin with {first.type}",
            run_id=run_id,
            seq=first.seq,
            hint="A log begins with RunCreated: was the run deleted meanwhile?",
        )
    fields = first.fields
    values = (check_run_id(run_id), fields.get("workflow", ""), "", first.time, fields.get("file"), fields.get("input"))
    key = connection.execute(sql.INSERT_RUN, values).lastrowid
    assert key is not None
    return key


def _conflict(run_id: str, events: Sequence[Event], expected: int, last: int) -> StoreError:
    if not events:
        return StoreError("there is nothing to append", run_id=run_id, hint="This is a fault: report it")
    numbers = f"{events[0].seq} to {events[-1].seq}"
    return VersionConflict(
        f"{len(events)} events numbered {numbers} were to follow seq {expected}, and the log ends at seq {last};"
        " nothing was recorded",
        run_id=run_id,
        seq=last,
        hint="Load the run again and decide anew",
    )


def _without_end(run_id: str, last: int | None) -> LogCorrupt:
    return LogCorrupt(
        "the log's last event has no digest, so events after it are missing; nothing was appended",
        run_id=run_id,
        seq=last,
        hint="See durable verify, and restore the missing events from a backup",
    )
