"""The SQLite store: its parts put together. It must not do what a part can do."""

from __future__ import annotations

from durable.clock import Clock
from durable.store import Store
from durable_sqlite.address import Address
from durable_sqlite.beside_log import Checkpoints, Inbox
from durable_sqlite.connection import Link
from durable_sqlite.dictionaries import Dictionaries
from durable_sqlite.drives import Drives
from durable_sqlite.log import Log
from durable_sqlite.pruning import Pruning


class SQLiteStore(Log, Pruning, Checkpoints, Inbox, Store):
    """Logs in a SQLite file; several processes may use it at the same time.

    Beside the database stand ``-wal`` and ``-shm`` (SQLite's), ``-lock`` (one writer at a time) and the
    folder ``-drives`` (a lock file for each drive). All but the database may be deleted while nobody
    uses it, once it was closed cleanly.

    Args:
        address: the file and its options.
        url: what people call it.
        clock: time for leases.
    """

    def __init__(self, address: Address, url: str, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self.address = address
        self._files = {}
        self._link = Link(address)
        try:
            self._dictionaries = Dictionaries(self._link, clock, learning=address.dictionary)
            self._drives = Drives(address.beside("-drives"), self._link.lock)
        except BaseException:
            self._link.close()  # nobody else can
            raise

    def close(self) -> None:
        """Let go of the connection and of all leases; they count as those of a process that is gone."""
        self._drives.close()
        self._link.close()
