"""The database of one store object: its connection, write transactions, short reads, errors, forks.

Everything that runs SQL goes through it, so that each write holds the write lock and each error is
translated. It must not know what is read or written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any

from durable.errors import StoreError
from durable_sqlite import at_fork, schema, sql
from durable_sqlite.file_access import ReadOnlyFile
from durable_sqlite.opening import file_identity, open_connection, read_only_error
from durable_sqlite.sqlite_errors import translate, translate_os_error
from durable_sqlite.transaction import WriteTransaction, nested_use, raise_store_error
from durable_sqlite.url import DatabaseConfig
from durable_sqlite.wal_preallocation import WalPreallocation
from durable_sqlite.write_lock import WriteLock

LogEnd = tuple[int, int, int, bytes]
"""The end of a run's log as this store object left it: lease token, run key, last seq, its digest."""


class Database:
    """A connection that is guarded by a lock and reopened when it has to be.

    Args:
        config: the file and its options.

    Attributes:
        lock: between threads; held while the connection is used.
        write_lock: between processes; held during write transactions.
        transaction: ``with database.transaction as connection`` is a write transaction.
        in_transaction: whether one is open.
        log_ends: the cached end of each log that this store object appends to, by run id.
        wal_preallocation: counts this connection's transactions, as long as that is of use.
        callback_error: the error of a function of ours that SQLite called, to be raised in place of SQLite's own.
    """

    def __init__(self, config: DatabaseConfig) -> None:
        self.config = config
        self.lock = RLock()
        self.write_lock = WriteLock(config.sidecar("-lock"), config.timeout)
        self.transaction = WriteTransaction(self)
        self.in_transaction = False
        self.closed = False
        self.log_ends: dict[str, LogEnd] = {}
        self.wal_preallocation: WalPreallocation | None = None
        self.callback_error: BaseException | None = None
        self._on_open: list[Callable[[sqlite3.Connection], None]] = []
        self._connection: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor
        self._read_only: ReadOnlyFile | None = None
        self._outdated_schema = False
        self._identity: tuple[int, int] | None = None
        with self.lock:
            self.connection()
        at_fork.register(self)

    def on_open(self, callback: Callable[[sqlite3.Connection], None]) -> None:
        """Call it with the connection, now and whenever it is reopened."""
        with self.lock:
            self._on_open.append(callback)
            callback(self.connection())

    def connection(self) -> sqlite3.Connection:
        """Return the connection, opened if need be. The caller holds the lock."""
        if self._connection is not None and (self._read_only is None or not self._is_outdated(self._connection)):
            return self._connection
        if self.closed:
            raise StoreError(f"the store {self.config.path} was closed", hint="Reopen it")
        self.disconnect()
        try:
            return self._open()
        except sqlite3.Error as error:
            self.disconnect()
            raise translate(error, self.config.path) from error
        except OSError as error:
            self.disconnect()
            raise translate_os_error(error, self.write_lock.path) from error
        except BaseException:
            self.disconnect()
            raise

    def writable_connection(self) -> sqlite3.Connection:
        """Return the connection for a write. The caller holds the lock.

        Raises:
            StoreReadOnly: the file or its folder is not writable.
        """
        connection = self._connection
        if connection is None or self._read_only is not None:
            connection = self.connection()
            if self._read_only is not None:
                raise read_only_error(self.config)
        return connection

    def read(self, query: str, values: Sequence[object], run_id: str | None = None) -> list[Any]:
        """Run a query to its end and return the rows, so that no open reader holds up a writer."""
        with self.lock:
            connection = self.connection()
            try:
                return connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                cause, self.callback_error = self.callback_error, None
                if cause is not None:
                    if isinstance(cause, StoreError):
                        cause.run_id = run_id
                    raise cause from None
                raise translate(error, self.config.path, run_id) from error

    def write_autocommit(self, query: str, values: Sequence[object]) -> int:
        """Run one statement that is a transaction by itself, and return how many rows it changed.

        Raises:
            sqlite3.IntegrityError: it breaks a constraint; nothing was changed.
            StoreError: it could not be done.
        """
        with self.lock:
            if self.in_transaction:
                raise nested_use()
            try:
                if self._connection is None or self._read_only is not None:
                    self.writable_connection()
                write_lock = self.write_lock
                write_lock.acquire()
                try:
                    if self.wal_preallocation is not None:
                        self.wal_preallocation = self.wal_preallocation.transaction_begun()
                    return self._cursor.execute(query, values).rowcount
                finally:
                    write_lock.release()
            except sqlite3.IntegrityError:
                raise
            except (sqlite3.Error, OSError) as error:
                raise_store_error(error, self)

    def check_not_moved(self) -> None:
        """Raise ``StoreError`` when the file was moved or deleted while it was open.

        SQLite would continue to write to a file that nobody can find again. A check costs too much for
        each append, so heartbeats do it.
        """
        if file_identity(self.config) != self._identity:
            raise StoreError(
                f"{self.config.path} was moved or deleted while it was open; what is recorded now is lost",
                hint="Put it back or stop this drive, and reopen the store",
            )

    def disconnect(self) -> None:
        """Close the connection; the next use opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def roll_back(self) -> None:
        """Roll back the open transaction, if there is one. The caller holds the lock."""
        connection = self._connection
        try:
            if connection is not None and connection.in_transaction:
                connection.execute(sql.ROLLBACK)
        except sqlite3.Error:
            self.disconnect()  # a connection that cannot roll back is not worth keeping

    def close(self) -> None:
        """Close for good. The last one to close checkpoints, so it takes the write lock like any writer."""
        with self.lock:
            if self.closed:
                return
            self.closed = True
            try:
                if self._connection is not None and self._read_only is None:
                    self.write_lock.acquire()
            except (StoreError, OSError):
                pass  # a writer that hangs must not keep us open; closing is safe beside it
            finally:
                self.disconnect()
                self.write_lock.close()

    def after_fork_in_child(self) -> None:
        """Close the child's copies of the parent's connection and lock file."""
        self.in_transaction = False
        self.disconnect()
        self.write_lock.close()

    def _open(self) -> sqlite3.Connection:
        opened = open_connection(self.config, self.write_lock)
        self._connection = opened.connection
        self._cursor = opened.connection.cursor()
        self._read_only = opened.read_only
        self._outdated_schema = opened.outdated_schema
        self._identity = opened.identity
        # Without a sync for each commit the length of the write-ahead log costs nothing.
        preallocates = opened.read_only is None and self.config.synchronous == "full"
        self.wal_preallocation = WalPreallocation(self.config.path) if preallocates else None
        for callback in self._on_open:
            callback(opened.connection)
        return opened.connection

    def _is_outdated(self, connection: sqlite3.Connection) -> bool:
        """Return whether a connection that only reads must be reopened: the file, or its schema, was changed."""
        assert self._read_only is not None
        return self._read_only.changed() or (
            self._outdated_schema and schema.version_of(connection, self.config.path) == schema.VERSION
        )
