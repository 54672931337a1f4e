"""Opens connections: access, settings, and a schema that is up to date.

The database file itself is never opened but by SQLite: closing another descriptor of it would drop
the locks that SQLite holds for this process.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import msgspec

from durable.errors import StoreBusy, StoreReadOnly
from durable_sqlite import schema, sql
from durable_sqlite.file_access import ReadOnlyFile, prepare_file
from durable_sqlite.lease_files import is_locked
from durable_sqlite.url import DatabaseConfig
from durable_sqlite.write_lock import WriteLock

AUTOCHECKPOINT = {"full": 200, "normal": 1000}
"""Pages after which SQLite checkpoints. A WAL that was filled once is overwritten, not extended, which
makes a synced commit faster, and SQLite's default of 1,000 gets there too late for short runs. Without
a sync for each commit there is nothing to gain, and each checkpoint costs."""


class OpenedConnection(msgspec.Struct):
    """A connection and what is known of its file.

    Attributes:
        connection: ready for use.
        read_only: set if the file can only be read.
        outdated_schema: whether it can only be read and has an older schema, completed by temporary views.
        identity: device and inode of the file.
    """

    connection: sqlite3.Connection
    read_only: ReadOnlyFile | None
    outdated_schema: bool
    identity: tuple[int, int] | None


def open_connection(config: DatabaseConfig, write_lock: WriteLock) -> OpenedConnection:
    """Open the database; make or migrate its schema where that is needed.

    Raises:
        StoreError: it cannot be opened, or is not one that we may open.
        sqlite3.Error, OSError: as they come; the caller translates them.
    """
    read_only = prepare_file(config)
    query = "mode=rwc" if read_only is None else read_only.uri_query
    connection = sqlite3.connect(
        config.file_uri(query), uri=True, timeout=config.timeout, isolation_level=None, check_same_thread=False
    )
    try:
        if read_only is None:
            connection.execute(sql.set_synchronous(config.synchronous))
            connection.execute(sql.set_autocheckpoint(AUTOCHECKPOINT[config.synchronous]))
        version = schema.version_of(connection, config.path)
        outdated_schema = bool(version) and read_only is not None and version < schema.VERSION
        if outdated_schema:
            schema.complete(connection, version)
        elif version < schema.VERSION:
            if read_only is not None:
                raise read_only_error(config)
            _make_schema(connection, config, write_lock)
    except BaseException:
        connection.close()
        raise
    return OpenedConnection(connection, read_only, outdated_schema, file_identity(config))


def file_identity(config: DatabaseConfig) -> tuple[int, int] | None:
    """Return the device and inode of the database file; None when it is not there."""
    try:
        status = os.stat(config.path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def read_only_error(config: DatabaseConfig) -> StoreReadOnly:
    """Return the error for a write to a database that can only be read."""
    return StoreReadOnly(
        f"{config.path} can only be read here",
        hint="Make the file and its folder writable, then reopen the store",
    )


def _make_schema(connection: sqlite3.Connection, config: DatabaseConfig, write_lock: WriteLock) -> None:
    write_lock.acquire()
    try:
        connection.execute(sql.USE_INCREMENTAL_VACUUM)  # heeded by an empty database only
        connection.execute(sql.USE_WAL)
        connection.execute(sql.BEGIN_WRITE)
        version = schema.version_of(connection, config.path)
        if version < schema.VERSION:
            if version:
                _check_no_drives(connection, config)
            schema.migrate(connection)
        connection.execute(sql.COMMIT)
    finally:
        if connection.in_transaction:
            connection.execute(sql.ROLLBACK)
        write_lock.release()


def _check_no_drives(connection: sqlite3.Connection, config: DatabaseConfig) -> None:
    """Refuse to change the tables under a drive: an older durable's next append would fail, and its run stop."""
    folder = Path(config.sidecar("-drives"))
    for run_id, pid, file in connection.execute(sql.SELECT_LEASE_FILES):
        if is_locked(folder / file):
            raise StoreBusy(
                f"{config.path} is of an older durable, with which process {pid} drives a run",
                run_id=run_id,
                hint="Wait until it is done, or stop it: then the file is upgraded. Until then, read it"
                " with the older durable",
            )
