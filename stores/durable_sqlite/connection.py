"""One store's connection: opening it, write transactions, short reads, errors, forks.

Everything that touches SQLite passes here, so that each write stands inside the gate and each error is
translated. It must not know what is read or written.

The database file itself is never opened but by SQLite: closing another descriptor of it would drop
the locks that SQLite holds for this process.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from durable.errors import StoreBusy, StoreError, StoreReadOnly
from durable_sqlite import forking, schema, sql
from durable_sqlite.address import Address
from durable_sqlite.ahead import Ahead
from durable_sqlite.drives import is_held
from durable_sqlite.faults import refused_file, translate
from durable_sqlite.lock import Gate
from durable_sqlite.place import Place, prepare
from durable_sqlite.writing import Writing, nested, raise_typed

AUTOCHECKPOINT = {"full": 200, "normal": 1000}
"""Pages after which SQLite checkpoints. A WAL that was filled once is overwritten, not extended, which
makes a synced commit faster, and SQLite's default of 1,000 gets there too late for short runs. Without
a sync for each commit there is nothing to gain, and each checkpoint costs."""

Head = tuple[int, int, int, bytes]
"""The end of a run's log as this store left it: lease token, run key, last seq, its digest."""


class Link:
    """A connection that is guarded by a lock and reopened when it has to be.

    Args:
        address: the database.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.lock = RLock()
        self.gate = Gate(address.beside("-lock"), address.timeout)
        self.writing = Writing(self)
        self.in_transaction = False
        self.closed = False
        self.heads: dict[str, Head] = {}
        self.ahead: Ahead | None = None
        self.fault: BaseException | None = None
        self._prepare: list[Callable[[sqlite3.Connection], None]] = []
        self._connection: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor
        self._place: Place | None = None
        self._older = False
        self._identity: tuple[int, int] | None = None
        with self.lock:
            self.connection()
        forking.watch(self)

    def when_opened(self, give: Callable[[sqlite3.Connection], None]) -> None:
        """Have something given to the connection, now and whenever it is opened anew."""
        with self.lock:
            self._prepare.append(give)
            give(self.connection())

    def connection(self) -> sqlite3.Connection:
        """Return the connection, opened if need be. The caller holds the lock."""
        if self._connection is not None and (self._place is None or not self._is_outdated(self._connection)):
            return self._connection
        if self.closed:
            raise StoreError(f"the store {self.address.path} was closed", hint="Open it again")
        self.drop()
        try:
            self._open()
        except sqlite3.Error as error:
            self.drop()
            raise translate(error, self.address.path) from error
        except OSError as error:
            self.drop()
            raise refused_file(error, self.gate.path) from error
        except BaseException:
            self.drop()
            raise
        assert self._connection is not None
        return self._connection

    def writable(self) -> sqlite3.Connection:
        """Return the connection for a write. The caller holds the lock.

        Raises:
            StoreReadOnly: the file or its folder is not writable.
        """
        connection = self._connection
        if connection is None or self._place is not None:
            connection = self.connection()
            self.check_writable()
        return connection

    def read(self, query: str, values: Sequence[object], run_id: str | None = None) -> list[Any]:
        """Run a query to its end and return the rows, so that no reader holds up anybody."""
        with self.lock:
            connection = self.connection()
            try:
                return connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                fault, self.fault = self.fault, None  # what a function of ours has found, called by SQLite
                if fault is not None:
                    if isinstance(fault, StoreError):
                        fault.run_id = run_id
                    raise fault from None
                raise translate(error, self.address.path, run_id) from error

    def write_once(self, query: str, values: Sequence[object]) -> int:
        """Run one statement that is a transaction by itself, and return how many rows it changed.

        Raises:
            sqlite3.IntegrityError: it breaks a constraint; nothing was changed.
            StoreError: it could not be done.
        """
        with self.lock:
            if self.in_transaction:
                raise nested()
            try:
                if self._connection is None or self._place is not None:
                    self.writable()
                gate = self.gate
                gate.acquire()
                try:
                    if self.ahead is not None:
                        self.ahead = self.ahead.began()
                    return self._cursor.execute(query, values).rowcount
                finally:
                    gate.release()
            except sqlite3.IntegrityError:
                raise
            except (sqlite3.Error, OSError) as error:
                raise_typed(error, self)

    def check_place(self) -> None:
        """Raise ``StoreError`` when the file was moved or deleted while it was open.

        SQLite would go on writing to a file that nobody can find again. One look costs too much for
        each append, so heartbeats look.
        """
        if _identity(self.address) != self._identity:
            raise StoreError(
                f"{self.address.path} was moved or deleted while it was open; what is recorded now is lost",
                hint="Put it back or stop this drive, and open the store again",
            )

    def check_writable(self) -> None:
        """Raise ``StoreReadOnly`` when the file or its folder is not writable."""
        if self._place is not None:
            raise StoreReadOnly(
                f"{self.address.path} can only be read here",
                hint="Make the file and its folder writable, then open the store again",
            )

    def drop(self) -> None:
        """Close the connection; the next use opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def roll_back(self) -> None:
        """Undo the transaction that is open, if there is one. The caller holds the lock."""
        connection = self._connection
        try:
            if connection is not None and connection.in_transaction:
                connection.execute(sql.ROLLBACK)
        except sqlite3.Error:
            self.drop()  # a connection that cannot roll back is not worth keeping

    def close(self) -> None:
        """Close for good. The last one out checkpoints, so it passes the gate like any writer."""
        with self.lock:
            if self.closed:
                return
            self.closed = True
            try:
                if self._connection is not None and self._place is None:
                    self.gate.acquire()
            except (StoreError, OSError):
                pass  # a writer that hangs must not keep us open; closing is safe beside it
            finally:
                self.drop()
                self.gate.close()

    def after_fork_in_child(self) -> None:
        """Let go of the parent's connection and lock file."""
        self.in_transaction = False
        self.drop()
        self.gate.close()

    def _open(self) -> None:
        self._place = prepare(self.address)
        query = "mode=rwc" if self._place is None else self._place.query
        self._connection = connection = _connect(self.address, query)
        self._cursor = connection.cursor()
        # Without a sync for each commit the log's length costs nothing.
        self.ahead = Ahead(self.address.path) if self._place is None and self.address.synchronous == "full" else None
        if self._place is None:
            connection.execute(sql.set_synchronous(self.address.synchronous))
            connection.execute(sql.set_autocheckpoint(AUTOCHECKPOINT[self.address.synchronous]))
        version = schema.version_of(connection, self.address.path)
        self._older = bool(version) and self._place is not None and version < schema.VERSION
        if self._older:
            schema.complete(connection, version)
        elif version < schema.VERSION:
            self.check_writable()
            self._make_schema(connection)
        self._identity = _identity(self.address)
        for give in self._prepare:
            give(connection)

    def _is_outdated(self, connection: sqlite3.Connection) -> bool:
        """Return whether a connection that only reads must be opened anew: the file, or its schema, was changed."""
        assert self._place is not None
        return self._place.changed() or (
            self._older and schema.version_of(connection, self.address.path) == schema.VERSION
        )

    def _make_schema(self, connection: sqlite3.Connection) -> None:
        self.gate.acquire()
        try:
            connection.execute(sql.USE_INCREMENTAL_VACUUM)  # heeded by an empty database only
            connection.execute(sql.USE_WAL)
            connection.execute(sql.BEGIN_WRITE)
            version = schema.version_of(connection, self.address.path)
            if version < schema.VERSION:
                if version:
                    self._check_undriven(connection)
                schema.migrate(connection)
            connection.execute(sql.COMMIT)
        finally:
            if connection.in_transaction:
                connection.execute(sql.ROLLBACK)
            self.gate.release()

    def _check_undriven(self, connection: sqlite3.Connection) -> None:
        """Refuse to change the tables under a drive: an older durable's next append would fail, and its run stop."""
        folder = Path(self.address.beside("-drives"))
        for run_id, pid, file in connection.execute(sql.SELECT_LEASE_FILES):
            if is_held(folder / file):
                raise StoreBusy(
                    f"{self.address.path} is of an older durable, with which process {pid} drives a run",
                    run_id=run_id,
                    hint="Wait until it is done, or stop it: then the file is brought up to date. Until then, look at"
                    " it with the older durable",
                )


def _identity(address: Address) -> tuple[int, int] | None:
    try:
        status = os.stat(address.path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _connect(address: Address, query: str) -> sqlite3.Connection:
    return sqlite3.connect(
        address.uri(query), uri=True, timeout=address.timeout, isolation_level=None, check_same_thread=False
    )
