"""Write transactions: each inside the gate, committed or rolled back, with errors that callers may see.

It must not know what is written.
"""

from __future__ import annotations

import sqlite3
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from durable.errors import StoreError
from durable_sqlite import sql
from durable_sqlite.faults import refused_file, translate

if TYPE_CHECKING:
    from durable_sqlite.connection import Link


class Writing:
    """``with link.writing as cursor``: one write transaction, committed at the end or rolled back.

    There is one for each link, used again and again: making one would cost more than its work.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def __enter__(self) -> sqlite3.Connection:
        link = self._link
        link.lock.acquire()
        if link.in_transaction:
            link.lock.release()
            raise nested()
        try:
            connection = link.writable()
            link.gate.acquire()
            if link.ahead is not None:
                link.ahead = link.ahead.began()
            connection.execute(sql.BEGIN_WRITE)
            link.in_transaction = True
        except BaseException as error:
            self._undo(error)
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        link = self._link
        if error is not None:
            self._undo(error)
        try:
            link.connection().execute(sql.COMMIT)
        except BaseException as fault:
            self._undo(fault)
        self._end()

    def _undo(self, error: BaseException) -> NoReturn:
        try:
            self._link.roll_back()
        finally:
            self._end()
        raise_typed(error, self._link)

    def _end(self) -> None:
        link = self._link
        link.in_transaction = False
        try:
            link.gate.release()
        finally:
            link.lock.release()


def nested() -> StoreError:
    """Return the error for a use of the store from inside its own transaction."""
    return StoreError("the store was used from inside its own transaction", hint="Not from signal handlers")


def raise_typed(error: BaseException, link: Link) -> NoReturn:
    """Raise what a caller of the store may see for an error inside it."""
    if isinstance(error, sqlite3.Error):
        raise translate(error, link.address.path) from error
    if isinstance(error, OSError):
        raise refused_file(error, link.gate.path) from error
    raise error
