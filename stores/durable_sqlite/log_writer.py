"""Appending to logs: the hot path. It must not know what events mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain as flatten

from durable.core.digest import START
from durable.core.events import Event
from durable.core.transitions import RUN_STATUS_AFTER
from durable.store import check_run_id, due_after
from durable_sqlite import blobs, sql
from durable_sqlite.base import StoreBase
from durable_sqlite.blobs import LARGE
from durable_sqlite.database import LogEnd
from durable_sqlite.dictionaries import LONGEST, SHORTEST
from durable_sqlite.errors import lease_lost, log_without_end, wrong_append, wrong_first_event
from durable_sqlite.event_rows import PAYLOAD, Row, encode_rows

StoredStatus = tuple[str, int | None]
"""What the run's row says after its last run event: the status, and when a suspended run is due."""


class LogWriter(StoreBase):
    """The part of the store that appends events."""

    def append(
        self, run_id: str, events: Sequence[Event], expected_seq: int, token: int, *, consume: Sequence[str] = ()
    ) -> int:
        """Append events atomically and durably; see ``Store.append``."""
        database = self._database
        end = database.log_ends.get(run_id)
        few = len(events) <= sql.MOST_IF_LEASED and not consume
        if end is not None and few and end[0] == token and end[2] == expected_seq:
            after = self._append_few(run_id, events, end)
            if after is not None:
                database.log_ends[run_id] = after
                return after[2]
        with database.transaction as connection:
            run, last, before, stored = _log_end(connection, run_id, token)
            if last != expected_seq or not events or events[0].seq != last + 1:
                raise wrong_append(run_id, events, expected_seq, last)
            if not run:
                run = _create_run(connection, run_id, events[0])
            rows, digest, status_event, longest = encode_rows(run, run_id, events, before)
            if longest >= SHORTEST and self._are_stored_apart(events, longest):
                connection.executemany(sql.INSERT_STORED_EVENT, self._stored_rows(rows, events, connection))
            else:
                _insert(connection, rows)
            if status_event is not None:
                status = RUN_STATUS_AFTER[status_event.type], due_after(status_event)
                if status != stored:
                    connection.execute(sql.UPDATE_RUN_STATUS, (*status, run))
            last += len(events)
            if consume:
                connection.executemany(sql.CONSUME_MESSAGE, [(last, run, message_id) for message_id in consume])
        database.log_ends[run_id] = (token, run, last, digest)
        return last

    def _append_few(self, run_id: str, events: Sequence[Event], end: LogEnd) -> LogEnd | None:
        """Append by one statement; None when nothing was appended, so that a transaction has to find out why."""
        token, run, last, before = end
        if not events or events[0].seq != last + 1:
            return None
        rows, digest, status_event, longest = encode_rows(run, run_id, events, before)
        if status_event is not None or longest > LARGE:
            return None
        statements = sql.INSERT_EVENTS_IF_LEASED
        if longest >= SHORTEST and self._are_stored_apart(events, longest):
            rows, statements = self._stored_rows(rows, events, None), sql.INSERT_STORED_EVENTS_IF_LEASED
        values = (*flatten.from_iterable(rows), run_id, token)
        try:
            if not self._database.write_autocommit(statements[len(rows) - 1], values):
                return None
        except sqlite3.IntegrityError:
            return None
        return token, run, last + len(rows), digest

    def _are_stored_apart(self, events: Sequence[Event], longest: int) -> bool:
        """Return whether any payload is stored as a blob, or may be compressed with a dictionary."""
        dictionaries = self._dictionaries
        if dictionaries.current is None:
            dictionaries.observe(events)
            return longest > LARGE
        return True

    def _stored_rows(
        self, rows: list[Row], events: Sequence[Event], connection: sqlite3.Connection | None
    ) -> list[Row]:
        """Return the rows with their last two columns: large payloads become blobs, small ones are compressed."""
        stored: list[Row] = []
        compress = self._compression.compress
        for row, event in zip(rows, events, strict=True):
            payload = event.payload
            size = 0 if payload is None else len(payload)
            blob = dictionary = compressed = None
            if payload is not None and SHORTEST <= size <= LONGEST:
                dictionary, compressed = compress(payload)
            elif size > LARGE and connection is not None:
                blob = blobs.put(connection, row[0], row[PAYLOAD])
            if blob is None and dictionary is None:
                stored.append((*row, None, None))
            else:
                stored.append((*row[:PAYLOAD], compressed, row[-1], blob, dictionary))
        return stored


def _insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    together = sql.ROWS_TOGETHER
    rest = len(rows) % together
    for begin in range(0, len(rows) - rest, together):
        connection.execute(sql.INSERT_EVENTS, tuple(flatten.from_iterable(rows[begin : begin + together])))
    if rest:
        connection.executemany(sql.INSERT_EVENT, rows[len(rows) - rest :])


def _log_end(connection: sqlite3.Connection, run_id: str, token: int) -> tuple[int, int, bytes, StoredStatus]:
    """Read the run's key, its log's end and its stored status, if the token is that of the present lease."""
    row = connection.execute(sql.SELECT_LOG_END, (run_id, token)).fetchone()
    if row is None:
        raise lease_lost(run_id, token)
    run, last, digest, status, due = row
    if run is None:
        return 0, 0, START, ("", None)
    if digest is None:
        raise log_without_end(run_id, last)
    return run, last, digest, (status, due)


def _create_run(connection: sqlite3.Connection, run_id: str, first: Event) -> int:
    if first.type != "RunCreated":
        raise wrong_first_event(run_id, first)
    fields = first.fields
    values = (check_run_id(run_id), fields.get("workflow", ""), "", first.time, fields.get("file"), fields.get("input"))
    key = connection.execute(sql.INSERT_RUN, values).lastrowid
    assert key is not None
    return key
