"""What the mixins of the SQLite store share: the database, the lease files, the clock, and lookups of a run."""

from __future__ import annotations

import sqlite3

import msgspec

from durable.clock import Clock
from durable.core.sizes import Pruned, pruned_error
from durable_sqlite import sql
from durable_sqlite.compression import Compression
from durable_sqlite.database import Database
from durable_sqlite.dictionaries import Dictionaries
from durable_sqlite.errors import run_not_found
from durable_sqlite.lease_files import LeaseFiles


class StoreBase:
    """The base of the mixins that ``SQLiteStore`` is made of; each implements some methods of the contract."""

    clock: Clock
    _database: Database
    _dictionaries: Dictionaries
    _compression: Compression
    _lease_files: LeaseFiles
    _held_leases: dict[tuple[str, int], str]
    """The lock files of the leases that this store object acquired, by run id and token."""


def run_key(connection: sqlite3.Connection, run_id: str) -> int:
    """Return the key of a run that was not pruned.

    Args:
        connection: inside a transaction.
        run_id: the run.

    Raises:
        RunNotFound: it does not exist.
        RunPruned: it was pruned.
    """
    row = connection.execute(sql.SELECT_RUN_KEY, (run_id,)).fetchone()
    if row is None:
        refuse_pruned(connection, run_id)
        raise run_not_found(run_id)
    return int(row[0])


def any_run_key(database: Database, run_id: str) -> int:
    """Return the key of a run, pruned or not. Raises ``RunNotFound``."""
    for (run,) in database.read(sql.SELECT_ANY_RUN_KEY, (run_id,), run_id):
        return int(run)
    raise run_not_found(run_id)


def refuse_pruned(source: Database | sqlite3.Connection, run_id: str) -> None:
    """Raise ``RunPruned`` if the run was pruned.

    Args:
        source: the database, or the connection inside a transaction.
        run_id: the run.
    """
    values = (run_id,)
    reads = source.read if isinstance(source, Database) else source.execute
    for status, time, summary in reads(sql.SELECT_PRUNED, values):
        raise pruned_error(run_id, status, decode_pruned(time, summary))


def decode_pruned(time: int, summary: str | None) -> Pruned:
    """Return what a run's row keeps of it since it was pruned."""
    return msgspec.convert({"time": time, **msgspec.json.decode(summary or "{}")}, Pruned)
