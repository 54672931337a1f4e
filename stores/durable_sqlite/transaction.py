"""Write transactions: each under the write lock, committed or rolled back, with errors that callers may see.

It must not know what is written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from durable.errors import StoreError
from durable_sqlite import sql
from durable_sqlite.sqlite_errors import translate, translate_os_error

if TYPE_CHECKING:
    from durable_sqlite.database import Database


class WriteTransaction:
    """``with database.transaction as connection``: committed at the end, or rolled back.

    There is one for each database, used again and again: making one would cost more than its work.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        database = self._database
        database.lock.acquire()
        if database.in_transaction:
            database.lock.release()
            raise nested_use()
        try:
            connection = database.writable_connection()
            database.write_lock.acquire()
            if database.wal_preallocation is not None:
                database.wal_preallocation = database.wal_preallocation.transaction_begun()
            connection.execute(sql.BEGIN_WRITE)
            database.in_transaction = True
        except BaseException as error:
            self._roll_back(error)
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._roll_back(error)
        try:
            self._database.connection().execute(sql.COMMIT)
        except BaseException as fault:
            self._roll_back(fault)
        self._release()

    def _roll_back(self, error: BaseException) -> NoReturn:
        try:
            self._database.roll_back()
        finally:
            self._release()
        raise_store_error(error, self._database)

    def _release(self) -> None:
        database = self._database
        database.in_transaction = False
        try:
            database.write_lock.release()
        finally:
            database.lock.release()


@contextmanager
def write_locked(database: Database) -> Iterator[sqlite3.Connection]:
    """Give the connection under the write lock but outside of a transaction, as maintenance needs it."""
    with database.lock:
        if database.in_transaction:
            raise nested_use()
        try:
            connection = database.writable_connection()
            database.write_lock.acquire()
            try:
                yield connection
            finally:
                database.write_lock.release()
        except BaseException as error:
            raise_store_error(error, database)


def nested_use() -> StoreError:
    """Return the error for a use of the store from inside its own transaction."""
    return StoreError("the store was used from inside its own transaction", hint="Not from signal handlers")


def raise_store_error(error: BaseException, database: Database) -> NoReturn:
    """Raise what a caller of the store may see for an error inside it."""
    if isinstance(error, sqlite3.Error):
        raise translate(error, database.config.path) from error
    if isinstance(error, OSError):
        raise translate_os_error(error, database.write_lock.path) from error
    raise error
