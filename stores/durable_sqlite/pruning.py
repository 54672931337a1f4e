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
from durable_sqlite import blobs, sql
from durable_sqlite.listing import Listing
from durable_sqlite.writing import nested, raise_typed

_END = 2**63 - 1
_ROWS, _MOST_ROWS = 256, 4096
_PAGES = 512  # freed, or given back, in one transaction: about 2 MB
_GIVE_WAY = 0.002  # seconds between two transactions: a file lock goes to who asks next, not to who waits longest
_WORTH = 10  # percent of an older file that must be free before all of it is written anew


class Pruning(Listing):
    """The part of the store that deletes runs; it needs the listing to know which may be deleted."""

    def sizes(self, run_id: str) -> Sizes:
        """Return what a run takes; see ``Store.sizes``."""
        run = self._run_key(run_id)
        payloads: dict[str, int] = {}
        events = log = shared = 0
        for kind, count, texts, inline in self._link.read(sql.SELECT_LOG_SIZES, (run,), run_id):
            events, log = events + count, log + texts
            payloads[kind] = inline
        for kind, size, others in self._link.read(sql.SELECT_BLOB_SIZES, (run,), run_id):
            if others:
                shared += size
            else:
                payloads[kind] = payloads.get(kind, 0) + size
        ((checkpoints,),) = self._link.read(sql.SELECT_CHECKPOINTS_SIZE, (run,))
        ((messages,),) = self._link.read(sql.SELECT_INBOX_SIZE, (run,))
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
                connection.execute(sql.REVOKE_LEASE, (run_id,))
                connection.execute(sql.MARK_PRUNED, (pruned.time, msgspec.json.encode(kept).decode(), run))
                self._link.heads.pop(run_id, None)
        self._delete(run)
        return pruned

    def reclaim(self) -> int:
        """Give space back to the file system; see ``Store.reclaim``."""
        for (run,) in self._link.read(sql.SELECT_HALF_PRUNED, ()):
            self._delete(run)
        before = self._number(sql.PAGE_COUNT)
        if self._number(sql.AUTO_VACUUM) == 2:
            for _ in range(self._number(sql.FREE_PAGES) // _PAGES + 1):  # not for ever, if others free more
                with self._alone() as connection:
                    # As a script, because ``execute`` takes one step of a statement without columns: one page.
                    connection.executescript(sql.incremental_vacuum(_PAGES))
                sleep(_GIVE_WAY)
        elif self._number(sql.FREE_PAGES) * 100 >= self._number(sql.PAGE_COUNT) * _WORTH:
            self._write_anew()
        with self._alone() as connection:
            connection.execute(sql.set_busy_timeout(0))  # who reads now is not waited for
            try:
                connection.execute(sql.TRUNCATE_WAL).fetchall()
            finally:
                connection.execute(sql.set_busy_timeout(round(self._link.address.timeout * 1000)))
        return max(before - self._number(sql.PAGE_COUNT), 0) * self._number(sql.PAGE_SIZE)

    def _write_anew(self) -> None:
        """Write the file of an older durable as a whole, if nobody drives a run and there is room for it."""
        try:
            with self._alone() as connection:
                if self._is_idle():  # and stays so: no lease is taken without passing the gate
                    connection.execute(sql.USE_INCREMENTAL_VACUUM)  # takes effect now, and spares it next time
                    connection.execute(sql.VACUUM)
        except StoreFull as error:  # the runs are pruned all the same, and new events use what is free
            import logging  # 3 ms, for what hardly ever happens

            logging.getLogger("durable.stores").warning("the space is not given back now: %s", error)

    def _delete(self, run: int) -> None:
        """Delete a run's checkpoints, messages and events, in transactions that are all short."""
        with self._link.writing as connection:
            connection.execute(sql.DELETE_CHECKPOINTS_OF, (run,))
            connection.execute(sql.DELETE_MESSAGES_OF, (run,))
        rows: int | None = _ROWS
        while rows is not None:
            with self._link.writing as connection:
                rows = _delete_some(connection, run, rows)
            sleep(_GIVE_WAY)

    def _run_key(self, run_id: str) -> int:
        for (run,) in self._link.read(sql.SELECT_ANY_RUN_KEY, (run_id,), run_id):
            return int(run)
        raise _not_found(run_id)

    def _number(self, pragma: str) -> int:
        return int(self._link.read(pragma, ())[0][0])

    def _is_idle(self) -> bool:
        return not any(self.is_alive(*row) for row in self._link.read(sql.SELECT_HELD_LEASES, ()))

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
    free = connection.execute(sql.FREE_PAGES).fetchone()[0]
    found = connection.execute(sql.SELECT_NTH_SEQ, (run, rows)).fetchone()
    before = found[0] if found is not None else _END
    blobs.let_go(connection, run, before)
    connection.execute(sql.DELETE_EVENTS_BEFORE, (run, before))
    if found is None:
        return None
    freed = connection.execute(sql.FREE_PAGES).fetchone()[0] - free
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
