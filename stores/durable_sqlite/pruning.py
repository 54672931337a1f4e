"""Deleting runs. It must not choose which.

A run is marked as pruned first, in one short transaction; from then on nobody can read or drive it. Its
events are deleted after that, a few at a time, so that drives of other runs get their turn in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from time import sleep

import msgspec

from durable.core.sizes import Pruned
from durable.core.transitions import RUN_ENDS
from durable.store import RunInfo
from durable_sqlite import blobs, sql
from durable_sqlite.base import StoreBase, any_run_key
from durable_sqlite.database import Database
from durable_sqlite.errors import driven_run_not_pruned, open_run_not_pruned, run_not_found
from durable_sqlite.runs import run_info
from durable_sqlite.sizes import measure

PAGES_AT_ONCE = 512
"""Pages that are freed, or given back, in one transaction: about 2 MB."""
YIELD_SECONDS = 0.002
"""Between two transactions: a file lock goes to who asks next, not to who waits longest."""

_FIRST_ROWS, _MOST_ROWS = 256, 4096


def prune(store: StoreBase, run_id: str, tasks: Mapping[str, int]) -> Pruned:
    """Delete what a run has recorded, and keep a summary; see ``Store.prune``."""
    database = store._database
    run = any_run_key(database, run_id)
    freed = measure(database, run_id).own
    with database.transaction as connection:
        info = run_info(store, run_id)  # by the same connection, so inside the transaction
        if info is None:
            raise run_not_found(run_id)
        pruned = info.pruned
        if pruned is None:
            _check_ended(info)
            pruned = Pruned(store.clock.now(), info.updated, info.seq, dict(tasks), freed)
            summary = {"ended": info.updated, "events": info.seq, "tasks": dict(tasks), "freed": freed}
            connection.execute(sql.REVOKE_LEASE, (run_id,))
            connection.execute(sql.MARK_PRUNED, (pruned.time, msgspec.json.encode(summary).decode(), run))
            database.log_ends.pop(run_id, None)
    delete_recorded(database, run)
    return pruned


def delete_recorded(database: Database, run: int) -> None:
    """Delete a run's checkpoints, messages and events, in transactions that are all short."""
    with database.transaction as connection:
        connection.execute(sql.DELETE_CHECKPOINTS_OF, (run,))
        connection.execute(sql.DELETE_MESSAGES_OF, (run,))
    rows: int | None = _FIRST_ROWS
    while rows is not None:
        with database.transaction as connection:
            rows = _delete_events(connection, run, rows)
        sleep(YIELD_SECONDS)


def _delete_events(connection: sqlite3.Connection, run: int, rows: int) -> int | None:
    """Delete a run's next events, and return how many to delete next; None when none are left."""
    free = connection.execute(sql.FREE_PAGES).fetchone()[0]
    found = connection.execute(sql.SELECT_NTH_SEQ, (run, rows)).fetchone()
    before = found[0] if found is not None else sql.MAX_INTEGER
    blobs.release(connection, run, before)
    connection.execute(sql.DELETE_EVENTS_BEFORE, (run, before))
    if found is None:
        return None
    freed = connection.execute(sql.FREE_PAGES).fetchone()[0] - free
    return max(rows // 4, 1) if freed > PAGES_AT_ONCE else min(rows * 2, _MOST_ROWS)


def _check_ended(info: RunInfo) -> None:
    if info.driven:
        raise driven_run_not_pruned(info.run_id)
    if info.status not in RUN_ENDS.values():
        raise open_run_not_pruned(info.run_id, info.shown_status)
