"""The SQLite store: its parts put together, in the order of the contract. It must not do what a part can do."""

from __future__ import annotations

from collections.abc import Mapping

from durable.clock import Clock
from durable.core.sizes import Pruned, Sizes
from durable.store import Store
from durable_sqlite.checkpoints import Checkpoints
from durable_sqlite.compression import Compression
from durable_sqlite.database import Database
from durable_sqlite.dictionaries import Dictionaries
from durable_sqlite.inbox import Inbox
from durable_sqlite.lease_files import LeaseFiles
from durable_sqlite.leases import Leases
from durable_sqlite.log_reader import LogReader
from durable_sqlite.log_writer import LogWriter
from durable_sqlite.runs import Runs
from durable_sqlite.url import DatabaseConfig


class SQLiteStore(LogWriter, LogReader, Runs, Checkpoints, Leases, Inbox, Store):
    """Logs in a SQLite file; several processes may use it at the same time.

    Beside the database stand ``-wal`` and ``-shm`` (SQLite's), ``-lock`` (one writer at a time) and the
    folder ``-drives`` (a lock file for each lease). All but the database may be deleted while nobody
    uses it, once it was closed cleanly.

    Args:
        config: the file and its options.
        url: what people call it.
        clock: time for leases.
    """

    def __init__(self, config: DatabaseConfig, url: str, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self.config = config
        self._held_leases = {}
        self._database = Database(config)
        try:
            self._dictionaries = Dictionaries(self._database, clock, enabled=config.dictionary)
            self._compression = Compression(self._database, self._dictionaries)
            self._lease_files = LeaseFiles(config.sidecar("-drives"), self._database.lock)
        except BaseException:
            self._database.close()  # nobody else can
            raise

    # What is done now and then is imported when it is done: a drive does not need it.

    def sizes(self, run_id: str) -> Sizes:
        """Return what a run takes; see ``Store.sizes``."""
        from durable_sqlite.sizes import measure

        return measure(self._database, run_id)

    def prune(self, run_id: str, tasks: Mapping[str, int]) -> Pruned:
        """Delete what a run has recorded, and keep a summary; see ``Store.prune``."""
        from durable_sqlite.pruning import prune

        return prune(self, run_id, tasks)

    def reclaim(self) -> int:
        """Give space back to the file system; see ``Store.reclaim``."""
        from durable_sqlite.vacuum import reclaim

        return reclaim(self)

    def close(self) -> None:
        """Close the connection and release the locks of all leases: their owner counts as gone."""
        self._lease_files.close()
        self._database.close()
