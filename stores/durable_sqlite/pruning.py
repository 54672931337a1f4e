"""What runs take, deleting them, and giving their space back. It must not choose which runs to delete.

A run is marked as pruned first, in one short transaction; from then on nobody can read or drive it. Its
events are deleted after that, a few at a time, so that drives of other runs get their turn in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import sleep

import msgspec

from durable.core.sizes import Pruned, Sizes
from durable.core.transitions import RUN_ENDS
from durable.errors import RunAlreadyDriven, RunNotEnded, RunNotFound, StoreFull
from durable.store import RunInfo
from durable_sqlite import blobs
from durable_sqlite.listing import Listing
from durable_sqlite.writing import nested, raise_typed

_END = 2**63 - 1
_ROW_BYTES = 32  # of a row, beside its texts: measured, with its share of the page
_ROWS, _MOST_ROWS = 256, 4096
_PAGES = 512  # freed, or given back, in one transaction: about 2 MB
_GIVE_WAY = 0.002  # seconds between two transactions: a file lock goes to who asks next, not to who waits longest
_WORTH = 10  # percent of an older file that must be free before all of it is written anew

_EVENTS = f"""SELECT type, count(*), sum({_ROW_BYTES} + length(type) + coalesce(length(CAST(task_id AS BLOB)), 0)
  + coalesce(length(CAST(data AS BLOB)), 0) + coalesce(length(encoding), 0) + coalesce(length(digest), 0)),
  sum(coalesce(length(CAST(payload AS BLOB)), 0))
FROM events WHERE run = ? GROUP BY type"""
_BLOBS = """SELECT e.type, length(CAST(b.content AS BLOB)),
  EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = b.blob AND u.run <> ?)
FROM (SELECT blob, min(type) AS type FROM events WHERE run = ? AND blob IS NOT NULL GROUP BY blob) e
JOIN blobs b ON b.blob = e.blob"""
_CHECKPOINTS = "SELECT coalesce(sum(length(state)), 0) FROM checkpoints WHERE run = ?"
_MESSAGES = f"""SELECT coalesce(sum({_ROW_BYTES} + length(CAST(id AS BLOB)) + length(CAST(data AS BLOB))), 0)
FROM inbox WHERE run = ?"""
# A lease that is over: its token must not be good for anything any more.
_REVOKE = """UPDATE leases SET token = token + 1, owner = NULL, pid = NULL, host = NULL, expires = NULL,
  expires_monotonic = NULL, file = NULL WHERE run_id = ?"""
_MARK = "UPDATE runs SET pruned = ?, summary = ?, due = NULL WHERE run = ?"
_LEFT = """SELECT run FROM runs r WHERE pruned IS NOT NULL
AND EXISTS (SELECT 1 FROM events e WHERE e.run = r.run)"""


class Pruning(Listing):
    """The part of the store that deletes runs; it needs the listing to know which may be deleted."""

    def sizes(self, run_id: str) -> Sizes:
        """Return what a run takes; see ``Store.sizes``."""
        run = self._run_key(run_id)
        payloads: dict[str, int] = {}
        events = log = shared = 0
        for kind, count, texts, inline in self._link.read(_EVENTS, (run,), run_id):
            events, log = events + count, log + texts
            payloads[kind] = inline
        for kind, size, others in self._link.read(_BLOBS, (run, run), run_id):
            if others:
                shared += size
            else:
                payloads[kind] = payloads.get(kind, 0) + size
        ((checkpoints,),) = self._link.read(_CHECKPOINTS, (run,))
        ((messages,),) = self._link.read(_MESSAGES, (run,))
        payloads = {kind: size for kind, size in payloads.items() if size}
        return Sizes(events, log, payloads, shared, checkpoints, messages)

    def prune(self, run_id: str, tasks: Mapping[str, int]) -> Pruned:
        """Delete what a run has recorded, and keep a summary; see ``Store.prune``."""
        run = self._run_key(run_id)
        freed = self.sizes(run_id).own
        with self._link.writing as connection:
            info = self.run(run_id)  # by the same connection, so inside the transaction
            if info is None:
                raise _not_found(run_id)
            pruned = info.pruned
            if pruned is None:
                _check_ended(info)
                pruned = Pruned(self.clock.now(), info.updated, info.seq, dict(tasks), freed)
                kept = {"ended": info.updated, "events": info.seq, "tasks": dict(tasks), "freed": freed}
                connection.execute(_REVOKE, (run_id,))
                connection.execute(_MARK, (pruned.time, msgspec.json.encode(kept).decode(), run))
                self._link.heads.pop(run_id, None)
        self._delete(run)
        return pruned

    def reclaim(self) -> int:
        """Give space back to the file system; see ``Store.reclaim``."""
        for (run,) in self._link.read(_LEFT, ()):
            self._delete(run)
        before = self._number("page_count")
        if self._number("auto_vacuum") == 2:
            for _ in range(self._number("freelist_count") // _PAGES + 1):  # not for ever, if others free more
                with self._alone() as connection:
                    # As a script, because ``execute`` takes one step of a statement without columns: one page.
                    connection.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
                sleep(_GIVE_WAY)
        elif self._number("freelist_count") * 100 >= self._number("page_count") * _WORTH:
            self._write_anew()
        with self._alone() as connection:
            connection.execute("PRAGMA busy_timeout = 0")  # who reads now is not waited for
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.execute(f"PRAGMA busy_timeout = {round(self._link.address.timeout * 1000)}")
        return max(before - self._number("page_count"), 0) * self._number("page_size")

    def _write_anew(self) -> None:
        """Write the file of an older durable as a whole, if nobody drives a run and there is room for it."""
        try:
            with self._alone() as connection:
                if self._is_idle():  # and stays so: no lease is taken without passing the gate
                    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect now, and spares it next time
                    connection.execute("VACUUM")
        except StoreFull as error:  # the runs are pruned all the same, and new events use what is free
            import logging  # 3 ms, for what hardly ever happens

            logging.getLogger("durable.stores").warning("the space is not given back now: %s", error)

    def _delete(self, run: int) -> None:
        """Delete a run's checkpoints, messages and events, in transactions that are all short."""
        with self._link.writing as connection:
            connection.execute("DELETE FROM checkpoints WHERE run = ?", (run,))
            connection.execute("DELETE FROM inbox WHERE run = ?", (run,))
        rows: int | None = _ROWS
        while rows is not None:
            with self._link.writing as connection:
                rows = _delete_some(connection, run, rows)
            sleep(_GIVE_WAY)

    def _run_key(self, run_id: str) -> int:
        for (run,) in self._link.read("SELECT run FROM runs WHERE run_id = ?", (run_id,), run_id):
            return int(run)
        raise _not_found(run_id)

    def _number(self, pragma: str) -> int:
        return int(self._link.read(f"PRAGMA {pragma}", ())[0][0])

    def _is_idle(self) -> bool:
        held = "SELECT host, expires, expires_monotonic, file FROM leases WHERE owner IS NOT NULL"
        return not any(self.is_alive(*row) for row in self._link.read(held, ()))

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """Give the connection while no other writer passes the gate, without a transaction."""
        link = self._link
        with link.lock:
            if link.in_transaction:
                raise nested()
            try:
                connection = link.writable()
                link.gate.acquire()
                try:
                    yield connection
                finally:
                    link.gate.release()
            except BaseException as error:
                raise_typed(error, link)


def _delete_some(connection: sqlite3.Connection, run: int, rows: int) -> int | None:
    """Delete a run's next events, and return how many to delete next; None when none are left."""
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    next_seq = "SELECT seq FROM events WHERE run = ? ORDER BY seq LIMIT 1 OFFSET ?"
    found = connection.execute(next_seq, (run, rows)).fetchone()
    before = found[0] if found is not None else _END
    blobs.let_go(connection, run, before)
    connection.execute("DELETE FROM events WHERE run = ? AND seq < ?", (run, before))
    if found is None:
        return None
    freed = connection.execute("PRAGMA freelist_count").fetchone()[0] - free
    return max(rows // 4, 1) if freed > _PAGES else min(rows * 2, _MOST_ROWS)


def _check_ended(info: RunInfo) -> None:
    if info.driven:
        raise RunAlreadyDriven("somebody drives this run; it is not pruned", run_id=info.run_id)
    if info.status not in RUN_ENDS.values():
        raise RunNotEnded(
            f"the run is {info.shown_status}; only runs that have ended are pruned",
            run_id=info.run_id,
            hint="Resume it, or cancel it first: durable cancel RUN",
        )


def _not_found(run_id: str) -> RunNotFound:
    return RunNotFound("there is no such run", run_id=run_id, hint="See durable runs")
